"""The arguments of ``jaxarc ls``."""

from __future__ import annotations

from typing import Annotated

import typer

from jaxarc.cli.arguments import Root, RootOrRun, Sort, Where

__all__ = ["list_runs"]


def list_runs(
    run: RootOrRun = None,
    where: Where = None,
    sort: Sort = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="The most rows to print.")] = 50,
    root: Root = None,
) -> None:
    """List the runs, or the episodes of one run.

    Examples:

    jaxarc ls

    jaxarc ls latest --where 'success and total_steps < 40' --sort -total_reward
    """
    from jaxarc.cli.listing import list_episodes_or_runs

    list_episodes_or_runs(run, root=root, where=where, sort=sort, limit=limit)
