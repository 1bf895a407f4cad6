"""A runner whose every step follows from one count, and a plain Python reference of what it goes through.

Laps of nine steps, three, one and one follow each other; they terminate and are truncated in turns. After
each the runner stands at the start again: the last observation of a lap is not the first of the next one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxarc import Step
from jaxarc.replay import ReplaySystem
from jaxarc.storage import keep_segments_open

__all__ = ["Lap", "Lanes", "lap_step", "laps", "laps_by_lane", "observe"]

LENGTHS = (9, 3, 1, 1)
PERIOD = sum(LENGTHS)
BOARD = 72
"""Large enough for the recorder to send a board only where it says something new."""


def observe(at: jax.Array, lap: jax.Array) -> dict[str, jax.Array]:
    """Return what the runner sees: its place, and a board of the lap's number up to that place."""
    cells = jnp.arange(BOARD, dtype=jnp.int32)
    board = jnp.where(cells <= jnp.expand_dims(at, -1), jnp.expand_dims(lap, -1), -1)
    return {"at": at, "board": board.astype(jnp.int8)}


def _remainder(count: jax.Array, divisor: int) -> jax.Array:
    """Return ``count % divisor``, which JAX 0.8 cannot vmap over an explicit mesh axis."""
    return jax.lax.rem(count, jnp.full_like(count, divisor))


def lap_step(count: jax.Array, weight: Any = 1.0, active: jax.Array | None = None) -> Step:
    """Describe the step of the count, scalar or [num_envs]; its reward is ``weight`` times the count."""
    phase = _remainder(count, PERIOD)
    at = jnp.where(phase < 9, phase, jnp.where(phase < 12, phase - 9, 0))
    before = 4 * jax.lax.div(count, jnp.full_like(count, PERIOD))
    lap = before + jnp.where(phase < 9, 0, jnp.where(phase < 12, 1, phase - 10))
    return Step(
        observation=observe(at, lap),
        action=_remainder(count, 3).astype(jnp.int8),
        reward=weight * count.astype(jnp.float32),
        terminated=(phase == 8) | (phase == 12),
        truncated=(phase == 11) | (phase == 13),
        next_observation=observe(at + 1, lap),
        episode={"course": observe(jnp.full_like(at, BOARD), lap)["board"]},
        metrics={"half": count.astype(jnp.float32) / 2},
        active=None if active is None else jnp.broadcast_to(active, count.shape),
    )


@dataclass(frozen=True)
class Lap:
    """One episode: T+1 observations, T of everything else.

    Attributes:
        at: the places of the observations.
        number: what all its boards and its course hold.
        action, reward: those of every step.
        ended: terminated, truncated or cut.
        update: the update that it ended in, -1 where that is not recorded.
    """

    at: tuple[int, ...]
    number: int
    action: tuple[int, ...]
    reward: tuple[float, ...]
    ended: str
    update: int


Lanes = dict[tuple[str, int, int], list[Lap]]
"""Laps by stream, member and environment, in the order in which they were run."""


def laps(start: int, num_steps: int, updates: int = 0) -> list[Lap]:
    """Run the laps of one lane in plain Python, one step after the other.

    Args:
        start: the first count.
        num_steps: steps that are made.
        updates: steps of an update where the recording is told of them; 0 where it is not.
    """
    finished: list[Lap] = []
    counts: list[int] = []
    for time, count in enumerate(range(start, start + num_steps)):
        counts.append(count)
        number, at = _place(count)
        ends = at == LENGTHS[number % 4] - 1
        if ends or time == num_steps - 1:
            ended = ("terminated", "truncated")[number % 2] if ends else "cut"
            finished.append(_lap(counts, number, ended, time // updates if updates else -1))
            counts = []
    return finished


def _place(count: int) -> tuple[int, int]:
    """Return the number of the lap that a step belongs to, and its place there."""
    number = 4 * (count // PERIOD)
    at = count % PERIOD
    while at >= LENGTHS[number % 4]:
        at -= LENGTHS[number % 4]
        number += 1
    return number, at


def _lap(counts: list[int], number: int, ended: str, update: int) -> Lap:
    places = [_place(count)[1] for count in counts]
    return Lap(
        at=(*places, places[-1] + 1),
        number=number,
        action=tuple(count % 3 for count in counts),
        reward=tuple(float(count) for count in counts),
        ended=ended,
        update=update,
    )


@keep_segments_open()
def laps_by_lane(run: ReplaySystem) -> Lanes:
    """Return every episode of a run."""
    lanes: Lanes = {}
    for row in run.episodes(sort="uid"):
        episode = run.load_episode(row.episode)
        seen = episode.observation
        number = int(episode.constants["course"][0])
        assert episode.constants["course"].tolist() == [number] * BOARD
        assert seen["board"].tolist() == [
            [number if cell <= at else -1 for cell in range(BOARD)] for at in seen["at"]
        ]
        assert (seen["at"].dtype, seen["board"].dtype) == (np.int32, np.int8)
        assert episode.terminated.tolist() == [False] * (row.total_steps - 1) + [row.ended == "terminated"]
        assert episode.truncated.tolist() == [False] * (row.total_steps - 1) + [row.ended == "truncated"]
        assert episode.metrics["half"].tolist() == (episode.reward / 2).tolist()
        assert not row.last_observation_lost
        lap = Lap(
            at=tuple(seen["at"].tolist()),
            number=number,
            action=tuple(episode.action.tolist()),
            reward=tuple(episode.reward.tolist()),
            ended=row.ended,
            update=int(row.update),
        )
        lanes.setdefault((row.stream, row.member, row.env_id), []).append(lap)
    return lanes
