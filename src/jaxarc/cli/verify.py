"""``jaxarc verify``: do the episodes of a run re-simulate?"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from jaxarc.cli.chosen_episodes import chosen_episodes
from jaxarc.cli.json_output import print_json
from jaxarc.cli.terminal import terminal
from jaxarc.cli.wording import counted
from jaxarc.replay import ReplaySystem, RunVerification, Verification, open_run

__all__ = ["UNCONFIRMED", "verify_episodes"]

UNCONFIRMED = 1
"""Exit code where an episode is not confirmed, or none could be verified."""

_SHOWN = 10
_NUMBERS_SHOWN = 8


def verify_episodes(
    run_name: str,
    episodes: Sequence[str],
    *,
    where: str | None,
    limit: int | None,
    env_name: str | None,
    as_json: bool,
    root: str | None,
) -> None:
    """Run the command.

    Args:
        run_name: what ``jaxarc.open`` takes.
        episodes: numbers, ranges and names; none for all.
        where, limit: which of them.
        env_name: ``module:factory``; None makes the environment of what the run has stored.
        as_json: whether to print one JSON object.
        root: where runs are looked for.

    Raises:
        ReplayError: there is no such run or episode, or no environment.
        typer.Exit: with 1 where not all are confirmed.
    """
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    run = open_run(run_name, root)
    chosen = chosen_episodes(run, episodes, where=where).episodes if episodes else None
    env, options, note = _environment(run, env_name)
    with _progress(terminal(stderr=True)) as progress:
        found = run.verify_all(env, where, episodes=chosen, limit=limit, progress=progress, **options)
    if as_json:
        print_json(_document(run, found, note))
    else:
        _print(terminal(), run, found, note)
    if not found.ok:
        raise typer.Exit(UNCONFIRMED)


def _environment(run: ReplaySystem, name: str | None) -> tuple[Any, dict[str, Any], str]:
    """Return what steps, the options of ``verify_all`` for it, and what to say of it."""
    if name is not None:
        from jaxarc.cli.env_factory import env_named

        return env_named(name, run), {}, ""
    from jaxarc.replay.run_env import rebuilt_env

    rebuilt = rebuilt_env(run)
    return rebuilt.env, {"describe": rebuilt.describe}, rebuilt.note


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[int, int], object] | None]:
    """Yield what shows how far it is: a bar in a terminal, nothing elsewhere."""
    if not console.is_terminal:
        yield None
        return
    with Progress(
        TextColumn("verifying"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    ) as bars:
        bar = bars.add_task("", total=None)
        yield lambda done, of: bars.update(bar, completed=done, total=of)


def _print(console: Console, run: ReplaySystem, found: RunVerification, note: str) -> None:
    for each in [*found.failed, *found.unproven][:_SHOWN]:
        head, *lines = str(each).split("\n")
        console.print(Text(head, "red" if each.differences else "yellow"), soft_wrap=True)
        for line in lines:
            console.print(Text(line), soft_wrap=True)
    hidden = len(found.failed) + len(found.unproven) - _SHOWN
    if hidden > 0:
        console.print(Text(f"… and {hidden:,} more that are not confirmed (--json lists all)", "dim"))
    for reason, episodes in found.reasons.items():
        words = f"left out: {counted(len(episodes), 'episode')} ({_numbers(episodes)}): {reason}"
        console.print(Text(words, "yellow"), soft_wrap=True)
    if note:
        console.print(Text(note, "dim"), soft_wrap=True)
    console.print(Text(f"{run.name}: {_summary(found)}", "green" if found.ok else "bold red"), soft_wrap=True)


def _summary(found: RunVerification) -> str:
    """Return the verdict in one line."""
    if not len(found):
        left = f", {counted(len(found.left_out), 'episode')} left out" if found.left_out else ""
        return f"no episode could be verified{left}"
    steps = sum(each.total_steps for each in found)
    confirmed = sum(bool(each) for each in found)
    parts = [f"{confirmed:,} of {counted(len(found), 'episode')} confirmed ({counted(steps, 'step')})"]
    for count, what in (
        (len(found.failed), "differ"),
        (len(found.unproven), "unproven"),
        (len(found.left_out), "left out"),
    ):
        if count:
            parts.append(f"{count:,} {what}")
    return ", ".join(parts)


def _numbers(episodes: Sequence[tuple[int, int]]) -> str:
    shown = [_name(*episode) for episode in episodes[:_NUMBERS_SHOWN]]
    return ", ".join([*shown, "…"] if len(episodes) > len(shown) else shown)


def _name(writer: int, episode: int) -> str:
    return f"p{writer:03d}-{episode}" if writer else str(episode)


def _document(run: ReplaySystem, found: RunVerification, note: str) -> dict[str, Any]:
    return {
        "run": run.name,
        "ok": found.ok,
        "episodes": len(found),
        "steps": sum(each.total_steps for each in found),
        "confirmed": sum(bool(each) for each in found),
        "note": note,
        "failed": [_told(each) for each in found.failed],
        "unproven": [_told(each) for each in found.unproven],
        "left_out": [
            {"reason": reason, "episodes": [_name(*episode) for episode in episodes]}
            for reason, episodes in found.reasons.items()
        ],
    }


def _told(found: Verification) -> dict[str, Any]:
    """Return what is said of an episode that is not confirmed."""
    leaf = found.differences[0] if found.differences else None
    return {
        "episode": _name(found.writer, found.episode),
        "total_steps": found.total_steps,
        "step": found.step,
        "leaf": found.path,
        "evidence": leaf.evidence if leaf is not None else None,
        "recorded": leaf.recorded[leaf.index] if leaf is not None else None,
        "resimulated": leaf.resimulated[leaf.index] if leaf is not None else None,
        "differing_steps": found.differing_steps,
        "unproven": [{"leaf": each.path, "step": each.step} for each in found.unproven],
        "said": str(found),
    }
