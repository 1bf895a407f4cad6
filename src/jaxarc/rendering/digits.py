"""The values of cells, written into them: a line of text a row and ink, never an element a cell."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from jaxarc.rendering.palette import MARK_DARK, MARK_LIGHT
from jaxarc.rendering.text import MINUS

__all__ = ["DIGITS_FROM", "Written", "characters", "digits", "ink_on", "written"]

DIGITS_FROM = 10.0
"""Pixels of a cell from which a digit in it can be read."""

_ADVANCE = 0.58
"""Width of a digit in Lato in ems; Helvetica and Arial have 0.556. No text-anchor: it is not known everywhere
for characters with places of their own."""


def _luminance(colour: str) -> float:
    """Return the relative luminance of ``#RRGGBB`` as WCAG 2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@lru_cache(maxsize=64)
def ink_on(colour: str) -> str:
    """Return the ink, dark or light, that has the higher contrast on a colour, ``#RRGGBB``."""
    behind = _luminance(colour) + 0.05
    on_dark, on_light = (_luminance(MARK_LIGHT) + 0.05) / behind, behind / (_luminance(MARK_DARK) + 0.05)
    return MARK_LIGHT if on_dark > on_light else MARK_DARK


class Written(NamedTuple):
    """Cells whose values have one length and one ink.

    Attributes:
        mask: which cells, bool[height width].
        ink: colour of the characters.
        size: font size in pixels.
        left, down: where a value begins in its cell, its base line.
        advance: from one character to the next.
    """

    mask: np.ndarray
    ink: str
    size: float
    left: float
    down: float
    advance: float


def written(board: np.ndarray, colours: np.ndarray, cell: float, *, padding: int = -1) -> Iterator[Written]:
    """Lay out the values of a board, in pixels from the top left corner of each cell; see ``digits``."""
    shown = board != padding
    if cell < DIGITS_FROM or not shown.any():
        return
    inks = {colour: ink_on(colour) for colour in np.unique(colours[shown]).tolist()}
    is_light = np.isin(colours, [colour for colour, ink in inks.items() if ink == MARK_LIGHT])
    for width, chosen in _by_width(board, shown):
        size = round(min(0.62 * cell, 0.92 * cell / (width * _ADVANCE)), 1)
        if size < 6:
            continue
        advance = _ADVANCE * size
        left, down = (cell - width * advance) / 2, cell / 2 + 0.36 * size
        for ink, mask in ((MARK_LIGHT, chosen & is_light), (MARK_DARK, chosen & ~is_light)):
            if mask.any():
                yield Written(mask, ink, size, left, down, advance)


def characters(value: int) -> str:
    """Return a value as it is written into its cell."""
    return str(value).replace("-", MINUS)


def digits(board: np.ndarray, colours: np.ndarray, cell: float, *, padding: int = -1) -> str:
    """Return the values of a board as text, in pixels from its top left corner.

    Args:
        board: integers, [height width].
        colours: the colour of each cell, ``#RRGGBB``, str[height width].
        cell: side of a cell in pixels; nothing is written into cells under 10 pixels.
        padding: the value that is not drawn.
    """
    parts = []
    for group in written(board, colours, cell, padding=padding):
        rows = np.flatnonzero(group.mask.any(axis=1)).tolist()
        lines = [_line(board[y], np.flatnonzero(group.mask[y]), y, cell, group.advance) for y in rows]
        at = f'transform="translate({group.left:.3g} {group.down:.3g})"'
        parts.append(f'<g {at} font-size="{group.size:g}" fill="{group.ink}">{"".join(lines)}</g>')
    return "".join(parts)


def _by_width(board: np.ndarray, shown: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Return the cells whose value takes one character, two, …"""
    if board[shown].min() >= 0 and board[shown].max() <= 9:
        return [(1, shown)]
    widths = np.zeros(board.shape, int)
    widths[shown] = [len(str(value)) for value in board[shown].tolist()]
    return [(width, widths == width) for width in np.unique(widths[shown]).tolist()]


def _line(row: np.ndarray, columns: np.ndarray, y: int, cell: float, advance: float) -> str:
    """Return the values of one row at these columns as one element; every character has its own place."""
    values = [characters(value) for value in row[columns].tolist()]
    places = " ".join(
        f"{x * cell + index * advance:.4g}"
        for x, value in zip(columns.tolist(), values, strict=True)
        for index in range(len(value))
    )
    return f'<text y="{y * cell:g}" x="{places}">{"".join(values)}</text>'
