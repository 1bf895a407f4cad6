"""``jaxarc ls``: runs, or the episodes of one."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from jaxarc.cli.terminal import terminal
from jaxarc.cli.wording import counted
from jaxarc.errors import DamagedFileError, RunNotFoundError
from jaxarc.records.table import EpisodeRow
from jaxarc.replay import QueryError, ReplaySystem, open_run
from jaxarc.replay.system import DEFAULT_ROOT
from jaxarc.storage import derive_status, find_runs, read_run_file, writer_name

__all__ = ["STATUS_STYLES", "episode_table", "fitting_table", "list_episodes_or_runs"]

STATUS_STYLES = {
    "FINISHED": "green",
    "RUNNING": "cyan",
    "FAILED": "red",
    "KILLED": "yellow",
    "LOST": "yellow",
    "damaged": "red",
}

_RUN_COLUMNS = {
    "run": (False, 0),
    "status": (False, 0),
    "level": (False, 2),
    "episodes": (True, 0),
    "solved": (True, 0),
    "env steps": (True, 3),
    "started": (False, 1),
}
"""Columns of the list of runs: whether they hold numbers, and which goes first where there is no room."""


_GAP = 2
"""Spaces that rich puts between two columns."""


@dataclass(frozen=True)
class _Column:
    """A column of a table: its heading, its cells, and which one goes first where there is no room (1)."""

    heading: str
    cells: list[str | Text]
    is_number: bool = False
    dropped: int = 0

    @property
    def width(self) -> int:
        """Characters of its widest cell."""
        texts = [cell if isinstance(cell, Text) else Text(cell) for cell in self.cells]
        return max([cell_len(self.heading), *(text.cell_len for text in texts)])


@dataclass(frozen=True)
class _Fitting:
    """A rich renderable: a table that drops its least important columns rather than shorten a cell.

    Print it with ``crop=False``: it may be wider than what is no terminal seems to be.
    """

    title: str
    columns: tuple[_Column, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines for this console; what is no terminal has room for everything."""
        kept = list(self.columns)
        droppable = sorted((column for column in kept if column.dropped), key=lambda column: column.dropped)
        while droppable and console.is_terminal and _width(kept) > options.max_width:
            kept.remove(droppable.pop(0))
        table = Table(header_style="bold", box=None, pad_edge=False)
        for column in kept:
            table.add_column(
                column.heading,
                justify="right" if column.is_number else "left",
                no_wrap=True,
                min_width=column.width,
            )
        for cells in zip(*(column.cells for column in kept), strict=True):
            table.add_row(*cells)
        bounded = console.is_terminal
        yield Text(self.title, style="italic", overflow="fold" if bounded else "ignore", no_wrap=not bounded)
        yield from console.render(table, options.update_width(max(options.max_width, _width(kept))))


def _width(columns: Sequence[_Column]) -> int:
    return sum(column.width for column in columns) + _GAP * (len(columns) - 1)


def fitting_table(
    title: str, columns: Mapping[str, Sequence[str | Text]], *, text: Collection[str], dropped: Sequence[str]
) -> RenderableType:
    """Return a table, to be printed with ``crop=False``.

    Args:
        title: stands above it.
        columns: cells by heading.
        text: headings of columns that hold no numbers.
        dropped: headings of those that are left out where there is no room, the first to go first.
    """
    order = {heading: position for position, heading in enumerate(dropped, start=1)}
    made = [
        _Column(heading, list(cells), is_number=heading not in text, dropped=order.get(heading, 0))
        for heading, cells in columns.items()
    ]
    return _Fitting(title, tuple(made))


