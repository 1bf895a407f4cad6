"""A series of any length as at most so many points: each the mean of its neighbours, with their range."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

__all__ = ["ThinnedSeries"]

_MOST = 1_000


@dataclass
class ThinnedSeries:
    """Values by step, taken as they come; when there are too many, each two neighbours become one point.

    Attributes:
        count: values that came.
        not_finite: those that were NaN or infinite; they are gaps.
    """

    count: int = 0
    not_finite: int = 0
    _per_point: int = 1
    _rows: list[list[float]] = field(default_factory=list)

    def add(self, step: int, value: float) -> None:
        """Take a value."""
        finite = math.isfinite(value)
        if self.count % self._per_point == 0:
            if len(self._rows) >= _MOST:
                self._halve()
            # step, how many, sum, least, most, last
            self._rows.append([float(step), 0.0, 0.0, math.inf, -math.inf, math.nan])
        row = self._rows[-1]
        row[0] = float(step)
        if finite:
            row[1] += 1
            row[2] += value
            row[3], row[4], row[5] = min(row[3], value), max(row[4], value), value
        self.count += 1
        self.not_finite += not finite

    def _halve(self) -> None:
        pairs = zip(self._rows[::2], self._rows[1::2], strict=True)
        self._rows = [
            [b[0], a[1] + b[1], a[2] + b[2], min(a[3], b[3]), max(a[4], b[4]), b[5] if b[1] else a[5]]
            for a, b in pairs
        ]
        self._per_point *= 2

    @property
    def is_thinned(self) -> bool:
        """Whether a point is of several values."""
        return self._per_point > 1

    @property
    def last(self) -> float:
        """The last finite value; NaN where there is none."""
        return next((row[5] for row in reversed(self._rows) if row[1]), math.nan)

    def points(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return steps, means, least and largest values, float64[points] each; NaN where none was finite."""
        table = np.array(self._rows, np.float64).reshape(-1, 6)
        step, count, total, low, high = table[:, :5].T
        empty = count == 0
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(empty, np.nan, total / count)
        # A mean of numbers near the largest float may overflow; it lies between them all the same.
        mean = np.clip(mean, np.where(empty, np.nan, low), np.where(empty, np.nan, high))
        return step, mean, np.where(empty, np.nan, low), np.where(empty, np.nan, high)
