"""Training and evaluation in one compiled program: a stream each, and no episode is joined to another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from laps import Lap, lap_step, laps, laps_by_lane
from recording import config, read

from jaxarc import Recorder

NUM_UPDATES, TRAIN_STEPS, EVAL_STEPS = 3, 6, 5
TRAIN_ENVS, EVAL_ENVS = 2, 3

Array = jax.Array
Rollout = Callable[..., Array]


def by_scan(recorder: Recorder, counts: Array, length: int, continues: Any, **options: Any) -> Array:
    def body(counts: Array, _: None) -> Any:
        return counts + 1, (lap_step(counts), None)

    return recorder.scan(body, counts, None, length, continues=continues, **options)[0]


def by_rollout(recorder: Recorder, counts: Array, length: int, continues: Any, **options: Any) -> Array:
    counts, steps = jax.lax.scan(lambda c, _: (c + 1, lap_step(c)), counts, None, length)
    recorder.record_rollout(steps, continues=continues, **options)
    return counts


def by_tap(recorder: Recorder, counts: Array, length: int, continues: Any, **options: Any) -> Array:
    def body(counts: Array, time: Array) -> Any:
        recorder.tap(lap_step(counts), continues=jnp.logical_or(continues, time > 0), **options)
        return counts + 1, None

    return jax.lax.scan(body, counts, jnp.arange(length))[0]


WAYS: dict[str, Rollout] = {"scan": by_scan, "record_rollout": by_rollout, "tap": by_tap}


def train(recorder: Recorder, rollout: Rollout, starts: Array) -> Array:
    """Train on, and evaluate after every update from counts that nobody continues; they differ by member."""

    def one_update(counts: Array, update: Array) -> tuple[Array, Array]:
        counts = rollout(recorder, counts, TRAIN_STEPS, True, update=update)
        fresh = starts[0] + 100 * update + 7 * jnp.arange(EVAL_ENVS)
        return counts, rollout(recorder, fresh, EVAL_STEPS, False, update=update, stream="eval")

    return jax.lax.scan(one_update, starts, jnp.arange(NUM_UPDATES))[0]


def evaluated(start: int, env: int) -> list[Lap]:
    """Return the laps of one environment over all evaluations: none goes on in the next one."""
    found = []
    for update in range(NUM_UPDATES):
        for lap in laps(start + 100 * update + 7 * env, EVAL_STEPS, EVAL_STEPS):
            found.append(Lap(**{**vars(lap), "update": update}))
    return found


@pytest.mark.parametrize("way", WAYS)
def test_evaluations_start_afresh_and_training_goes_on(run_root: Path, way: str):
    """Under vmap over seeds: what an evaluation leaves open ends as cut, training crosses its updates."""
    starts = jnp.array([[0, 20], [3, 8]])
    with Recorder(config(run_root, capture={"chunk_bytes": 300})) as recorder:
        jax.jit(jax.vmap(lambda s: train(recorder, WAYS[way], s)))(starts)
    assert recorder.health().losses == {}
    expected = {}
    for member in range(2):
        for env in range(TRAIN_ENVS):
            start = int(starts[member, env])
            expected["train", member, env] = laps(start, NUM_UPDATES * TRAIN_STEPS, TRAIN_STEPS)
        for env in range(EVAL_ENVS):
            expected["eval", member, env] = evaluated(int(starts[member, 0]), env)
    assert any(lap.ended == "cut" for lap in evaluated(0, 0))
    assert laps_by_lane(read(recorder)) == expected


def test_evaluations_can_be_told_apart_from_what_goes_on_by_a_traced_flag(run_root: Path):
    """``continues=`` may be traced: one rollout function serves both."""
    with Recorder(config(run_root)) as recorder:

        @jax.jit
        def rollouts(counts: Array, go_on: Array) -> None:
            def one(_: None, x: tuple[Array, Array]) -> tuple[None, None]:
                by_scan(recorder, x[0], 3, x[1])
                return None, None

            jax.lax.scan(one, None, (counts, go_on))

        rollouts(jnp.array([[0], [3], [6], [3]]), jnp.array([True, True, False, True]))
    found = laps_by_lane(read(recorder))["train", 0, 0]
    assert [(lap.at[0], len(lap.action), lap.ended) for lap in found] == [
        (0, 6, "cut"),
        (6, 3, "terminated"),
        (3, 3, "cut"),
    ]
