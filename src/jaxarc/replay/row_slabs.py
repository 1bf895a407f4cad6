"""Rows of a run a slab at a time, so that ten million of them need no more memory than a few."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from jaxarc.records.table import EpisodeTable

__all__ = ["Slab", "distinct", "has_ended", "row_slabs"]

Slab = dict[str, np.ndarray]
"""Columns of some rows that follow each other, with their positions in the table as ``position``."""

_AT_ONCE = 1 << 18


def row_slabs(table: EpisodeTable, names: Iterable[str], *, at_once: int = _AT_ONCE) -> Iterator[Slab]:
    """Yield columns of a table, some rows at a time; nothing of them is kept."""
    source, names = table.source, tuple(names)
    for start in range(0, len(table), at_once):
        positions = np.arange(start, min(start + at_once, len(table)))
        yield {"position": positions, **{name: source.read_at(name, positions) for name in names}}


def has_ended(slab: Slab) -> np.ndarray:
    """Say which episodes of rows with ``ended`` came to their end, bool[n]: not cut, and not running."""
    return (slab["ended"] != b"cut") & (slab["ended"] != b"running")


def distinct(texts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the different texts of a column, and for each entry which of them it is.

    Args:
        texts: bytes of fixed width, [n].

    Returns:
        The texts in no order, and int64[n].
    """
    if not len(texts):
        return texts, np.zeros(0, np.int64)
    if texts.dtype.itemsize > 8 or len(texts) < 1000:
        found = np.unique(texts, return_inverse=True)
        return found[0], found[1].reshape(-1)
    # Text of up to eight bytes is a number, and numbers sort several times as fast.
    words = np.ascontiguousarray(texts.astype("S8")).view(np.uint64)
    _, first, place = np.unique(words, return_index=True, return_inverse=True)
    return texts[first], place.reshape(-1)
