"""``jaxarc ls``: runs, or the episodes of one."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jaxarc.errors import DamagedFileError, RunNotFoundError
from jaxarc.records.table import EpisodeRow
from jaxarc.replay import QueryError, ReplaySystem, open_run
from jaxarc.replay.system import DEFAULT_ROOT
from jaxarc.storage import derive_status, find_runs, read_run_file

__all__ = ["episode_table", "list_episodes_or_runs"]

_STATUS_STYLE = {
    "FINISHED": "green",
    "RUNNING": "cyan",
    "FAILED": "red",
    "KILLED": "yellow",
    "LOST": "yellow",
}


def episode_table(rows: list[EpisodeRow], title: str, *, has_success: bool = True) -> Table:
    """Return episode rows as a table for the terminal."""
    table = Table(title=Text(title), title_justify="left", header_style="bold", box=None, pad_edge=False)
    streams = {row.stream for row in rows}
    members = {row.member for row in rows}
    for name, right in (("episode", True), ("task", False), ("env", True), ("steps", True), ("stored", True)):
        table.add_column(name, justify="right" if right else "left")
    if len(streams) > 1:
        table.add_column("stream")
    if len(members) > 1:
        table.add_column("member", justify="right")
    table.add_column("reward", justify="right")
    similarity = any("similarity_last" in row for row in rows)
    if similarity:
        table.add_column("similarity", justify="right")
    table.add_column("ended")
    if has_success:
        table.add_column("")
    for row in rows:
        cells: list[Any] = [
            str(row.episode),
            Text(row.task_id or "-"),
            str(row.env_id),
            str(row.total_steps),
            str(row.stored_steps) if row.stored_steps else "-",
        ]
        if len(streams) > 1:
            cells.append(Text(row.stream))
        if len(members) > 1:
            cells.append(str(row.member))
        cells.append(f"{row.total_reward:+.2f}")
        if similarity:
            cells.append(f"{row.get('similarity_last', float('nan')):.1%}")
        cells.append(Text(row.ended, style="yellow" if row.ended == "cut" else ""))
        if has_success:
            cells.append(Text("solved", style="bold green") if row.success else "")
        table.add_row(*cells)
    return table


def list_episodes_or_runs(
    name: str | None, *, root: str | None, where: str | None, sort: str | None, limit: int
) -> None:
    """Print the runs below a folder, or the episodes of a run.

    Raises:
        RunNotFoundError: neither a folder nor a run answers to the name.
        QueryError: ``where`` or ``sort`` cannot be understood.
    """
    console = Console()
    base = Path(root or os.environ.get("JAXARC_OUTPUT_DIR", DEFAULT_ROOT))
    folder = base if name is None else Path(name).expanduser()
    if name is None or folder.is_dir():
        runs = find_runs(folder) if folder.is_dir() else []
        if runs != [folder] or name is None:
            if where is not None or sort is not None:
                raise QueryError(
                    "--where and --sort choose among a run's episodes; name one: jaxarc ls latest"
                )
            _print_runs(console, folder, runs, limit)
            return
    assert name is not None
    _print_episodes(console, open_run(name, root), where=where, sort=sort, limit=limit)


def _print_runs(console: Console, folder: Path, runs: list[Path], limit: int) -> None:
    if not runs:
        raise RunNotFoundError(f"no runs below {folder}; record one with jaxarc rollout")
    table = Table(title=f"{len(runs)} runs below {folder}", title_justify="left", box=None, pad_edge=False)
    for column, right in (
        ("run", False),
        ("status", False),
        ("level", False),
        ("episodes", True),
        ("solved", True),
        ("env steps", True),
        ("started (UTC)", False),
    ):
        table.add_column(column, justify="right" if right else "left", no_wrap=column == "run")
    for run_dir in runs[-limit:]:
        try:
            info = read_run_file(run_dir)
        except DamagedFileError as error:
            table.add_row(run_dir.name, Text("damaged", style="red"), Text(str(error)))
            continue
        status = derive_status(run_dir, info)
        created = info.get("created")
        started = f"{datetime.fromtimestamp(created, UTC):%Y-%m-%d %H:%M:%S}" if created else ""
        counts = [f"{info[key]:,}" if key in info else "…" for key in ("episodes", "successes", "env_steps")]
        style = _STATUS_STYLE.get(status, "")
        table.add_row(run_dir.name, Text(status, style=style), str(info.get("level", "")), *counts, started)
    console.print(table)


def _print_episodes(
    console: Console, run: ReplaySystem, *, where: str | None, sort: str | None, limit: int
) -> None:
    found = run.episodes(where=where, sort=sort)
    rows = [found.row(i) for i in range(min(limit, len(found)))]
    kept = int((found["stored_steps"] > 0).sum())
    solved = int(found["success"].sum())
    title = f"{run.name} · {run.status} · {len(found)} episodes, {solved} solved, {kept} with steps"
    console.print(episode_table(rows, title))
    if len(found) > limit:
        console.print(f"… and {len(found) - limit} more; --limit shows them", style="dim")
    for problem in run.problems:
        console.print(Text(f"damaged: {problem}", style="red"))
    if run.problems:
        raise typer.Exit(2)