def episode_table(rows: list[EpisodeRow], title: str, *, has_success: bool = True) -> RenderableType:
    """Return episode rows as a table, to be printed with ``crop=False``.

    Where there is no room, columns are left out: stored, env, similarity, ended, in this order.
    """
    columns = [
        _Column("episode", [str(row.episode) for row in rows], is_number=True),
        _Column("task", [Text(row.task_id or "-") for row in rows]),
        _Column("env", [str(row.env_id) for row in rows], is_number=True, dropped=2),
        _Column("steps", [str(row.total_steps) for row in rows], is_number=True),
        _Column("stored", [str(row.stored_steps or "-") for row in rows], is_number=True, dropped=1),
    ]
    if any(row.get("writer", 0) for row in rows):
        columns.insert(0, _Column("writer", [writer_name(int(row.writer)) for row in rows]))
    if len({row.stream for row in rows}) > 1:
        columns.append(_Column("stream", [Text(row.stream) for row in rows]))
    if len({row.member for row in rows}) > 1:
        columns.append(_Column("member", [str(row.member) for row in rows], is_number=True))
    columns.append(_Column("reward", [f"{row.total_reward:+.2f}" for row in rows], is_number=True))
    if any("similarity_last" in row for row in rows):
        similarities = [f"{row.get('similarity_last', float('nan')):.1%}" for row in rows]
        columns.append(_Column("similarity", list(similarities), is_number=True, dropped=3))
    ended = [Text(row.ended, style="yellow" if row.ended == "cut" else "") for row in rows]
    columns.append(_Column("ended", list(ended), dropped=4))
    if has_success:
        columns.append(_Column("", [Text("solved", "bold green") if row.success else "" for row in rows]))
    return _Fitting(title, tuple(columns))


def list_episodes_or_runs(
    name: str | None, *, root: str | None, where: str | None, sort: str | None, limit: int
) -> None:
    """Print the runs below a folder, or the episodes of a run.

    Raises:
        RunNotFoundError: neither a folder nor a run answers to the name.
        QueryError: ``where`` or ``sort`` cannot be understood.
    """
    console = terminal()
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
    facts: dict[str, list[str | Text]] = {name: [] for name in _RUN_COLUMNS}
    problems = []
    for run_dir in runs[-limit:]:
        try:
            info = read_run_file(run_dir)
            status = derive_status(run_dir, info)
        except DamagedFileError as error:
            info, status = {}, "damaged"
            problems.append(error)
        created = info.get("created")
        facts["run"].append(Text(run_dir.name))
        facts["status"].append(Text(status, style=STATUS_STYLES.get(status, "")))
        facts["level"].append(Text(str(info.get("level", ""))))
        for heading, key in (("episodes", "episodes"), ("solved", "successes"), ("env steps", "env_steps")):
            facts[heading].append(f"{info[key]:,}" if isinstance(info.get(key), int) else "…")
        facts["started"].append(_age(created) if isinstance(created, (int, float)) else "")
    columns = [
        _Column(name, facts[name], is_number=is_number, dropped=dropped)
        for name, (is_number, dropped) in _RUN_COLUMNS.items()
    ]
    console.print(_Fitting(f"{counted(len(runs), 'run')} below {folder}", tuple(columns)), crop=False)
    for problem in problems:
        console.print(Text(f"damaged: {problem}", style="red"), soft_wrap=True)


def _age(created: float) -> str:
    """Return how long ago a run was started, in its largest unit ("3 min ago")."""
    seconds = max(0, int(time.time() - created))
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"


def _print_episodes(
    console: Console, run: ReplaySystem, *, where: str | None, sort: str | None, limit: int
) -> None:
    found = run.episodes(where=where, sort=sort)
    rows = [found.row(i) for i in range(min(limit, len(found)))]
    kept = int((found["stored_steps"] > 0).sum())
    solved = int(found["success"].sum())
    episodes = counted(len(found), "episode")
    title = f"{run.name} · {run.status} · {episodes}, {solved} solved, {kept} with steps"
    console.print(episode_table(rows, title), crop=False)
    if (elsewhere := run.continued_in) is not None:
        console.print(Text(f"goes on in {elsewhere}", style="yellow"), soft_wrap=True)
    if len(found) > limit:
        console.print(f"… and {len(found) - limit} more; --limit shows them", style="dim")
    for problem in run.problems:
        console.print(Text(f"damaged: {problem}", style="red"), soft_wrap=True)
    if run.problems:
        raise typer.Exit(2)
