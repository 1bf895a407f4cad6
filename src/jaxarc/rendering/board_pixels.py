"""A board as pixels: cells, lines and marks where the SVG has them, at any scale.

Every edge of a cell, a line or an outline lies between two pixels, where the SVG's may lie within one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from jaxarc.rendering.board_tiles import CHANGED, LINE_ABOVE, LINE_LEFT, MARKS, WRONG, Look, tiles_of
from jaxarc.rendering.colours import rgb
from jaxarc.rendering.digits import characters, written
from jaxarc.rendering.glyphs import LEVELS, text_mask
from jaxarc.rendering.palette import MARK_DARK, MARK_LIGHT

if TYPE_CHECKING:
    from jaxarc.rendering.board import Cells
    from jaxarc.rendering.canvas import Canvas

__all__ = ["paint_board"]

_PADDING = -1
_COARSER = LEVELS // 5
"""Digits stand on many colours: fewer shades of each keep the picture at 256 colours."""


class _Painter:
    """A board on its way to a canvas.

    Attributes:
        image: numbers of colours, a view of the canvas with a margin around the board.
        rows, columns: in it, the first pixel of every cell, and the one past the last.
        heights, widths: of the cells, in pixels.
    """

    def __init__(self, cells: Cells, canvas: Canvas, x: float, y: float) -> None:
        self.cells, self.canvas = cells, canvas
        height, width = cells.board.shape
        margin = math.ceil(2 * canvas.scale) + 1
        side = cells.cell * canvas.scale
        rows, columns = _edges(y * canvas.scale, side, height), _edges(x * canvas.scale, side, width)
        top, left = int(rows[0]) - margin, int(columns[0]) - margin
        self.image = canvas.view(left, top, int(columns[-1]) - left + margin, int(rows[-1]) - top + margin)
        self.rows, self.columns = rows - top, columns - left
        self.heights, self.widths = np.diff(rows), np.diff(columns)

    def _look(self) -> Look:
        cells, theme = self.cells, self.cells.style.colours
        return Look(
            cell=cells.cell,
            scale=self.canvas.scale,
            colours=tuple(cells.colours),
            below=theme.background,
            grid=theme.grid,
            opacity=0.0 if cells.are_outlined else theme.grid_opacity,
            wrong=theme.wrong,
            hatch="" if cells.are_written else cells.style.cells.outside_mark,
            marks_aside=cells.are_written,
        )

    def fill(self) -> None:
        """Paint cells, lines and marks: a tile each, and a row and a column past the last for lines."""
        cells = self.cells
        tiles = tiles_of(self._look())
        height, width = cells.board.shape
        kinds = np.full((height + 1, width + 1), _PADDING, np.intp)
        kinds[:-1, :-1] = cells.codes
        bare = kinds == _PADDING
        kinds[bare] = len(cells.colours)
        kinds[1:] += LINE_ABOVE * (bare[1:] & ~bare[:-1])
        kinds[:, 1:] += LINE_LEFT * (bare[:, 1:] & ~bare[:, :-1])
        kinds *= MARKS
        marks = ((cells.changed, CHANGED), (cells.wrong, WRONG))
        for mask, bit in marks if not cells.are_outlined else ():
            if mask is not None:
                kinds[:-1, :-1] += bit * mask
        used, which = np.unique(kinds, return_inverse=True)
        pixels = tiles.pixels[used]
        seen = np.unique(pixels)
        numbers = np.zeros(len(tiles.colours), np.uint16)
        numbers[seen] = [self.canvas.number(colour) for colour in tiles.colours[seen].tolist()]
        drawn = self._tiled(numbers[pixels], which.reshape(kinds.shape), tiles.line)
        top, left = self.rows[0], self.columns[0]
        self.image[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn

    def _tiled(self, tiles: np.ndarray, which: np.ndarray, line: int) -> np.ndarray:
        """Return the board put together, with one line's pixels of the row and the column past the last."""
        side = tiles.shape[1]
        height = int(self.rows[-1] - self.rows[0]) + line
        width = int(self.columns[-1] - self.columns[0]) + line
        if height - line == side * len(self.heights) and width - line == side * len(self.widths):
            whole = np.swapaxes(tiles[which], 1, 2)
            return whole.reshape(len(which) * side, -1)[:height, :width]
        rows, down = _spread(self.heights, line)
        columns, across = _spread(self.widths, line)
        places = (which * side * side)[rows][:, columns] + (down * side)[:, None] + across
        return tiles.ravel()[places]

    def frame(self) -> None:
        """Draw a line around what is not padding."""
        theme, thick = self.cells.style.colours, max(round(self.canvas.scale), 1)
        drawn = self._along(*_between(self.cells.filled), -(thick // 2), thick, 0)
        self.image[drawn] = self.canvas.mixed(theme.background, theme.grid, theme.grid_opacity)

    def outline(self, mask: np.ndarray, width: float) -> None:
        """Outline a mask with a light line on a dark one."""
        edges = _between(mask)
        scale = self.canvas.scale
        half = max(round(width * scale / 2), 1)
        light = min(max(round(width * scale * 0.53), 1), 2 * half - 1 if half == 1 else 2 * half - 2)
        for thick, colour in ((2 * half, MARK_DARK), (light, MARK_LIGHT)):
            pixels = self._along(*edges, -((thick + 1) // 2), thick, thick // 2)
            self.image[pixels] = self.canvas.number(rgb(colour))

    def _along(
        self, level: np.ndarray, upright: np.ndarray, first: int, thick: int, reach: int
    ) -> np.ndarray:
        """Return the pixels of lines along edges, bool as the image.

        Args:
            level, upright: the edges, as ``_between`` returns them.
            first: the first pixel across a line, counted from its edge.
            thick: pixels across a line.
            reach: pixels by which a line goes on past both ends of its edge.
        """
        drawn = np.zeros(self.image.shape, bool)
        for edges, at, start, lengths, pixels in (
            (level, self.rows, self.columns[0], self.widths, drawn),
            (upright.T, self.columns, self.rows[0], self.heights, drawn.T),
        ):
            used = np.flatnonzero(edges.any(axis=1))
            spread = np.repeat(edges[used], lengths, axis=1)
            lines = np.zeros((len(used), len(pixels.T)), bool)
            for shift in range(-reach, reach + 1):
                lines[:, start + shift : start + shift + spread.shape[1]] |= spread
            for across in range(first, first + thick):
                pixels[at[used] + across] |= lines
        return drawn

    def values(self) -> None:
        """Write the values into the cells."""
        cells, scale = self.cells, self.canvas.scale
        board = cells.board
        for group in written(board, np.array(cells.colours)[cells.codes], cells.cell):
            for value in np.unique(board[group.mask]).tolist():
                mask = group.mask & (board == value)
                ys, xs = np.nonzero(mask)
                ramp = self.canvas.ramp(cells.colours[int(cells.codes[mask][0])], group.ink)
                for index, char in enumerate(characters(value)):
                    quarters = round((group.left + index * group.advance) * scale * 4)
                    glyph = text_mask(char, group.size * scale, False, quarters % 4)
                    if glyph is None:
                        continue
                    coverage, column, row = glyph
                    coverage = (coverage + 1) // _COARSER * _COARSER
                    seen_ys, seen_xs = np.nonzero(coverage)
                    pixel_rows = (self.rows[ys] + round(group.down * scale) + row)[:, None] + seen_ys
                    pixel_columns = (self.columns[xs] + quarters // 4 + column)[:, None] + seen_xs
                    self.image[pixel_rows, pixel_columns] = ramp[coverage[seen_ys, seen_xs]]


def _edges(start: float, cell: float, count: int) -> np.ndarray:
    """Return the first pixel of every cell along an axis, and the one past the last."""
    return np.floor(start + cell * np.arange(count + 1) + 0.5).astype(np.intp)


def _spread(lengths: np.ndarray, line: int) -> tuple[np.ndarray, np.ndarray]:
    """Return of every pixel along an axis its cell, and which pixel of the cell it is."""
    lengths = np.append(lengths, line)
    starts = np.cumsum(lengths) - lengths
    return np.repeat(np.arange(len(lengths)), lengths), np.arange(lengths.sum()) - np.repeat(starts, lengths)


def _between(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where a mask ends: above cells, bool[height+1 width], and left of them, bool[height width+1]."""
    height, width = mask.shape
    padded = np.zeros((height + 2, width + 2), dtype=bool)
    padded[1:-1, 1:-1] = mask
    return padded[1:, 1:-1] != padded[:-1, 1:-1], padded[1:-1, 1:] != padded[1:-1, :-1]


def paint_board(cells: Cells, canvas: Canvas, x: float, y: float) -> None:
    """Paint a board with its top left corner at (x, y), in pixels of the drawing."""
    painter = _Painter(cells, canvas, x, y)
    if cells.is_empty:
        height, width = cells.board.shape
        muted = cells.style.colours.muted
        canvas.dashes(x, y, width * cells.cell, height * cells.cell, 1, (4, 3), muted)
    else:
        painter.fill()
    if cells.are_outlined:
        painter.frame()
        for mask in (cells.changed, cells.wrong):
            if mask is not None:
                painter.outline(mask, 2.2)
    if cells.selected is not None:
        painter.outline(cells.selected, 3.4)
    if cells.are_written:
        painter.values()
