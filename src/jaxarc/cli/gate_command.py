"""The arguments of ``jaxarc gate`` and ``jaxarc baseline``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jaxarc.cli import completions
from jaxarc.cli.arguments import Direction, Json, Measure, Root, Run

__all__ = ["baseline", "gate"]


def gate(
    run: Run,
    metric: Annotated[
        list[str],
        typer.Option(metavar="NAME", help="A metric; 'loss[phase=val]' for one series. May be repeated."),
    ],
    maximum: Annotated[float | None, typer.Option("--max", metavar="X", help="At most this.")] = None,
    minimum: Annotated[float | None, typer.Option("--min", metavar="X", help="At least this.")] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="No worse than this baseline, or run.", autocompletion=completions.runs
        ),
    ] = None,
    tolerance: Annotated[
        str, typer.Option(metavar="X", help="How much worse than the baseline: 0.02, or 5%.")
    ] = "0",
    of: Measure = None,
    direction: Direction = None,
    any_status: Annotated[
        bool, typer.Option("--any-status", help="Let runs pass that failed, were killed or are lost.")
    ] = False,
    chart: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw it: .svg, .png or .pdf.")] = None,
    alert: Annotated[
        bool, typer.Option("--alert", help="Write an alert into the run where it does not pass.")
    ] = False,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Say whether metrics of a run are good enough, by limits or a baseline.

    The exit code is 0 where they are, 1 where they are not, 2 for a mistake.
    A metric that is missing, NaN, infinite or no number does not pass; nor
    does a run that FAILED, was KILLED or is LOST. What counts is the last
    value, unless the run declares otherwise (define_metric).

    Examples:

    jaxarc gate latest --metric loss --max 0.5

    jaxarc gate latest --metric train/success_rate --min 0.8 --chart gate.png

    jaxarc gate latest --metric train/success_rate --baseline default
    """
    from jaxarc.cli.gate import judge_run

    judge_run(
        run,
        metric,
        limits={"max": maximum, "min": minimum, "of": of, "direction": direction, "tolerance": tolerance},
        baseline=baseline,
        any_status=any_status,
        chart=chart,
        alert=alert,
        as_json=as_json,
        root=root,
    )


def baseline(
    action: Annotated[
        str,
        typer.Argument(
            metavar="set|show|list|remove",
            help="What to do.",
            autocompletion=completions.names("set", "show", "list", "remove"),
        ),
    ] = "list",
    run: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="The run, for set.", autocompletion=completions.runs),
    ] = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="The baseline's name.")] = "default",
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Name a run as a baseline that others are compared with.

    A name is of one run at a time. baseline:NAME stands for its run wherever
    a command takes one; baseline alone for that of the name default.

    Examples:

    jaxarc baseline set latest

    jaxarc baseline set latest --name paper

    jaxarc baseline list
    """
    from jaxarc.cli.baseline import change_baselines

    change_baselines(action, run, name=name, as_json=as_json, root=root)
