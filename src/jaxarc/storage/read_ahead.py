"""ReadAhead: who reads the episodes of a segment one after the other reads its columns in large parts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import NamedTuple

import numpy as np

__all__ = ["ReadAhead"]

_MOST_BYTES = 256 << 20


class _Window(NamedTuple):
    """Rows of a column that are in memory, read-only."""

    first: int
    rows: np.ndarray

    @property
    def end(self) -> int:
        return self.first + len(self.rows)


class ReadAhead:
    """Keep the rows of columns that were read last, and read on where one part follows another.

    Args:
        ahead_bytes: how much of a column is read at once; nothing is read ahead of the first part.
        most_bytes: how much is kept in all; the columns that were asked for least recently go.
    """

    def __init__(self, ahead_bytes: int, most_bytes: int = _MOST_BYTES):
        self._ahead_bytes = ahead_bytes
        self._most_bytes = most_bytes
        self._windows: OrderedDict[Hashable, _Window] = OrderedDict()
        self._bytes = 0

    def rows(self, column: Hashable, wanted: slice, read: Callable[[slice], np.ndarray]) -> np.ndarray:
        """Return rows of a column.

        Args:
            column: what the column is called, unlike all others.
            wanted: a slice with a beginning and an end.
            read: reads a slice, which may go beyond the end of the column.

        What ``read`` raises is raised for these rows alone, not for damaged ones behind them.
        """
        first, end = int(wanted.start), int(wanted.stop)
        known = self._windows.get(column)
        if known is None or not (known.first <= first and end <= known.end):
            known = self._read(first, end, known, read)
            self._keep(column, known)
        else:
            self._windows.move_to_end(column)
        return known.rows[first - known.first : end - known.first]

    def _read(
        self, first: int, end: int, known: _Window | None, read: Callable[[slice], np.ndarray]
    ) -> _Window:
        ahead = 0
        if known is not None and len(known.rows):
            row_bytes = max(1, known.rows.nbytes // len(known.rows))
            rows = self._ahead_bytes // row_bytes
            if known.first <= first <= known.end + rows:
                ahead = rows
        if first + ahead > end:
            with suppress(OSError, RuntimeError, ValueError, LookupError):  # of rows that nobody asked for
                return self._window(first, read(slice(first, first + ahead)))
        return self._window(first, read(slice(first, end)))

    def _window(self, first: int, rows: np.ndarray) -> _Window:
        rows.flags.writeable = False
        return _Window(first, rows)

    def _keep(self, column: Hashable, window: _Window) -> None:
        gone = self._windows.pop(column, None)
        self._bytes += window.rows.nbytes - (gone.rows.nbytes if gone is not None else 0)
        self._windows[column] = window
        while self._bytes > self._most_bytes and len(self._windows) > 1:
            self._bytes -= self._windows.popitem(last=False)[1].rows.nbytes
