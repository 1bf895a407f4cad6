"""The numbers of a row field, where they lie: nothing is copied until somebody wants to have them."""

from __future__ import annotations

from functools import cached_property

import numpy as np

__all__ = ["FieldRows", "on_its_own"]


def on_its_own(rows: np.ndarray) -> np.ndarray:
    """Return an array that keeps no much larger one in memory: itself, or a copy."""
    root = rows
    while isinstance(root.base, np.ndarray):
        root = root.base
    return rows if 4 * root.nbytes <= 5 * rows.nbytes else rows.copy()


class FieldRows:
    """Rows of one field inside a longer array of numbers.

    Rows may lie anywhere in the array, in any order, and several may be the same numbers.

    Args:
        numbers: words (int32) or octets (int8) of one dimension, as they crossed.
        start: where each row's first number lies, before ``offset`` is added, int64[n].
        offset: added to every ``start``, so that fields which lie side by side share one.
        width: numbers of a row.
    """

    __slots__ = ("__dict__", "numbers", "offset", "start", "width")

    def __init__(self, numbers: np.ndarray, start: np.ndarray, offset: int, width: int):
        self.numbers = numbers
        self.start = start
        self.offset = offset
        self.width = width

    def __len__(self) -> int:
        return len(self.start)

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return the numbers of some rows, [rows width]."""
        return self.at(self.start[rows])

    def at(self, start: np.ndarray) -> np.ndarray:
        """Return the numbers of the rows that start there, [n width]."""
        return self._windows[start]

    def lies_with(self, other: FieldRows) -> bool:
        """Say whether two fields are numbers of the same array."""
        return self.numbers is other.numbers

    @cached_property
    def _windows(self) -> np.ndarray:
        """Every run of ``width`` numbers, the n-th of which begins at ``offset + n``."""
        number = self.numbers.itemsize
        count = len(self.numbers) - self.offset - self.width + 1
        if not self.width or count <= 0:
            return np.empty((max(count, 0), self.width), self.numbers.dtype)
        shape, begin = (count, self.width), self.offset * number
        return np.ndarray(shape, self.numbers.dtype, self.numbers, begin, (number, number))
