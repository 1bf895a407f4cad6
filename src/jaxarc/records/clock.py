"""The time of day as rows and events carry it: it never goes back within a process."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

__all__ = ["CLOCK", "Clock"]


class Clock:
    """Tell the time of day such that what came later never seems earlier.

    Where the system's clock is set back, time goes on from where it was; durations stay right and the time
    of day stays ahead of the system's until the process ends.

    Args:
        wall_ns: the system's clock, in nanoseconds since the epoch.
    """

    def __init__(self, wall_ns: Callable[[], int] = time.time_ns):
        self._wall_ns = wall_ns
        # A signal may close a recorder while its thread is in here: it may come in again.
        self._lock = threading.RLock()
        self._latest = 0
        self._ahead = 0

        # Another thread may hold the lock when the process forks; in the child nobody would give it back.
        os.register_at_fork(after_in_child=self._renew_lock)

    def _renew_lock(self) -> None:
        self._lock = threading.RLock()

    def now_ns(self) -> int:
        """Return nanoseconds since the epoch."""
        with self._lock:
            now = self._wall_ns() + self._ahead
            if now < self._latest:
                self._ahead += self._latest - now
                now = self._latest
            self._latest = now
            return now

    def now_s(self) -> float:
        """Return seconds since the epoch."""
        return self.now_ns() / 1e9


CLOCK = Clock()
"""The clock of this process."""
