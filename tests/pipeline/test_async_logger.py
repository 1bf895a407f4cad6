"""The queue: bounded, truthful, and in nobody's way."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from jaxarc.config import AsyncLoggerConfig
from jaxarc.pipeline import AsyncLogger
from jaxarc.pipeline.episode_writer import EventItem
from jaxarc.records.events import Event

WAIT_S = 20.0


@dataclass
class Parcel:
    """An item with a number, some scalars and some steps that may be shed."""

    number: int
    steps: int = 90
    scalars: int = 10

    @property
    def nbytes(self) -> int:
        return self.steps + self.scalars

    def shed(self) -> int:
        freed, self.steps = self.steps, 0
        return freed


@dataclass
class Desk:
    """A handler that writes down what it is given; ``open`` lets it go on, ``fail`` makes it raise."""

    fail: Callable[[str], Exception | None] = lambda _: None
    open: threading.Event = field(default_factory=threading.Event)
    entered: threading.Event = field(default_factory=threading.Event)
    handled: list[tuple[int, int]] = field(default_factory=list)
    durable: list[int] = field(default_factory=list)
    closed: int = 0

    def _raise(self, what: str) -> None:
        error = self.fail(what)
        if error is not None:
            raise error

    def handle(self, item: Any) -> bool:
        self.entered.set()
        assert self.open.wait(WAIT_S)
        self._raise(f"handle {item.number}")
        self.handled.append((item.number, item.steps))
        return False

    def commit(self) -> None:
        assert self.open.wait(WAIT_S)
        self._raise("commit")
        self.durable = [number for number, _ in self.handled]

    def close(self) -> None:
        self.commit()
        self.closed += 1


def logger_of(desk: Desk, **options: Any) -> AsyncLogger:
    return AsyncLogger(AsyncLoggerConfig(**{"flush_interval": 600.0, "queue_bytes": 300, **options}), desk)


def in_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(work()), daemon=True)
    thread.start()
    return thread, results


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.002)


def test_a_full_queue_blocks_and_loses_nothing():
    """Four submitters against a stalled writer: never more bytes than allowed, every item in the end."""
    desk = Desk()
    logger = logger_of(desk)
    threads = [
        in_thread(lambda n=n: [logger.submit(Parcel(10 * n + i)) for i in range(10)]) for n in range(4)
    ]
    wait_for(lambda: logger.counts.queue_bytes_now == 300)
    assert any(thread.is_alive() for thread, _ in threads)
    desk.open.set()
    for thread, accepted in threads:
        thread.join(WAIT_S)
        assert accepted == [[True] * 10]
    assert logger.close(WAIT_S)
    assert sorted(desk.durable) == list(range(40))
    for n in range(4):
        own = [number for number in desk.durable if number // 10 == n]
        assert own == sorted(own)
    assert logger.counts.queue_bytes_max <= 300
    assert logger.counts.queue_bytes_now == 0
    assert logger.counts.blocked_s > 0
    assert logger.counts.shed_items == 0


def test_an_item_larger_than_the_queue_passes_alone():
    """Nothing that was accepted for recording can block for ever."""
    desk = Desk()
    desk.open.set()
    logger = logger_of(desk)
    assert logger.submit(Parcel(0, steps=5_000))
    assert logger.submit(Parcel(1, steps=5_000))
    assert logger.close(WAIT_S)
    assert desk.durable == [0, 1]


def test_drop_steps_sheds_the_oldest_steps_and_no_item():
    """Bytes stay within the limit, every item arrives, and the losses are counted."""
    desk = Desk()
    logger = logger_of(desk, overflow="drop_steps")
    logger.submit(Parcel(0))
    assert desk.entered.wait(WAIT_S)
    for number in range(1, 8):
        assert logger.submit(Parcel(number))
        assert logger.counts.queue_bytes_now <= 300
    desk.open.set()
    assert logger.close(WAIT_S)
    assert [number for number, _ in desk.handled] == list(range(8))
    kept = [number for number, steps in desk.handled if steps]
    assert kept == [0, *range(8 - (len(kept) - 1), 8)]
    assert logger.counts.shed_items == 8 - len(kept) > 0
    assert logger.counts.shed_bytes == 90 * logger.counts.shed_items
    assert logger.counts.queue_bytes_now == 0


def test_flush_says_no_while_the_writer_is_stalled_and_yes_when_it_is_durable():
    """The answer is about the disk, not about the queue."""
    desk = Desk()
    logger = logger_of(desk)
    logger.submit(Parcel(0))
    assert desk.entered.wait(WAIT_S)
    assert logger.flush(0.05) is False
    thread, answers = in_thread(logger.flush)
    assert not answers
    desk.open.set()
    thread.join(WAIT_S)
    assert answers == [True]
    assert desk.durable == [0]
    logger.close(WAIT_S)


def test_flush_covers_what_was_accepted_before_it():
    """And an empty queue is durable at once."""
    desk = Desk()
    desk.open.set()
    logger = logger_of(desk, queue_bytes=10_000)
    assert logger.flush(WAIT_S)
    for number in range(20):
        logger.submit(Parcel(number))
    assert logger.flush(WAIT_S)
    assert desk.durable == list(range(20))
    logger.close(WAIT_S)


def test_flush_says_no_when_the_commit_fails():
    """A failed write is not durable; the next flush that succeeds says yes."""
    desk = Desk()
    desk.open.set()
    logger = logger_of(desk)
    desk.fail = lambda what: OSError("disk on fire") if what == "commit" else None
    logger.submit(Parcel(0))
    assert logger.flush(WAIT_S) is False
    desk.fail = lambda _: None
    assert logger.flush(WAIT_S) is True
    assert desk.durable == [0]
    assert logger.counts.errors == 1
    assert "disk on fire" in logger.counts.first_error
    logger.close(WAIT_S)


def test_failures_are_counted_and_the_first_traceback_is_kept(caplog: pytest.LogCaptureFixture):
    """A handler that raises loses its own item only, and the log and the counts say that it is lost."""
    desk = Desk(fail=lambda what: ValueError(f"no {what}") if what in ("handle 1", "handle 3") else None)
    desk.open.set()
    logger = logger_of(desk, queue_bytes=10_000)
    for number in range(5):
        logger.submit(Parcel(number))
    assert logger.close(WAIT_S) is False
    assert desk.durable == [0, 2, 4]
    assert logger.counts.errors == logger.counts.failed_items == 2
    assert "is lost (no handle 1)" in caplog.text
    assert "ValueError: no handle 1" in logger.counts.first_error
    assert "_raise" in logger.counts.first_error
    assert logger.counts.handled_items == 5


def test_close_twice_and_calls_after_it():
    """Idempotent; what comes later is refused and counted; flush answers about what was accepted."""
    desk = Desk()
    desk.open.set()
    logger = logger_of(desk)
    logger.submit(Parcel(0))
    assert logger.close(WAIT_S)
    assert logger.close(WAIT_S)
    assert desk.closed == 1
    assert logger.submit(Parcel(1)) is False
    assert logger.counts.refused_items == 1
    assert logger.flush(WAIT_S) is True
    assert desk.durable == [0]


def test_a_submitter_that_waits_for_room_is_not_lost_by_close():
    """It was there before the close, so its item is written before the end."""
    desk = Desk()
    logger = logger_of(desk, queue_bytes=100)
    logger.submit(Parcel(0))
    assert desk.entered.wait(WAIT_S)
    submitter, accepted = in_thread(lambda: logger.submit(Parcel(1)))
    wait_for(lambda: logger._waiting == 1)
    closer, closed = in_thread(lambda: logger.close(WAIT_S))
    wait_for(lambda: logger._closing)
    desk.open.set()
    submitter.join(WAIT_S)
    closer.join(WAIT_S)
    assert (accepted, closed) == ([True], [True])
    assert desk.durable == [0, 1]


def test_a_flush_beside_a_close_comes_back():
    """Whether it was queued before the close or came during it."""
    desk = Desk()
    logger = logger_of(desk)
    logger.submit(Parcel(0))
    before, before_answer = in_thread(logger.flush)
    closer, _ = in_thread(logger.close)
    wait_for(lambda: logger._closing)
    during, during_answer = in_thread(logger.flush)
    desk.open.set()
    for thread in (before, closer, during):
        thread.join(WAIT_S)
        assert not thread.is_alive()
    assert before_answer == during_answer == [True]


def test_the_interval_commits_by_itself():
    """A crash loses no more than the interval, so commits come without being asked for."""
    desk = Desk()
    desk.open.set()
    logger = logger_of(desk, flush_interval=0.01)
    logger.submit(Parcel(0))
    wait_for(lambda: desk.durable == [0])
    logger.close(WAIT_S)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning", "ignore:.*fork.*:RuntimeWarning")
def test_a_forked_child_neither_writes_nor_hangs():
    """It has no writer thread: it is refused at once, also while its parent's queue is full."""
    desk = Desk()
    logger = logger_of(desk, queue_bytes=100)
    logger.submit(Parcel(0))
    assert desk.entered.wait(WAIT_S)
    child = os.fork()
    if child == 0:
        answers = [logger.submit(Parcel(7)), logger.flush(), logger.close()]
        os._exit(0 if answers == [False, False, False] else 1)
    deadline = time.monotonic() + WAIT_S
    status = None
    while status is None and time.monotonic() < deadline:
        pid, code = os.waitpid(child, os.WNOHANG)
        status = code if pid else time.sleep(0.01)
    if status is None:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert status == 0
    desk.open.set()
    assert logger.close(WAIT_S)
    assert desk.durable == [0]


