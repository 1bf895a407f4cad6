"""Chunks made by hand, and a slow reference that assembles episodes one step at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from jaxarc.config import CaptureConfig
from jaxarc.pipeline import Assembler, Budget
from jaxarc.records.chunk import LANE_WORDS, Chunk, Header
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
from jaxarc.records.steps import StepBlock
from jaxarc.records.table import EpisodeTable

__all__ = [
    "ExpectedEpisode",
    "Recording",
    "assemble",
    "assemble_slowly",
    "flat_recording",
    "layout_of",
    "nameless",
    "rows_of",
    "words_of",
]


ACTION = Field("action", (), "int32", (1,))
STATE_HASH = Field("state_hash", ("count",), "uint32", ())
STATE = Field("state", ("count",), "int32", (1,))


def layout_of(
    program: str = "steps", stream: str = "train", *, next_observation: bool = False, journal: str = "off"
) -> Layout:
    """Return a layout with a metric, a label and a word that tells every step apart.

    Args:
        program: what crosses.
        stream: name of the stream.
        next_observation: whether there are observations, and those after the steps.
        journal: ``off``, ``selected`` or ``all``.
    """
    given = ("start", "success", "mark", "truncated", "active")
    rows: list[Field] = []
    if program != "scalars":
        rows = [ACTION]
        if next_observation:
            seen = [Field(role, (), "int8", (2,)) for role in ("observation", "next_observation")]
            rows = [*seen, ACTION]
        if journal != "off":
            rows.append(STATE_HASH)
    crosses_apart = journal == "all" or (journal == "selected" and program == "scalars")
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
        rows=tuple(rows),
        journal=(ACTION, STATE_HASH) if crosses_apart else (),
        journal_envs=journal if journal != "off" else "",
        keyframes=(STATE,) if journal != "off" else (),
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

    @property
    def starts(self) -> np.ndarray:
        """Steps that begin an episode, or may; bool[members envs steps]."""
        ends = (self.flags & (FLAG_TERMINATED | FLAG_TRUNCATED)) != 0
        starts = (self.flags & FLAG_START) != 0
        starts |= ~self.continues[:, None, :]
        starts[..., 0] = True
        for step in range(1, self.flags.shape[2]):
            # The step after an inactive one may begin an episode that the one before it ended.
            active = (self.flags[..., step - 1] & FLAG_ACTIVE) != 0
            starts[..., step] |= np.where(active, ends[..., step - 1], starts[..., step - 1])
        return starts

    def chunk(self, start: int, stop: int, selected: Sequence[int]) -> Chunk:
        """Return the steps from ``start`` to ``stop``; only the first of them may be a fresh call."""
        members, envs, _ = self.flags.shape
        layout = self.layout
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
        tags = self.tags[part]
        ids = list(selected)
        everybody = list(range(envs)) if layout.journal_envs == "all" else ids
        words, octets = [scalars.reshape(-1)], []
        if layout.rows:
            values = {"action": tags, "state_hash": tags ^ 0x5A5A}
            columns = [values[f.role][:, ids] for f in layout.rows if f.role in values]
            words.append(np.stack(columns, axis=-1).reshape(-1))
            board = (tags[:, ids, :, None] + np.array([0, 1])).astype(np.int8)
            seen = [board + (f.role == "next_observation") for f in layout.rows if f.dtype == "int8"]
            octets += [np.concatenate(seen, axis=-1).reshape(-1)] if seen else []
        if layout.journal:
            journal = np.stack([tags[:, everybody], tags[:, everybody] ^ 0x5A5A], axis=-1)
            words.append(journal.reshape(-1))
        if layout.keyframes:
            wanted = self.starts[part][:, everybody].copy()
            wanted[..., (start + np.arange(stop - start)) % 4 == 0] = True
            octets.append(wanted.astype(np.int8).reshape(-1))
            words.append((tags[:, everybody] * 7).reshape(-1))
        header = Header(
            slot=0,
            layout_id=layout.id,
            num_steps=stop - start,
            num_envs=envs,
            num_selected=len(ids),
            num_journalled=len(everybody) if layout.journal_envs else 0,
            env_major=True,
            num_lanes=1,
            room=members * len(ids) * (stop - start),
            keyframe_room=members * len(everybody) * (stop - start) if layout.keyframes else 0,
            members=(members,),
            env_ids=tuple(ids),
        )
        return Chunk(
            layout,
            header,
            lanes,
            np.concatenate([np.zeros(0, np.int8), *octets]),
            np.concatenate(words).astype(np.int32),
            float(start),
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


def words_of(block: StepBlock) -> np.ndarray:
    """Return the words of a block's steps, field after field; int32[n words]."""
    return np.concatenate([numbers for numbers in block.fields if numbers.dtype == np.int32], axis=1)


def rows_of(block: StepBlock, uid: int) -> list[int]:
    """Return which steps of an episode a block holds."""
    return block.steps[np.repeat(block.uid, block.count) == uid].tolist()


def flat_recording(flags: np.ndarray, **arrays: Any) -> Recording:
    """One member, flags [envs steps], everything else plain."""
    flags = np.asarray(flags, np.int32)[None] | FLAG_ACTIVE
    zeros = np.zeros(flags.shape, np.float32)
    given = {
        "reward": zeros,
        "metric": zeros,
        "task": np.zeros(flags.shape, np.int32),
        "continues": np.ones((1, flags.shape[2]), bool),
    }
    return Recording(flags=flags, **{**given, **arrays})


def nameless(label: str, values: np.ndarray) -> list[str]:
    """Name label values by their numbers."""
    return [f"{label}-{value}" for value in values.tolist()]


def assemble(
    recording: Recording,
    borders: Sequence[int],
    selected: Sequence[int],
    commits: Sequence[int] = (),
    budget: Budget | None = None,
    **capture: Any,
) -> tuple[EpisodeTable, dict[int, list[StepBlock]], Assembler]:
    """Ingest a recording, committing early after the chunks in ``commits``; return rows and steps by uid."""
    config = CaptureConfig(**{"level": "verbose", "envs": tuple(selected), **capture})
    assembler = Assembler(config, nameless, budget)
    taken = []
    for number, chunk in enumerate(recording.chunks(borders, selected)):
        assembler.ingest(chunk)
        if number in commits:
            taken.append(assembler.take(early=True))
    assembler.close_open()
    taken.append(assembler.take(early=False))
    steps: dict[int, list[StepBlock]] = {}
    for pending in taken:
        for block in pending.blocks:
            for uid in block.uid.tolist():
                mine = np.repeat(block.uid, block.count) == uid
                steps.setdefault(uid, []).append(block.take(mine))
    return EpisodeTable.concatenate([pending.episodes for pending in taken]), steps, assembler
