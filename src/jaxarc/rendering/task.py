"""A task as one picture: what is demonstrated, and what is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxarc.errors import RenderError
from jaxarc.records.task_pictures import TaskPair, TaskPictureData
from jaxarc.rendering.board import Marks, Picture, as_board, board_pictures, extent_of
from jaxarc.rendering.document import arrow, document, headline, place
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import clean, fit, label, width_of

__all__ = ["demonstration_strip", "render_task"]

_MARGIN = 24.0
_WIDTH = 912.0
_HEIGHT = 860.0
_ARROW = 44.0
_COLUMN_GAP = 40.0
_ROW_GAP = 26.0
_LABEL = 20.0
_CELLS = (24.0, 22.0, 20.0, 18.0, 16.0, *(float(side) for side in range(15, 2, -1)))
_GUTTER = 18.0
"""What the numbers of rows and columns take beside a board."""

_MOST_WORDS = 260.0
_LEAST_HEIGHT = 24.0


class _Tile(NamedTuple):
    """A board of a pair, or the question mark in its place."""

    board: np.ndarray | None
    heading: str
    marks: Marks


class _Pair(NamedTuple):
    """The boards of a pair from left to right."""

    tiles: tuple[_Tile, ...]


def _size(tile: _Tile, cell: float, style: Style, like: np.ndarray) -> tuple[float, float]:
    rows, columns = extent_of([like if tile.board is None else tile.board])
    gutter = _GUTTER if style.show_coordinates else 0.0
    words = min(width_of(clean(tile.heading), 12, bold=True) + 1, _MOST_WORDS)
    return max(columns * cell + gutter, words), max(rows * cell + gutter, _LEAST_HEIGHT)


def _pair_size(pair: _Pair, cell: float, style: Style) -> tuple[float, float]:
    like = next(tile.board for tile in pair.tiles if tile.board is not None)
    sizes = [_size(tile, cell, style, like) for tile in pair.tiles]
    return sum(width for width, _ in sizes) + _ARROW * (len(sizes) - 1), max(height for _, height in sizes)


def _rows(pairs: Sequence[_Pair], cell: float, style: Style, at_most: int | None = None) -> list[list[_Pair]]:
    """Fill rows with pairs from left to right, each as wide as there is room."""
    rows: list[list[_Pair]] = []
    right = 0.0
    for pair in pairs:
        width = _pair_size(pair, cell, style)[0]
        if not rows or right + width > _WIDTH or len(rows[-1]) == at_most:
            rows.append([])
            right = 0.0
        rows[-1].append(pair)
        right += width + _COLUMN_GAP
    even = -(-len(pairs) // len(rows))
    if at_most is None and len(rows[0]) > even:
        # 7 pairs as 4 and 3 rather than 6 and 1, where that takes no further row.
        again = _rows(pairs, cell, style, even)
        return again if len(again) == len(rows) else rows
    return rows


def _height(row: Sequence[_Pair], cell: float, style: Style) -> float:
    return _LABEL + max(_pair_size(pair, cell, style)[1] for pair in row)


def _cell_that_fits(sections: Sequence[Sequence[_Pair]], style: Style) -> float:
    """Return the largest size of a cell at which all fits on a page; the smallest one where none does."""
    for cell in _CELLS:
        rows = [row for pairs in sections for row in _rows(pairs, cell, style)]
        widest = max(_pair_size(pair, cell, style)[0] for row in rows for pair in row)
        if widest <= _WIDTH and sum(_height(row, cell, style) + _ROW_GAP for row in rows) <= _HEIGHT:
            return cell
    return _CELLS[-1]


def _unknown(width: float, height: float, style: Style) -> str:
    """Draw the frame of a board that is not shown, with a question mark in it."""
    muted = style.colours.muted
    frame = f'<rect x="0.5" y="0.5" width="{width - 1:g}" height="{height - 1:g}" rx="3" fill="none"'
    frame += f' stroke="{muted}" stroke-dasharray="4 4"/>'
    size = max(14.0, min(width, height) / 4)
    return frame + label(width / 2, height / 2 + size * 0.36, "?", round(size), muted, anchor="middle")


def _draw_pair(pair: _Pair, cell: float, style: Style) -> str:
    theme = style.colours
    like = next(tile.board for tile in pair.tiles if tile.board is not None)
    sizes = [_size(tile, cell, style, like) for tile in pair.tiles]
    x, parts = 0.0, []
    for index, (tile, (width, tall)) in enumerate(zip(pair.tiles, sizes, strict=True)):
        if index:
            middle = _LABEL + min(tall, sizes[index - 1][1]) / 2
            parts.append(arrow(x + (_ARROW - 24) / 2, round(middle, 1), style, dashed=index == 2))
            x += _ARROW
        parts.append(label(x, 12, tile.heading, 12, theme.muted, bold=True, max_width=width))
        if tile.board is None:
            drawn = _unknown(width, tall, style)
        else:
            side = max(extent_of([tile.board])) * cell + 1e-6
            drawn = board_pictures([tile.board], style, side, [tile.marks])[0].body
        parts.append(place(x, _LABEL, drawn))
        x += width
    return "".join(parts)


def _draw_section(pairs: Sequence[_Pair], cell: float, style: Style) -> Picture:
    y, right, parts = 0.0, 0.0, []
    for row in _rows(pairs, cell, style):
        x = 0.0
        for pair in row:
            parts.append(place(x, y, _draw_pair(pair, cell, style)))
            x += _pair_size(pair, cell, style)[0] + _COLUMN_GAP
        right = max(right, x - _COLUMN_GAP)
        y += _height(row, cell, style) + _ROW_GAP
    return Picture(right, y - _ROW_GAP, "".join(parts))


def _wrong(board: np.ndarray, target: np.ndarray | None) -> np.ndarray | None:
    """Return the cells of an episode's board that are not those of the output, or None."""
    if target is None:
        return None
    wrong = board != -1
    rows, columns = (min(a, b) for a, b in zip(board.shape, target.shape, strict=True))
    wrong[:rows, :columns] = board[:rows, :columns] != target[:rows, :columns]
    return wrong