def test_what_a_handler_raises_never_ends_the_writer():
    """Not even SystemExit, which a thread would die of without a word."""
    desk = Desk(fail=lambda what: SystemExit(3) if what == "handle 0" else None)  # type: ignore[arg-type]
    desk.open.set()
    logger = logger_of(desk)
    logger.submit(Parcel(0))
    assert logger.flush(WAIT_S) is False
    logger.submit(Parcel(1))
    assert logger.flush(WAIT_S) is True
    assert desk.durable == [1]
    assert logger.counts.errors_by_kind == {"SystemExit": 1}
    assert "SystemExit: 3" in logger.counts.first_errors["SystemExit"]
    assert logger.close(WAIT_S) is False


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nobody_waits_for_a_writer_that_died(caplog: pytest.LogCaptureFixture):
    """A submitter and a flush that wait for it come back, and so does everything that is called later."""
    desk = Desk()
    logger = logger_of(desk, queue_bytes=100)
    logger.submit(Parcel(0))
    assert desk.entered.wait(WAIT_S)
    submitter, _ = in_thread(lambda: logger.submit(Parcel(1)))
    flusher, flushed = in_thread(logger.flush)
    wait_for(lambda: logger._waiting == 1 and len(logger._queue) == 1)

    def die(*_: Any) -> bool:
        raise SystemExit

    logger._guard = die  # type: ignore[method-assign]
    desk.open.set()
    for thread in (submitter, flusher, logger._thread):
        thread.join(WAIT_S)
        assert not thread.is_alive()
    assert flushed == [False]
    assert logger.has_ended
    assert logger.submit(Parcel(2)) is False
    assert logger.flush(WAIT_S) is False
    assert logger.close(WAIT_S) is False
    assert logger.counts.refused_items + logger.counts.accepted_items == 3
    assert "the writer thread died" in caplog.text


