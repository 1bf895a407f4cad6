"""``jaxarc ls`` of runs that were chosen by a condition, or with columns of their own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxarc.cli.chosen_episodes import words_of
from jaxarc.cli.json_output import print_json
from jaxarc.cli.listed_rows import cell_of, print_columns
from jaxarc.cli.listing import USUAL_LIMIT, list_runs_below
from jaxarc.cli.terminal import terminal
from jaxarc.cli.wording import counted
from jaxarc.replay.experiment_columns import names_in_full, speaks_of_experiments
from jaxarc.replay.query import sort_order, where_mask
from jaxarc.replay.query_syntax import names_of, parse_condition, parse_sort
from jaxarc.replay.run_list import RUN_COLUMNS, run_table
from jaxarc.replay.run_table import RunTable

__all__ = ["in_full", "list_chosen_runs"]

_SHOWN = ("run", "status", "level", "episodes", "solved", "env_steps", "created")
"""What is printed of every run; what was asked about besides is printed with it."""


def list_chosen_runs(
    folder: Path,
    runs: Sequence[Path],
    where: str | None,
    sort: str | None,
    limit: int | None,
    columns: str | None,
    *,
    as_json: bool,
) -> None:
    """Print the runs that a condition selects.

    Args:
        folder: where they are.
        runs: all runs there, the oldest first.
        where: which of them; None for all.
        sort: columns to sort by; None for the oldest first.
        limit: the most runs: the first of a sort, else the latest. None for 50, and for all in JSON.
        columns: names with commas between; None for those that people look for.
        as_json: print one JSON document.

    Raises:
        QueryError: ``where``, ``sort`` or ``columns`` cannot be understood.
    """
    said = " ".join(filter(None, (where, sort, columns)))
    with_experiments = speaks_of_experiments(said, RUN_COLUMNS)
    table = run_table(runs, with_experiments=with_experiments)
    if with_experiments:
        where, sort = (in_full(expression, table) for expression in (where, sort))
    most = limit or (len(runs) if as_json else USUAL_LIMIT)
    chosen = np.arange(len(runs)) if where is None else np.flatnonzero(where_mask(where, table))
    chosen = chosen[-most:] if sort is None else chosen[sort_order(sort, table.take(chosen), most)]
    shown = table.take(chosen)
    if columns is None:
        found = [runs[position] for position in chosen.tolist()]
        asked = [] if where is None else [name.text for name in names_of(parse_condition(where))]
        asked += [] if sort is None else [name.text for name, _ in parse_sort(sort)]
        more = {name: shown.to_dicts([name]) for name in dict.fromkeys(asked) if name not in _SHOWN}
        cells = {name: [cell_of(row[name]) for row in rows] for name, rows in more.items()}
        list_runs_below(folder, found, most, as_json=as_json, total=len(runs), more=cells)
        return
    names = [name.strip("`") for name in words_of(in_full(columns, table) or "")]
    if as_json:
        print_json({"root": folder.resolve(), "total": len(runs), "runs": shown.to_dicts(names)})
    else:
        title = f"{len(shown):,} of {counted(len(runs), 'run')} below {folder}"
        print_columns(terminal(), title, shown, names)


def in_full(expression: str | None, table: RunTable) -> str | None:
    """Return an expression with the names of params, metrics and tags as the query language takes them."""
    if expression is None:
        return None
    return names_in_full(expression, [name for name in table.columns if "." in name], RUN_COLUMNS)
