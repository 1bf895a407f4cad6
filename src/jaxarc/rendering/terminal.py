"""Boards in a terminal: colour where the console has it, digits where it has none."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console, ConsoleOptions, RenderResult
from rich.style import Style as RichStyle
from rich.text import Text

from jaxarc.rendering.board import as_board, extent_of
from jaxarc.rendering.categories import CATEGORIES_AT_MOST, category_colours
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import clean

__all__ = ["TerminalBoards", "terminal_board"]

_GAP = 3
_DIGITS = string.digits + string.ascii_letters


@dataclass(frozen=True)
class TerminalBoards:
    """A rich renderable: titled boards next to each other, as large as the console has room for.

    With colour a cell is two characters wide, or half a character high when that does not fit; without
    colour it is its digit (a letter past 9, ``.`` for padding, ``?`` for a value that is no colour), and a
    marked cell has a ``*`` behind it. What does not fit side by side is put one below the other.

    Attributes:
        boards: integers, [height width] each; None for one that was not recorded, which is said in its place.
        titles: one a board.
        marked: which cells to mark without colour, bool[height width] each, or None.
        style: the look; its palette is used.
        arc: whether values past 9 are no colours; otherwise they have colours, and letters, of their own.
    """

    boards: tuple[np.ndarray | None, ...]
    titles: tuple[str, ...]
    marked: tuple[np.ndarray | None, ...]
    style: Style
    arc: bool = True

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines for this console."""
        colour = console.color_system is not None and not console.no_color
        extent = extent_of([board for board in self.boards if board is not None])
        shown = [None if board is None else board[: extent[0], : extent[1]] for board in self.boards]
        room = options.max_width
        for groups in ([list(range(len(shown)))], [[index] for index in range(len(shown))]):
            for draw in (self._blocks, self._halves) if colour else (self._digits, self._narrow_digits):
                drawn = [
                    [Text("not recorded", style="dim")] if board is None else draw(index, board)
                    for index, board in enumerate(shown)
                ]
                widths = [max(lines[0].cell_len, len(self.titles[i])) for i, lines in enumerate(drawn)]
                fits = all(
                    sum(widths[i] for i in group) + _GAP * (len(group) - 1) <= room for group in groups
                )
                if fits or (len(groups) == len(shown) and draw in (self._halves, self._narrow_digits)):
                    for group in groups:
                        yield from self._rows([drawn[i] for i in group], [widths[i] for i in group], group)
                    return

    def _rows(self, drawn: Sequence[list[Text]], widths: Sequence[int], group: Sequence[int]) -> RenderResult:
        titles = Text(no_wrap=True, overflow="crop", end="")
        for index, width in zip(group, widths, strict=True):
            titles.append(self.titles[index].ljust(width + _GAP), style="bold")
        titles.rstrip()
        if titles.plain:
            yield titles
            yield Text()
        for line in range(max(len(lines) for lines in drawn)):
            row = Text(no_wrap=True, overflow="crop", end="")
            for place, (lines, width) in enumerate(zip(drawn, widths, strict=True)):
                part = lines[line] if line < len(lines) else Text()
                row.append_text(part)
                if place + 1 < len(drawn):
                    row.append(" " * (width + _GAP - part.cell_len))
            yield row
            yield Text()

    def _colour(self, value: int) -> str | None:
        if value == -1:
            return None
        colours = self.style.cells.colours
        if not self.arc and 0 <= value < CATEGORIES_AT_MOST:
            colours = category_colours(self.style.palette, 64 if value < 64 else CATEGORIES_AT_MOST)
        return colours[value] if 0 <= value < len(colours) else self.style.cells.outside

    def _blocks(self, index: int, board: np.ndarray) -> list[Text]:
        lines = []
        for y, row in enumerate(board.tolist()):
            line = Text()
            for x, value in enumerate(row):
                colour = self._colour(value)
                mark = "••" if self._is_marked(index, y, x) else "  "
                ink = "#15181C" if colour and sum(bytes.fromhex(colour[1:])) > 330 else "#FFFFFF"
                line.append(mark, RichStyle(bgcolor=colour, color=ink) if colour else None)
            lines.append(line)
        return lines

    def _halves(self, index: int, board: np.ndarray) -> list[Text]:
        del index
        lines = []
        rows = board.tolist()
        for y in range(0, len(rows), 2):
            line = Text()
            for x, value in enumerate(rows[y]):
                top = self._colour(value)
                bottom = self._colour(rows[y + 1][x]) if y + 1 < len(rows) else None
                if top:
                    line.append("▀", RichStyle(color=top, bgcolor=bottom))
                else:
                    line.append("▄" if bottom else " ", RichStyle(color=bottom) if bottom else None)
            lines.append(line)
        return lines

    def _is_marked(self, index: int, y: int, x: int) -> bool:
        mask = self.marked[index]
        return mask is not None and bool(mask[y, x])

    def _digits(self, index: int, board: np.ndarray) -> list[Text]:
        return [
            Text("".join(self._digit(value) + self._star(index, y, x) for x, value in enumerate(row)))
            for y, row in enumerate(board.tolist())
        ]

    def _star(self, index: int, y: int, x: int) -> str:
        return "*" if self._is_marked(index, y, x) else " "

    def _digit(self, value: int) -> str:
        if value == -1:
            return "."
        known = _DIGITS[:10] if self.arc else _DIGITS
        return known[value] if 0 <= value < len(known) else "?"

    def _narrow_digits(self, index: int, board: np.ndarray) -> list[Text]:
        del index
        return [Text("".join(self._digit(value) for value in row)) for row in board.tolist()]


def terminal_board(board: np.ndarray, style: Style | None = None, *, title: str = "") -> TerminalBoards:
    """Return a board for a terminal.

    Args:
        board: integers, [height width]; -1 is padding.
        style: the look; its palette is used.
        title: a line above.

    Raises:
        RenderError: the array is no board.
    """
    return TerminalBoards((as_board(board),), (clean(title),), (None,), style or Style())
