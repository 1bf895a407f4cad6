"""What the writer thread does: chunks to the assembler, whole episodes to the store."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from jaxarc.pipeline.assembler import Assembler
from jaxarc.pipeline.async_logger import Item
from jaxarc.records.chunk import Chunk
from jaxarc.records.events import Event
from jaxarc.records.steps import PendingSegment
from jaxarc.records.table import EpisodeTable

__all__ = ["ChunkItem", "CommittedReader", "EpisodeWriter", "SegmentStore"]

logger = logging.getLogger(__name__)


class SegmentStore(Protocol):
    """Where committed rows go."""

    def write_segment(self, pending: PendingSegment) -> Path:
        """Commit one segment, whole or not at all."""
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


class CommittedReader(Protocol):
    """A reader of committed records. It must return at once: what it does with them is its own time."""

    def committed(self, episodes: EpisodeTable) -> None:
        """Hear of episodes whose rows and steps are on disk now."""
        ...


class ChunkItem:
    """A chunk in the queue."""

    def __init__(self, chunk: Chunk):
        self.chunk = chunk

    @property
    def nbytes(self) -> int:
        """Bytes of the chunk."""
        return self.chunk.nbytes

    def shed(self) -> int:
        """Give up the chunk's steps; its scalars stay, and with them every episode row."""
        return self.chunk.shed_rows() if self.chunk.row_bytes else 0


class EpisodeWriter:
    """Assemble episodes and commit them. Used by the writer thread alone.

    A segment whose write failed is kept and tried again with the next commit; when it fails a second time
    its steps are given up, counted, and its rows are kept on.

    Args:
        assembler: makes episodes of chunks.
        store: takes segments and events.
        segment_bytes: bytes of finished episodes at which a segment is written before its time.
        readers: hear of every commit.
        before_commit: called with the rows that are about to be written, for documents that belong to them.
    """

    def __init__(
        self,
        assembler: Assembler,
        store: SegmentStore,
        segment_bytes: int,
        readers: list[CommittedReader],
        before_commit: Callable[[EpisodeTable], None],
    ):
        self._assembler = assembler
        self._store = store
        self._segment_bytes = segment_bytes
        self._readers = readers
        self._before_commit = before_commit
        self._failed: PendingSegment | None = None
        self._open: EpisodeTable | None = None
        self._is_full = False
        self.persisted_episodes = 0
        self.steps_given_up = 0
        self.rows_waiting = 0

    def handle(self, item: Item) -> bool:
        """Take one chunk; return whether enough is finished for a segment."""
        assert isinstance(item, ChunkItem)
        chunk = item.chunk
        if chunk.layout.kind == "metrics":
            for event in _metric_events(chunk):
                self._store.append_event(event)
            return False
        self._assembler.ingest(chunk)
        self._is_full = self._assembler.pending_bytes >= self._segment_bytes
        return self._is_full

    def commit(self) -> None:
        """Commit finished episodes, and rows and steps so far of those that are open."""
        # A segment that is written because it is full comes between two commits that are due, and a crash
        # loses nothing that is older than those: open rows need not be written as often as steps arrive.
        is_due, self._is_full = not self._is_full, False
        self._commit(early=True, open_rows=is_due)
        self._store.beat()

    def close(self) -> None:
        """End what is open as ``cut`` and commit it."""
        self._assembler.close_open()
        self._commit(early=False, open_rows=True)
        self._store.beat()

    def _commit(self, *, early: bool, open_rows: bool) -> None:
        pending = self._assembler.take(early=early, open_rows=open_rows)
        if pending.open is not None:
            self._open = pending.open
        retried = self._failed is not None
        if self._failed is not None:
            pending = PendingSegment(
                EpisodeTable.concatenate([self._failed.episodes, pending.episodes]),
                [*self._failed.blocks, *pending.blocks],
            )
        failure = self._write_segment(pending, retried) if pending else None
        if self._open is not None:
            # After the steps that these rows say are stored; with a segment that failed they wait for it.
            failure = self._prepare(self._open) or failure
            self._store.write_open_rows(self._open)
            self._open = None
        if failure is not None:
            raise failure

    def _write_segment(self, pending: PendingSegment, retried: bool) -> Exception | None:
        """Write a segment; return what failed of the documents that belong to its rows."""
        failure = self._prepare(pending.episodes)
        try:
            self._store.write_segment(pending)
        except Exception:
            if retried:
                self._give_up_steps(pending)
            self._failed = pending
            self.rows_waiting = len(pending.episodes)
            raise
        self._failed = None
        self.rows_waiting = 0
        self.persisted_episodes += len(pending.episodes)
        for reader in self._readers:
            reader.committed(pending.episodes)
        return failure

    def _prepare(self, episodes: EpisodeTable) -> Exception | None:
        """Write what belongs to the rows; a document that fails is reported and costs no step."""
        try:
            self._before_commit(episodes)
        except Exception as error:  # noqa: BLE001 - raised to the edge of the writer after the commit
            return error
        return None

    def _give_up_steps(self, pending: PendingSegment) -> None:
        count = sum(len(block) for block in pending.blocks)
        if count:
            logger.error(
                "recording: %d steps could not be written twice and are given up; rows are kept", count
            )
        self.steps_given_up += count
        self._open = None  # it says that these steps are stored
        if pending.blocks:
            self._assembler.forget_steps(np.unique(np.concatenate([block.uid for block in pending.blocks])))
        pending.blocks = []
        length = len(pending.episodes)
        pending.episodes.columns["stored_steps"] = np.zeros(length, np.int64)
        pending.episodes.columns["complete"] = np.zeros(length, bool)


def _metric_events(chunk: Chunk) -> list[Event]:
    """Return one ``metric_batch`` for every member of a ``recorder.log`` call."""
    events = []
    layout = chunk.layout
    columns = {
        str(field.path[0]): layout.decode_scalar(index, chunk.scalars)[:, 0, 0]
        for index, field in enumerate(layout.scalars)
    }
    for member in range(chunk.num_members):
        step = int(chunk.updates[member, 0])
        context = {"stream": layout.stream, "member": chunk.device * chunk.num_members + member}
        metrics = {name: values[member] for name, values in columns.items()}
        payload = {"metrics": metrics, "step": None if step < 0 else step, "epoch": None, "ctx": context}
        events.append(Event("metric_batch", payload))
    return events