def test_a_stalled_disk_holds_the_program_up_and_says_so_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    """Under ``block``: the wait is counted while it lasts, and the way out is named."""
    monkeypatch.setattr("jaxarc.pipeline.async_logger._PATIENCE_S", 0.0)
    desk = Desk()
    logger = logger_of(desk, queue_bytes=100)
    logger.submit(Parcel(0))
    threads = [in_thread(lambda n=n: logger.submit(Parcel(n))) for n in (1, 2)]
    wait_for(lambda: logger.counts.blocked_s > 0 and "waited" in caplog.text)
    assert all(thread.is_alive() for thread, _ in threads)
    desk.open.set()
    for thread, accepted in threads:
        thread.join(WAIT_S)
        assert accepted == [True]
    assert logger.close(WAIT_S)
    assert desk.durable[0] == 0
    assert sorted(desk.durable) == [0, 1, 2]
    said = [record for record in caplog.records if "has waited" in record.message]
    assert [record.levelno for record in said] == [logging.WARNING]
    assert "pipeline.overflow=drop_steps" in said[0].message


def test_a_stalled_disk_holds_nobody_up_while_there_is_something_to_shed():
    """Under ``drop_steps``: the steps of the queue first, those of the newcomer when there are no others."""
    desk = Desk()
    logger = logger_of(desk, overflow="drop_steps", queue_bytes=120)
    assert logger.submit(Parcel(0))
    assert desk.entered.wait(WAIT_S)
    newcomers = [Parcel(1), Parcel(2)]
    assert [logger.submit(parcel) for parcel in newcomers] == [True, True]
    assert [parcel.steps for parcel in newcomers] == [0, 0]
    assert logger.counts.blocked_s < WAIT_S
    waiter, accepted = in_thread(lambda: logger.submit(Parcel(3)))
    wait_for(lambda: logger._waiting == 1)
    desk.open.set()
    waiter.join(WAIT_S)
    assert accepted == [True]
    assert logger.close(WAIT_S)
    assert [number for number, _ in desk.handled] == [0, 1, 2, 3]


