"""The arguments of ``jaxarc compare`` and ``jaxarc reel``."""

from __future__ import annotations

from typing import Annotated

import typer

from jaxarc.cli import completions
from jaxarc.cli.arguments import Json, Limit, Palette, Picture, Root, Run, Sort, Theme, Where

__all__ = ["compare", "reel"]

_TYPES = ("reward_progression", "similarity_progression", "outcome_by_task", "operations_used")


def compare(
    episodes: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN[:EPISODE]...",
            help="Episodes (latest:3, RUN:p001-7), or whole runs.",
            autocompletion=completions.addresses,
        ),
    ],
    type_: Annotated[
        str,
        typer.Option(
            "--type",
            metavar="TYPE",
            help="reward_progression, similarity_progression, outcome_by_task or operations_used.",
            autocompletion=completions.names(*_TYPES),
        ),
    ] = "reward_progression",
    align: Annotated[
        bool, typer.Option("--align", help="Two episodes step by step, with where they part.")
    ] = False,
    where: Where = None,
    sort: Sort = None,
    limit: Limit = None,
    out: Picture = None,
    palette: Palette = None,
    theme: Theme = None,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Draw episodes of one run or several side by side.

    A RUN alone stands for its episodes, as --where, --sort and --limit
    choose them; of more than 1,000 for as many of them, evenly spread.

    Examples:

    jaxarc compare latest:3 latest:7

    jaxarc compare latest:3 latest:7 --align --out parted.png

    jaxarc compare latest latest~1 --type outcome_by_task --out outcomes.pdf
    """
    from jaxarc.cli.compare import compare_episodes

    compare_episodes(
        episodes,
        kind=type_,
        align=align,
        where=where,
        sort=sort,
        limit=limit,
        out=out,
        palette=palette,
        theme=theme,
        as_json=as_json,
        root=root,
    )


def reel(
    run: Run,
    task: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="The task. Default: the one with the most episodes.",
            autocompletion=completions.tasks,
        ),
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            metavar="COLUMN",
            help="What says how far training was: update, episode, end_step.",
            autocompletion=completions.names("update", "episode", "end_step"),
        ),
    ] = "update",
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=40, help="The most episodes.")] = 8,
    out: Picture = None,
    palette: Palette = None,
    theme: Theme = None,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Draw one task at several points of training, an episode a row.

    Where the run was never told its update, --by update means the number
    of the episode.

    Examples:

    jaxarc reel latest --task 007bbfb7

    jaxarc reel latest --task 007bbfb7 --by end_step --limit 12 --out reel.png
    """
    from jaxarc.cli.reel import draw_reel

    look = {"palette": palette, "theme": theme}
    draw_reel(run, task=task, by=by, limit=limit, out=out, **look, as_json=as_json, root=root)
