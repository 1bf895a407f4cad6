"""``jaxarc bench``: what recording costs here, as tables and as a file."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.console import RenderableType
from rich.status import Status

from jaxarc.bench import (
    CACHE_CASES,
    FULL_EFFORT,
    QUICK,
    QUICK_CACHE_CASES,
    QUICK_EFFORT,
    TRAINING,
    WORKLOADS,
    Workload,
    load_report,
    load_training,
    markdown_table,
    run_benchmark,
)
from jaxarc.bench.table import WIDTH, report_lines, workload_lines
from jaxarc.cli.json_output import print_json
from jaxarc.cli.terminal import terminal
from jaxarc.errors import closest

__all__ = ["print_markdown", "run_bench"]


def run_bench(
    *,
    quick: bool,
    only: Sequence[str],
    pairs: int | None,
    out: Path | None,
    examples: Path | None,
    as_json: bool,
) -> None:
    """Run the command.

    Raises:
        typer.BadParameter: a workload that does not exist, or a file that cannot be written.
    """
    if out is not None:
        _refuse_unwritable(out)
    workloads, left_out = _chosen(only, quick, examples)
    effort = QUICK_EFFORT if quick else FULL_EFFORT
    if pairs is not None:
        effort = dataclasses.replace(effort, num_pairs=pairs)
    console = terminal()
    if console.width < WIDTH or not console.is_terminal:
        console.width = WIDTH

    def show(lines: Sequence[RenderableType]) -> None:
        for line in lines:
            console.print(line)

    with Status("", console=terminal(stderr=True)) as status:
        report = run_benchmark(
            workloads,
            effort,
            left_out=left_out,
            cache_cases=QUICK_CACHE_CASES if quick else CACHE_CASES,
            tell=status.update,
            show=lambda result: None if as_json else show(list(workload_lines(result))),
        )
    if out is not None:
        report.save(out)
    if as_json:
        print_json(report.to_json())
        return
    show(list(report_lines(report)))
    if out is not None:
        console.print(f"\nwritten to {out}", soft_wrap=True)


def print_markdown(report: Path) -> None:
    """Print the table of a report as Markdown.

    Raises:
        DamagedFileError: the file is no report.
    """
    typer.echo(markdown_table(load_report(report)))


def _chosen(only: Sequence[str], quick: bool, examples: Path | None) -> tuple[list[Workload], dict[str, str]]:
    """Return the workloads to measure, and why others that were asked for cannot be."""
    known = [*WORKLOADS, *TRAINING]
    for name in only:
        if name not in known:
            raise typer.BadParameter(
                f"no workload is called {name}; workloads: {', '.join(known)}{closest(name, known)}"
            )
    names = list(only) or (list(QUICK) if quick else known)
    workloads, left_out = [], {}
    for name in names:
        known_here = QUICK if quick and name in QUICK else WORKLOADS
        found = known_here[name] if name in known_here else load_training(name, examples)
        if isinstance(found, str):
            left_out[name] = found
        else:
            workloads.append(found)
    return workloads, left_out


def _refuse_unwritable(out: Path) -> None:
    """Find out before a quarter of an hour has passed."""
    if out.is_dir():
        raise typer.BadParameter(
            f"{out} is a folder; give the name of a file, such as {out / 'overhead.json'}"
        )
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise typer.BadParameter(f"{out} cannot be written ({error.strerror})") from None
    if not os.access(out if out.exists() else out.parent, os.W_OK):
        raise typer.BadParameter(f"{out} cannot be written")
