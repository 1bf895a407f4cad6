"""``jaxarc doctor``: every file of a run, what was lost, and what can be done."""

from __future__ import annotations

import os
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jaxarc.cli.json_output import print_json
from jaxarc.cli.terminal import terminal
from jaxarc.cli.wording import counted
from jaxarc.replay.system import DEFAULT_ROOT
from jaxarc.storage import FileFinding, RunInspection, inspect_run, repair_run, resolve_run

__all__ = ["DAMAGED", "print_examination"]

DAMAGED = 1
"""Exit code where a run is damaged; 2 is for commands that could not be carried out."""

_STYLES = {"whole": "green", "damaged": "bold red", "missing": "bold red", "harmless": "yellow"}
_WHOLE_SHOWN = 20


def print_examination(run_name: str, *, repair: bool, as_json: bool, root: str | None) -> None:
    """Run the command.

    Args:
        run_name: what ``jaxarc.open`` takes.
        repair: whether to keep what can be read of what is damaged.
        as_json: whether to print one JSON object.
        root: where runs are looked for.

    Raises:
        RunNotFoundError: there is no such run.
        StorageError: it cannot be repaired now.
        typer.Exit: with 1 where the run is damaged, after the repair if there was one.
    """
    base = Path(root or os.environ.get("JAXARC_OUTPUT_DIR", DEFAULT_ROOT)).expanduser()
    run_dir = resolve_run(run_name, base)
    console = terminal()
    found = inspect_run(run_dir)
    done: list[str] = []
    if not as_json:
        _print(console, found)
    if repair and not found.is_whole:
        done = repair_run(found)
        found = inspect_run(run_dir)
        if not as_json:
            _print_repair(console, found, done)
    if as_json:
        print_json({**found.to_json(), "done": done})
    if not found.is_whole:
        raise typer.Exit(DAMAGED)


def _print(console: Console, found: RunInspection) -> None:
    console.print(
        Text(f"{found.run_dir.name} · {found.status} · {counted(found.episodes, 'episode')}", style="italic")
    )
    whole = [file for file in found.files if file.state == "whole"]
    shown = [file for file in found.files if file.state != "whole" or len(whole) <= _WHOLE_SHOWN]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("file", overflow="fold")
    table.add_column("state")
    table.add_column("what is wrong, and what can be done", overflow="fold")
    for file in shown:
        table.add_row(Text(file.path), Text(file.state, _STYLES[file.state]), Text(_said(file)))
    if shown:
        console.print(table)
    if len(whole) > _WHOLE_SHOWN:
        more = "more " if shown else ""
        console.print(f"{len(whole):,} {more}files are whole", style="dim")
    for line in found.lost:
        console.print(Text(f"lost: {line}", "red"), soft_wrap=True)
    for line in found.known_lost:
        console.print(Text(f"lost before the last repair: {line}", "dim"), soft_wrap=True)
    if found.is_whole:
        console.print("The run is whole.", style="green")
    elif found.damaged:
        count = len(found.damaged)
        files = "1 file is" if count == 1 else f"{count:,} files are"
        console.print(f"{files} damaged or missing; everything else reads.", style="bold")
    else:
        console.print("No file is damaged, but something is gone.", style="bold")


def _said(file: FileFinding) -> str:
    said = "; ".join(file.problems)
    return f"{said}. {file.remedy[:1].upper()}{file.remedy[1:]}." if file.remedy else said


def _print_repair(console: Console, found: RunInspection, done: list[str]) -> None:
    console.print()
    console.print("Repaired:", style="bold")
    for line in done:
        console.print(Text(f"  {line}"), soft_wrap=True)
    state = "whole, but for what was lost" if found.is_whole else "still damaged"
    console.print(f"The run is {state}; it has {counted(found.episodes, 'episode')}.")
