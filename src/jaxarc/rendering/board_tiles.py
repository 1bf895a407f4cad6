"""How a cell looks in pixels: a tile for every colour, mark and line, made once a size and palette."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from jaxarc.rendering.colours import blend, rgb
from jaxarc.rendering.palette import MARK_DARK, MARK_LIGHT

__all__ = ["CHANGED", "LINE_ABOVE", "LINE_LEFT", "MARKS", "WRONG", "Look", "Tiles", "tiles_of"]

CHANGED, WRONG = 1, 2
"""Bits of the variant of a tile."""

LINE_ABOVE, LINE_LEFT = 1, 2
"""Bits of the kind of padding, which has a line where a cell lies above it or to its left."""

MARKS = 4
"""How many variants the marks make of a tile."""


class Look(NamedTuple):
    """What the tiles depend on.

    Attributes:
        cell: side of a cell in pixels of the drawing.
        scale: pixels for one of the drawing.
        colours: of the codes 0, 1, …, ``#RRGGBB``; the last stands for any other value.
        below: colour of padding.
        grid, opacity: colour of the lines between cells, and how much it covers.
        wrong: colour of the mark on wrong cells.
        hatch: colour of the line through cells of the last code, or empty.
        marks_aside: whether marks leave the middle of the cell free.
    """

    cell: float
    scale: float
    colours: tuple[str, ...]
    below: str
    grid: str
    opacity: float
    wrong: str
    hatch: str
    marks_aside: bool


class Tiles(NamedTuple):
    """Tiles of one look.

    Attributes:
        pixels: positions in ``colours``, uint16[MARKS * (codes + 4), side, side]: every code, then padding
            with no line, one above, one to the left, and both; of each its variants with marks.
        colours: the colours, 0xRRGGBB.
        line: pixels across a line.
    """

    pixels: np.ndarray
    colours: np.ndarray
    line: int


def _covered(size: float, across: float, down: float, side: int, *, round_: bool) -> np.ndarray:
    """Return how much of each of ``side`` x ``side`` pixels a dot covers, in fifths.

    Dots lie on every colour of the palette; finer steps would make a picture of too many colours.
    """
    columns = np.abs(np.arange(side) + 0.5 - across)[None, :]
    rows = np.abs(np.arange(side) + 0.5 - down)[:, None]
    if round_:
        share = np.clip(size / 2 + 0.5 - np.hypot(rows, columns), 0, 1)
    else:
        share = np.clip(size / 2 + 0.5 - rows, 0, 1) * np.clip(size / 2 + 0.5 - columns, 0, 1)
    return np.round(share * 5) / 5


def _with_dot(tile: np.ndarray, look: Look, mark: int) -> np.ndarray:
    """Return a tile of colours with a mark on it."""
    side = look.cell * look.scale
    edge = max(1.1 / look.cell, 0.07)
    size = (0.18 if look.marks_aside else 0.3) + (0.02 if mark == WRONG else 0.0)
    outer, inner = (size + 2 * edge) * side, size * side
    at = (side - outer / 2, outer / 2) if look.marks_aside else (side / 2, side / 2)
    ring, fill = (MARK_DARK, MARK_LIGHT) if mark == CHANGED else (MARK_LIGHT, look.wrong)
    tile = tile.copy()
    for width, colour in ((outer, rgb(ring)), (inner, rgb(fill))):
        covered = _covered(width, *at, len(tile), round_=mark == CHANGED)
        for y, x in np.argwhere(covered).tolist():
            tile[y, x] = blend(int(tile[y, x]), colour, float(covered[y, x]))
    return tile


@lru_cache(maxsize=32)
def tiles_of(look: Look) -> Tiles:
    """Return the tiles of a look; where cells differ in size by a pixel, a tile is the larger."""
    side = math.ceil(look.cell * look.scale - 1e-6)
    line = max(round(look.scale), 1)
    grounds = []
    for colour in map(rgb, look.colours):
        tile = np.full((side, side), colour, np.uint32)
        if look.hatch and len(grounds) == len(look.colours) - 1:
            thick = max(round(0.12 * side), 1)
            tile[(side - thick) // 2 : (side - thick) // 2 + thick] = rgb(look.hatch)
        tile[:line] = tile[:, :line] = blend(colour, rgb(look.grid), look.opacity)
        grounds.append(tile)
    lined = blend(rgb(look.below), rgb(look.grid), look.opacity)
    for lines in range(4):
        tile = np.full((side, side), rgb(look.below), np.uint32)
        if lines & LINE_ABOVE:
            tile[:line] = lined
        if lines & LINE_LEFT:
            tile[:, :line] = lined
        grounds.append(tile)
    tiles = []
    for tile in grounds:
        changed, wrong = _with_dot(tile, look, CHANGED), _with_dot(tile, look, WRONG)
        tiles += [tile, changed, wrong, _with_dot(changed, look, WRONG)]
    colours, pixels = np.unique(np.stack(tiles), return_inverse=True)
    pixels = pixels.reshape(-1, side, side).astype(np.uint16)
    pixels.setflags(write=False)
    return Tiles(pixels, colours, line)
