"""ReadAhead: columns are read in large parts, and every row is the one that was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from jaxarc.storage.read_ahead import ReadAhead

COLUMN = np.arange(1000, dtype=np.int64)


class Column:
    """A column that remembers what was read of it."""

    def __init__(self, damaged: int = 10_000):
        self.reads: list[tuple[int, int]] = []
        self._damaged = damaged

    def read(self, rows: slice) -> np.ndarray:
        self.reads.append((rows.start, rows.stop))
        if rows.start <= self._damaged < rows.stop:
            raise OSError("a chunk has another checksum")
        return COLUMN[rows].copy()


def test_parts_that_follow_one_another_are_read_together():
    """The first part alone; from the second on, far ahead."""
    column, ahead = Column(), ReadAhead(ahead_bytes=800)
    for first in range(0, 100, 10):
        found = ahead.rows("steps", slice(first, first + 10), column.read)
        assert found.tolist() == list(range(first, first + 10))
    assert column.reads == [(0, 10), (10, 110)]


def test_parts_here_and_there_are_read_alone():
    """Who jumps about reads no more than that; a part beyond what is read at once is read whole."""
    column, ahead = Column(), ReadAhead(ahead_bytes=80)
    for first in (500, 100, 900, 300):
        assert ahead.rows("steps", slice(first, first + 5), column.read).tolist()[0] == first
    assert len(ahead.rows("steps", slice(305, 705), column.read)) == 400
    assert column.reads == [(500, 505), (100, 105), (900, 905), (300, 305), (305, 705)]
    assert ahead.rows("steps", slice(995, 1000), column.read).tolist() == list(range(995, 1000))


def test_a_damaged_row_ahead_is_the_trouble_of_who_wants_it():
    """Those before it are read."""
    column, ahead = Column(damaged=35), ReadAhead(ahead_bytes=800)
    for first in (0, 10, 20):
        assert ahead.rows("steps", slice(first, first + 10), column.read).tolist()[0] == first
    with pytest.raises(OSError, match="checksum"):
        ahead.rows("steps", slice(30, 40), column.read)
    assert ahead.rows("steps", slice(40, 50), column.read).tolist()[0] == 40


def test_what_was_asked_for_least_recently_goes():
    """And rows are read-only, for they are kept."""
    column, ahead = Column(), ReadAhead(ahead_bytes=8, most_bytes=160)
    for name in ("a", "b", "a", "c", "a", "b"):
        found = ahead.rows(name, slice(0, 10), column.read)
        assert not found.flags.writeable
    assert len(column.reads) == 4
