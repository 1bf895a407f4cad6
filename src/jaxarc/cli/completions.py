"""What the shell completes: runs, episodes, columns and names. Quick: it reads names, and imports no JAX."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from pathlib import Path
from typing import TypeAlias

import typer

__all__ = [
    "addresses",
    "columns",
    "conditions",
    "episodes",
    "names",
    "overrides",
    "runs",
    "tasks",
]

_ROOT = "outputs/episodes"
_RUN_FILE = "run.json"
_MOST = 100
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+~-]*")
"""What is offered: some shells evaluate what they are given, so other names are typed by hand."""

_COLUMNS = (
    *("episode", "task_id", "env_id", "total_steps", "total_reward", "success", "ended", "stored_steps"),
    *("complete", "stream", "member", "update", "writer", "start_step", "end_step", "start_time", "end_time"),
)

Completer: TypeAlias = Callable[[typer.Context, str], list[str]]


def _quiet(candidates: Callable[[typer.Context, str], Iterable[str]]) -> Completer:
    """Return a completer out of what yields candidates: those that fit, none where files cannot be read."""

    @wraps(candidates)
    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        try:
            found = [each for each in candidates(ctx, incomplete) if each.startswith(incomplete)]
        except (OSError, ValueError, KeyError, RuntimeError):
            return []
        return list(dict.fromkeys(found))[:_MOST]

    return complete


def names(*known: str, listed: bool = False) -> Completer:
    """Return a completer for a choice of names, or for a list of them with commas between."""

    @_quiet
    def complete(ctx: typer.Context, incomplete: str) -> Iterable[str]:
        before, comma, _ = incomplete.rpartition(",") if listed else ("", "", "")
        given = before.split(",")
        return [f"{before}{comma}{name}" for name in known if name not in given]

    return complete


@_quiet
def runs(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    """Complete the name of a run below the root; paths are the shell's business."""
    found = [path.name for path in _by_age(_root(ctx))]
    if found:
        yield "latest"
        if incomplete.startswith("latest~"):
            yield from (f"latest~{back}" for back in range(1, min(len(found), 10)))
        yield from filter(_PLAIN.fullmatch, reversed(found))


@_quiet
def episodes(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Complete an episode of the run that stands before: those with stored steps."""
    return _episode_names(_run_dir(ctx, ctx.params.get("run")))


@_quiet
def addresses(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Complete ``RUN`` or ``RUN:EPISODE``; bash hands over what stands behind the colon as a word."""
    before = list(ctx.params.get("episodes") or ())
    if before[-1:] == [":"] and len(before) > 1:
        return _episode_names(_run_dir(ctx, before[-2]))
    run, colon, _ = incomplete.partition(":")
    if colon:
        return [f"{run}:{name}" for name in _episode_names(_run_dir(ctx, run))]
    return runs(ctx, incomplete)


@_quiet
def columns(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Complete columns of the run's episodes with commas between, also those that are to descend."""
    before, comma, last = incomplete.rpartition(",")
    sign = "-" if last.startswith("-") else ""
    return [f"{before}{comma}{sign}{name}" for name in _columns(ctx)]


@_quiet
def conditions(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Complete the column that a condition is about to name."""
    last = re.search(r"[A-Za-z_0-9]*$", incomplete)
    before = incomplete[: last.start()] if last else incomplete
    return [f"{before}{name}" for name in _columns(ctx)]


@_quiet
def tasks(ctx: typer.Context, incomplete: str) -> Iterable[str]:
    """Complete a task that the run met."""
    folder = _run_dir(ctx, ctx.params.get("run")) / "tasks"
    return sorted(filter(_PLAIN.fullmatch, (path.stem for path in folder.iterdir())))


@_quiet
def overrides(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    """Complete a group of settings and its choices: ``visualization=debug_verbose``."""
    before = list(ctx.params.get("overrides") or ())
    group = before[-2] if before[-1:] == ["="] and len(before) > 1 else ""  # bash parts a word at "="
    conf = Path(__file__).parents[1] / "conf"
    for folder in sorted(conf.iterdir()):
        choices = sorted(path.stem for path in folder.glob("*.yaml")) if folder.is_dir() else []
        if group:
            yield from choices if folder.name == group else ()
        elif len(choices) > 1:
            yield from (f"{folder.name}={choice}" for choice in choices)


def _root(ctx: typer.Context) -> Path:
    given = ctx.params.get("root") or os.environ.get("JAXARC_OUTPUT_DIR") or _ROOT
    return Path(str(given)).expanduser()


def _by_age(root: Path) -> list[Path]:
    """Return the runs below a root, oldest first."""
    if (root / _RUN_FILE).is_file():
        return [root]
    found = {path.parent for depth in ("*", "*/*", "*/*/*") for path in root.glob(f"{depth}/{_RUN_FILE}")}
    return sorted(found, key=lambda path: (_created(path), path.name))


def _created(run_dir: Path) -> float:
    try:
        return float(json.loads((run_dir / _RUN_FILE).read_bytes())["created"])
    except (OSError, ValueError, TypeError, KeyError):
        return 0.0


def _run_dir(ctx: typer.Context, name: object) -> Path:
    """Return the run that a name means.

    Raises:
        KeyError: none, or several.
    """
    text = str(name or "")
    path = Path(text).expanduser()
    if text and (path / _RUN_FILE).is_file():
        return path
    below = _by_age(_root(ctx))
    if text == "latest" or re.fullmatch(r"latest~[0-9]{1,6}", text):
        return dict(enumerate(reversed(below)))[int(text[7:] or 0)]
    exact = [run for run in below if run.name == text]
    begins = exact or [run for run in below if text and run.name.startswith(text)]
    if len(begins) != 1:
        raise KeyError(text)
    return begins[0]


def _episode_names(run_dir: Path) -> list[str]:
    from jaxarc.storage.index_glance import glance_stored

    found = glance_stored(run_dir)
    return [f"p{writer:03d}-{number}" if writer else str(number) for writer, number in found]


def _columns(ctx: typer.Context) -> list[str]:
    """Return the columns of the run that was named, or those that every run has."""
    from jaxarc.storage.index_glance import glance_columns

    try:
        known = glance_columns(_run_dir(ctx, ctx.params.get("run")))
    except (OSError, KeyError):
        return list(_COLUMNS)
    return [name for name in (*_COLUMNS, *known) if name in known and _PLAIN.fullmatch(name)]
