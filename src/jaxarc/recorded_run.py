"""RecordedRun: everything between what is accepted and a run on disk, and its ways out."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

from jaxarc.config import Config
from jaxarc.errors import StorageError
from jaxarc.pipeline import (
    CLOSE_S,
    EXITS,
    Assembler,
    AsyncLogger,
    Budget,
    ChunkItem,
    Closer,
    EpisodeWriter,
    EventItem,
    Health,
    PythonLoops,
    Readers,
    RecordingCosts,
    RunEnding,
    TrackerHealth,
)
from jaxarc.records.chunk import Chunk
from jaxarc.records.clock import CLOCK
from jaxarc.records.events import Event
from jaxarc.records.failure import failure, failure_at_exit
from jaxarc.records.provenance import provenance
from jaxarc.records.trees import as_array
from jaxarc.storage import LabelNames, SteadyStore

__all__ = ["RecordedRun"]

_EVENT_BYTES = 200
"""What a small event counts in the queue."""


class Trackers(Protocol):
    """Who shows the run elsewhere while it goes on."""

    def health(self) -> Mapping[str, TrackerHealth]:
        """Return how each of them fares."""
        ...

    def close(self, status: str, *, is_hurried: Callable[[], bool]) -> None:
        """Hear that the run has ended, and what it holds is on disk; must not raise, nor take long.

        Args:
            status: how it ended.
            is_hurried: whether somebody waits for the prompt; that may change at any time.
        """
        ...


class RecordedRun:
    """One run that is written: queue, assembler, writer and store, wired once for everybody who records.

    The owner (a Recorder, a StructuredLogger) decides what is accepted; this takes it to the disk, counts it
    and ends the run. It needs no JAX.

    Args:
        config: what is recorded, and how it is written.
        origin: the run to join or to resume; None for a new one.
        said: what the run says of itself besides (``name``, ``tags``, ``parent_run_id``).
        devices: names the devices of this process; asked when the run is made.
        as_numpy: makes a NumPy array of what a Python loop gives, and names its kind.
        taken_s: seconds that programs were held for chunks before they are queued.
        notes: yields what waits in the owner's hands; called by the writer thread before it commits.
        also_counted: what the owner counts besides, as fields of Health.
        before_end: called by the writer thread when everything is committed and before the run ends.

    Attributes:
        store, names, assembler, readers, writer, loops, queue, ending: its parts.
        trackers: who shows the run elsewhere; None where nobody does.
    """

    def __init__(
        self,
        config: Config,
        *,
        origin: Any = None,
        said: Mapping[str, Any] | None = None,
        devices: Callable[[], list[str]] = list,
        as_numpy: Callable[[Any], tuple[Any, str]] = as_array,
        taken_s: Callable[[], float] = lambda: 0.0,
        notes: Callable[[], Iterator[Event]] = lambda: iter(()),
        also_counted: Callable[[], Mapping[str, Any]] = dict,
        before_end: Callable[[], None] = lambda: None,
    ):
        self.config = config
        self._created = CLOCK.now_s()
        self._said = dict(said or {})
        self._devices = devices
        self._taken_s = taken_s
        self._notes = notes
        self._also_counted = also_counted
        self._pid = os.getpid()
        self._closing = threading.RLock()  # a signal may close the run while its thread is in here
        self._is_closed = False
        pipeline, storage, capture = config.pipeline, config.storage, config.capture
        self.store = SteadyStore(
            storage,
            self._describe,
            pipeline.flush_interval,
            origin,
            segment_format=config.logging.format,
        )
        self.names = LabelNames(self.store.write_document)
        budget = Budget(capture.budget, self._recording_s, on_change=self._tell_of_budget)
        self.assembler = Assembler(capture, self.names.of, budget, self.store.steps_before)
        self.readers = Readers()
        self.writer = EpisodeWriter(
            self.assembler, self.store, storage.segment_bytes, self.readers, self.names.store_documents
        )
        self.loops = PythonLoops(
            capture if config.logging.structured_logging else replace(capture, level="off", streams={}),
            pipeline.queue_bytes,
            lambda chunk, until: self.queue.submit(ChunkItem(chunk), until),
            self.names.number_of,
            as_numpy,
            self.store.steps_before,
        )
        self.writer.gather = self._gather
        self.ending = RunEnding(self.store, lambda ended: self.health(has_ended=ended), before_end)
        self.ending.devices = lambda: [] if devices() else self.store.seen_devices
        self.queue = AsyncLogger(
            pipeline,
            self.writer,
            on_shedding=self._tell_of_shedding,
            at_end=lambda: self.ending.finish(self.queue),
        )
        self.trackers: Trackers | None = None
        self._exit_handle: int | None = None

    @property
    def is_closed(self) -> bool:
        """Whether ``close`` was called, or another process has the run."""
        return self._is_closed

    @property
    def is_elsewhere(self) -> bool:
        """Whether this is a forked child: the run is its parent's."""
        return os.getpid() != self._pid

    def close_at_exit(self, close: Closer) -> None:
        """Have the owner's ``close`` called on every way out of this process."""
        self._exit_handle = EXITS.add(close, signals=self.config.pipeline.handle_signals, hurry=self.hurry)

    def end_of_block(self, kind: type[BaseException] | None, error: BaseException | None) -> str:
        """Return the status with which a ``with`` block ends: FINISHED, FAILED or KILLED.

        After Ctrl-C nobody waits for more than a second and a half from here on.
        """
        if kind is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
            return "FINISHED"
        if not issubclass(kind, KeyboardInterrupt):
            self.ending.error = None if error is None else failure(error)
            return "FAILED"
        self.hurry(CLOSE_S)
        if self._exit_handle is not None:
            EXITS.ending(self._exit_handle, hurried=True)
        return "KILLED"

    def submit(self, event: Event | Callable[[], Event], nbytes: int = _EVENT_BYTES) -> bool:
        """Queue an event, or what makes one on the writer thread; return whether it was accepted."""
        return self.queue.submit(EventItem(event, nbytes))

    def submit_chunk(self, chunk: Chunk) -> None:
        """Queue a chunk of a compiled program."""
        self.queue.submit(ChunkItem(chunk))

    def hurry(self, seconds: float | None) -> None:
        """Let nobody wait longer than this for the disk. Called in signal handlers: takes no lock."""
        self.queue.hurry(seconds)
        self.writer.hurry(seconds)

    def begin_close(self) -> bool:
        """Refuse what comes from now on; return whether there is something to close, and that once."""
        if self.is_elsewhere:
            self._is_closed = True
            return False
        with self._closing:
            if self._is_closed:
                return False
            self._is_closed = True
        if self._exit_handle is not None:
            EXITS.ending(self._exit_handle)
        return True

    def close(self, status: str, prepare: Callable[[], None] = lambda: None) -> None:
        """Write everything that was accepted and end the run; after ``begin_close``.

        Args:
            status: FINISHED, FAILED or KILLED.
            prepare: the owner's last words, before the loops end.

        Raises:
            StorageError: ``pipeline.strict`` is set and something was lost or could not be written.
        """
        problem = ""
        try:
            try:
                prepare()
                if status == "FAILED" and self.ending.error is None:
                    self.ending.error = failure_at_exit()
                self.ending.status = status
                self.loops.close()
                self.queue.close()
            finally:
                problem = self.ending.problem(self.queue)
                if self.trackers is not None:
                    ended = self.queue.has_ended  # or rows are still being written
                    status = self.ending.status if ended else "RUNNING"
                    self.trackers.close(status, is_hurried=lambda: self.queue.is_in_a_hurry)
        finally:
            if self._exit_handle is not None:
                EXITS.remove(self._exit_handle)
        if self.config.pipeline.strict and problem:
            raise StorageError(problem)

    def health(self, *, has_ended: bool | None = None) -> Health:
        """Return what was accepted, written and lost so far.

        Args:
            has_ended: whether what waits is lost; None where it is when the writer is gone.
        """
        store = self.store
        more = dict(self._also_counted())
        coerced = {
            **more.pop("coerced", {}),
            **({"of an event to text": store.coerced} if store.coerced else {}),
        }
        return Health.of(
            self.assembler,
            self.queue,
            self.writer,
            self.readers,
            has_ended=self.queue.has_ended or self.ending.was_cut_short if has_ended is None else has_ended,
            callback_s=self.costs().callback_s,
            coerced=coerced,
            segments=store.segments_written,
            segment_bytes=store.segment_bytes,
            storage_actions=dict(store.actions),
            cleaned_episodes=store.cleaned_episodes,
            cleaned_steps=store.cleaned_steps,
            trackers=self.trackers.health() if self.trackers is not None else {},
            **more,
        )

    def costs(self) -> RecordingCosts:
        """Return what recording took so far."""
        queued = self.queue.counts
        return RecordingCosts(
            callback_s=queued.submit_s + self._taken_s(),
            blocked_s=queued.blocked_s,
            write_s=queued.handle_s,
            accepted_bytes=queued.accepted_bytes,
            segment_bytes=self.store.segment_bytes,
            dropped_steps=self.assembler.counts.steps_lost + self.writer.steps_given_up,
        )

    def _recording_s(self) -> float:
        """Return the seconds that recording took so far, in callbacks and in the writer."""
        costs = self.costs()
        return costs.callback_s + costs.write_s

    def _gather(self) -> Iterator[Chunk | Event]:
        """Yield what waits in open episodes; for the writer thread, before it commits."""
        yield from self._notes()
        yield from self.loops.gather()

    def _tell_of_budget(self, exceeded: bool, spent_s: float, passed_s: float) -> None:
        share = self.config.capture.budget or 0.0
        self.writer.tell_of_shedding("budget", on=exceeded, spent_s=spent_s, passed_s=passed_s, share=share)

    def _tell_of_shedding(self, on: bool) -> None:
        shed_bytes, queue_bytes = self.queue.counts.shed_bytes, self.config.pipeline.queue_bytes
        self.writer.tell_of_shedding("overflow", on=on, shed_bytes=shed_bytes, queue_bytes=queue_bytes)

    def _describe(self) -> dict[str, Any]:
        return {
            "created": self._created,
            "config": self.config.to_dict(),
            "config_hash": self.config.hash,
            "level": self.config.capture.level,
            **provenance(self._devices()),
            **self._said,
        }
