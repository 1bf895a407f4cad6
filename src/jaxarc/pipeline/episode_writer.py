"""What the writer thread does: chunks to the assembler, whole episodes to the store."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

import numpy as np

from jaxarc.errors import StorageError
from jaxarc.pipeline.assembler import Assembler
from jaxarc.pipeline.async_logger import Item
from jaxarc.pipeline.disk_use import DiskUse
from jaxarc.pipeline.event_outbox import EventOutbox
from jaxarc.pipeline.metric_events import metric_events
from jaxarc.pipeline.non_finite_events import NonFiniteEvents
from jaxarc.pipeline.pieces import is_among
from jaxarc.pipeline.readers import Readers
from jaxarc.records.chunk import Chunk
from jaxarc.records.events import Event
from jaxarc.records.steps import PendingSegment
from jaxarc.records.table import EpisodeTable

__all__ = ["ChunkItem", "EpisodeWriter", "EventItem", "SegmentStore"]

logger = logging.getLogger(__name__)

_MOST_WRITE_S = 0.5
"""Seconds that writing a segment may take, as far as the speed of the disk is known: on a slow one segments
are smaller, so that a crash or a Ctrl-C meanwhile costs no more than that."""

_LEAST_SEGMENT = 1_000_000
"""Bytes of steps below which a segment is not cut for that."""


class SegmentStore(Protocol):
    """Where committed rows go."""

    @property
    def moves(self) -> int:
        """How often the run went on in another directory: what was written before is not in this one."""
        ...

    def write_segment(self, pending: PendingSegment) -> Path:
        """Commit one segment, whole or not at all; it may be tried again when ``moves`` changes."""
        ...

    def write_open_rows(self, rows: EpisodeTable) -> None:
        """Replace the rows of the episodes that are open."""
        ...

    def append_event(self, event: Event) -> None:
        """Append one event."""
        ...

    def beat(self) -> None:
        """Make events durable and say that the run is alive."""
        ...


class ChunkItem:
    """A chunk in the queue."""

    def __init__(self, chunk: Chunk):
        self.chunk = chunk

    @property
    def priority(self) -> int:
        """Chunks of lower priority lose their steps first."""
        return self.chunk.priority

    @property
    def nbytes(self) -> int:
        """Bytes of the chunk."""
        return self.chunk.nbytes

    def shed(self) -> int:
        """Give up the chunk's steps; its scalars stay, and with them every episode row."""
        return self.chunk.shed_rows() if self.chunk.row_bytes else 0


class EventItem:
    """An event in the queue, or what makes it: written behind what was queued before it."""

    def __init__(self, event: Event | Callable[[], Event], nbytes: int = 200):
        self._event = event
        self.nbytes = nbytes
        self.priority = 0

    @property
    def event(self) -> Event:
        """The event; the writer asks for it, once."""
        return self._event if isinstance(self._event, Event) else self._event()

    def shed(self) -> int:
        """Give up nothing: events are never dropped."""
        return 0


