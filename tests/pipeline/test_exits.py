"""Signal handlers: ours runs, the one before ours runs too, and all of it is put back."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

import pytest

from jaxarc.pipeline.exits import Exits


@pytest.fixture
def heard():
    """Signals that a handler of the user's heard; SIGTERM is put back afterwards."""
    before = signal.getsignal(signal.SIGTERM)
    numbers: list[int] = []

    def user_handler(number: int, frame: FrameType | None) -> None:
        numbers.append(number)

    signal.signal(signal.SIGTERM, user_handler)
    yield numbers
    signal.signal(signal.SIGTERM, before)


def test_sigterm_closes_everything_and_then_calls_the_handler_before_ours(heard: list[int]):
    """One closer that raises does not keep the others from being closed."""
    exits = Exits()
    statuses: list[str] = []
    handles: list[int] = []

    def close(status: str) -> None:
        statuses.append(status)
        exits.remove(handles[len(statuses) - 1])
        if len(statuses) == 1:
            raise RuntimeError("a strict recorder")

    user = signal.getsignal(signal.SIGTERM)
    handles += [exits.add(close, signals=True) for _ in range(2)]
    assert signal.getsignal(signal.SIGTERM) != user
    os.kill(os.getpid(), signal.SIGTERM)
    assert statuses == ["KILLED", "KILLED"]
    assert heard == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGTERM) == user


def test_a_second_signal_waits_for_the_close_that_is_under_way(heard: list[int]):
    """It is delivered again when the close is done."""
    exits = Exits()
    order: list[str] = []
    handles: list[int] = []
    closing = False

    def close(status: str) -> None:
        nonlocal closing
        if closing:
            return
        closing = True
        os.kill(os.getpid(), signal.SIGTERM)
        order.append(f"closed, heard {len(heard)}")
        exits.remove(handles[0])

    handles.append(exits.add(close, signals=True))
    close("FINISHED")
    assert order == ["closed, heard 0"]
    assert heard == [signal.SIGTERM]


def test_without_signals_nothing_is_set(heard: list[int]):
    """``pipeline.handle_signals=false`` leaves the handlers alone; so does another thread."""
    exits = Exits()
    user = signal.getsignal(signal.SIGTERM)
    exits.add(lambda _: None, signals=False)
    thread = threading.Thread(target=lambda: exits.add(lambda _: None, signals=True))
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) == user


def test_a_handler_that_was_set_over_ours_stays(heard: list[int]):
    """It may call ours: a recorder opened later must not make the two call each other for ever."""
    exits = Exits()
    first = exits.add(lambda _: None, signals=True)
    ours = signal.getsignal(signal.SIGTERM)
    calls: list[str] = []

    def wrapper(number: int, frame: FrameType | None) -> None:
        calls.append("wrapper")
        assert callable(ours)
        ours(number, frame)

    signal.signal(signal.SIGTERM, wrapper)
    exits.remove(first)
    assert signal.getsignal(signal.SIGTERM) == wrapper
    handles: list[int] = []
    handles.append(exits.add(lambda _: exits.remove(handles[0]), signals=True))
    os.kill(os.getpid(), signal.SIGTERM)
    assert calls == ["wrapper"]
    assert heard == [signal.SIGTERM]
