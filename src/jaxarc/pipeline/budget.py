"""The budget: how much of the wall time recording may take."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

__all__ = ["Budget"]

logger = logging.getLogger(__name__)

_RECOVERED = 0.9
"""The part of the share at which an exceeded budget is kept again: not just below it, which would flicker."""


class Budget:
    """Say whether recording took more than its share of the time since it was opened.

    While it did, the assembler gives up the steps of episodes that begin: whole episodes, never a row.

    Args:
        share: the most that recording may take of the wall time, in (0, 1]; None sets no limit.
        spent: seconds that it took so far, in callbacks and in the writer.
        clock: seconds that pass.
        on_change: told each time that the budget is exceeded or kept again: which of them, the seconds that
            were spent, and those that passed.
    """

    def __init__(
        self,
        share: float | None,
        spent: Callable[[], float],
        clock: Callable[[], float] = time.perf_counter,
        on_change: Callable[[bool, float, float], None] = lambda *_: None,
    ):
        self._share = share
        self._spent = spent
        self._clock = clock
        self._on_change = on_change
        self._opened = clock()
        self._exceeded = False
        self._told = False

    def is_exceeded(self) -> bool:
        """Say whether what was spent is above the share, or was and is not well below it since."""
        if self._share is None:
            return False
        spent, passed = self._spent(), self._clock() - self._opened
        limit = self._share * passed * (_RECOVERED if self._exceeded else 1.0)
        exceeded = spent > limit
        if exceeded != self._exceeded:
            self._exceeded = exceeded
            self._on_change(exceeded, spent, passed)
        if exceeded and not self._told:
            self._told = True
            logger.warning(
                "recording took %.3g s of %.3g s, above capture.budget=%g; episodes that begin "
                "meanwhile lose their steps, and keep their row (the counts are in health())",
                spent,
                passed,
                self._share,
            )
        return exceeded
