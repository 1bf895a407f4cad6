"""Every way out of the process ends the recorders that are open."""

from __future__ import annotations

import atexit
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["EXITS", "Exits"]

Closer = Callable[[str], None]


class Exits:
    """Close what is open at interpreter exit and on SIGTERM.

    The hooks are set with the first closer that asks for them and go with the last. A signal handler that
    somebody else set is called after ours. Handlers are set on the main thread only; elsewhere interpreter
    exit still closes.
    """

    def __init__(self) -> None:
        self._closers: dict[int, tuple[Closer, int]] = {}
        self._previous: Any = None
        self._set = False
        self._next = 0
        self._at_exit = False

    def add(self, closer: Closer, *, signals: bool) -> int:
        """Call ``closer(status)`` on the way out; return a handle for ``remove``."""
        if not self._at_exit:
            atexit.register(self._exit)
            self._at_exit = True
        if signals and not self._set and threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGTERM, self._terminated)
            self._set = True
        self._next += 1
        self._closers[self._next] = (closer, os.getpid())
        return self._next

    def remove(self, handle: int) -> None:
        """Forget a closer; with the last one the signal handler that was there before comes back."""
        self._closers.pop(handle, None)
        if self._closers or not self._set or threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(signal.SIGTERM) == self._terminated:
            signal.signal(signal.SIGTERM, self._previous)
        self._set = False

    def _close_all(self, status: str) -> None:
        for closer, pid in list(self._closers.values()):
            if pid == os.getpid():
                closer(status)

    def _exit(self) -> None:
        self._close_all("FINISHED")

    def _terminated(self, number: int, frame: FrameType | None) -> None:
        previous = self._previous
        self._close_all("KILLED")
        if callable(previous):
            previous(number, frame)
        elif previous != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)


EXITS = Exits()
"""The exits of this process."""
