"""From chunks to whole episodes: rows, statistics, and which steps are stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from jaxarc.config import CaptureConfig
from jaxarc.pipeline.arrivals import RowTaker
from jaxarc.pipeline.budget import Budget
from jaxarc.pipeline.held_rows import HeldRows
from jaxarc.pipeline.keep import Keeper
from jaxarc.pipeline.key_steps import KeyStepRule
from jaxarc.pipeline.lanes import LOST, SHED_BY_BUDGET, Arrivals, ClosedEpisodes, Joined, LaneTable
from jaxarc.pipeline.pieces import is_among
from jaxarc.pipeline.row_columns import EndedEpisodes, NameOf, episode_table, open_table
from jaxarc.pipeline.settling import Settled, Settler
from jaxarc.pipeline.spans import ScalarNames, Spans, find_spans
from jaxarc.pipeline.stream import Stream
from jaxarc.records.chunk import Chunk
from jaxarc.records.lane_chunk import LaneChunk
from jaxarc.records.steps import PendingSegment
from jaxarc.records.table import ENDED

__all__ = ["Assembler", "AssemblerCounts"]

_SETTLED_AT_BYTES = 64_000_000
"""Bytes of ended episodes' steps that wait until they are gathered, which frees the chunks they came in."""


@dataclass
class AssemblerCounts:
    """What the assembler did, for ``health()``.

    Attributes:
        env_steps: active environment steps that arrived.
        episodes: episodes that ended, whatever was stored of them.
        successes: those of them that were solved.
        kept_episodes: episodes of which steps are stored because a rule keeps them.
        accepted_steps: steps of recorded environments that arrived, or should have.
        stored_steps: those of them that are stored, of episodes that ended.
        unkept_steps: those that no rule wanted: of episodes that are not kept, or no key steps.
        steps_lost: those that were shed with their episode.
        episodes_lost: episodes that lost their steps, but not their row.
        budget_steps, budget_episodes: those of them that ``capture.budget`` had no room for.
    """

    env_steps: int = 0
    episodes: int = 0
    successes: int = 0
    kept_episodes: int = 0
    accepted_steps: int = 0
    stored_steps: int = 0
    unkept_steps: int = 0
    steps_lost: int = 0
    episodes_lost: int = 0
    budget_steps: int = 0
    budget_episodes: int = 0


