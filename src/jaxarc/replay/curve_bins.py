"""Bins of curves: which episodes make one point, known from each row alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum, isfinite, sqrt

import numpy as np

__all__ = ["Closed", "bins_of", "bins_of_updates", "mean_of", "ordered_bins", "return_numbers"]

_POWERS = 10 ** np.arange(19, dtype=np.int64)
_STEP_PARTS = 50
"""A window is as wide as the power of ten below it, divided by this: a curve has 450 points a decade at most,
and never fewer than these where there are enough episodes, however long the run becomes."""

_UPDATE_PARTS = 10_000
_UPDATES = 1 << 62
"""Bins of updates come behind all windows of steps."""

_ROUND = 1 << 40
"""Bins of a program that is called again, and counts its updates from the beginning, come behind these."""


@dataclass(frozen=True)
class Closed:
    """A bin that is complete.

    Attributes:
        key: what it goes by; later ones are larger.
        step: environment step of its last episode.
        ended: when that ended, seconds since the epoch.
        numbers: what its episodes come to.
    """

    key: int
    step: int
    ended: float
    numbers: Mapping[str, float]

    @property
    def update(self) -> int | None:
        """The (first) update of the bin; None where it is a window of steps."""
        return (self.key - _UPDATES) % _ROUND if self.key >= _UPDATES else None


def bins_of(end_step: np.ndarray) -> np.ndarray:
    """Return the bin of episodes that ended at these environment steps of their stream, int64[n].

    Windows are 1 step wide up to step 100, then 2 up to 1,000, 20 up to 10,000, 200 up to 100,000, and so on:
    the same for every member and every run, without knowing how long it will be.
    """
    return _windows(np.asarray(end_step, np.int64) - 1, _STEP_PARTS)


def bins_of_updates(update: np.ndarray) -> np.ndarray:
    """Return the bin of episodes of these updates, int64[n]: each its own up to 100,000, then each ten, …"""
    return _windows(np.asarray(update, np.int64), _UPDATE_PARTS) + _UPDATES


def ordered_bins(
    bins: np.ndarray, begins: np.ndarray, ends: np.ndarray, before: int, last: int
) -> np.ndarray:
    """Return the bins of one member's episodes so that they never go back, int64[n].

    An episode of an earlier bin than the one before it came late, and counts in that one. But where it is of
    an earlier update and began when all episodes so far had ended, the updates are counted anew from there.

    Args:
        bins: as `bins_of` or `bins_of_updates` has them.
        begins, ends: environment steps at which the episodes began and ended.
        before: the bin that is open; -1 for none.
        last: environment step at which the last episode ended so far; -1 for none.
    """
    found = bins.copy()
    by_update = bins >= _UPDATES
    began_behind = by_update & (begins >= np.maximum.accumulate(np.append(last, ends))[:-1])
    start, rounds = 0, max(before - _UPDATES, 0) // _ROUND
    while True:
        rest = slice(start, len(bins))
        moved = np.where(by_update[rest], bins[rest] + rounds * _ROUND, bins[rest])
        found[rest] = np.maximum.accumulate(np.maximum(moved, before))
        anew = np.flatnonzero(began_behind[rest] & (moved < found[rest]))
        if not len(anew):
            return found
        start += int(anew[0])
        rounds += 1
        before = -1


def _windows(position: np.ndarray, parts: int) -> np.ndarray:
    """Return where the window begins in which each position lies."""
    position = np.maximum(position, 0)
    decade = _POWERS[np.maximum(np.searchsorted(_POWERS, position, side="right") - 1, 0)]
    width = np.maximum(decade // parts, 1)
    return position // width * width


def mean_of(values: Sequence[int | float] | np.ndarray) -> float:
    """Return the mean of numbers, NaN where one is; the same whatever their order."""
    try:
        return fsum(values) / len(values)
    except (ValueError, OverflowError):  # infinities of both signs, or a sum beyond all numbers
        with np.errstate(invalid="ignore", over="ignore"):
            return float(np.mean(values))


def return_numbers(returns: Sequence[int | float] | np.ndarray) -> dict[str, float]:
    """Return mean, standard deviation, least and largest of the returns of a bin; NaN where one is NaN."""
    mean = mean_of(returns)
    spread = _spread(returns, mean) if isinstance(returns, list) else None
    if spread is None:
        with np.errstate(invalid="ignore", over="ignore"):
            spread, least, most = np.std(returns), np.min(returns), np.max(returns)
    else:
        least, most = min(returns), max(returns)
    return {
        "episode_return_mean": mean,
        "episode_return_std": float(spread),
        "episode_return_min": float(least),
        "episode_return_max": float(most),
    }


def _spread(values: Sequence[int | float], mean: float) -> float | None:
    """Return the standard deviation of a few numbers; None where it is not finite."""
    try:
        found = sqrt(fsum((value - mean) * (value - mean) for value in values) / len(values))
    except (ValueError, OverflowError):
        return None
    return found if isfinite(found) else None
