"""AsyncLogger: a queue bounded in bytes and one writer thread behind it."""

from __future__ import annotations

import logging
import os
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from jaxarc.config import AsyncLoggerConfig

__all__ = ["AsyncLogger", "AsyncLoggerCounts", "Item", "RecordHandler"]

logger = logging.getLogger(__name__)


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
class AsyncLoggerCounts:
    """What went through the queue.

    Attributes:
        accepted_items: items that were queued.
        accepted_bytes: bytes of those.
        handled_items: items that the writer took.
        failed_items: items that it took and could not use, or not all of; what was in them is lost.
        shed_items: items that lost their steps to make room.
        shed_bytes: bytes of those steps.
        refused_items: items that came after close, or in a forked child.
        blocked_s: seconds that callers waited for room.
        submit_s: seconds that callers spent in ``submit``, waiting left out.
        handle_s: seconds that the writer worked.
        queue_bytes_now, queue_bytes_max: bytes that wait now, and at most.
        errors: writes that failed.
        first_error: traceback of the first of them.
    """

    accepted_items: int = 0
    accepted_bytes: int = 0
    handled_items: int = 0
    failed_items: int = 0
    shed_items: int = 0
    shed_bytes: int = 0
    refused_items: int = 0
    blocked_s: float = 0.0
    submit_s: float = 0.0
    handle_s: float = 0.0
    queue_bytes_now: int = 0
    queue_bytes_max: int = 0
    errors: int = 0
    first_error: str = ""


@dataclass
class _Flush:
    """A place in the queue: everything before it is to be durable."""

    done: threading.Event = field(default_factory=threading.Event)
    succeeded: bool = False


class AsyncLogger:
    """Take items on any thread, hand them to one handler on one daemon thread.

    ``submit`` never raises and never does I/O. When the queue is full, ``overflow=block`` waits for the
    writer; ``drop_steps`` sheds the steps of the oldest items first and waits only when nothing is left to
    shed. A handler that fails is counted and logged once; the writer goes on.

    Args:
        config: sizes and intervals.
        handler: what the writer thread does.
    """

    def __init__(self, config: AsyncLoggerConfig, handler: RecordHandler):
        self._config = config
        self._handler = handler
        self._condition = threading.Condition()
        self._queue: deque[Item | _Flush] = deque()
        self._unshed: deque[Item] = deque()
        self._bytes = 0
        self._closing = False
        self._waiting = 0
        self._pid = os.getpid()
        self.counts = AsyncLoggerCounts()
        self._thread = threading.Thread(target=self._write, name="jaxarc-writer", daemon=True)
        self._thread.start()

    def submit(self, item: Item) -> bool:
        """Queue an item; return whether it was accepted (not after close, not in a forked child)."""
        if os.getpid() != self._pid:
            return False
        started = time.perf_counter()
        size = item.nbytes
        with self._condition:
            blocked = self.counts.blocked_s
            if self._closing:
                self.counts.refused_items += 1
                return False
            if self._bytes and self._bytes + size > self._config.queue_bytes:
                self._make_room(size)
            self._queue.append(item)
            if self._config.overflow == "drop_steps":
                self._unshed.append(item)
            self._bytes += size
            self.counts.accepted_items += 1
            self.counts.accepted_bytes += size
            self.counts.queue_bytes_now = self._bytes
            self.counts.queue_bytes_max = max(self.counts.queue_bytes_max, self._bytes)
            self._condition.notify_all()
            waited = self.counts.blocked_s - blocked
            self.counts.submit_s += max(0.0, time.perf_counter() - started - waited)
        return True

    def _make_room(self, size: int) -> None:
        limit = self._config.queue_bytes
        while self._unshed and self._bytes + size > limit:
            freed = self._unshed.popleft().shed()
            if freed:
                self._bytes -= freed
                self.counts.shed_items += 1
                self.counts.shed_bytes += freed
        started = time.perf_counter()
        self._waiting += 1
        try:
            while self._bytes and self._bytes + size > limit and self._thread.is_alive():
                self._condition.wait(0.5)
        finally:
            self._waiting -= 1
            self.counts.blocked_s += time.perf_counter() - started

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until what was accepted before this call is on disk.

        Args:
            timeout: seconds to wait at most; None waits as long as it takes.

        Returns:
            True when it is on disk; False when the time ran out, a write failed, or the writer is gone.
        """
        if os.getpid() != self._pid:
            return False
        token = _Flush()
        with self._condition:
            closing = self._closing
            if not closing:
                self._queue.append(token)
                self._condition.notify_all()
        if closing:
            return self.close(timeout)
        return token.done.wait(timeout) and token.succeeded

    def close(self, timeout: float | None = None) -> bool:
        """Refuse what comes, write what was accepted, end the writer.

        Returns:
            True when everything is on disk; False when the time ran out or a write failed.
        """
        if os.getpid() != self._pid:
            return False
        with self._condition:
            self._closing = True
            self._condition.notify_all()
        self._thread.join(timeout)
        return not self._thread.is_alive() and not self.counts.errors

    def _write(self) -> None:
        due = time.monotonic() + self._config.flush_interval
        while True:
            with self._condition:
                while not self._queue and time.monotonic() < due and (self._waiting or not self._closing):
                    self._condition.wait(max(0.0, due - time.monotonic()))
                entry = self._queue.popleft() if self._queue else None
                if self._unshed and self._unshed[0] is entry:
                    self._unshed.popleft()
                finished = entry is None and self._closing and not self._waiting
            if isinstance(entry, _Flush):
                entry.succeeded = self._guard(self._handler.commit)
                entry.done.set()
                due = time.monotonic() + self._config.flush_interval
            elif entry is not None:
                self._handle(entry)
            if finished:
                if not self._guard(self._handler.close):
                    self._guard(self._handler.close)
                return
            if time.monotonic() >= due:
                self._guard(self._handler.commit)
                due = time.monotonic() + self._config.flush_interval

    def _handle(self, item: Item) -> None:
        size = item.nbytes
        due: list[bool] = []
        handled = self._guard(
            lambda: due.append(self._handler.handle(item)), "what could not be taken of a record is lost"
        )
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
        except Exception as error:  # noqa: BLE001 - the edge of the writer: training must not feel it
            self.counts.errors += 1
            if not self.counts.first_error:
                self.counts.first_error = "".join(traceback.format_exception(error))
                logger.error("recording: %s (%s)", says, error)
            return False
        finally:
            self.counts.handle_s += time.perf_counter() - started
        return True