class Assembler:
    """Turn chunks into episode rows and the steps to store.

    Used by the writer thread alone. Steps of open episodes wait in memory. ``take(early=True)`` sends those
    that are sure to be stored to disk before their episode ends; beyond ``capture.assembler_bytes`` all of
    them go there, and what the reader finds of an episode that no rule keeps is then more than its window.
    What is stored of an episode does not depend on when ``take`` is called.

    Args:
        capture: levels, keep rules and limits.
        name_of: ``(label, values) -> names`` of label values; an empty name where there is none.
        budget: says whether recording takes too much time; None for no limit.
        steps_before: how many environment steps a stream took before, where a run goes on; None for 0.
    """

    def __init__(
        self,
        capture: CaptureConfig,
        name_of: NameOf,
        budget: Budget | None = None,
        steps_before: Callable[[str], int] | None = None,
    ):
        self._capture = capture
        self._name_of = name_of
        self._budget = budget
        self._steps_before = steps_before or (lambda stream: 0)
        self._streams: dict[tuple[str, bool], Stream] = {}
        self._ended: list[EndedEpisodes] = []
        self._settled = Settled()
        self._ended_steps = 0
        self._row_bytes = 0
        self._waiting_bytes = 0
        self._next_uid = 0
        self._next_episode = 0
        self._open_changed = False
        self.counts = AssemblerCounts()

    @property
    def pending_bytes(self) -> int:
        """Bytes of what the next segment would hold, before steps are chosen."""
        return self._row_bytes + self._waiting_bytes + self._settled.nbytes

    @property
    def position(self) -> dict[str, int]:
        """Environment steps that each stream took, those of the member that took the most."""
        steps: dict[str, int] = {}
        for (name, _), stream in self._streams.items():
            most = int(stream.table.env_steps.max(initial=stream.table.steps_before))
            steps[name] = max(most, steps.get(name, 0))
        return steps

    def env_step_of(self, name: str, member: int) -> int | None:
        """Return the environment steps that a member of a stream took so far; None where there is none."""
        found = [stream.table.env_steps for (each, _), stream in self._streams.items() if each == name]
        return max((int(steps[member]) for steps in found if member < len(steps)), default=None)

    @property
    def open_bytes(self) -> int:
        """Bytes of the steps of open episodes."""
        return sum(stream.open_bytes for stream in self._streams.values())

    @property
    def held_bytes(self) -> int:
        """Bytes that are held for steps in all: of open episodes, of ended ones, and what lies among them."""
        return self._settled.nbytes + sum(stream.held.nbytes for stream in self._streams.values())

    @property
    def env_steps(self) -> dict[str, int]:
        """Environment steps that arrived, by stream."""
        steps: dict[str, int] = {}
        for stream in tuple(self._streams.values()):
            steps[stream.name] = steps.get(stream.name, 0) + stream.num_env_steps
        return steps

    @property
    def waiting_episodes(self) -> int:
        """Episodes that ended and were not handed over yet."""
        return sum(len(ended.number) for ended in tuple(self._ended))

    @property
    def waiting_steps(self) -> int:
        """Accepted steps that may still be stored: of open episodes, and of ended ones until ``take``."""
        return self._ended_steps + sum(stream.open_steps for stream in tuple(self._streams.values()))

    def ingest(self, chunk: Chunk) -> None:
        """Take one chunk of a stream.

        Raises:
            Exception: what kept its rows from being read, after its scalars were taken; the steps are lost.
        """
        stream = self._stream(chunk)
        if stream is None or chunk.is_taken:
            return
        table = stream.table
        members = chunk.num_members
        member_offset, env_offset = chunk.first_member, chunk.first_env
        table.fit(member_offset + members, env_offset + chunk.num_envs)
        afresh = np.broadcast_to(chunk.starts_afresh, (members, chunk.num_envs))
        if afresh.any():
            member, env = np.nonzero(afresh)
            self._close(stream, table.cut((member + member_offset) * table.num_envs + env))
        if not stream.is_of_loops:
            stream.tell_of_less(chunk)
            stream.tell_of_envs(chunk)
        spans = find_spans(chunk, table.names, table.env_steps[member_offset : member_offset + members])
        if spans is None:
            self._end_with(stream, chunk)
            return
        self.counts.env_steps += len(spans.steps)
        stream.num_env_steps += len(spans.steps)
        self._open_changed = True
        lane = spans.lane
        if member_offset or env_offset or table.num_envs != chunk.num_envs:
            member, env = np.divmod(spans.lane, chunk.num_envs)
            lane = (member + member_offset) * table.num_envs + env + env_offset
        self._close(stream, table.cut(lane[spans.leads & spans.begins]))
        joined = table.join(spans, lane, self._next_uid)
        self._next_uid = joined.next_uid
        stream.last_observation_lost = not chunk.layout.has("next_observation")
        recorded = np.zeros(len(spans), bool)
        envs = stream.rows.recorded_envs(chunk)
        if envs is not None:
            selected = np.zeros(chunk.num_envs, bool)
            selected[envs] = True
            recorded = selected[spans.lane % chunk.num_envs]
        self.counts.accepted_steps += int(spans.count[recorded].sum())
        over = self._budget is not None and self._budget.is_exceeded()
        arrivals = stream.rows.arrivals(chunk, spans, joined, recorded, is_over_budget=over)
        failure = self._hold_rows(stream, chunk, spans, joined, arrivals)
        self._count_losses(
            arrivals.lost,
            recorded,
            spans.count + joined.before["rows"] * (joined.before["lost"] == 0),
        )
        self._close(stream, table.merge(spans, lane, joined, arrivals, chunk.started, chunk.received))
        self._end_with(stream, chunk)
        self._relieve(stream)
        if failure is not None:
            raise failure

    def open_steps_taken(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the uids of open episodes, and how many steps of each were handed over already."""
        uids, taken = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for stream in self._streams.values():
            columns = stream.table.columns
            lanes = ((columns["open"] != 0) & (columns["lost"] == 0)).nonzero()[0]
            uids.append(columns["uid"][lanes])
            taken.append(columns["spilled"][lanes])
        return np.concatenate(uids), np.concatenate(taken)

    def take(self, *, early: bool, open_rows: bool = True) -> PendingSegment:
        """Hand over what is ready to be committed, and number its episodes.

        Args:
            early: also hand over steps of episodes that are still open, where they are sure to be stored.
            open_rows: also hand over the rows of these episodes as they stand, if any of them changed since.
        """
        self._settle()
        for stream in self._streams.values():
            if early and stream.keeper.keeps_all:
                self._spill(stream)
        settled, self._settled = self._settled, Settled()
        episodes = episode_table(self._ended, self._name_of, settled.steps_of)
        self._ended, self._row_bytes, self._ended_steps = [], 0, 0
        pending = PendingSegment(episodes, settled.blocks)
        if open_rows and self._open_changed:
            pending.open = open_table([stream.still_open for stream in self._streams.values()], self._name_of)
            self._open_changed = False
        return pending

    def forget_steps(self, uids: np.ndarray) -> int:
        """Store no more steps of these episodes (ascending): what went to disk early did not get there.

        Returns:
            How many steps are lost with those of them that are open.
        """
        before = self.counts.steps_lost
        for stream in self._streams.values():
            columns = stream.table.columns
            lanes = (
                (columns["open"] != 0) & (columns["lost"] == 0) & is_among(columns["uid"], uids)
            ).nonzero()[0]
            self.counts.steps_lost += int(columns["rows"][lanes].sum())
            columns["lost"][lanes] = LOST
            self._open_changed = True
            columns["held"][lanes] = 0
            stream.held.keep_only(self._living(stream))
        return self.counts.steps_lost - before

    def close_open(self) -> None:
        """End every open episode as ``cut``: the recording ends here."""
        for stream in self._streams.values():
            self._close(stream, stream.table.cut(stream.table.open_lanes))

    def _end_with(self, stream: Stream, chunk: Chunk) -> None:
        """End the episode of a loop that says so with its last steps, where these do not say how."""
        if chunk.ends is not None:
            lane = chunk.first_member * stream.table.num_envs + chunk.first_env
            closed = stream.table.cut(np.array([lane]))
            closed.ended[:] = ENDED.index(chunk.ends.ended)
            closed.columns["success"][:] |= chunk.ends.success
            if chunk.ends.task is not None and "task" in stream.table.names.labels:
                closed.columns.labels[list(stream.table.names.labels).index("task")] = chunk.ends.task
            self._close(stream, closed)

    def _stream(self, chunk: Chunk) -> Stream | None:
        # Lanes of a program and of Python loops are apart also where both record into one stream.
        name, is_of_loops = chunk.layout.stream, isinstance(chunk, LaneChunk)
        stream = self._streams.get((name, is_of_loops))
        if stream is not None and stream.layout is chunk.layout:
            return stream
        names = ScalarNames.of(chunk.layout)
        if stream is None:
            capture = self._capture.for_stream(name)
            if capture.level == "off":
                return None
            rule = KeyStepRule(self._capture.key_steps, self._capture.key_delta, self._capture.window)
            held = HeldRows()
            stream = Stream(
                name=name,
                level=capture.level,
                table=LaneTable(names, steps_before=self._steps_before(name)),
                keeper=Keeper(capture.keep),
                rows=RowTaker(capture.level, capture.journal != "off"),
                settler=Settler(rule, held),
                held=held,
                is_of_loops=is_of_loops,
            )
            self._streams[name, is_of_loops] = stream
        elif is_of_loops:
            stream.table.take_names(names)
        elif list(stream.table.names.metrics) == list(names.metrics) and list(
            stream.table.names.labels
        ) == list(names.labels):
            stream.table.names = names
        else:
            # The program changed its metrics or labels: what is open cannot go on under other columns.
            self._close(stream, stream.table.cut(stream.table.open_lanes))
            table = LaneTable(names, steps_before=stream.table.steps_before)
            table.fit(stream.table.num_members, stream.table.num_envs)
            table.env_steps[:] = stream.table.env_steps
            stream.table = table
        stream.layout = chunk.layout
        return stream

    def _hold_rows(
        self, stream: Stream, chunk: Chunk, spans: Spans, joined: Joined, arrivals: Arrivals
    ) -> Exception | None:
        """Hold the rows that a chunk brings; none of them where they can't be read."""
        try:
            pieces = list(stream.rows.pieces(chunk, spans, joined, arrivals))
        except Exception as error:  # noqa: BLE001 - raised to the edge of the writer after the scalars
            arrivals.lose()
            return error
        for piece in pieces:
            stream.held.add(piece)
        return None

    def _count_losses(self, lost: np.ndarray, recorded: np.ndarray, steps: np.ndarray) -> None:
        """Count the steps of spans that are lost.

        Args:
            lost: why, 0 for those that are not.
            recorded: whether there was something to lose.
            steps: steps that are lost with the span, those before it included.
        """
        if not lost.any():
            return
        self.counts.steps_lost += int(steps[recorded & (lost != 0)].sum())
        self.counts.budget_steps += int(steps[recorded & (lost == SHED_BY_BUDGET)].sum())

    def _close(self, stream: Stream, closed: ClosedEpisodes) -> None:
        """Number the episodes that ended, and decide on their steps."""
        if not len(closed):
            return
        columns = closed.columns
        number = self._next_episode + np.arange(len(closed))
        self._next_episode += len(closed)
        self._ended.append(stream.ended(closed, number))
        self._open_changed = True
        self._row_bytes += columns.whole.nbytes + columns.real.nbytes
        self.counts.episodes += len(closed)
        self.counts.successes += int(columns["success"].sum())
        recorded = columns["recorded"].nonzero()[0]
        if not len(recorded):
            return
        columns = columns.take(recorded)
        labels = list(stream.table.names.labels)
        tasks = columns.labels[labels.index("task")] if "task" in labels else np.full(len(columns), -1)
        keep = stream.keeper.keep(columns["reward"], columns["success"] != 0, tasks)
        whole = columns["lost"] == 0
        self.counts.episodes_lost += int((~whole).sum())
        self.counts.budget_episodes += int((columns["lost"] == SHED_BY_BUDGET).sum())
        self.counts.kept_episodes += int((keep & whole & (columns["rows"] > 0)).sum())
        stored = whole & (keep | (self._capture.window > 0) & (columns["marked"] != 0))
        self.counts.unkept_steps += int(columns["rows"][whole & ~stored].sum())
        self._ended_steps += int(columns["rows"][stored].sum())
        self._waiting_bytes += int(columns["held"][stored].sum())
        stream.settler.expect(columns.take(stored.nonzero()[0]), keep[stored])

    def _relieve(self, stream: Stream) -> None:
        """Give memory back where too much is held."""
        if stream.held.is_mostly_dead(stream.open_bytes + self._waiting_bytes):
            stream.held.keep_only(self._living(stream))
        if self._waiting_bytes > _SETTLED_AT_BYTES:
            self._settle()
        if self.open_bytes <= self._capture.assembler_bytes:
            return
        for each in self._streams.values():
            each.settler.thin(each.table.columns)
            self._spill(each)

    def _settle(self) -> None:
        for stream in self._streams.values():
            stored, unkept = stream.settler.settle(self._settled)
            self.counts.stored_steps += stored
            self.counts.unkept_steps += unkept
            self._ended_steps -= unkept
        self._waiting_bytes = 0

    def _spill(self, stream: Stream) -> None:
        hold_window = not stream.keeper.keeps_all
        stream.settler.spill(self._settled, stream.table.columns, hold_window=hold_window)

    def _living(self, stream: Stream) -> np.ndarray:
        """Return the episodes of which steps may still be stored, ascending."""
        columns = stream.table.columns
        open_uids = columns["uid"][(columns["open"] != 0) & (columns["lost"] == 0)]
        return np.sort(np.concatenate([open_uids, stream.settler.expected]))
