"""AsyncLogger: a queue bounded in bytes and one writer thread behind it."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from jaxarc.config import AsyncLoggerConfig
from jaxarc.errors import CaptureError
from jaxarc.pipeline.queue_counts import AsyncLoggerCounts
from jaxarc.pipeline.visualization_log import VisualizationLog
from jaxarc.records.pictures import EpisodeSummaryData, StepVisualizationData

__all__ = ["AsyncLogger", "AsyncLoggerCounts", "Item", "RecordHandler"]

logger = logging.getLogger(__name__)

_TICK_S = 0.1
"""Seconds after which whoever waits looks up: whether the writer is still there, whether there is a hurry."""

_LINGER_S = 0.01
"""Seconds after its work in which the writer looks again by itself: small items wake nobody meanwhile."""

_SMALL_BYTES = 4_000
"""An item of more bytes wakes the writer at once."""

_PATIENCE_S = 5.0
"""Seconds of waiting for the disk after which the user is told, once."""


class Item(Protocol):
    """What is queued."""

    @property
    def nbytes(self) -> int:
        """Bytes that the item holds in memory."""
        ...

    def shed(self) -> int:
        """Give up what may be given up (stored steps); return the bytes that became free."""
        ...


class RecordHandler(Protocol):
    """What the writer thread does with the items. Called by that thread alone."""

    def handle(self, item: Item) -> bool:
        """Take one item; return whether it is time to commit."""
        ...

    def commit(self) -> None:
        """Make everything that was handled durable, open episodes included."""
        ...

    def close(self) -> None:
        """End what is open and make it durable."""
        ...


@dataclass
class _Flush:
    """A place in the queue: everything before it is to be durable."""

    done: threading.Event = field(default_factory=threading.Event)
    succeeded: bool = False


class AsyncLogger:
    """Take items on any thread, hand them to one handler on one daemon thread.

    ``submit`` never raises and never does I/O. When the queue is full, ``overflow=block`` waits for the
    writer; ``drop_steps`` sheds the steps of the oldest items first and waits only when nothing is left to
    shed. A handler that fails is counted and logged once; the writer goes on. Should the writer die, nobody
    waits for it: what comes is refused, and flush and close say that it is not on disk.

    Args:
        config: sizes and intervals.
        handler: what the writer thread does.
        on_shedding: told on the writer thread when it begins to shed steps, and when there is room again.
        at_end: called on the writer thread when all is done.

    Attributes:
        visualizations: takes what the two ``log_`` methods are given; a Recorder sets it.
    """

    visualizations: VisualizationLog | None = None

    def __init__(
        self,
        config: AsyncLoggerConfig,
        handler: RecordHandler,
        *,
        on_shedding: Callable[[bool], None] = lambda _: None,
        at_end: Callable[[], None] = lambda: None,
    ):
        self._config = config
        self._handler = handler
        self._on_shedding = on_shedding
        self._at_end = at_end
        self._condition = threading.Condition()
        self._queue: deque[Item | _Flush] = deque()
        self._unshed: deque[Item] = deque()
        self._has_priorities = False
        self._bytes = 0
        self._closing = False
        self._waiting = 0
        self._sleeps = False
        self._sound = True
        self._told_of_waiting = False
        self._shed_seen = 0
        self._is_shedding = False
        self._hurry: tuple[float, float] | None = None
        self._pid = os.getpid()
        self.counts = AsyncLoggerCounts()
        self._thread = threading.Thread(target=self._write, name="jaxarc-writer", daemon=True)
        self._thread.start()

    @property
    def has_ended(self) -> bool:
        """Whether the writer is gone: after close, or because it died."""
        return not self._thread.is_alive()

    @property
    def is_in_a_hurry(self) -> bool:
        """Whether ``hurry`` was called: nobody is waited for."""
        return self._hurry is not None

    @property
    def is_late(self) -> bool:
        """Whether half of the time is over that ``hurry`` gave: what can be done later is left for later."""
        hurry = self._hurry
        return hurry is not None and time.monotonic() >= hurry[0]

    def submit(self, item: Item, until: float | None = None) -> bool:
        """Queue an item; return whether it was accepted (not after close, not in a forked child).

        Args:
            item: what is queued.
            until: when to stop waiting for room (``time.monotonic``); what has none by then is not accepted,
                and does not count as refused: it comes again.
        """
        if os.getpid() != self._pid:
            return False
        started = time.perf_counter()
        with self._condition:
            waited = 0.0
            accepted = not self._closing
            if accepted and self._is_full(item):
                waited = self._make_room(item, until)
                if until is not None and self._is_full(item) and not self.has_ended:
                    return False
                accepted = not self.has_ended and not self._is_hopeless(item)
            if accepted:
                size = item.nbytes
                self._queue.append(item)
                self._unshed.append(item)
                self._has_priorities |= getattr(item, "priority", 0) != 0
                self._bytes += size
                self.counts.accepted_items += 1
                self.counts.accepted_bytes += size
                self.counts.queue_bytes_now = self._bytes
                self.counts.queue_bytes_max = max(self.counts.queue_bytes_max, self._bytes)
                if self._sleeps or size > _SMALL_BYTES:
                    self._condition.notify_all()
            else:
                self.counts.refused_items += 1
            self.counts.submit_s += max(0.0, time.perf_counter() - started - waited)
        return accepted

    def log_step_visualization(self, step_data: StepVisualizationData, priority: int = 0) -> None:
        """Record a step that was made for a picture, in the stream ``visualization``.

        Args:
            step_data: the step: the boards before and after it, the action and the reward; of ``action`` and
                ``info`` what is numbers and arrays.
            priority: under ``overflow=drop_steps`` steps of lower priority are shed first.

        Raises:
            CaptureError: a value that cannot be recorded, or no recorder stands behind this logger.
            RecorderClosedError: the recorder is closed.
        """
        self._recorded().step(step_data, priority)

    def log_episode_summary(self, episode_data: EpisodeSummaryData) -> None:
        """End the episode of the steps that this thread logged; its row is never dropped.

        Without steps the row has the summary's totals.

        Args:
            episode_data: how it ended, its task and success, and its totals.

        Raises:
            CaptureError: no recorder stands behind this logger.
            RecorderClosedError: the recorder is closed.
        """
        self._recorded().summary(episode_data)

    def _recorded(self) -> VisualizationLog:
        if self.visualizations is None:
            raise CaptureError("no recorder stands behind this AsyncLogger; use recorder.async_logger")
        return self.visualizations

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until what was accepted before this call is on disk.

        Args:
            timeout: seconds to wait at most; None waits as long as it takes.

        Returns:
            True when it is on disk, but for steps that were shed; False when the time ran out, a write
            failed, an item since the last flush could not be used, or the writer is gone.
        """
        if os.getpid() != self._pid:
            return False
        until = None if timeout is None else time.monotonic() + timeout
        if self.visualizations is not None and not self.visualizations.send(until):
            return False
        token = _Flush()
        with self._condition:
            closing = self._closing
            if not closing:
                self._queue.append(token)
                self._condition.notify_all()
        if closing:
            return self.close(None if until is None else max(0.0, until - time.monotonic()))
        while not token.done.wait(_tick(until)):
            if self.has_ended or (until is not None and time.monotonic() >= until):
                break
        return token.done.is_set() and token.succeeded

    def close(self, timeout: float | None = None) -> bool:
        """Refuse what comes, write what was accepted, end the writer.

        Returns:
            True when everything is on disk; False when the time ran out or a write failed.
        """
        if os.getpid() != self._pid or threading.current_thread() is self._thread:
            return False
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        until = None if timeout is None else time.monotonic() + timeout
        began, told = time.monotonic(), False
        while self._thread.is_alive():
            # Read anew every time: it may be set by a signal handler while we wait.
            hurry = self._hurry
            ends = min((t for t in (until, hurry and hurry[1]) if t is not None), default=None)
            if ends is not None and time.monotonic() >= ends:
                break
            if not told and time.monotonic() - began > _PATIENCE_S:
                told = True
                logger.warning(
                    "recording: still ending the run (%s); Ctrl-C gives the rest up",
                    f"{self._bytes / 1e6:.1f} MB wait for the disk"
                    if self._bytes
                    else "the last of it is being written, or drawn",
                )
            self._thread.join(_tick(ends))
        return not self._thread.is_alive() and not self.counts.errors

    def hurry(self, seconds: float | None) -> None:
        """Let nobody wait longer than this for the disk: steps are shed for it, and close ends then.

        Takes no lock: a signal handler may call it.

        Args:
            seconds: the time that is left; after half of it nothing but rows is written. None: no hurry.
        """
        now = time.monotonic()
        self._hurry = None if seconds is None else (now + seconds / 2, now + seconds)

    def _is_full(self, item: Item) -> bool:
        return bool(self._bytes) and self._bytes + item.nbytes > self._config.queue_bytes

    def _is_hopeless(self, item: Item) -> bool:
        """Say whether there is a hurry and the disk takes not even what nobody can shed."""
        return self._hurry is not None and self._bytes + item.nbytes > 2 * self._config.queue_bytes

    def _make_room(self, item: Item, until: float | None) -> float:
        """Shed or wait until an item fits; return the seconds that it waited."""
        sheds = self._config.overflow == "drop_steps"
        began = last = time.perf_counter()
        self._waiting += 1
        try:
            while self._is_full(item) and not self.has_ended:
                if sheds or self._hurry is not None:
                    self._shed_for(item)
                    if not self._is_full(item) or self._hurry is not None:
                        break
                if until is not None and time.monotonic() >= until:
                    break
                self._condition.wait(_tick(until))
                now = time.perf_counter()
                self.counts.blocked_s += now - last
                last = now
                if now - began > _PATIENCE_S and not self._told_of_waiting:
                    self._tell_of_waiting(sheds)
        finally:
            self._waiting -= 1
        return last - began

    def _shed_for(self, item: Item) -> None:
        """Shed the oldest steps first, those of the item itself last."""
        while self._is_full(item) and self._unshed:
            self._bytes -= self._shed(self._least_wanted())
        if self._is_full(item):
            self._shed(item)

    def _least_wanted(self) -> Item:
        """Take the oldest of the items whose steps may be shed, of the lowest priority that there is."""
        at = 0
        if self._has_priorities:
            at = min(range(len(self._unshed)), key=lambda i: getattr(self._unshed[i], "priority", 0))
        item = self._unshed[at]
        del self._unshed[at]
        return item

    def _shed(self, item: Item) -> int:
        freed = item.shed()
        if freed:
            self.counts.shed_items += 1
            self.counts.shed_bytes += freed
        return freed

    def _tell_of_waiting(self, sheds: bool) -> None:
        self._told_of_waiting = True
        self._condition.release()
        try:
            logger.warning(
                "recording: the program has waited %.0f s for the disk, pipeline.queue_bytes=%d is full; %s",
                _PATIENCE_S,
                self._config.queue_bytes,
                "nothing is left to shed: lower capture.level or find a faster disk"
                if sheds
                else "pipeline.overflow=drop_steps sheds steps instead, and keeps rows",
            )
        finally:
            self._condition.acquire()

    def _write(self) -> None:
        try:
            self._work()
        finally:
            self._leave()

    def _work(self) -> None:
        due = time.monotonic() + self._config.flush_interval
        lingers = False
        while True:
            with self._condition:
                while not self._queue and time.monotonic() < due and (self._waiting or not self._closing):
                    # Small items come often: to wake a thread for each costs their caller more than the rest.
                    self._sleeps = not lingers
                    left = max(0.0, due - time.monotonic())
                    self._condition.wait(min(_LINGER_S, left) if lingers else left)
                    self._sleeps = lingers = False
                entry = self._queue.popleft() if self._queue else None
                if self._unshed and self._unshed[0] is entry:
                    self._unshed.popleft()
                finished = entry is None and self._closing and not self._waiting
            self._tell_of_shedding()
            if isinstance(entry, _Flush):
                entry.succeeded = self._guard(self._handler.commit) and self._sound
                self._sound = True
                entry.done.set()
                due = time.monotonic() + self._config.flush_interval
            elif entry is not None:
                self._handle(entry)
                lingers = True
            if finished:
                if not self._guard(self._handler.close):
                    self._guard(self._handler.close)
                self._guard(self._at_end)
                return
            if time.monotonic() >= due:
                self._guard(self._handler.commit)
                due = time.monotonic() + self._config.flush_interval

    def _leave(self) -> None:
        """Let go whoever waits, however the writer ended."""
        with self._condition:
            died = not self._closing or bool(self._queue)
            self._closing = True
            for entry in self._queue:
                if isinstance(entry, _Flush):
                    entry.done.set()
            self._queue.clear()
            self._unshed.clear()
            self._bytes = self.counts.queue_bytes_now = 0
            self._condition.notify_all()
        if died:
            self.counts.add_error(RuntimeError("the writer thread died"))
            logger.error("recording: the writer thread died; nothing is recorded from here on")

    def _tell_of_shedding(self) -> None:
        """Report a change: steps are being shed, or the queue is half empty again."""
        shed = self.counts.shed_items
        if self._is_shedding and self._bytes <= self._config.queue_bytes / 2:
            self._is_shedding = False
            self._guard(lambda: self._on_shedding(False))
        elif not self._is_shedding and shed > self._shed_seen:
            self._is_shedding = True
            self._guard(lambda: self._on_shedding(True))
        self._shed_seen = shed

    def _handle(self, item: Item) -> None:
        if self.is_late:
            with self._condition:
                self._bytes -= self._shed(item)
        size = item.nbytes
        due: list[bool] = []
        handled = self._guard(
            lambda: due.append(self._handler.handle(item)), "what could not be taken of a record is lost"
        )
        self._sound &= handled
        if any(due):
            self._guard(self._handler.commit)
        with self._condition:
            self._bytes -= size
            self.counts.queue_bytes_now = self._bytes
            self.counts.handled_items += 1
            self.counts.failed_items += not handled
            self._condition.notify_all()

    def _guard(
        self, work: Callable[[], None], says: str = "a write failed and is tried again with the next one"
    ) -> bool:
        """Run a part of the writer's work; what it raises is counted, kept and logged once."""
        started = time.perf_counter()
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - the edge of the writer: not even SystemExit ends it
            self.counts.add_error(error)
            if self.counts.errors == 1:
                logger.error("recording: %s (%s)", says, error)
            return False
        finally:
            self.counts.handle_s += time.perf_counter() - started
        return True


def _tick(until: float | None) -> float:
    """Return how long to wait until one looks up again."""
    return _TICK_S if until is None else max(0.0, min(_TICK_S, until - time.monotonic()))