class EpisodeWriter:
    """Assemble episodes and commit them. Used by the writer thread alone.

    A segment whose write failed is kept and tried again with the next commit; when it fails a second time
    its steps are given up, counted, and its rows are kept on. Events that failed are kept as well.

    Args:
        assembler: makes episodes of chunks.
        store: takes segments and events.
        segment_bytes: bytes of finished episodes at which a segment is written before its time.
        readers: hear of every commit.
        before_commit: called with the rows that are about to be written, for documents that belong to them.

    Attributes:
        events: events on their way to the log.
        disk_use: what of the segments belongs to which stream.
        persisted_episodes: rows that are on disk.
        persisted_steps: steps that are on disk for those.
        steps_given_up: steps that were given up after two failed writes.
        episodes_given_up: episodes that lost their steps so.
        gather: called before a commit, yields chunks and events that were accepted and are not in the queue.
    """

    gather: Callable[[], Iterable[Chunk | Event]] = tuple

    def __init__(
        self,
        assembler: Assembler,
        store: SegmentStore,
        segment_bytes: int,
        readers: Readers,
        before_commit: Callable[[EpisodeTable], None],
    ):
        self._assembler = assembler
        self._store = store
        self._segment_bytes = segment_bytes
        self._readers = readers
        self._before_commit = before_commit
        self._failed: PendingSegment | None = None
        self._open: EpisodeTable | None = None
        self._non_finite = NonFiniteEvents()
        self._is_full = False
        self._in_hand: PendingSegment | None = None
        self._deadline: float | None = None
        self._written_bytes, self._written_s = 1e6, 0.1
        self._moves = store.moves
        self.events = EventOutbox(store.append_event)
        self.position: dict[str, int] = {}
        self.disk_use = DiskUse()
        self.persisted_episodes = 0
        self.persisted_steps = 0
        self.failed_gathered = 0
        self.steps_given_up = 0
        self.episodes_given_up = 0

    @property
    def rows_waiting(self) -> int:
        """Rows whose write failed and will be tried again."""
        failed = self._failed
        return len(failed.episodes) if failed is not None else 0

    @property
    def waiting_episodes(self) -> int:
        """Episodes that ended and are not on disk."""
        in_hand = self._in_hand
        return self._assembler.waiting_episodes + (len(in_hand.episodes) if in_hand is not None else 0)

    @property
    def waiting_steps(self) -> int:
        """Accepted steps that may still be stored, those on disk of episodes that are open included."""
        in_hand = self._in_hand
        return self._assembler.waiting_steps + (_steps_of(in_hand) if in_hand is not None else 0)

    def handle(self, item: Item) -> bool:
        """Take one chunk or event; return whether enough is finished for a segment."""
        if isinstance(item, EventItem):
            self.events.put(item.event)
            return False
        assert isinstance(item, ChunkItem)
        chunk = item.chunk
        if chunk.layout.kind == "metrics":
            for event in metric_events(chunk, self._assembler.env_step_of):
                self.events.put(event)
            return False
        if chunk.layout.kind == "watch":
            for event in self._non_finite.of(chunk):
                self.events.put(event)
            return False
        self._assembler.ingest(chunk)
        most = max(_LEAST_SEGMENT, self._fits_in(_MOST_WRITE_S))
        self._is_full = self._assembler.pending_bytes >= min(self._segment_bytes, most)
        return self._is_full

    def commit(self) -> None:
        """Commit finished episodes, and rows and steps so far of those that are open."""
        # A segment that is written because it is full comes between two commits that are due, and a crash
        # loses nothing that is older than those: open rows need not be written as often as steps arrive.
        is_due, self._is_full = not self._is_full, False
        failure = self._take_gathered() if is_due else None
        try:
            self._commit(early=True, open_rows=is_due)
        finally:
            self._beat()
        if failure is not None:
            raise failure

    def close(self) -> None:
        """End what is open as ``cut`` and commit it."""
        self._assembler.close_open()
        try:
            self._commit(early=False, open_rows=True)
        finally:
            self._beat()

    def add_last(self, events: Iterable[Event]) -> None:
        """Write events behind everything else, and see that they are durable."""
        try:
            for event in events:
                self.events.put(event)
        finally:
            self._beat()

    def hurry(self, seconds: float | None) -> None:
        """Write rows first, and of the steps what fits in this many seconds; None: there is time again."""
        self._deadline = None if seconds is None else time.monotonic() + seconds

    def tell_of_shedding(self, kind: str, *, on: bool, **facts: float) -> None:
        """Put into the event log that steps are being shed, or that they are not any more.

        Args:
            kind: ``budget`` or ``overflow``.
            on: whether it begins.
            facts: numbers that say why.
        """
        self.events.put(Event("shedding", {"kind": kind, "on": on, **facts}))

    def _beat(self) -> None:
        """Make the events durable, whatever became of the segment."""
        try:
            self.events.send()
        finally:
            self._store.beat()
            if self.events.committed():
                self._readers.tell_of_events()

    def _commit(self, *, early: bool, open_rows: bool) -> None:
        pending = self._assembler.take(early=early, open_rows=open_rows)
        position = self._assembler.position
        if pending.open is not None:
            self._open = pending.open
        retried = self._failed is not None
        if self._failed is not None:
            pending = PendingSegment(
                EpisodeTable.concatenate([self._failed.episodes, pending.episodes]),
                [*self._failed.blocks, *pending.blocks],
            )
        self._in_hand = pending
        failure = self._write_segment(pending, retried) if pending else None
        if self._open is not None:
            # After the steps that these rows say are stored; with a segment that failed they wait for it.
            failure = self._prepare(self._open) or failure
            self._store.write_open_rows(self._open)
            self._open = None
        if open_rows:
            self.position = position
        if failure is not None:
            raise failure

    def _write_segment(self, pending: PendingSegment, retried: bool) -> Exception | None:
        """Write a segment; return what failed of the documents that belong to its rows."""
        if self._deadline is not None:
            self._give_up_late_steps(pending, self._deadline)
        failure = self._prepare(pending.episodes)
        size, began = sum(block.nbytes for block in pending.blocks), time.monotonic()
        try:
            self._follow(pending)
            try:
                self._store.write_segment(pending)
            except StorageError:
                if not self._follow(pending):
                    raise
                self._store.write_segment(pending)
        except Exception:
            if retried:
                self._give_up_steps(pending)
            self._failed = pending
            raise
        self._written_bytes = self._written_bytes / 2 + size
        self._written_s = self._written_s / 2 + time.monotonic() - began
        self.persisted_episodes += len(pending.episodes)
        self.persisted_steps += _steps_of(pending)
        self.disk_use.wrote(pending, self._assembler.env_steps)
        self._failed = self._in_hand = None
        self._readers.tell(pending.episodes)
        return failure

    def _take_gathered(self) -> Exception | None:
        """Take what Python loops hold back; what fails is reported and costs nothing else."""
        failure = None
        for held in self.gather():
            try:
                if isinstance(held, Event):
                    self.events.put(held)
                else:
                    self._assembler.ingest(held)
            except Exception as error:  # noqa: BLE001 - raised to the edge of the writer after the commit
                self.failed_gathered += 1
                failure = failure or error
        return failure

    def _follow(self, pending: PendingSegment) -> bool:
        """Give up the steps of episodes that began in a directory that the run has left; say if it has."""
        if self._store.moves == self._moves:
            return False
        self._moves = self._store.moves
        owner = np.concatenate([np.zeros(0, np.int64), *(block.uid for block in pending.blocks)])
        count = np.concatenate([np.zeros(0, np.int64), *(block.count for block in pending.blocks)])
        uids, steps = self._assembler.open_steps_taken()
        if len(pending.episodes):
            uids = np.concatenate([pending.episodes["uid"], uids])
            steps = np.concatenate([pending.episodes["stored_steps"], steps])
        held, entry = np.unique(np.concatenate([uids, owner]), return_inverse=True)
        here = np.bincount(entry[len(uids) :], count, len(held))
        elsewhere = steps > here[entry[: len(uids)]]
        if elsewhere.any():
            self._give_up(pending, np.unique(uids[elsewhere]), "the run goes on elsewhere: %d steps")
        return True

    def _prepare(self, episodes: EpisodeTable) -> Exception | None:
        """Write what belongs to the rows; a document that fails is reported and costs no step."""
        try:
            self._before_commit(episodes)
        except Exception as error:  # noqa: BLE001 - raised to the edge of the writer after the commit
            return error
        return None

    def _fits_in(self, seconds: float) -> float:
        """Return how many bytes of steps are written in so many seconds, going by the last segments."""
        return seconds * self._written_bytes / max(self._written_s, 1e-6)

    def _give_up_late_steps(self, pending: PendingSegment, deadline: float) -> None:
        """Give up the steps of the newest episodes, as many as would not be on disk in time."""
        room = self._fits_in(max(0.0, deadline - time.monotonic()) / 2)
        owner = np.concatenate([np.zeros(0, np.int64), *(block.uid for block in pending.blocks)])
        width = [block.nbytes / max(len(block), 1) * block.count for block in pending.blocks]
        uids, entry = np.unique(owner, return_inverse=True)
        size = np.bincount(entry, np.concatenate([np.zeros(0), *width]), len(uids))
        late = uids[np.cumsum(size) > room]
        if len(late):
            self._give_up(pending, late, "there is no time to write %d steps, which")

    def _give_up_steps(self, pending: PendingSegment) -> None:
        """Give up all steps of a segment."""
        if not pending.blocks:
            return
        owners = [block.uid for block in pending.blocks]
        if len(pending.episodes):
            owners.append(pending.episodes["uid"])
        self._give_up(pending, np.unique(np.concatenate(owners)), "%d steps could not be written twice and")

    def _give_up(self, pending: PendingSegment, uids: np.ndarray, says: str) -> None:
        """Give up the steps of these episodes (ascending); their rows are kept."""
        blocks = [block.take(~is_among(np.repeat(block.uid, block.count), uids)) for block in pending.blocks]
        pending.blocks = [block for block in blocks if len(block)]
        self._open = None  # it says that these steps are stored
        given_up = 0
        if len(pending.episodes):
            columns = pending.episodes.columns
            lost, stored = is_among(columns["uid"], uids), columns["stored_steps"]
            given_up = int(stored[lost].sum())
            self.steps_given_up += given_up
            self.episodes_given_up += int((stored[lost] > 0).sum())
            columns["stored_steps"] = np.where(lost, 0, stored)
            columns["complete"] = columns["complete"] & ~lost
        given_up += self._assembler.forget_steps(uids)
        logger.error("recording: " + says + " are given up; rows are kept", given_up)


def _steps_of(pending: PendingSegment) -> int:
    """Return how many steps are stored of the episodes that ended."""
    return int(pending.episodes["stored_steps"].sum()) if len(pending.episodes) else 0
