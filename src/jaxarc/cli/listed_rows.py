"""``jaxarc ls RUN``: its episodes or stored steps, as a table or as JSON."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import typer
from rich.console import Console
from rich.text import Text

from jaxarc.cli.chosen_episodes import words_of
from jaxarc.cli.json_output import print_json
from jaxarc.cli.listing import USUAL_LIMIT, episode_table, fitting_table
from jaxarc.cli.wording import counted
from jaxarc.replay import QueryError, ReplaySystem
from jaxarc.replay.run_table import RunTable

__all__ = ["cell_of", "list_rows", "print_columns"]


def list_rows(
    run: ReplaySystem,
    *,
    where: str | None,
    sort: str | None,
    limit: int | None,
    columns: str | None,
    steps: bool,
    as_json: bool,
    console: Console,
) -> None:
    """Print rows of a run, and what could not be read.

    Args:
        run: the run.
        where, sort, limit, columns, steps, as_json: as for ``list_episodes_or_runs``.
        console: where the table goes.

    Raises:
        QueryError: ``where``, ``sort`` or ``columns`` cannot be understood.
        typer.Exit: with 2 where files of the run could not be read.
    """
    names = None if columns is None else words_of(columns)
    if names == []:
        raise QueryError("--columns names no column; give some with commas between: episode,task_id")
    found = run.steps(where=where, sort=sort) if steps else run.episodes(where=where)
    most = limit or (len(found) if as_json else USUAL_LIMIT)
    if sort is not None and not steps:
        shown = run.episodes(where=where, sort=sort, limit=most)  # the first of many are found without a sort
    else:
        shown = found if most >= len(found) else found.take(np.arange(most))
    if as_json:
        document = {"run": run.name, "run_dir": run.run_dir, "status": run.status, "total": len(found)}
        document["steps" if steps else "episodes"] = shown.to_dicts(names)
        print_json({**document, "problems": list(run.problems), "continued_in": run.continued_in})
    else:
        _print(console, run, found, shown, names, steps=steps)
    if run.problems:
        raise typer.Exit(2)


def _print(
    console: Console,
    run: ReplaySystem,
    found: RunTable,
    shown: RunTable,
    names: Sequence[str] | None,
    *,
    steps: bool,
) -> None:
    title = f"{run.name} · {run.status} · {_counts(found, steps=steps)}"
    if names is None and not steps:
        console.print(episode_table(list(shown), title), crop=False)
    else:
        print_columns(console, title, shown, names)
    if (elsewhere := run.continued_in) is not None:
        console.print(Text(f"goes on in {elsewhere}", style="yellow"), soft_wrap=True)
    if len(shown) < len(found):
        console.print(f"… and {len(found) - len(shown):,} more; --limit shows them", style="dim")
    for problem in run.problems:
        console.print(Text(f"damaged: {problem}", style="red"), soft_wrap=True)


def _counts(found: RunTable, *, steps: bool) -> str:
    if steps:
        return counted(len(found), "stored step")
    kept, solved = int((found["stored_steps"] > 0).sum()), int(found["success"].sum())
    return f"{counted(len(found), 'episode')}, {solved:,} solved, {kept:,} with steps"


def print_columns(console: Console, title: str, shown: RunTable, names: Sequence[str] | None) -> None:
    """Print columns that were asked for, all of them; or those of steps, as many as there is room for.

    Args:
        console: where to.
        title: stands above them.
        shown: the rows.
        names: the columns; None for those that say something.
    """
    wanted = [name for name in shown.names if _says_something(shown, name)] if names is None else list(names)
    cells = {name: [cell_of(row[name]) for row in shown.to_dicts([name])] for name in wanted}
    texts = {name for name in wanted if shown[name].dtype.kind == "S"}
    dropped = wanted[:1:-1] if names is None else ()
    console.print(fitting_table(title, cells, text=texts, dropped=dropped), crop=False)


def _says_something(shown: RunTable, name: str) -> bool:
    """Return whether a column differs from row to row, or is one that people look for."""
    values = shown[name]
    return name in ("episode", "step", "reward") or bool(len(values) and (values != values[0]).any())


def cell_of(value: object) -> str | Text:
    """Return a value as it is printed in a table."""
    if isinstance(value, str):
        return Text(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
