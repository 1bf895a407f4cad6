"""``jaxarc leaderboard``: which run is best."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from rich.text import Text

from jaxarc.cli.json_output import print_json
from jaxarc.cli.listing import STATUS_STYLES, USUAL_LIMIT, fitting_table
from jaxarc.cli.terminal import terminal
from jaxarc.errors import RunNotFoundError
from jaxarc.replay.leaderboard import leaderboard_of, shown_cell
from jaxarc.replay.system import DEFAULT_ROOT
from jaxarc.storage import baseline_dir, find_runs, list_baselines, resolve_run

__all__ = ["print_leaderboard"]

_WIDEST = 24


def print_leaderboard(
    metric: str,
    options: dict[str, Any],
    *,
    baseline: str | None,
    limit: int | None,
    as_json: bool,
    root: str | None,
) -> None:
    """Print runs by a metric.

    Args:
        metric: the metric.
        options: ``where, of, direction``, as those of the command.
        baseline: a baseline or a run; None without.
        limit: the most runs.
        as_json: print one JSON document.
        root: where runs are looked for.

    Raises:
        RunNotFoundError: there are no runs, or there is no such baseline.
        QueryError: as for ``Runs.leaderboard``.
    """
    base = Path(root or os.environ.get("JAXARC_OUTPUT_DIR", DEFAULT_ROOT)).expanduser()
    runs = find_runs(base) if base.is_dir() else []
    if not runs:
        raise RunNotFoundError(f"no runs below {base}; record one with jaxarc rollout")
    against = None
    if baseline is not None:
        known = {each.name for each in list_baselines(base)}
        against = baseline_dir(base, baseline) if baseline in known else resolve_run(baseline, base)
    found = leaderboard_of(
        runs,
        metric,
        **options,
        baseline=against,
        limit=None if as_json and not limit else limit or USUAL_LIMIT,
    )
    if as_json:
        print_json({"root": base.resolve(), **found.to_dict()})
        return
    columns: dict[str, list[str | Text]] = {}
    for name, values in zip(found.columns, zip(*found.rows, strict=True), strict=True):
        columns[name] = [Text(shown_cell(value)[:_WIDEST]) for value in values]
    if "status" in columns:
        columns["status"] = [Text(each.status, STATUS_STYLES.get(each.status, "")) for each in found]
        columns["run"] = [Text(each.run, "bold" if each.rank == 1 else "") for each in found]
    texts = [
        name
        for name, values in zip(found.columns, zip(*found.rows, strict=True), strict=True)
        if any(isinstance(value, str) for value in values)
    ]
    table = fitting_table(found.heading, columns, text=texts, dropped=tuple(reversed(found.shown_params)))
    console = terminal()
    console.print(table, crop=False)
    if found.baseline is not None:
        said = f"baseline: {found.baseline.run}, {shown_cell(found.baseline.value)}"
        console.print(Text(said, style="dim"), soft_wrap=True)
    if len(found) < found.total:
        console.print(f"… and {found.total - len(found):,} more; --limit shows them", style="dim")
