"""Boards and masks as SVG path data, without a Python loop over cells.

Everything is in cell units, with (0, 0) the top left corner of the board. A run is a stretch of equal cells
in one row; it is written as a line, ``M x y h length``, along the top of its row: whoever draws it moves it
down by half a cell and strokes it one cell wide. One run costs six or seven bytes.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

__all__ = ["full_grid", "grid_lines", "mask_runs", "outline", "value_runs"]


@lru_cache(maxsize=8)
def _spelled(prefix: str, count: int) -> np.ndarray:
    """Return the byte strings ``prefix0 … prefix<count>``, padded with NUL."""
    return np.array([f"{prefix}{index}" for index in range(count + 1)], dtype=np.bytes_)


@lru_cache(maxsize=16)
def _spelling(count: int, letter: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.dtype]:
    """Return the parts of a line spelled out, and the dtype of its record; counts are few, powers of two."""
    parts = _spelled("M", count), _spelled(" ", count), _spelled(letter, count)
    names = ("x", "y", "length")
    return *parts, np.dtype([(name, part.dtype) for name, part in zip(names, parts, strict=True)])


def _lines(xs: np.ndarray, ys: np.ndarray, lengths: np.ndarray, side: int, letter: str) -> np.ndarray:
    """Return path data ``M x y <letter> length`` as one fixed-width record a line."""
    starts, tops, ends, record = _spelling(1 << max(5, int(side).bit_length()), letter)
    records = np.empty(len(xs), record)
    records["x"] = starts[xs]
    records["y"] = tops[ys]
    records["length"] = ends[lengths]
    return records


def _text(records: np.ndarray) -> str:
    return records.tobytes().translate(None, b"\0").decode("ascii")


def value_runs(board: np.ndarray, without: int) -> list[tuple[int, str]]:
    """Return the runs of every value of a board but one.

    Args:
        board: integers, [height width].
        without: the value to leave out.

    Returns:
        ``(value, path data)``, values ascending.
    """
    height, width = board.shape
    begins = np.ones((height, width), dtype=bool)
    np.not_equal(board[:, 1:], board[:, :-1], out=begins[:, 1:])
    starts = begins.ravel().nonzero()[0]
    values = board.ravel()[starts]
    lengths = np.empty_like(starts)
    np.subtract(starts[1:], starts[:-1], out=lengths[:-1])
    lengths[-1] = height * width - starts[-1]
    order = values.argsort(kind="stable")
    order = order[values[order] != without]
    if not order.size:
        return []
    values, starts, lengths = values[order], starts[order], lengths[order]
    ys, xs = np.divmod(starts, width)
    records = _lines(xs, ys, lengths, max(height, width), "h")
    cuts = ((values[1:] != values[:-1]).nonzero()[0] + 1).tolist()
    stretches = zip([0, *cuts], [*cuts, len(values)], strict=True)
    return [(int(values[begin]), _text(records[begin:end])) for begin, end in stretches]


def _true_runs(mask: np.ndarray, side: int, letter: str) -> np.ndarray:
    """Return the runs of True along the rows of ``mask``; with ``v`` rows are read as columns."""
    height, width = mask.shape
    edges = np.zeros((height, width + 1), dtype=np.int8)
    edges[:, :-1] = mask
    edges[:, 1:] -= mask
    flat = edges.ravel()
    starts = (flat > 0).nonzero()[0]
    ends = (flat < 0).nonzero()[0]
    along, across = starts % (width + 1), starts // (width + 1)
    xs, ys = (along, across) if letter == "h" else (across, along)
    return _lines(xs, ys, ends - starts, side, letter)


def mask_runs(mask: np.ndarray, letter: str = "h") -> str:
    """Return path data of the runs of True of a mask.

    Args:
        mask: bool, [height width].
        letter: ``h``; with ``v`` the rows of the mask are drawn as columns.
    """
    return _text(_true_runs(mask, max(mask.shape), letter))


def outline(mask: np.ndarray) -> str:
    """Return path data of the border of a mask, bool[height width]: each straight piece is one line."""
    height, width = mask.shape
    padded = np.zeros((height + 2, width + 2), dtype=bool)
    padded[1:-1, 1:-1] = mask
    level = padded[1:, 1:-1] != padded[:-1, 1:-1]
    upright = padded[1:-1, 1:] != padded[1:-1, :-1]
    side = max(height, width)
    return _text(_true_runs(level, side, "h")) + _text(_true_runs(upright.T, side, "v"))


@lru_cache(maxsize=64)
def full_grid(height: int, width: int) -> str:
    """Return path data of the lines around all cells of a board."""
    rows = "".join(f"M0 {y}h{width}" for y in range(height + 1))
    return rows + "".join(f"M{x} 0v{height}" for x in range(width + 1))


def grid_lines(filled: np.ndarray) -> str:
    """Return path data of the lines around the cells of a mask, bool[height width]."""
    height, width = filled.shape
    if filled.all():
        return full_grid(height, width)
    level = np.zeros((height + 1, width), dtype=bool)
    level[:-1] |= filled
    level[1:] |= filled
    upright = np.zeros((height, width + 1), dtype=bool)
    upright[:, :-1] |= filled
    upright[:, 1:] |= filled
    return mask_runs(level) + mask_runs(upright.T, "v")
