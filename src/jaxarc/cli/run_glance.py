"""``jaxarc show RUN``: what became of a run, and what to type next."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
from rich.text import Text

from jaxarc.cli.annotate import note_facts
from jaxarc.cli.artifacts import artifacts_words
from jaxarc.cli.experiment_facts import experiment_facts, experiment_lines
from jaxarc.cli.json_output import print_json
from jaxarc.cli.listing import STATUS_STYLES
from jaxarc.cli.terminal import terminal
from jaxarc.cli.tracker_facts import tracker_facts, tracker_lines
from jaxarc.cli.wording import counted, size
from jaxarc.pipeline import losses_text
from jaxarc.records.table import EpisodeRow
from jaxarc.replay import ReplaySystem, open_run
from jaxarc.replay.addresses import shown_address
from jaxarc.replay.row_slabs import distinct
from jaxarc.replay.views.run_summary import RunSummary, summarise_run

__all__ = ["run_facts", "show_run"]

_ENDINGS = {
    "RUNNING": "being written; this is what is on disk now",
    "FINISHED": "ended as it was meant to",
    "FAILED": "an exception ended the program; what was recorded until then is here",
    "KILLED": "Ctrl-C or SIGTERM ended it; what was recorded until then is here",
    "LOST": "nobody ended it and nobody writes it; what it had committed is here",
}
_REMARKABLE = {"best": "best", "first_solved": "first solved", "longest": "longest", "worst": "worst"}


_MOST_PINS, _MOST_NOTES = 8, 3


def show_run(name: str, *, as_json: bool, root: str | None) -> None:
    """Print how a run went, what it holds, what was lost, and what to type next.

    Args:
        name: what ``jaxarc.open`` takes.
        as_json: print one JSON document.
        root: where runs are looked for.

    Raises:
        RunNotFoundError: there is no such run.
    """
    run = open_run(name, root)
    summary = summarise_run(run, max_examples=1)
    if as_json:
        print_json(run_facts(run, summary))
    else:
        _print(run, summary)


def run_facts(run: ReplaySystem, summary: RunSummary) -> dict[str, Any]:
    """Return what ``show RUN --json`` prints: counts, means, losses, and the episodes to see first."""
    info = run.info
    return {
        "run": run.name,
        "run_dir": run.run_dir,
        "experiment": summary.experiment,
        "status": summary.status,
        **experiment_facts(run),
        "level": info.get("level"),
        "created": summary.created,
        "duration_s": info.get("duration_s"),
        "episodes": summary.picture.num_episodes,
        "solved": summary.picture.num_solved,
        "cut": summary.num_cut,
        "running": summary.num_running,
        "with_steps": summary.num_stored,
        "env_steps": summary.picture.env_steps,
        "stored_steps": summary.num_stored_steps,
        "success_rate": summary.success_rate if summary.picture.num_solved is not None else None,
        "mean_return": summary.mean_return,
        "mean_length": summary.mean_length,
        "tasks": summary.num_tasks,
        "streams": _streams(run),
        "attempts": summary.num_attempts,
        "segment_bytes": summary.segment_bytes,
        "losses": summary.losses,
        "trackers": tracker_facts(run),
        "problems": list(summary.problems),
        "continued_in": summary.continued_in,
        "pinned": [shown_address(*address) for address in run.pinned()],
        "notes": [note_facts(note) for note in run.notes()],
        "remarkable": {rule: dict(row) for rule, row in summary.remarkable.items()},
    }


def _print(run: ReplaySystem, summary: RunSummary) -> None:
    console = terminal()
    status = summary.status
    head = Text.assemble((run.name, "bold"), "  ", (status, STATUS_STYLES.get(status, "")))
    console.print(head, soft_wrap=True)
    console.print(Text(f"{_ENDINGS.get(status, '')}\n", "dim"), soft_wrap=True)
    for name, words, style in _facts(run, summary):
        before = Text(f"{name:>12}  ", "bold")
        for line in Text(words, style).wrap(console, max(20, console.width - 15)):
            line.rstrip()
            console.print(before + line, soft_wrap=True)
            before = Text(" " * 14)
    console.print()
    console.print(Text("What to type next", "bold"))
    for command in _next(run, summary):
        console.print(Text(f"  {command}", "cyan"), soft_wrap=True)


def _facts(run: ReplaySystem, summary: RunSummary) -> list[tuple[str, str, str]]:
    """Return name, words and style of each line."""
    picture = summary.picture
    facts = [*experiment_lines(run), ("episodes", _episodes(summary), "")]
    stored = f"{summary.num_stored_steps:,} stored of {counted(summary.num_stored, 'episode')}"
    facts.append(("steps", f"{picture.env_steps:,} played, {stored}", ""))
    if summary.num_ended:
        means = f"{summary.mean_length:,.1f} steps, return {summary.mean_return:+.2f}"
        facts.append(("on average", means, ""))
    streams = _streams(run)
    if len(streams) > 1:
        facts.append(("streams", ", ".join(f"{name} {count:,}" for name, count in streams.items()), ""))
    if summary.num_tasks:
        facts.append(("tasks", f"{summary.num_tasks:,}", ""))
    facts += [
        (words, _row(summary.remarkable[rule]), "")
        for rule, words in _REMARKABLE.items()
        if rule in summary.remarkable
    ]
    if summary.num_attempts > 1:
        facts.append(("attempts", f"{summary.num_attempts}", ""))
    if summary.created is not None:
        began = datetime.fromtimestamp(summary.created, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
        lasted = run.info.get("duration_s")
        seconds = f", {lasted:,.1f} s" if isinstance(lasted, (int, float)) else ""
        facts.append(("begun", began + seconds, ""))
    facts.append(("level", str(run.info.get("level", "not known")), ""))
    facts.append(("on disk", f"{size(summary.segment_bytes)} of rows and steps", ""))
    if summary.losses is not None:
        lost = losses_text(summary.losses)
        facts.append(("losses", lost or "none", "red" if lost else ""))
    if artifacts := artifacts_words(run.artifacts()):
        facts.append(("artifacts", artifacts, ""))
    facts += tracker_lines(run)
    facts += _annotations(run)
    facts += [("damaged", problem, "red") for problem in summary.problems]
    if summary.continued_in is not None:
        facts.append(("goes on in", str(summary.continued_in), "yellow"))
    return facts


def _annotations(run: ReplaySystem) -> list[tuple[str, str, str]]:
    """Return the lines about what people added: pins, and the latest notes."""
    pinned, notes = run.pinned(), run.notes()
    facts = []
    if pinned:
        named = ", ".join(shown_address(*address) for address in pinned[:_MOST_PINS])
        more = f" and {len(pinned) - _MOST_PINS:,} more" if len(pinned) > _MOST_PINS else ""
        facts.append(("pinned", named + more, ""))
    if len(notes) > _MOST_NOTES:
        facts.append(("notes", f"{len(notes):,}; jaxarc note {run.name} prints them, the latest are", ""))
    facts += [("note", str(note), "") for note in notes[-_MOST_NOTES:]]
    return facts


def _streams(run: ReplaySystem) -> dict[str, int]:
    names, place = distinct(run.episodes()["stream"])
    counts = np.bincount(place, minlength=len(names)).tolist()
    return dict(zip((name.decode("utf-8", "replace") for name in names.tolist()), counts, strict=True))


def _episodes(summary: RunSummary) -> str:
    picture = summary.picture
    parts = []
    if picture.num_solved is not None:
        parts.append(f"{picture.num_solved:,} solved")
    if summary.num_cut:
        parts.append(f"{summary.num_cut:,} cut by the end of the recording")
    if summary.num_running:
        parts.append(f"{summary.num_running:,} still going on")
    total = f"{picture.num_episodes:,}"
    return f"{total}: {', '.join(parts)}" if parts else total


def _row(row: EpisodeRow) -> str:
    words = [
        f"episode {shown_address(int(row.get('writer', 0)), int(row.episode))}",
        *([f"task {row.task_id}"] if row.task_id else []),
        counted(int(row.total_steps), "step"),
        f"return {row.total_reward:+.2f}",
    ]
    return ", ".join(words) + ("" if row.stored_steps else " (row only)")


def _next(run: ReplaySystem, summary: RunSummary) -> list[str]:
    if not summary.picture.num_episodes:
        return [f"jaxarc doctor {run.name}"] if summary.problems else [f"jaxarc ls {run.name}"]
    commands = [f"jaxarc ls {run.name} --sort -total_reward --limit 10"]
    stored = [row for row in summary.remarkable.values() if row.stored_steps] or list(summary.examples)
    if stored:
        episode = shown_address(int(stored[0].get("writer", 0)), int(stored[0].episode))
        commands.append(f"jaxarc show {run.name} {episode}")
        commands.append(f"jaxarc replay {run.name} {episode} --html replay.html --open")
    commands.append(f"jaxarc doctor {run.name}" if summary.problems else f"jaxarc report {run.name}")
    return commands
