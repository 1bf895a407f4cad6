"""Boards: what is drawn of them, at what size, with which marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxarc.errors import RenderError
from jaxarc.rendering.digits import DIGITS_FROM
from jaxarc.rendering.document import document
from jaxarc.rendering.shapes import Group, Picture, Text
from jaxarc.rendering.style import Style

if TYPE_CHECKING:
    from jaxarc.rendering.canvas import Canvas

__all__ = [
    "LINES_FROM",
    "MAX_SIDE",
    "Cells",
    "Marks",
    "Picture",
    "as_board",
    "board_pictures",
    "extent_of",
    "render_board",
]

MAX_SIDE = 1024
_PADDING = -1
_COORDINATE_SIZE = 10.0
_GUTTER = 18.0
LINES_FROM = 5.0
"""Pixels of a cell from which lines and marks have room in it."""


@dataclass(frozen=True)
class Marks:
    """What to point at in a value; every mask is bool and shaped as the value, or None.

    Of a tree, the masks are trees as well, or masks of its main leaf.

    Attributes:
        selected: outlined with a dark and a light line.
        changed: a round dot in the middle of the cell; cells under 5 pixels are outlined together.
        wrong: a square in the middle of the cell; cells under 5 pixels are outlined together.
    """

    selected: Any = None
    changed: Any = None
    wrong: Any = None

    def __post_init__(self) -> None:
        for name in ("selected", "changed", "wrong"):
            mask = getattr(self, name)
            if mask is not None and not isinstance(mask, (Mapping, tuple, list)):
                object.__setattr__(self, name, mask_of(mask, name))


def mask_of(value: object, name: str) -> np.ndarray:
    """Return a mask as booleans, or raise RenderError saying what it holds instead."""
    mask = np.asarray(value)
    if mask.dtype.kind not in "biuf":
        raise RenderError(f"the mask of {name} cells holds booleans, got {mask.dtype}")
    return mask.astype(bool, copy=False)


def as_board(value: object) -> np.ndarray:
    """Return ``value`` as an integer array [height width], or raise RenderError saying why it is no board."""
    board = np.asarray(value)
    if board.ndim != 2:
        raise RenderError(f"a board has 2 axes, got shape {board.shape}")
    if board.dtype == np.bool_:
        board = board.astype(np.int8)
    if board.dtype.kind not in "iu":
        raise RenderError(f"a board holds integers, got {board.dtype}; round it, or draw it as a field")
    height, width = board.shape
    if not 0 < height <= MAX_SIDE or not 0 < width <= MAX_SIDE:
        raise RenderError(f"a board has 1 to {MAX_SIDE} rows and columns, got {height}x{width}")
    return board


def _as_mask(mask: np.ndarray | None, board: np.ndarray, name: str) -> np.ndarray | None:
    if mask is None:
        return None
    mask = np.asarray(mask)
    if mask.shape != board.shape:
        raise RenderError(f"the mask of {name} cells has shape {mask.shape}, but the board has {board.shape}")
    return mask if mask.any() else None


def extent_of(boards: Sequence[np.ndarray]) -> tuple[int, int]:
    """Return the rows and columns that hold every cell of the boards.

    Padding below and to the right is left off. Boards that are all padding count in full.
    """
    rows = columns = 0
    for board in boards:
        if (board[-1] != _PADDING).any() and (board[:, -1] != _PADDING).any():
            height, width = board.shape
        elif (filled := board != _PADDING).any():
            height = int(np.flatnonzero(filled.any(axis=1))[-1]) + 1
            width = int(np.flatnonzero(filled.any(axis=0))[-1]) + 1
        else:
            continue
        rows, columns = max(rows, height), max(columns, width)
    if rows == 0:
        rows, columns = max(board.shape[0] for board in boards), max(board.shape[1] for board in boards)
    return rows, columns


def _cell_size(rows: int, columns: int, size: float) -> float:
    cell = min(size / max(rows, columns), 36.0)
    return float(int(cell)) if cell >= 4 else round(cell, 3)


def _coordinates(rows: int, columns: int, cell: float, style: Style) -> list[Text]:
    every = next((step for step in (1, 2, 5, 10, 20, 50, 100, 500) if step * cell >= 17), 1000)
    muted = style.colours.muted
    across = [
        Text((x + 0.5) * cell, -5, x, _COORDINATE_SIZE, muted, "middle") for x in range(0, columns, every)
    ]
    down = [
        Text(-5, (y + 0.5) * cell + 3.5, y, _COORDINATE_SIZE, muted, "end") for y in range(0, rows, every)
    ]
    return across + down


@dataclass(frozen=True, eq=False)
class Cells:
    """A board without its coordinates, to be written as SVG or painted.

    Attributes:
        board: the values shown, integers, [height width].
        cell: side of a cell in pixels.
        style: the look.
        colours: of the values 0, 1, …, and last that of any other value.
        selected, changed, wrong: the cells to mark, bool[height width]; None for none.
        defined: names of the paths that the drawing it belongs to has by now.
    """

    board: np.ndarray
    cell: float
    style: Style
    colours: Sequence[str]
    selected: np.ndarray | None
    changed: np.ndarray | None
    wrong: np.ndarray | None
    defined: set[str]

    @cached_property
    def filled(self) -> np.ndarray:
        """Which cells are no padding, bool[height width]."""
        return self.board != _PADDING

    @cached_property
    def _range(self) -> tuple[int, int]:
        return int(self.board.min()), int(self.board.max())

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing but padding."""
        return self._range == (_PADDING, _PADDING)

    @property
    def is_full(self) -> bool:
        """Whether there is no padding."""
        return self._range[0] > _PADDING or bool(self.filled.all())

    @property
    def are_outlined(self) -> bool:
        """Whether a cell has no room for a mark, so that marked cells are outlined."""
        return self.cell < LINES_FROM

    @property
    def are_written(self) -> bool:
        """Whether the values stand in the cells."""
        return self.style.show_digits and self.cell >= DIGITS_FROM and not self.is_empty

    @cached_property
    def codes(self) -> np.ndarray:
        """The number of each cell's colour in ``colours``, int[height width]; -1 is padding."""
        if not self.has_unknown:
            return self.board
        unknown = len(self.colours) - 1
        outside = (self.board < _PADDING) | (self.board >= unknown)
        return np.where(outside, np.int16(unknown), self.board)

    @property
    def has_unknown(self) -> bool:
        """Whether a value is neither a colour nor padding."""
        lowest, highest = self._range
        return lowest < _PADDING or highest >= len(self.colours) - 1

    def paint(self, canvas: Canvas, x: float, y: float) -> None:
        """Paint it with its top left corner at (x, y)."""
        from jaxarc.rendering.board_pixels import paint_board  # with fonts, which SVG and terminals need not

        paint_board(self, canvas, x, y)

    def svg(self) -> str:
        """Return SVG elements."""
        from jaxarc.rendering.board_svg import board_svg

        return board_svg(self)


