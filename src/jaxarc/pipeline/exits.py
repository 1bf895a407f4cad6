"""Every way out of the process ends the recorders that are open."""

from __future__ import annotations

import atexit
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["EXITS", "Exits"]

logger = logging.getLogger(__name__)

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
        self._pending: int | None = None

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
        if self._closers:
            return
        on_main_thread = threading.current_thread() is threading.main_thread()
        # Where somebody set a handler after ours, ours may be called from it, and stays as it is.
        if self._set and on_main_thread and signal.getsignal(signal.SIGTERM) == self._terminated:
            signal.signal(signal.SIGTERM, self._previous)
            self._set = False
        if self._pending is not None:
            number, self._pending = self._pending, None
            os.kill(os.getpid(), number)

    def _close_all(self, status: str) -> None:
        for closer, pid in list(self._closers.values()):
            if pid != os.getpid():
                continue
            try:
                closer(status)
            except Exception:
                logger.exception("a recorder could not be closed properly on the way out")

    def _exit(self) -> None:
        error = None if hasattr(sys, "ps1") else getattr(sys, "last_value", None)
        if error is None:
            self._close_all("FINISHED")
        else:
            self._close_all("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")

    def _terminated(self, number: int, frame: FrameType | None) -> None:
        previous = self._previous
        self._close_all("KILLED")
        if any(pid == os.getpid() for _, pid in self._closers.values()):
            # A close is under way below this handler: it finishes first, then the signal comes again.
            self._pending = number
            return
        if callable(previous):
            previous(number, frame)
        elif previous != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)


EXITS = Exits()
"""The exits of this process."""
