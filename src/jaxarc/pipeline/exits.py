"""Every way out of the process ends the recorders that are open."""

from __future__ import annotations

import _thread
import atexit
import logging
import math
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

__all__ = ["CLOSE_S", "EXITS", "Exits"]

logger = logging.getLogger(__name__)

Closer = Callable[[str], None]
Hurry = Callable[[float | None], None]

CLOSE_S = 1.2
"""Seconds that a close may take after Ctrl-C."""


_REARM_DELAY_S = 0.05
_JAX_CALLBACKS = os.path.join("jax", "_src", "callback.py")
"""Where JAX enters Python from a compiled program; elsewhere an interrupt comes as it would without us."""


def _is_inside_callback(frame: FrameType | None) -> bool:
    """Say whether ``frame`` runs on behalf of a compiled program that called back."""
    while frame is not None:
        if frame.f_code.co_filename.endswith(_JAX_CALLBACKS):
            return True
        frame = frame.f_back
    return False


def _is_inside_hdf5(frame: FrameType | None) -> bool:
    """Say whether ``frame`` runs on behalf of h5py, whose one lock the writer needs too."""
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] == "h5py":
            return True
        frame = frame.f_back
    return False


class Exits:
    """Close what is open at interpreter exit and on SIGTERM; let Ctrl-C wait for the end of a callback.

    The hooks are set with the first closer that asks for them and go with the last. A signal handler that
    somebody else set is called after ours. Handlers are set on the main thread only; elsewhere interpreter
    exit still closes.

    Python delivers a Ctrl-C that came during a compiled program with the first line that runs after it: in a
    callback, where an exception kills the program with an error of JAX's. There it is put off, and nothing
    that this callback or a later one of the program sends waits for the disk any more. While a recorder is
    being closed it is put off as well, and the close ends within ``CLOSE_S`` seconds; a second one gets
    through.
    """

    def __init__(self) -> None:
        self._closers: dict[int, tuple[Closer, Hurry, int]] = {}
        self._previous: Any = None
        self._before_interrupt: Any = None
        self._set = False
        self._next = 0
        self._at_exit = False
        self._pending: int | None = None
        self._ending: set[int] = set()
        self._hurried = False

    def add(self, closer: Closer, *, signals: bool, hurry: Hurry = lambda _: None) -> int:
        """Call ``closer(status)`` on the way out; return a handle for ``remove``.

        Args:
            closer: ends a recorder.
            signals: whether the signal handlers are set.
            hurry: told how many seconds a close may take from now on, None for as many as it takes; called
                in a signal handler.
        """
        if not self._at_exit:
            atexit.register(self._exit)
            self._at_exit = True
        if signals and not self._set and threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGTERM, self._terminated)
            self._before_interrupt = signal.getsignal(signal.SIGINT)
            if callable(self._before_interrupt):
                signal.signal(signal.SIGINT, self._interrupted)
            self._set = True
        self._next += 1
        self._closers[self._next] = (closer, hurry, os.getpid())
        return self._next

    def ending(self, handle: int, *, hurried: bool = False) -> None:
        """Hear that this closer is at work: an interrupt waits until ``remove`` says that it is done.

        Args:
            handle: what ``add`` returned.
            hurried: whether an interrupt is what ends it: the next one does not wait.
        """
        self._ending.add(handle)
        self._hurried |= hurried

    def remove(self, handle: int) -> None:
        """Forget a closer; with the last one the signal handlers that were there before come back."""
        self._closers.pop(handle, None)
        self._ending.discard(handle)
        self._hurried &= bool(self._ending)
        if not self._closers:
            self._restore_handlers()
        ready = not self._ending if self._pending == signal.SIGINT else not self._closers
        if self._pending is not None and ready:
            number, self._pending = self._pending, None
            os.kill(os.getpid(), number)

    def _restore_handlers(self) -> None:
        on_main_thread = threading.current_thread() is threading.main_thread()
        # Where somebody set a handler after ours, ours may be called from it, and stays as it is.
        if self._set and on_main_thread and signal.getsignal(signal.SIGTERM) == self._terminated:
            signal.signal(signal.SIGTERM, self._previous)
            if signal.getsignal(signal.SIGINT) == self._interrupted:
                signal.signal(signal.SIGINT, self._before_interrupt)
            self._set = False

    def hurry(self, seconds: float | None) -> None:
        """Let no recorder wait longer than this for the disk; None lets them wait again."""
        for _, hurry, _ in list(self._closers.values()):
            hurry(seconds)

    def _close_all(self, status: str) -> None:
        for closer, _, pid in list(self._closers.values()):
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
        elif isinstance(error, KeyboardInterrupt):
            self.hurry(CLOSE_S)
            self._hurried = True
            self._close_all("KILLED")
        else:
            self._close_all("FAILED")

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        if _is_inside_callback(frame):
            self.hurry(math.inf)  # it may be waiting for the disk there
            again = threading.Timer(_REARM_DELAY_S, _thread.interrupt_main)
            again.daemon = True
            again.start()
        elif self._ending and self._pending is None and not self._hurried:
            self._pending = number
            self.hurry(CLOSE_S)
            logger.warning("recording: the run is being ended; Ctrl-C once more gives that up")
        else:
            self.hurry(None)
            self._before_interrupt(number, frame)

    def _terminated(self, number: int, frame: FrameType | None) -> None:
        previous = self._previous
        if self._has_open() and (_is_inside_callback(frame) or _is_inside_hdf5(frame)):
            # Here a close would wait for the program below this frame, and for locks that it holds.
            threading.Thread(target=self._end_and_repeat, args=(number,), name="jaxarc-exit").start()
            return
        if not self._end(number):
            return
        if callable(previous):
            previous(number, frame)
        elif previous != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def _has_open(self) -> bool:
        return any(pid == os.getpid() for _, _, pid in self._closers.values())

    def _end(self, number: int) -> bool:
        """Close what is open; False where a close is under way, after which the signal comes again."""
        self._close_all("KILLED")
        if not self._has_open():
            return True
        self._pending = number
        return False

    def _end_and_repeat(self, number: int) -> None:
        if self._end(number):
            os.kill(os.getpid(), number)


EXITS = Exits()
"""The exits of this process."""