def _draw(
    board: np.ndarray,
    extent: tuple[int, int],
    cell: float,
    style: Style,
    colours: Sequence[str],
    marks: Marks,
    defined: set[str],
) -> Picture:
    rows, columns = extent
    masks = [_as_mask(getattr(marks, name), board, name) for name in ("selected", "changed", "wrong")]
    selected, changed, wrong = (None if mask is None else mask[:rows, :columns] for mask in masks)
    cells = Cells(board[:rows, :columns], cell, style, colours, selected, changed, wrong, defined)
    if not style.show_coordinates:
        return Picture(columns * cell, rows * cell, [cells])
    group = Group(_GUTTER, _GUTTER, [cells, *_coordinates(rows, columns, cell, style)])
    return Picture(columns * cell + _GUTTER, rows * cell + _GUTTER, [group])


def board_pictures(
    boards: Sequence[np.ndarray],
    style: Style,
    size: int | float,
    marks: Sequence[Marks] = (),
    *,
    colours: Sequence[str] = (),
    extent: tuple[int, int] = (0, 0),
) -> list[Picture]:
    """Draw boards with one cell size, so that they can be compared.

    Args:
        boards: integers, [height width] each; -1 is padding and is not drawn.
        style: the look.
        size: the longest side of the largest board, in pixels.
        marks: what to mark on each; none when left off.
        colours: the colours of the values 0, 1, …; the palette's ten when left off. What is none of these is
            drawn as unknown.
        extent: rows and columns that there is room for at least.

    Returns:
        One picture a board, all of the same size.

    Raises:
        RenderError: no board, or a mask of another shape than its board.
    """
    boards = [as_board(board) for board in boards]
    rows, columns = extent_of(boards)
    extent = max(rows, extent[0]), max(columns, extent[1])
    cell = _cell_size(*extent, size)
    marks = marks or [Marks()] * len(boards)
    colours = (*(colours or style.cells.colours), style.cells.outside)
    defined: set[str] = set()
    return [
        _draw(board, extent, cell, style, colours, mark, defined)
        for board, mark in zip(boards, marks, strict=True)
    ]


def render_board(
    board: np.ndarray, style: Style | None = None, *, size: int | float = 320, marks: Marks | None = None
) -> str:
    """Draw one board as an SVG document.

    Args:
        board: integers, [height width]; -1 is padding and is not drawn, values past 9 are drawn as unknown.
        style: the look; the default one when left off.
        size: the longest side of the board, in pixels; a cell is at most 36 pixels wide.
        marks: cells to mark.

    Returns:
        SVG text; the same bytes for the same board.

    Raises:
        RenderError: the array is no board.
    """
    style = style or Style()
    picture = board_pictures([board], style, size, [marks or Marks()])[0]
    margin = 8
    body = Group(margin, margin, [picture]).svg()
    rows, columns = np.shape(board)
    return document(
        picture.width + 2 * margin, picture.height + 2 * margin, body, style, f"board {rows}x{columns}"
    )
