"""The arguments of ``jaxarc tasks``, ``explain``, ``diff`` and ``aggregate``."""

from __future__ import annotations

from typing import Annotated

import typer

from jaxarc.cli import completions
from jaxarc.cli.arguments import Json, Root, Run, Sort, Where

__all__ = ["aggregate", "diff", "explain", "tasks"]

_MEASURES = ("iqm", "mean", "median", "optimality_gap")
_METRICS = ("total_reward", "success", "similarity_last", "total_steps")

_Address = Annotated[
    str,
    typer.Argument(
        metavar="RUN:EPISODE",
        help="An episode: latest:3, RUN:p001-7.",
        autocompletion=completions.addresses,
    ),
]


def tasks(
    run: Run,
    where: Where = None,
    having: Annotated[
        str | None, typer.Option(metavar="EXPRESSION", help="Which tasks: 'solved == 0 and attempts > 10'.")
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(metavar="COLUMNS", help="Columns of the tasks to sort by: 'success_rate,-attempts'."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="The most tasks. Default: 50; all with --json.")
    ] = None,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """List the tasks of a run: how often each was tried and solved, and when first.

    --where chooses the episodes that count, --having the tasks. Columns are
    attempts, ended, solved, success_rate, best_return, best_similarity,
    first_solved_step, first_solved_update, first_solved_episode, stored,
    last_step and last_episode.

    Examples:

    jaxarc tasks latest

    jaxarc tasks latest --having 'solved == 0' --sort -attempts

    jaxarc tasks latest --where 'update > 100' --json
    """
    from jaxarc.cli.questions import print_tasks

    print_tasks(run, where=where, having=having, sort=sort, limit=limit, as_json=as_json, root=root)


def explain(
    run: Run,
    episode: Annotated[
        str | None,
        typer.Argument(
            metavar="EPISODE",
            help="Its number; p001-7 where the writer p001 recorded it.",
            autocompletion=completions.episodes,
        ),
    ] = None,
    task: Annotated[str | None, typer.Option(metavar="ID", help="The episodes of this task.")] = None,
    where: Where = None,
    sort: Sort = None,
    limit: Annotated[
        int, typer.Option(metavar="N", min=1, help="The most unsolved episodes to look at.")
    ] = 200,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Say why an episode went as it went, or what the unsolved ones have in common.

    Of one episode: whether it was submitted, whether the best was undone,
    what is wrong with the last board, which steps had no effect, where it
    went in circles. Without EPISODE: the causes over all unsolved episodes,
    with examples. What was not stored cannot be explained, and is named.

    Examples:

    jaxarc explain latest 7

    jaxarc explain latest --task 007bbfb7

    jaxarc explain latest --where 'update > 100' --limit 1000 --json
    """
    from jaxarc.cli.questions import print_explanation

    choice = {"task": task, "where": where, "sort": sort}
    print_explanation(run, episode, choice, limit=limit, as_json=as_json, root=root)


def diff(
    a: _Address,
    b: _Address,
    config: Annotated[
        bool, typer.Option("--config", help="Two runs: their params, settings and versions.")
    ] = False,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Say in which step two episodes part, and how; the exit code is 1 if they do.

    Another start, another action, the same action with another outcome,
    another reward, or one ends where the other goes on. Only steps that
    both stored are compared; where none are, the exit code is 1 as well.
    With --config A and B are runs, and what they were told is compared.

    Examples:

    jaxarc diff latest:3 latest:7

    jaxarc diff latest:3 latest~1:3 --json

    jaxarc diff --config latest~1 latest
    """
    from jaxarc.cli.questions import print_difference

    if config:
        from jaxarc.cli.config_difference import print_config_difference

        print_config_difference(a, b, as_json=as_json, root=root)
        return

    print_difference(a, b, as_json=as_json, root=root)


def aggregate(
    run: Run,
    metric: Annotated[
        str,
        typer.Option(
            metavar="COLUMN", help="The score of an episode.", autocompletion=completions.names(*_METRICS)
        ),
    ] = "total_reward",
    of: Annotated[
        str,
        typer.Option(
            metavar="MEASURE",
            help="iqm, mean, median or optimality_gap.",
            autocompletion=completions.names(*_MEASURES),
        ),
    ] = "iqm",
    by: Annotated[
        str,
        typer.Option(metavar="COLUMNS", help="What is independent: member, env_id, episode."),
    ] = "member",
    where: Where = None,
    last: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Only the last N of each on each task.")
    ] = None,
    gamma: Annotated[float, typer.Option(metavar="X", help="What is good enough, for optimality_gap.")] = 1.0,
    confidence: Annotated[float, typer.Option(metavar="SHARE", help="How much the interval holds.")] = 0.95,
    reps: Annotated[int, typer.Option(metavar="N", min=1, help="How often scores are drawn anew.")] = 2000,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of the draws.")] = 0,
    as_json: Json = False,
    root: Root = None,
) -> None:
    """Print one number for how well the members did on all tasks, and how sure it is.

    Scores are means of each member on each task. The interval is that of a
    stratified bootstrap over the members (Agarwal et al., NeurIPS 2021).

    Examples:

    jaxarc aggregate latest

    jaxarc aggregate latest --metric success --of mean --last 10

    jaxarc aggregate latest --by episode --where "stream == 'eval'"
    """
    from jaxarc.cli.questions import print_aggregate

    options = {"metric": metric, "of": of, "by": by, "where": where, "last": last, "gamma": gamma}
    options |= {"confidence": confidence, "reps": reps, "seed": seed}
    print_aggregate(run, options, as_json=as_json, root=root)
