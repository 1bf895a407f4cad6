"""``jaxarc tasks``, ``explain``, ``diff`` and ``aggregate``: what a run answers, printed."""

from __future__ import annotations

import math
from typing import Any

import typer
from rich.text import Text

from jaxarc.cli.compare import parted_name
from jaxarc.cli.json_output import print_json
from jaxarc.cli.listing import USUAL_LIMIT, fitting_table
from jaxarc.cli.terminal import terminal
from jaxarc.replay import ReplaySystem, open_run
from jaxarc.replay.addresses import shown_address
from jaxarc.replay.query import QueryError

__all__ = ["print_aggregate", "print_difference", "print_explanation", "print_tasks"]


def print_tasks(
    name: str,
    *,
    where: str | None,
    having: str | None,
    sort: str | None,
    limit: int | None,
    as_json: bool,
    root: str | None,
) -> None:
    """Print the tasks of a run; arguments as those of the command.

    Raises:
        QueryError: an expression cannot be understood.
    """
    run = open_run(name, root)
    found = run.tasks(where, sort, having=having)
    most = limit or (len(found) if as_json else USUAL_LIMIT)
    rows = [found.row(position) for position in range(min(most, len(found)))]
    if as_json:
        tasks = [dict(row) for row in rows]
        print_json({"run": run.name, "tasks": tasks, "episodes_without_task": found.num_unnamed})
        return
    columns: dict[str, list[str | Text]] = {
        "task": [Text(row.task_id) for row in rows],
        "attempts": [f"{row.attempts:,}" for row in rows],
        "ended": [f"{row.ended:,}" for row in rows],
        "solved": [f"{row.solved:,}" if row.solved >= 0 else "?" for row in rows],
        "rate": [_share(row.success_rate) for row in rows],
        "best return": [_number(row.best_return) for row in rows],
    }
    if "best_similarity" in found:
        columns["best similarity"] = [_share(row.best_similarity) for row in rows]
    columns["first solved"] = [
        f"step {row.first_solved_step:,}" if row.first_solved_step >= 0 else "" for row in rows
    ]
    columns["in episode"] = [
        shown_address(row.get("first_solved_writer", 0), row.first_solved_episode)
        if row.first_solved_episode >= 0
        else ""
        for row in rows
    ]
    columns["stored"] = [f"{row.stored:,}" for row in rows]
    console = terminal()
    dropped = ("stored", "ended", "best return", "in episode", "rate", "best similarity", "first solved")
    table = fitting_table(f"{run.name} · {found.words}", columns, text=("task",), dropped=dropped)
    console.print(table, crop=False)
    if len(found) > most:
        console.print(f"… and {len(found) - most:,} more; --limit shows them", style="dim")


def _share(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.1%}"


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:+.2f}"


def print_explanation(
    name: str, episode: str | None, choice: dict[str, Any], *, limit: int, as_json: bool, root: str | None
) -> None:
    """Print why an episode went as it went, or the causes over several.

    Args:
        name: the run.
        episode: an episode of it; None for several.
        choice: ``task``, ``where`` and ``sort`` of the command.
        limit, as_json, root: as those of the command.

    Raises:
        QueryError: an expression cannot be understood, or an episode and a choice of several are given.
        ReplayError: there is no such episode or task.
    """
    run = open_run(name, root)
    if episode is not None:
        if any(value is not None for value in choice.values()):
            raise QueryError("explain takes one EPISODE, or --task, --where and --sort for several; not both")
        said = run.explain(episode)
        if as_json:
            print_json({"run": run.name, **said.to_dict(), "episode": shown_address(*run.resolve(episode))})
            return
        _print_lines(str(said))
        return
    table = run.explain(**choice, limit=limit)
    if as_json:
        print_json({"run": run.name, **table.to_dict()})
        return
    console = terminal()
    columns: dict[str, list[str | Text]] = {
        "cause": [cause.words for cause in table],
        "episodes": [f"{cause.episodes:,}" for cause in table],
        "share": [f"{cause.share:.0%}" for cause in table],
        "first": [f"{cause.first:,}" for cause in table],
        "examples": [", ".join(cause.examples) for cause in table],
    }
    if len(table):
        shown = fitting_table(
            table.heading, columns, text=("cause", "examples"), dropped=("first", "examples")
        )
        console.print(shown, crop=False)
    else:
        console.print(Text(table.heading, style="italic"), soft_wrap=True)
    for sentence in table.sentences:
        console.print(Text(sentence, style="dim"), soft_wrap=True)
    example = next((cause.examples[0] for cause in table), None)
    if example is not None:
        console.print(
            Text(f"jaxarc explain {run.name} {example} says more of one", style="dim"), soft_wrap=True
        )


def print_difference(a: str, b: str, *, as_json: bool, root: str | None) -> None:
    """Print in which step two episodes part.

    Args:
        a, b: ``RUN:EPISODE``.
        as_json, root: as those of the command.

    Raises:
        QueryError: an address names no episode.
        ReplayError: there is no such run or episode.
        typer.Exit: with 1 where they part, or where nothing of them can be compared.
    """
    runs: dict[str, ReplaySystem] = {}
    episodes = []
    for address in (a, b):
        run_name, episode = parted_name(address, root, runs)
        if episode is None:
            raise QueryError(f"{address!r} names no episode; give RUN:EPISODE, such as latest:3")
        episodes.append(runs.setdefault(run_name, open_run(run_name, root)).load_episode(episode))
    found = next(iter(runs.values())).diff(*episodes)
    if as_json:
        print_json(found.to_dict())
    else:
        _print_lines(str(found))
    if found:
        raise typer.Exit(1)


def print_aggregate(name: str, options: dict[str, Any], *, as_json: bool, root: str | None) -> None:
    """Print an aggregate of the scores of a run.

    Args:
        name: the run.
        options: those of ``ReplaySystem.aggregate``.
        as_json, root: as those of the command.

    Raises:
        ReplayError: an option that cannot be understood, or is out of its limits.
    """
    run = open_run(name, root)
    found = run.aggregate(**options)
    if as_json:
        print_json({"run": run.name, **found.to_dict()})
        return
    _print_lines(str(found))


def _print_lines(text: str) -> None:
    console = terminal()
    first, *others = text.split("\n")
    console.print(Text(first, style="bold"), soft_wrap=True)
    for line in others:
        console.print(
            Text(line, style="dim" if line.startswith(("?", "  There is no")) else ""), soft_wrap=True
        )
