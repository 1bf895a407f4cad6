"""The values of cells, written into them: a line of text a row and ink, never an element a cell."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from jaxarc.rendering.palette import MARK_DARK, MARK_LIGHT
from jaxarc.rendering.text import MINUS

__all__ = ["DIGITS_FROM", "digits", "ink_on"]

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


def digits(board: np.ndarray, colours: np.ndarray, cell: float, *, padding: int = -1) -> str:
    """Return the values of a board as text, in pixels from its top left corner.

    Args:
        board: integers, [height width].
        colours: the colour of each cell, ``#RRGGBB``, str[height width].
        cell: side of a cell in pixels; nothing is written into cells under 10 pixels.
        padding: the value that is not drawn.
    """
    if cell < DIGITS_FROM:
        return ""
    shown = board != padding
    if not shown.any():
        return ""
    inks = {colour: ink_on(colour) for colour in np.unique(colours[shown]).tolist()}
    is_light = np.isin(colours, [colour for colour, ink in inks.items() if ink == MARK_LIGHT])
    parts = []
    for width, chosen in _by_width(board, shown):
        size = round(min(0.62 * cell, 0.92 * cell / (width * _ADVANCE)), 1)
        if size < 6:
            continue
        left, down = (cell - width * _ADVANCE * size) / 2, cell / 2 + 0.36 * size
        for ink, of_ink in ((MARK_LIGHT, chosen & is_light), (MARK_DARK, chosen & ~is_light)):
            lines = [
                _line(board[y], np.flatnonzero(of_ink[y]), y, cell, width, _ADVANCE * size)
                for y in _rows(of_ink)
            ]
            if lines:
                look = f'transform="translate({left:.3g} {down:.3g})" font-size="{size:g}" fill="{ink}"'
                parts.append(f"<g {look}>{''.join(lines)}</g>")
    return "".join(parts)


def _rows(mask: np.ndarray) -> list[int]:
    return np.flatnonzero(mask.any(axis=1)).tolist()


def _by_width(board: np.ndarray, shown: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """Return the cells whose value takes one character, two, …"""
    if board[shown].min() >= 0 and board[shown].max() <= 9:
        return [(1, shown)]
    widths = np.zeros(board.shape, int)
    widths[shown] = [len(str(value)) for value in board[shown].tolist()]
    return [(width, widths == width) for width in np.unique(widths[shown]).tolist()]


def _line(row: np.ndarray, columns: np.ndarray, y: int, cell: float, width: int, advance: float) -> str:
    """Return the values of one row at these columns as one element; every character has its own place."""
    values = "".join(map(str, row[columns].tolist())).replace("-", MINUS)
    steps = [character * advance for character in range(width)]
    places = " ".join(f"{x * cell + step:.4g}" for x in columns.tolist() for step in steps)
    return f'<text y="{y * cell:g}" x="{places}">{values}</text>'