def _pairs(data: TaskPictureData, style: Style) -> tuple[list[_Pair], list[_Pair]]:
    sections: tuple[list[_Pair], list[_Pair]] = ([], [])
    for position, pair in enumerate((*data.train, *data.test)):
        is_test = position >= len(data.train)
        several = len(data.test if is_test else data.train) > 1
        ordinal = f" {position + 1 - len(data.train) * is_test}" if several else ""
        hidden = pair.output is None or (is_test and not data.show_test_output)
        output = None if pair.output is None or hidden else as_board(pair.output)
        tiles = [
            _Tile(as_board(pair.input), f"{'Test input' if is_test else 'Input'}{ordinal}", Marks()),
            _Tile(output, "Output", Marks()),
        ]
        if data.last_board is not None and data.played == position:
            board = as_board(data.last_board)
            wrong = _wrong(board, output)
            legend = "" if wrong is None else f" · {int(wrong.sum()) or 'none'} wrong"
            marks = Marks(wrong=wrong if style.highlight_changes else None)
            tiles.append(_Tile(board, data.last_board_words + legend, marks))
        sections[is_test].append(_Pair(tuple(tiles)))
    return sections


def _counted(data: TaskPictureData) -> str:
    words = []
    for pairs, one in ((data.train, "demonstration"), (data.test, "test pair")):
        if pairs:
            words.append(f"{len(pairs):,} {one}" + ("s" if len(pairs) > 1 else ""))
    return " · ".join(words)


