"""What is said of an experiment as Markdown, for backends that show texts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["markdown_block", "markdown_pairs", "markdown_table"]

_MAX_ROWS = 200
_MAX_WORDS = 400


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table; of more than 200 rows the first, and how many there are."""
    lines = [_line(columns), _line(["---"] * len(columns), plain=True)]
    lines += [_line(row) for row in rows[:_MAX_ROWS]]
    left = len(rows) - _MAX_ROWS
    return "\n".join(lines) + (f"\n\n… and {left:,} rows more" if left > 0 else "")


def markdown_pairs(values: Mapping[str, Any], names: Sequence[str] = ("name", "value")) -> str:
    """Return names and values as a table."""
    return markdown_table(names, [(name, value) for name, value in values.items()])


def markdown_block(text: str) -> str:
    """Return a text as it is: each line indented, so that nothing in it is markup."""
    return "\n".join(f"    {line}" for line in text.splitlines())


def _line(cells: Iterable[Any], *, plain: bool = False) -> str:
    return f"| {' | '.join(str(cell) if plain else _cell(cell) for cell in cells)} |"


def _cell(value: Any) -> str:
    """Return a value as text in which no character is markup."""
    words = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    words = words if len(words) <= _MAX_WORDS else f"{words[: _MAX_WORDS - 1]}…"
    return "".join(f"\\{each}" if each in r"\`*_{}[]<>|#" else each for each in " ".join(words.split()))
