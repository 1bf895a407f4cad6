"""``jaxarc ls --runs``: runs with their params, metrics, tags and status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.text import Text

from jaxarc.cli.json_output import print_json
from jaxarc.cli.listed_runs import in_full
from jaxarc.cli.listing import STATUS_STYLES, USUAL_LIMIT, age, fitting_table
from jaxarc.cli.terminal import terminal
from jaxarc.cli.wording import counted
from jaxarc.replay.experiment_glance import ExperimentGlance, experiment_glance
from jaxarc.replay.leaderboard import differing_params
from jaxarc.replay.query import sort_order, where_mask
from jaxarc.replay.query_syntax import names_of, parse_condition, parse_sort
from jaxarc.replay.run_list import run_table
from jaxarc.replay.run_table import RunTable

__all__ = ["list_experiments"]

_MOST_METRICS, _MOST_PARAMS = 5, 6
_WIDEST = 24
_FIRST = ("run", "status")
_SELDOM_ASKED = (
    *("/episode_return_std", "/episode_return_min", "/episode_return_max", "/episode_length_mean"),
    *("/episodes", "/env_steps_per_s"),
)
"""Curves of every stream that are left out of a table where there is something else."""


def list_experiments(
    folder: Path,
    runs: Sequence[Path],
    where: str | None,
    sort: str | None,
    limit: int | None,
    *,
    as_json: bool,
) -> None:
    """Print runs and what is said of their experiments.

    Args:
        folder: where they are.
        runs: all runs there, the oldest first.
        where, sort, limit: which of them, as for ``list_chosen_runs``.
        as_json: print one JSON document.

    Raises:
        QueryError: ``where`` or ``sort`` cannot be understood.
    """
    table = run_table(runs, with_experiments=True)
    where, sort = in_full(where, table), in_full(sort, table)
    most = limit or (len(runs) if as_json else USUAL_LIMIT)
    chosen = np.arange(len(runs)) if where is None else np.flatnonzero(where_mask(where, table))
    num_found = len(chosen)
    chosen = chosen[-most:] if sort is None else chosen[sort_order(sort, table.take(chosen), most)]
    shown = table.take(chosen)
    statuses = shown.text("status")
    glances = [
        experiment_glance(runs[position], is_running=status == "RUNNING")
        for position, status in zip(chosen.tolist(), statuses, strict=True)
    ]
    if as_json:
        found = [_document(shown, place, glance) for place, glance in enumerate(glances)]
        print_json({"root": folder.resolve(), "total": len(runs), "runs": found})
        return
    asked = [] if where is None else [name.text for name in names_of(parse_condition(where))]
    asked += [] if sort is None else [name.text for name, _ in parse_sort(sort)]
    _print(folder, shown, glances, list(dict.fromkeys(asked)), len(runs), num_found)


def _document(shown: RunTable, place: int, glance: ExperimentGlance) -> dict[str, Any]:
    names = ("run", "experiment", "status", "level", "created", "run_dir")
    row = {name: _plain(shown[name][place]) for name in names}
    metrics = {**glance.metrics, **glance.summary}
    said = {"params": glance.params, "metrics": metrics, "tags": glance.tags}
    return {**row, **said, "directions": glance.directions, "problems": list(glance.problems)}


def _plain(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value.item()


def _print(
    folder: Path,
    shown: RunTable,
    glances: Sequence[ExperimentGlance],
    asked: Sequence[str],
    num_runs: int,
    num_found: int,
) -> None:
    statuses = shown.text("status")
    columns: dict[str, list[str | Text]] = {
        "run": [Text(name) for name in shown.text("run")],
        "status": [Text(status, style=STATUS_STYLES.get(status, "")) for status in statuses],
    }
    for name in asked:
        if name not in _FIRST:
            columns[_heading(name, columns)] = [_cell(value) for value in _values(shown, name)]
    metrics = _most_said([glance.metrics for glance in glances], _MOST_METRICS)
    params = differing_params([glance.params for glance in glances])[:_MOST_PARAMS]
    for part, names, of in (("metrics", metrics, "metrics"), ("params", params, "params")):
        for name in names:
            if f"{part}.{name}" not in asked:
                cells = [_cell(getattr(glance, of).get(name)) for glance in glances]
                columns[_heading(f"{part}.{name}", columns)] = cells
    if any(glance.tags for glance in glances):
        columns["tags"] = [Text(_tags(glance.tags)) for glance in glances]
    created = shown["created"].tolist()
    columns["started"] = ["" if at != at else age(at) for at in created]
    text = [name for name, cells in columns.items() if any(isinstance(cell, Text) for cell in cells)]
    kept = 2 + len([name for name in asked if name not in _FIRST])
    dropped = ["started", *[name for name in reversed(list(columns)[kept:]) if name != "started"]]
    console = terminal()
    count = counted(num_runs, "run") if len(shown) == num_runs else f"{len(shown):,} of {num_runs:,} runs"
    table = fitting_table(f"{count} below {folder}", columns, text=(*text, "started"), dropped=dropped)
    console.print(table, crop=False)
    if len(shown) < num_found:
        console.print(f"… and {num_found - len(shown):,} more; --limit shows them", style="dim")
    for name, glance in zip(shown.text("run"), glances, strict=True):
        for problem in glance.problems[:1]:
            more = f" and {len(glance.problems) - 1:,} more" if len(glance.problems) > 1 else ""
            console.print(Text(f"damaged: {name}: {problem}{more}", style="red"), soft_wrap=True)


def _values(shown: RunTable, name: str) -> list[Any]:
    column = shown[name]
    return shown.text(name) if column.dtype.kind == "S" else column.tolist()


def _heading(name: str, taken: Mapping[str, Any]) -> str:
    """Return what a column is called: without ``params.`` where no other one is called so."""
    part, _, short = name.partition(".")
    return short if part in ("params", "metrics", "tags") and short not in taken else name


def _cell(value: Any) -> str | Text:
    if value is None or (isinstance(value, float) and value != value):
        return "" if value is None else "nan"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return f"{value:,}" if isinstance(value, int) and abs(value) < 10**9 else f"{value:.4g}"
    words = str(value)
    return Text(words if len(words) <= _WIDEST else f"{words[: _WIDEST - 1]}…")


def _tags(tags: Mapping[str, Any]) -> str:
    words = ", ".join(name if value is None else f"{name}={value}" for name, value in tags.items())
    return words if len(words) <= 2 * _WIDEST else f"{words[: 2 * _WIDEST - 1]}…"


def _most_said(summaries: Sequence[Mapping[str, Any]], most: int) -> list[str]:
    """Return the metrics that most runs have."""
    counts = Counter(name for summary in summaries for name in summary)
    chosen = [name for name in counts if not name.endswith(_SELDOM_ASKED)] or list(counts)
    return sorted(chosen, key=lambda name: -counts[name])[:most]