def render_task(data: TaskPictureData, style: Style | None = None) -> str:
    """Draw a task as an SVG document: its demonstration pairs, and below them its test pairs.

    All boards have one cell size, the largest at which the picture stays about a page; of a great
    many pairs it grows in height rather than that cells get smaller than 3 pixels.

    Args:
        data: the task; of an episode that played it the last board stands beside its pair.
        style: the look; the default one when left off.

    Returns:
        SVG text; the same bytes for the same task.

    Raises:
        RenderError: a board is none, there is no pair at all, or ``played`` is none of the pairs.
    """
    style = style or Style()
    theme = style.colours
    total = len(data.train) + len(data.test)
    if not total:
        raise RenderError(f"task {clean(data.task_id)!r} has no pair; a task has at least one")
    if data.played is not None and not 0 <= data.played < total:
        raise RenderError(f"played must be one of the {total} pairs, 0 to {total - 1}, got {data.played}")
    train, test = _pairs(data, style)
    sections = [section for section in (train, test) if section]
    cell = _cell_that_fits(sections, style)
    drawn = [_draw_section(section, cell, style) for section in sections]
    inner = max(380.0, *(picture.width for picture in drawn))
    parts = []
    top = 0.0
    if data.title:
        parts.append(label(0, 12, data.title, 13, theme.muted, max_width=inner))
        top = 26.0
    name = f"Task {clean(data.task_id)}" if data.task_id else "Task"
    parts.append(headline(top + 20, fit(name, inner, 22, bold=True), "", style))
    parts.append(label(0, top + 42, _counted(data), 13, theme.muted))
    y = top + 62
    for index, picture in enumerate(drawn):
        if index:
            parts.append(f'<path d="M0 {y - 1:g}h{inner:g}" stroke="{theme.line}"/>')
            y += 22
        parts.append(place(0, y, picture.body))
        y += picture.height + 26
    body = place(_MARGIN, _MARGIN, "".join(parts))
    height = round(y - 26 + 2 * _MARGIN)
    return document(inner + 2 * _MARGIN, height, body, style, f"{name}: {_counted(data)}")


def demonstration_strip(pairs: Sequence[TaskPair], width: float, side: float, style: Style) -> Picture:
    """Draw demonstration pairs small, in one row, for a picture that is about something else.

    Args:
        pairs: the pairs; those that find no room are counted.
        width: width of the row, in pixels.
        side: longest side of a board, in pixels.
        style: the look.
    """
    quiet = Style(style.palette, style.theme)
    theme = style.colours
    x, height, parts, shown = 0.0, 0.0, [], 0
    for pair in pairs:
        boards = [as_board(board) for board in (pair.input, pair.output) if board is not None]
        longest = [max(extent_of([board])) for board in boards]
        cell = min(side / max(longest), 12.0)
        cell = float(int(cell)) if cell >= 4 else cell
        pictures = [
            board_pictures([board], quiet, cell * most + 1e-6)[0]
            for board, most in zip(boards, longest, strict=True)
        ]
        wide = sum(picture.width for picture in pictures) + 30.0 * (len(pictures) - 1)
        is_last = shown == len(pairs) - 1
        if shown and x + wide > width - (0 if is_last else 70):
            break
        for index, picture in enumerate(pictures):
            if index:
                parts.append(_small_arrow(x + 8, side / 2, style))
                x += 30
            parts.append(place(round(x, 1), round((side - picture.height) / 2, 1), picture.body))
            x += picture.width
        height = side
        x += 34
        shown += 1
    if shown < len(pairs):
        parts.append(label(x, side / 2 + 4, f"{len(pairs) - shown} more", 12, theme.muted))
    return Picture(width, height, "".join(parts))


def _small_arrow(x: float, y: float, style: Style) -> str:
    path = f"M{x:g} {y:g}h12m-4 -4l4 4l-4 4"
    stroke = f'stroke="{style.colours.muted}" stroke-width="1.5" fill="none"'
    return f'<path d="{path}" {stroke} stroke-linecap="round" stroke-linejoin="round"/>'
