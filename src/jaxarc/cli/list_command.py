"""The arguments of ``jaxarc ls``."""

from __future__ import annotations

from typing import Annotated

import typer

from jaxarc.cli import completions
from jaxarc.cli.arguments import Json, Root, RootOrRun, Sort, Where

__all__ = ["list_runs"]


def list_runs(
    run: RootOrRun = None,
    where: Where = None,
    sort: Sort = None,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMNS",
            help="These columns, with commas between: 'episode,task_id,total_reward'.",
            autocompletion=completions.columns,
        ),
    ] = None,
    steps: Annotated[bool, typer.Option("--steps", help="List stored steps instead of episodes.")] = False,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="The most rows. Default: 50; all with --json.")
    ] = None,
    runs: Annotated[
        bool, typer.Option("--runs", help="List runs with their params, metrics and tags.")
    ] = False,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """List the runs, or the episodes of one run.

    Of runs, --where and --sort are about run, experiment, status, level,
    episodes, solved, success_rate, mean_return, best_return, env_steps, and
    about params.NAME, metrics.NAME and tags.NAME, or NAME alone.

    With --steps, --where and --sort are about stored steps: about reward,
    metrics, the numbers of actions (action.operation), and episode.success.

    Examples:

    jaxarc ls --runs --where 'success_rate > 0.5' --sort -best_return

    jaxarc ls latest --where 'success and total_steps < 40' --sort -total_reward

    jaxarc ls latest --columns episode,task_id,total_reward --json

    jaxarc ls latest --steps --where 'reward > 0' --limit 5
    """
    from jaxarc.cli.listing import list_episodes_or_runs

    list_episodes_or_runs(
        run,
        root=root,
        where=where,
        sort=sort,
        limit=limit,
        columns=columns,
        steps=steps,
        runs_only=runs,
        as_json=as_json,
    )
