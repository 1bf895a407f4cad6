"""A median and the interval that holds it: distribution-free, from the order of the values alone."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

__all__ = ["Estimate", "estimate_median", "interval_ranks"]

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """The median of some values, and two of those values with the true median between them.

    Attributes:
        median: median of the values.
        low, high: ends of the interval.
        coverage: the probability that such an interval holds the true median, whatever the distribution.
            Under 0.95 when there are fewer than six values: then the interval is all of them.
    """

    median: float
    low: float
    high: float
    coverage: float


def interval_ranks(num_values: int, confidence: float = CONFIDENCE) -> tuple[int, int, float]:
    """Return which of the sorted values are the ends of the interval, and its coverage.

    How many of n independent values lie below the median is Binomial(n, 1/2). The interval from the k-th
    smallest to the k-th largest misses the median when fewer than k values lie on one side of it: the largest
    k for which that is rarer than ``1 - confidence`` gives the narrowest interval (W. J. Conover, Practical
    Nonparametric Statistics, section 3.2).

    Args:
        num_values: n.
        confidence: the coverage that is asked for.

    Returns:
        Index of the lower and of the upper end, counted from 0, and the coverage.
    """
    if num_values < 1:
        raise ValueError("an interval needs at least one value")

    def coverage(k: int) -> float:
        return 1.0 - 2.0 * sum(comb(num_values, below) for below in range(k)) / 2.0**num_values

    widest = 1
    while 2 * (widest + 1) <= num_values and coverage(widest + 1) >= confidence:
        widest += 1
    return widest - 1, num_values - widest, max(0.0, coverage(widest))


def estimate_median(values: Sequence[float]) -> Estimate:
    """Return the median of the values and its interval at 95 % or more.

    Args:
        values: independent measurements, at least one.
    """
    ordered = sorted(values)
    low, high, coverage = interval_ranks(len(ordered))
    return Estimate(statistics.median(ordered), ordered[low], ordered[high], coverage)
