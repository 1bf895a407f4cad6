"""The budget: how much of the wall time recording may take."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

__all__ = ["Budget"]

logger = logging.getLogger(__name__)


class Budget:
    """Say whether recording took more than its share of the time since it was opened.

    While it did, the assembler gives up the steps of episodes that begin: whole episodes, never a row.

    Args:
        share: the most that recording may take of the wall time, in (0, 1]; None sets no limit.
        spent: seconds that it took so far, in callbacks and in the writer.
        clock: seconds that pass.
    """

    def __init__(
        self,
        share: float | None,
        spent: Callable[[], float],
        clock: Callable[[], float] = time.perf_counter,
    ):
        self._share = share
        self._spent = spent
        self._clock = clock
        self._opened = clock()
        self._told = False

    def is_exceeded(self) -> bool:
        """Say whether what was spent is above the share now; the first time it is, log it."""
        if self._share is None:
            return False
        spent, passed = self._spent(), self._clock() - self._opened
        exceeded = spent > self._share * passed
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
