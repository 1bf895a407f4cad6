"""Rows of a long run in a room that does not grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["History", "MeasuredRow"]


@dataclass(frozen=True)
class MeasuredRow:
    """What was measured at one step.

    Attributes:
        step: the step.
        values: numbers by metric.
        breached: metrics beyond their thresholds.
        is_finite: whether every number of the trees was finite.
    """

    step: int
    values: Mapping[str, float]
    breached: Sequence[str] = ()
    is_finite: bool = True


class History:
    """Rows, of which every second goes each time that there are too many; rows with something wrong stay.

    Args:
        limit: how many are kept at most.

    Attributes:
        rows: what is kept, in the order of its coming.
    """

    def __init__(self, limit: int):
        self._limit = limit
        self._stride = 1
        self._count = 0
        self.rows: list[MeasuredRow] = []

    def add(
        self, step: int, values: Mapping[str, float], breached: Sequence[str], *, is_finite: bool
    ) -> None:
        """Take a row, where it is its turn."""
        row = MeasuredRow(step, values, tuple(breached), is_finite)
        begins = not self.rows or bool(breached) > bool(self.rows[-1].breached) or (
            self.rows[-1].is_finite > is_finite
        )  # fmt: skip
        if self._count % self._stride == 0 or begins:
            self.rows.append(row)
        self._count += 1
        if len(self.rows) > self._limit:
            self.rows = self.rows[::2]
            self._stride *= 2
