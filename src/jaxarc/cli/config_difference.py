"""``jaxarc diff --config``: what two runs were told, side by side."""

from __future__ import annotations

from typing import Any

import typer
from rich.text import Text

from jaxarc.cli.json_output import print_json
from jaxarc.cli.listing import fitting_table
from jaxarc.cli.terminal import terminal
from jaxarc.replay import open_run

__all__ = ["DIFFERENT", "print_config_difference"]

DIFFERENT = 1
"""Exit code where two runs differ."""

_WIDEST = 32


def print_config_difference(a: str, b: str, *, as_json: bool, root: str | None) -> None:
    """Print in which params, settings and versions two runs differ.

    Args:
        a, b: what ``jaxarc.open`` takes.
        as_json: print one JSON document.
        root: where runs are looked for.

    Raises:
        RunNotFoundError: there is no such run.
        typer.Exit: with 1 where they differ.
    """
    found = open_run(a, root).config_diff(open_run(b, root))
    if as_json:
        print_json(found.to_dict())
    elif not found:
        terminal().print(Text(found.heading), soft_wrap=True)
    else:
        names = [f"{name} " if name in ("", "name") else name for name in found.names]
        if names[0] == names[1]:
            names = [f"A {names[0]}", f"B {names[1]}"]
        columns: dict[str, list[str | Text]] = {
            "": [each.part for each in found],
            "name": [Text(each.key) for each in found],
            names[0]: [_cell(each.a, each.in_a) for each in found],
            names[1]: [_cell(each.b, each.in_b) for each in found],
        }
        table = fitting_table(found.heading, columns, text=tuple(columns), dropped=("",))
        terminal().print(table, crop=False)
    if found:
        raise typer.Exit(DIFFERENT)


def _cell(value: Any, is_there: bool) -> Text:
    if not is_there:
        return Text("not there", "dim")
    words = value if isinstance(value, str) else repr(value)
    return Text(words if len(words) <= _WIDEST else f"{words[: _WIDEST - 1]}…")