def test_shedding_is_told_when_it_begins_and_when_there_is_room_again():
    """Changes alone, and on the thread of the writer."""
    desk = Desk()
    told: list[tuple[bool, int]] = []
    logger = AsyncLogger(
        AsyncLoggerConfig(flush_interval=600.0, queue_bytes=300, overflow="drop_steps"),
        desk,
        on_shedding=lambda on: told.append((on, threading.get_ident())),
    )
    for round in (1, 2):
        desk.entered.clear()
        desk.open.clear()
        logger.submit(Parcel(0))
        assert desk.entered.wait(WAIT_S)
        for number in range(1, 9):
            logger.submit(Parcel(number))
        desk.open.set()
        assert logger.flush(WAIT_S)
        assert [on for on, _ in told] == [True, False] * round
    assert {thread for _, thread in told} == {logger._thread.ident}
    logger.close(WAIT_S)


def test_in_a_hurry_nobody_waits_for_the_disk():
    """Steps are shed for it under ``block`` too, and what nobody can shed is taken or refused at once."""
    desk = Desk()
    logger = logger_of(desk, queue_bytes=100)
    logger.submit(Parcel(0))
    assert desk.entered.wait(WAIT_S)
    waiter, accepted = in_thread(lambda: logger.submit(Parcel(1)))
    wait_for(lambda: logger._waiting == 1)
    logger.hurry(3600.0)
    waiter.join(WAIT_S)
    assert accepted == [True]
    answers = [logger.submit(Parcel(number)) for number in range(2, 14)]
    assert answers == [True] * 9 + [False] * 3
    assert logger.counts.refused_items == 3
    logger.hurry(None)
    desk.open.set()
    assert logger.close(WAIT_S)
    assert [steps for _, steps in desk.handled] == [90, *[0] * 10]


def test_a_close_in_a_hurry_ends_with_the_disk_stalled():
    """It says that not everything is on disk; the writer goes on in the background."""
    desk = Desk()
    logger = logger_of(desk)
    logger.submit(Parcel(0))
    logger.submit(Parcel(1))
    assert desk.entered.wait(WAIT_S)
    closer, closed = in_thread(logger.close)
    wait_for(lambda: logger._closing)
    logger.hurry(0.05)
    closer.join(WAIT_S)
    assert closed == [False]
    assert logger.counts.accepted_items - logger.counts.handled_items == 2
    desk.open.set()
    wait_for(lambda: logger.has_ended)
    assert desk.handled == [(0, 90), (1, 0)]
    assert desk.closed == 1


class _Counted:
    """Takes items and knows how many."""

    def __init__(self) -> None:
        self.items = 0

    def handle(self, item: object) -> bool:
        """Count one."""
        self.items += 1
        return False

    def commit(self) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is kept."""


def test_small_items_that_come_one_by_one_are_all_handled_long_before_the_next_commit():
    """The writer looks again by itself where nobody wakes it, and sleeps until it is woken afterwards."""
    handler = _Counted()
    queue = AsyncLogger(AsyncLoggerConfig(flush_interval=1000.0), handler)
    for number in range(1, 40):
        queue.submit(EventItem(Event("log", {}), 200))
        if number % 13 == 0:
            until = time.monotonic() + 30
            while handler.items < number and time.monotonic() < until:
                time.sleep(0.03)
            assert handler.items == number
    queue.close()
