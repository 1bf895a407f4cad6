"""From chunks to whole episodes: rows, statistics, and which steps are stored."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from jaxarc.config import CaptureConfig
from jaxarc.pipeline.keep import Keeper
from jaxarc.pipeline.lanes import ClosedEpisodes, LaneTable, Merged
from jaxarc.pipeline.open_steps import OpenSteps, StepPolicy
from jaxarc.pipeline.spans import ScalarNames, Spans, find_spans
from jaxarc.records.chunk import Chunk
from jaxarc.records.steps import PendingSegment, StepBlock
from jaxarc.records.table import ENDED, EpisodeTable, encode_text, label_name_column

__all__ = ["Assembler", "AssemblerCounts"]

logger = logging.getLogger(__name__)

NameOf = Callable[[str, np.ndarray], Sequence[str]]


@dataclass
class AssemblerCounts:
    """What the assembler did, for ``health()``.

    Attributes:
        env_steps: active environment steps that arrived.
        episodes: episodes that ended, whatever was stored of them.
        successes: those of them that were solved.
        kept_episodes: episodes of which steps are stored.
        stored_steps: steps handed to the segments.
        steps_lost: steps of selected environments that were shed with their episode.
        episodes_lost: episodes that lost their steps, but not their row.
        early_steps: steps that went to disk before their episode ended.
    """

    env_steps: int = 0
    episodes: int = 0
    successes: int = 0
    kept_episodes: int = 0
    stored_steps: int = 0
    steps_lost: int = 0
    episodes_lost: int = 0
    early_steps: int = 0


@dataclass
class _Stream:
    """What the assembler holds of one stream."""

    name: str
    level: str
    table: LaneTable
    keeper: Keeper
    policy: StepPolicy
    open_steps: dict[int, OpenSteps] = field(default_factory=dict)
    last_observation_lost: bool = False
    told_of_less: bool = False

    def tell_of_less(self, program: str) -> None:
        """Say once that a program was compiled for a lower level than the one that is recorded."""
        missing = {"scalars": "steps", "steps": "states"}.get(program, "")
        needed = {"minimal": (), "full": ("steps", "states")}.get(self.level, ("steps",))
        if missing in needed and not self.told_of_less:
            self.told_of_less = True
            logger.warning(
                "recording: stream %s is recorded at level %s, but the program was compiled for a lower "
                "level and sends no %s; call jax.clear_caches() and run it again, so that it is traced anew",
                self.name,
                self.level,
                missing,
            )


class Assembler:
    """Turn chunks into episode rows and the steps to store.

    Used by the writer thread alone. Steps of open episodes wait in memory; ``take(early=True)`` sends them
    to disk before their episode ends, and so does a total beyond ``capture.assembler_bytes``.

    Args:
        capture: levels, keep rules and limits.
        name_of: ``(label, values) -> names`` of label values; an empty name where there is none.
    """

    def __init__(self, capture: CaptureConfig, name_of: NameOf):
        self._capture = capture
        self._name_of = name_of
        self._streams: dict[str, _Stream] = {}
        self._rows: list[EpisodeTable] = []
        self._blocks: list[StepBlock] = []
        self._pending_bytes = 0
        self._next_uid = 0
        self._next_episode = 0
        self.counts = AssemblerCounts()

    @property
    def pending_bytes(self) -> int:
        """Bytes of what the next segment would hold."""
        return self._pending_bytes

    @property
    def open_bytes(self) -> int:
        """Bytes of the steps of open episodes."""
        return sum(steps.nbytes for stream in self._streams.values() for steps in stream.open_steps.values())

    def ingest(self, chunk: Chunk) -> None:
        """Take one chunk of a stream."""
        stream = self._stream(chunk)
        if stream is None:
            return
        table = stream.table
        members = chunk.num_members
        device = chunk.device
        member_offset = device * members
        moved = table.fit(member_offset + members, chunk.num_envs)
        if moved:
            stream.open_steps = {moved[lane]: steps for lane, steps in stream.open_steps.items()}
        afresh = np.broadcast_to(chunk.starts_afresh, (members, chunk.num_envs))
        if afresh.any():
            member, env = np.nonzero(afresh)
            self._close(stream, table.cut((member + member_offset) * table.num_envs + env), {})
        stream.tell_of_less(chunk.layout.program)
        env_steps = table.env_steps[member_offset : member_offset + members]
        spans = find_spans(chunk, table.names, env_steps)
        if spans is None:
            return
        self.counts.env_steps += int(spans.count.sum())
        member, env = np.divmod(spans.lane, chunk.num_envs)
        lane = (member + member_offset) * table.num_envs + env
        self._close(stream, table.cut(lane[spans.leads & spans.begins]), {})
        merged = table.merge(spans, lane, chunk.received, self._next_uid)
        self._next_uid = merged.next_uid
        stream.last_observation_lost = not chunk.layout.has("next_observation")
        ending = {} if stream.level == "minimal" else self._collect_steps(stream, chunk, spans, merged, lane)
        self._close(stream, merged.closed, ending)
        if self.open_bytes > self._capture.assembler_bytes:
            self._spill()

    def take(self, *, early: bool) -> PendingSegment:
        """Hand over what is ready to be committed, and number its episodes.

        Args:
            early: also hand over the steps of episodes that are still open.
        """
        if early:
            self._spill()
        episodes = EpisodeTable.concatenate(self._rows)
        episodes.columns["episode"] = self._next_episode + np.arange(len(episodes), dtype=np.int64)
        self._next_episode += len(episodes)
        pending = PendingSegment(episodes, self._blocks)
        self._rows, self._blocks, self._pending_bytes = [], [], 0
        return pending

    def forget_steps(self, uids: set[int]) -> None:
        """Store no more steps of these episodes: what went to disk early did not get there."""
        for stream in self._streams.values():
            for steps in stream.open_steps.values():
                if steps.uid in uids:
                    self.counts.steps_lost += steps.lose()

    def close_open(self) -> None:
        """End every open episode as ``cut``: the recording ends here."""
        for stream in self._streams.values():
            self._close(stream, stream.table.cut_all(), {})

    def _stream(self, chunk: Chunk) -> _Stream | None:
        name = chunk.layout.stream
        stream = self._streams.get(name)
        names = ScalarNames.of(chunk.layout)
        if (
            stream is not None
            and list(stream.table.names.metrics) == list(names.metrics)
            and (list(stream.table.names.labels) == list(names.labels))
        ):
            stream.table.names = names
            return stream
        capture = self._capture.for_stream(name)
        if capture.level == "off":
            return None
        table = LaneTable(names)
        policy = StepPolicy(
            every=capture.level in ("verbose", "full"),
            key_steps=self._capture.key_steps,
            key_delta=self._capture.key_delta,
        )
        if stream is None:
            stream = _Stream(name, capture.level, table, Keeper(capture.keep), policy)
            self._streams[name] = stream
            return stream
        # The program changed its metrics or labels: what is open cannot go on under other columns.
        self._close(stream, stream.table.cut_all(), {})
        table.fit(stream.table.num_members, stream.table.num_envs)
        table.env_steps[:] = stream.table.env_steps
        stream.table = table
        stream.open_steps = {}
        return stream

    def _collect_steps(
        self, stream: _Stream, chunk: Chunk, spans: Spans, merged: Merged, lane: np.ndarray
    ) -> dict[int, OpenSteps]:
        """Give the chunk's rows to their episodes; return the steps of those that ended, by uid."""
        ending: dict[int, OpenSteps] = {}
        if chunk.layout.program == "scalars":
            return ending
        if not chunk.groups and not chunk.layout.rows:
            return ending
        env_ids = np.array(chunk.header.env_ids, np.int64)
        per_member = chunk.num_envs * np.arange(chunk.num_members)[:, None]
        selected = (per_member + env_ids[None, :]).reshape(-1)
        begin = np.searchsorted(spans.lane, selected, "left")
        end = np.searchsorted(spans.lane, selected, "right")
        scalars = chunk.scalars.reshape(-1, chunk.num_steps, chunk.scalars.shape[-1])
        count = len(env_ids)
        words = octets = None
        if chunk.groups:
            words, octets = chunk.groups[0].words, chunk.groups[0].octets
        for row, (chunk_lane, low, high) in enumerate(zip(selected.tolist(), begin, end, strict=True)):
            for span in range(low, high):
                uid = int(merged.uid[span])
                key = int(lane[span])
                steps = stream.open_steps.get(key)
                if steps is None or steps.uid != uid:
                    steps = OpenSteps(uid, lost=int(merged.offset[span]) > 0)
                else:
                    del stream.open_steps[key]
                home = ending if spans.closed[span] else stream.open_steps
                home[uid if spans.closed[span] else key] = steps
                if words is None or octets is None or steps.lost:
                    self.counts.steps_lost += steps.lose() + int(spans.count[span])
                    continue
                which = spans.steps[spans.first[span] : spans.last[span] + 1]
                run: slice | np.ndarray = which
                if which[-1] - which[0] + 1 == len(which):
                    run = slice(int(which[0]), int(which[-1]) + 1)
                m, j = divmod(row, count)
                block = StepBlock(
                    chunk.layout,
                    uid,
                    merged.offset[span] + np.arange(len(which)),
                    scalars[chunk_lane, run],
                    words[m, j, run],
                    octets[m, j, run],
                )
                steps.add(block if spans.closed[span] else block.copy())
        return ending

    def _close(self, stream: _Stream, closed: ClosedEpisodes, ending: dict[int, OpenSteps]) -> None:
        """Write the rows of episodes that ended, and decide on their steps.

        Args:
            stream: their stream.
            closed: the episodes.
            ending: steps of those that ended within the chunk, by uid; the others' are still open.
        """
        if not len(closed):
            return
        columns = closed.columns
        uids = columns["uid"]
        lane_of_uid = {steps.uid: lane for lane, steps in stream.open_steps.items()}
        recorded = np.flatnonzero(np.isin(uids, [*ending, *lane_of_uid]))
        labels = list(stream.table.names.labels)
        tasks = columns["labels"][labels.index("task")] if "task" in labels else np.full(len(closed), -1)
        stored = np.zeros(len(closed), np.int64)
        for i in recorded.tolist():
            uid = int(uids[i])
            steps = ending[uid] if uid in ending else stream.open_steps.pop(lane_of_uid[uid])
            kept = stream.keeper.keep(float(columns["reward"][i]), bool(columns["success"][i]), int(tasks[i]))
            if steps.lost:
                self.counts.episodes_lost += 1
            elif kept:
                blocks = steps.take(stream.policy, ends=True)
                self._put(blocks)
                stored[i] = steps.stored
                self.counts.kept_episodes += 1
                self.counts.stored_steps += sum(len(block) for block in blocks)
        rows = self._row_columns(stream, closed, stored)
        self._rows.append(rows)
        self._pending_bytes += sum(column.nbytes for column in rows.columns.values())
        self.counts.episodes += len(closed)
        self.counts.successes += int(columns["success"].sum())

    def _row_columns(self, stream: _Stream, closed: ClosedEpisodes, stored: np.ndarray) -> EpisodeTable:
        columns = closed.columns
        table = stream.table
        count = len(closed)
        member, env = np.divmod(closed.lane, table.num_envs)
        rows: dict[str, np.ndarray] = {
            "episode": np.full(count, -1, np.int64),
            "uid": columns["uid"],
            "stream": encode_text([stream.name] * count),
            "member": member.astype(np.int32),
            "env_id": env.astype(np.int32),
            "update": columns["update"],
            "task_id": encode_text([""] * count),
            "total_steps": columns["count"],
            "total_reward": columns["reward"],
            "success": columns["success"],
            "ended": encode_text(ENDED)[closed.ended],
            "start_step": columns["start_step"],
            "end_step": columns["end_step"],
            "start_time": columns["start_time"],
            "end_time": columns["end_time"],
            "stored_steps": stored,
            "complete": (stored == columns["count"]) & (closed.ended != 2),
            "last_observation_lost": np.full(count, stream.last_observation_lost),
        }
        for i, name in enumerate(table.names.labels):
            values = columns["labels"][i]
            rows[name] = values
            rows[label_name_column(name)] = encode_text(self._name_of(name, values))
        for i, name in enumerate(table.names.metrics):
            for part in ("first", "last", "min", "max"):
                rows[f"{name}_{part}"] = columns[f"{part}_values"][i]
        return EpisodeTable(rows)

    def _put(self, blocks: list[StepBlock]) -> None:
        """Add steps to the next segment."""
        self._blocks += blocks
        self._pending_bytes += sum(block.nbytes for block in blocks)

    def _spill(self) -> None:
        """Send the steps of open episodes on their way to disk."""
        for stream in self._streams.values():
            for steps in stream.open_steps.values():
                blocks = steps.take(stream.policy, ends=False)
                self._put(blocks)
                count = sum(len(block) for block in blocks)
                self.counts.early_steps += count
                self.counts.stored_steps += count
