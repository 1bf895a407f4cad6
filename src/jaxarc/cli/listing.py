"""``jaxarc ls``: runs, or the episodes of one."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from jaxarc.cli.json_output import print_json
from jaxarc.cli.terminal import terminal
from jaxarc.cli.wording import counted
from jaxarc.errors import DamagedFileError, RunNotFoundError
from jaxarc.records.table import EpisodeRow
from jaxarc.replay import QueryError, open_run
from jaxarc.replay.system import DEFAULT_ROOT
from jaxarc.storage import derive_status, find_runs, read_run_file, writer_name

__all__ = [
    "STATUS_STYLES",
    "USUAL_LIMIT",
    "age",
    "episode_table",
    "fitting_table",
    "list_episodes_or_runs",
    "list_runs_below",
]

USUAL_LIMIT = 50
"""Rows that are printed unless more are asked for."""

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
    name: str | None,
    *,
    root: str | None,
    where: str | None,
    sort: str | None,
    limit: int | None,
    columns: str | None = None,
    steps: bool = False,
    runs_only: bool = False,
    as_json: bool = False,
) -> None:
    """Print the runs below a folder, or the episodes or the stored steps of a run.

    Args:
        name: a folder of runs, or what ``jaxarc.open`` takes; None for ``root``.
        root: where runs are looked for.
        where, sort: which rows of a run, as ``episodes`` and ``steps`` take them, or which runs.
        limit: the most rows; None for 50, and for all in JSON.
        columns: names of columns with commas between them; None for those that people look for.
        steps: list stored steps.
        runs_only: list runs with what is said of their experiments, also where the folder is one.
        as_json: print one JSON document.

    Raises:
        RunNotFoundError: neither a folder nor a run answers to the name.
        QueryError: ``where``, ``sort`` or ``columns`` cannot be understood.
        typer.Exit: with 2 where files of the run could not be read.
    """
    base = Path(root or os.environ.get("JAXARC_OUTPUT_DIR", DEFAULT_ROOT)).expanduser()
    folder = base if name is None else Path(name).expanduser()
    if name is None or folder.is_dir():
        runs = find_runs(folder) if folder.is_dir() else []
        if runs != [folder] or name is None or runs_only:
            if steps:
                raise QueryError("--steps is about one run; name it: jaxarc ls latest --steps")
            if runs_only and runs and columns is None:
                from jaxarc.cli.listed_experiments import list_experiments

                list_experiments(folder, runs, where, sort, limit, as_json=as_json)
            elif runs and any(option is not None for option in (where, sort, columns)):
                from jaxarc.cli.listed_runs import list_chosen_runs

                list_chosen_runs(folder, runs, where, sort, limit, columns, as_json=as_json)
            else:
                list_runs_below(folder, runs, limit, as_json=as_json)
            return
    assert name is not None
    if runs_only:
        raise QueryError(f"--runs lists the runs of a folder; {name} is none")
    from jaxarc.cli.listed_rows import list_rows

    list_rows(
        open_run(name, root),
        where=where,
        sort=sort,
        limit=limit,
        columns=columns,
        steps=steps,
        as_json=as_json,
        console=terminal(),
    )


def list_runs_below(
    folder: Path,
    runs: Sequence[Path],
    limit: int | None,
    *,
    as_json: bool,
    total: int | None = None,
    more: Mapping[str, Sequence[str | Text]] | None = None,
) -> None:
    """Print runs, what ``run.json`` says of each.

    Args:
        folder: where they are.
        runs: their directories; the last of them where there is a limit.
        limit: the most runs; None for 50, and for all in JSON.
        as_json: print one JSON document.
        total: how many runs there are; as many as ``runs`` when left off.
        more: cells of columns besides, by heading.

    Raises:
        RunNotFoundError: there are none.
    """
    if not runs and total is None:
        raise RunNotFoundError(f"no runs below {folder}; record one with jaxarc rollout")
    shown = runs[-(limit or (len(runs) if as_json else USUAL_LIMIT)) :]
    found = [_run_facts(run_dir) for run_dir in shown]
    if as_json:
        print_json({"root": folder.resolve(), "total": total or len(runs), "runs": found})
        return
    facts: dict[str, list[str | Text]] = {
        "run": [Text(each["run"]) for each in found],
        "status": [Text(each["status"], style=STATUS_STYLES.get(each["status"], "")) for each in found],
        "level": [Text(str(each["level"] or "")) for each in found],
        "started": ["" if each["created"] is None else age(each["created"]) for each in found],
    }
    for heading, key in (("episodes", "episodes"), ("solved", "solved"), ("env steps", "env_steps")):
        facts[heading] = [_count(each[key], each["status"]) for each in found]
    columns = [
        _Column(name, facts[name], is_number=is_number, dropped=dropped)
        for name, (is_number, dropped) in _RUN_COLUMNS.items()
    ]
    columns += [_Column(name, list(cells), is_number=True) for name, cells in (more or {}).items()]
    console = terminal()
    count = counted(len(runs), "run") if total is None else f"{len(found):,} of {counted(total, 'run')}"
    console.print(_Fitting(f"{count} below {folder}", tuple(columns)), crop=False)
    if total is None and len(found) < len(runs):
        console.print(f"… and {len(runs) - len(found):,} older; --limit shows them", style="dim")
    for each in found:
        if each["problem"]:
            console.print(Text(f"damaged: {each['problem']}", style="red"), soft_wrap=True)


def _run_facts(run_dir: Path) -> dict[str, Any]:
    """Return what ``run.json`` says of a run; None for what it does not, or not yet."""
    problem = None
    try:
        info = read_run_file(run_dir)
        status = derive_status(run_dir, info)
    except DamagedFileError as error:
        info, status, problem = {}, "damaged", str(error)
    counts = {
        name: info[key] if isinstance(info.get(key), int) else None
        for name, key in (("episodes", "episodes"), ("solved", "successes"), ("env_steps", "env_steps"))
    }
    created = info.get("created")
    return {
        "run": run_dir.name,
        "run_dir": run_dir.resolve(),
        "status": status,
        "level": info.get("level"),
        **counts,
        "created": created if isinstance(created, (int, float)) else None,
        "problem": problem,
    }


def _count(count: int | None, status: str) -> str:
    """Return a count; one that nobody wrote down yet as ``…``, one that nobody will as ``?``."""
    if count is None:
        return "…" if status == "RUNNING" else "?"
    return f"{count:,}"


def age(created: float) -> str:
    """Return how long ago a run was started, in its largest unit ("3 min ago")."""
    seconds = max(0, int(time.time() - created))
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"
