"""Tables as people see them: the first rows as HTML in a notebook, as text elsewhere."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jaxarc.records.table import EpisodeTable
from jaxarc.rendering.notebook_style import notebook_cell
from jaxarc.rendering.text import clean, escape

__all__ = ["table_html", "table_text"]

_HTML_ROWS, _TEXT_ROWS = 20, 10
_LONG_TEXT = 40
_WIDEST_TEXT = 32
_MOST_COLUMNS = 14
_MOST_NAMED = 24

_LEFT_OUT = frozenset(
    {
        "uid",
        "start_step",
        "end_step",
        "start_time",
        "end_time",
        "last_observation_lost",
        "complete",
        "attempt",
    }
)
"""Columns of every episode that nobody looks for at first sight."""

_ONLY_WHERE_THEY_DIFFER = frozenset({"writer", "stream", "member", "update", "run", "truncated", "mark"})


@dataclass(frozen=True)
class _Shown:
    """The columns and cells that are shown, and what is not."""

    names: list[str]
    cells: list[list[str]]
    kinds: list[str]
    rows_left: int
    columns_left: list[str]


def _shown(table: EpisodeTable, columns: Sequence[str], num_rows: int) -> _Shown:
    positions = np.arange(min(num_rows, len(table)))
    names, cells, kinds, left = [], [], [], []
    for name in columns:
        if _is_left_out(name) or len(names) >= _MOST_COLUMNS:
            left.append(name)
            continue
        column = table.source.read_at(name, positions)
        is_same = len(column) > 0 and (column[1:] == column[:1]).all()
        is_idle = name in _ONLY_WHERE_THEY_DIFFER and is_same
        if is_idle or (column.dtype.kind == "S" and len(column) and not column.any()):
            left.append(name)
            continue
        if f"{name}_id" in columns and table.source.read_at(f"{name}_id", positions).any():
            left.append(name)  # the number of a label whose name is shown
            continue
        names.append(name)
        kinds.append("text" if column.dtype.kind == "S" else "flag" if column.dtype.kind == "b" else "number")
        cells.append([_cell(value) for value in column.tolist()])
    return _Shown(names, cells, kinds, len(table) - len(positions), left)


def _is_left_out(name: str) -> bool:
    return name in _LEFT_OUT or name.endswith(("_first", "_min"))


def _cell(value: object) -> str:
    if isinstance(value, bytes):
        return clean(value.decode("utf-8", "replace"))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def table_html(table: EpisodeTable, names: Sequence[str], words: str) -> str:
    """Return the first rows of a table as HTML for a notebook, and how many there are besides.

    Args:
        table: the rows; of them only the first are read.
        names: its columns, the weightiest first.
        words: what stands above them.
    """
    shown = _shown(table, names, _HTML_ROWS)
    numbers = [' class="number"' if kind == "number" else "" for kind in shown.kinds]
    heads = "".join(
        f'<th scope="col"{number}>{escape(name)}</th>'
        for name, number in zip(shown.names, numbers, strict=True)
    )
    lines = [
        f"<tr>{''.join(map(_html_cell, row, shown.kinds))}</tr>" for row in zip(*shown.cells, strict=True)
    ]
    body = f'<p class="note">{escape(words)}</p>'
    if lines:
        body += '<div class="rows"><table>'
        body += f"<thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
        body += "".join(f'<p class="note">{escape(line)}</p>' for line in _notes(shown))
    return notebook_cell(body, "& .rows { overflow-x: auto; }")


def _html_cell(cell: str, kind: str) -> str:
    if kind == "number":
        return f'<td class="number{" muted" if cell == "nan" else ""}">{escape(cell)}</td>'
    if kind == "flag":
        return f'<td class="{"good" if cell == "yes" else "muted"}">{cell}</td>'
    title = f' title="{escape(cell)}"' if len(cell) > _LONG_TEXT else ""
    return f"<td{title}>{escape(cell)}</td>"


def _notes(shown: _Shown) -> list[str]:
    notes = []
    if shown.rows_left:
        notes.append(f"… and {shown.rows_left:,} more")
    if shown.columns_left:
        names = ", ".join(shown.columns_left[:_MOST_NAMED])
        more = len(shown.columns_left) - _MOST_NAMED
        notes.append(f"columns not shown: {names}{f' and {more} more' if more > 0 else ''}")
    return notes


def table_text(table: EpisodeTable, names: Sequence[str], words: str) -> str:
    """Return the first rows of a table as lines of text, as wide as the terminal.

    Args:
        table: the rows; of them only the first are read.
        names: its columns, the weightiest first.
        words: what stands above them.
    """
    room = shutil.get_terminal_size((100, 24)).columns
    shown = _shown(table, names, _TEXT_ROWS)
    columns = [
        _padded([name, *map(_fitted, cells)], is_right=kind == "number")
        for name, cells, kind in zip(shown.names, shown.cells, shown.kinds, strict=True)
    ]
    kept: list[list[str]] = []
    used = 0
    for column in columns:
        used += _width(column[0]) + (2 if kept else 0)
        if used > room and kept:
            break
        kept.append(column)
    left_out = [*shown.names[len(kept) :], *shown.columns_left]
    lines = (
        [words, *("  ".join(cells).rstrip() for cells in zip(*kept, strict=True))] if len(table) else [words]
    )
    if shown.rows_left:
        lines.append(f"… and {shown.rows_left:,} more")
    if left_out and len(table):
        lines.append(_one_line(f"not shown: {', '.join(left_out)}", room))
    return "\n".join(lines)


def _fitted(cell: str) -> str:
    """Return text that is not wider than a cell may be."""
    if _width(cell) <= _WIDEST_TEXT:
        return cell
    return _one_line(cell, _WIDEST_TEXT)


def _one_line(text: str, room: int) -> str:
    if _width(text) <= room:
        return text
    while text and _width(text) > room - 1:
        text = text[:-1]
    return text + "…"


def _padded(cells: Sequence[str], *, is_right: bool) -> list[str]:
    width = max(map(_width, cells))
    spaces = [" " * (width - _width(cell)) for cell in cells]
    return [space + cell if is_right else cell + space for cell, space in zip(cells, spaces, strict=True)]


def _width(text: str) -> int:
    """Return the columns of a terminal that a text takes."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )
