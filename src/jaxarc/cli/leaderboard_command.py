"""The arguments of ``jaxarc leaderboard``."""

from __future__ import annotations

from typing import Annotated

import typer

from jaxarc.cli import completions
from jaxarc.cli.arguments import Direction, Json, Measure, Root

__all__ = ["leaderboard"]


def leaderboard(
    metric: Annotated[
        str, typer.Argument(metavar="METRIC", help="The metric: eval/return, 'loss[phase=val]'.")
    ],
    where: Annotated[
        str | None,
        typer.Option(metavar="EXPRESSION", help="Which runs: \"lr < 0.01 and status == 'FINISHED'\"."),
    ] = None,
    of: Measure = None,
    direction: Direction = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Compare with this baseline, or run.", autocompletion=completions.runs
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="The most runs. Default: 50; all with --json.")
    ] = None,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Rank runs by a metric, the best first.

    Runs without a finite value come last and have no rank; runs that are
    equal share theirs. Shown besides are the params in which they differ.

    Examples:

    jaxarc leaderboard train/episode_return_mean

    jaxarc leaderboard train/success_rate --baseline default --limit 10
    """
    from jaxarc.cli.leaderboard import print_leaderboard

    options = {"where": where, "of": of, "direction": direction}
    print_leaderboard(metric, options, baseline=baseline, limit=limit, as_json=as_json, root=root)
