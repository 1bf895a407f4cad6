"""Chunks made by hand, and a slow reference that assembles episodes one step at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from jaxarc.records.chunk import LANE_WORDS, Chunk
from jaxarc.records.layout import (
    FLAG_ACTIVE,
    FLAG_MARK,
    FLAG_START,
    FLAG_SUCCESS,
    FLAG_TERMINATED,
    FLAG_TRUNCATED,
    Field,
    Layout,
)

__all__ = ["ExpectedEpisode", "Recording", "assemble_slowly"]


def layout_of(program: str = "steps", stream: str = "train", *, next_observation: bool = False) -> Layout:
    """Return a layout with a metric, a label and a word that tells every step apart."""
    given = ("start", "success", "mark", "truncated", "active")
    rows = [Field("action", (), "int32", (1,))]
    if next_observation:
        rows = [Field("observation", (), "int8", (2,)), Field("next_observation", (), "int8", (2,)), *rows]
    return Layout(
        kind="steps",
        stream=stream,
        program=program,
        given=(*given, "next_observation") if next_observation else given,
        scalars=(
            Field("reward", (), "float32", ()),
            Field("metrics", ("m",), "float32", ()),
            Field("labels", ("task",), "int32", ()),
        ),
        rows=tuple(rows) if program != "scalars" else (),
    )


@dataclass
class Recording:
    """Everything that some members and environments did, before it is cut into chunks.

    Attributes:
        flags, task: int[members envs steps].
        reward, metric: float32[members envs steps].
        continues: for every step, False where the program was called afresh before it; bool[members steps].
    """

    flags: np.ndarray
    reward: np.ndarray
    metric: np.ndarray
    task: np.ndarray
    continues: np.ndarray
    layout: Layout = field(default_factory=layout_of)

    @classmethod
    def random(cls, rng: np.random.Generator, members: int, envs: int, steps: int) -> Recording:
        """Throw dice for every flag; rewards and metrics hold NaNs and ties."""
        shape = (members, envs, steps)

        def flag(chance: float, value: int) -> np.ndarray:
            return (rng.random(shape) < chance) * value

        flags = (
            flag(0.15, FLAG_TERMINATED)
            | flag(0.1, FLAG_TRUNCATED)
            | flag(0.9, FLAG_ACTIVE)
            | flag(0.08, FLAG_START)
            | flag(0.1, FLAG_SUCCESS)
            | flag(0.1, FLAG_MARK)
        )
        metric = rng.integers(-3, 4, shape).astype(np.float32)
        metric[rng.random(shape) < 0.15] = np.nan
        return cls(
            flags=flags.astype(np.int32),
            reward=rng.integers(-4, 5, shape).astype(np.float32) / 4,
            metric=metric,
            task=rng.integers(0, 3, shape).astype(np.int32),
            continues=rng.random((members, steps)) >= 0.04,
        )

    @property
    def tags(self) -> np.ndarray:
        """A number for every step of every lane, the action that is recorded."""
        return np.arange(self.flags.size, dtype=np.int32).reshape(self.flags.shape)

    def chunk(self, start: int, stop: int, selected: Sequence[int]) -> Chunk:
        """Return the steps from ``start`` to ``stop``; only the first of them may be a fresh call."""
        members, envs, _ = self.flags.shape
        size = stop - start
        part = np.s_[:, :, start:stop]
        scalars = np.stack(
            [
                self.flags[part],
                self.reward[part].view(np.int32),
                self.metric[part].view(np.int32),
                self.task[part],
            ],
            axis=-1,
        )
        lanes = np.zeros((members, 1, LANE_WORDS), np.int32)
        lanes[:, 0, 0] = 1
        lanes[:, 0, 1] = start
        lanes[:, 0, 3] = self.continues[:, start]
        words = np.ascontiguousarray(self.tags[part][:, list(selected)][..., None])
        octets = np.zeros((members, len(selected), size, 0), np.int8)
        if self.layout.program == "scalars":
            words = words[..., :0]
        return Chunk(
            layout=self.layout,
            num_steps=size,
            num_envs=envs,
            env_ids=np.array(selected, np.int64),
            members=(members,),
            scalars=np.ascontiguousarray(scalars),
            words=words,
            octets=octets,
            lanes=lanes,
            received=float(start),
        )

    def chunks(self, borders: Sequence[int], selected: Sequence[int]) -> Iterator[Chunk]:
        """Cut at ``borders``, and wherever a member's program was called afresh."""
        steps = self.flags.shape[2]
        afresh = np.flatnonzero(~self.continues.all(axis=0))
        cuts = sorted({0, steps, *(b for b in borders if 0 < b < steps), *afresh.tolist()})
        for start, stop in pairwise(cuts):
            yield self.chunk(start, stop, selected)


@dataclass
class ExpectedEpisode:
    """One episode as the reference found it."""

    member: int
    env_id: int
    start_step: int
    ended: str = "cut"
    end_step: int = 0
    total_steps: int = 0
    total_reward: float = 0.0
    success: bool = False
    task: int = -1
    metrics: list[float] = field(default_factory=list)
    tags: list[int] = field(default_factory=list)

    def summary(self) -> tuple[object, ...]:
        """Return what a row says, NaN as None."""
        known = [value for value in self.metrics if not math.isnan(value)]
        m_first, m_last = self.metrics[0], self.metrics[-1]
        return (
            self.member,
            self.env_id,
            self.start_step,
            self.end_step,
            self.total_steps,
            self.total_reward,
            self.success,
            self.ended,
            self.task,
            None if math.isnan(m_first) else m_first,
            None if math.isnan(m_last) else m_last,
            min(known, default=None),
            max(known, default=None),
        )


def assemble_slowly(recording: Recording) -> list[ExpectedEpisode]:
    """Walk through every lane, step by step, and return the episodes."""
    members, envs, steps = recording.flags.shape
    found = []
    tags = recording.tags
    for member in range(members):
        active_before = 0
        open_episodes: dict[int, ExpectedEpisode] = {}
        for step in range(steps):
            if not recording.continues[member, step]:
                found += open_episodes.values()
                open_episodes = {}
            active_now = int((recording.flags[member, :, step] & FLAG_ACTIVE != 0).sum())
            for env in range(envs):
                flags = int(recording.flags[member, env, step])
                if not flags & FLAG_ACTIVE:
                    continue
                if flags & FLAG_START and env in open_episodes:
                    found.append(open_episodes.pop(env))
                episode = open_episodes.setdefault(env, ExpectedEpisode(member, env, active_before))
                episode.end_step = active_before + active_now
                episode.total_steps += 1
                episode.total_reward += float(recording.reward[member, env, step])
                episode.success |= bool(flags & FLAG_SUCCESS)
                episode.task = int(recording.task[member, env, step])
                episode.metrics.append(float(recording.metric[member, env, step]))
                episode.tags.append(int(tags[member, env, step]))
                if flags & (FLAG_TERMINATED | FLAG_TRUNCATED):
                    episode.ended = "terminated" if flags & FLAG_TERMINATED else "truncated"
                    found.append(open_episodes.pop(env))
            active_before += active_now
        found += open_episodes.values()
    return found
