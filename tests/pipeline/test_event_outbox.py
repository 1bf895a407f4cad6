"""Events on their way: in order, tried again, counted."""

from __future__ import annotations

import pytest

from jaxarc.pipeline.event_outbox import EventOutbox
from jaxarc.records.events import Event


class Log:
    """A log that takes what it is told to."""

    def __init__(self) -> None:
        self.fails = False
        self.numbers: list[int] = []

    def append(self, event: Event) -> None:
        if self.fails:
            raise OSError("the disk is full")
        self.numbers.append(event.payload["number"])


def event(number: int) -> Event:
    return Event("metric_batch", {"number": number})


def test_what_could_not_be_appended_is_appended_later_and_in_order():
    """The first failure is raised; what comes behind it waits without trying."""
    log = Log()
    box = EventOutbox(log.append)
    box.put(event(0))
    log.fails = True
    with pytest.raises(OSError, match="full"):
        box.put(event(1))
    box.put(event(2))
    with pytest.raises(OSError, match="full"):
        box.send()
    box.committed()
    assert (box.accepted, box.persisted, box.waiting, box.lost) == (3, 1, 2, 0)
    log.fails = False
    box.put(event(3))
    assert log.numbers == [0]
    box.send()
    assert (log.numbers, box.persisted) == ([0, 1, 2, 3], 1)
    box.committed()
    assert (box.persisted, box.waiting) == (4, 0)


def test_what_waits_for_a_log_that_takes_nothing_is_bounded(monkeypatch: pytest.MonkeyPatch):
    """The oldest is lost first, and counted."""
    monkeypatch.setattr("jaxarc.pipeline.event_outbox._MOST_WAITING", 3)
    log = Log()
    log.fails = True
    box = EventOutbox(log.append)
    with pytest.raises(OSError, match="full"):
        box.put(event(0))
    for number in range(1, 5):
        box.put(event(number))
    assert (box.waiting, box.lost) == (3, 2)
    log.fails = False
    box.send()
    assert log.numbers == [2, 3, 4]
