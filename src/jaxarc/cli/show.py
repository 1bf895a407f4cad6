"""``jaxarc show``: a run at a glance, or an episode's boards in the terminal."""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.console import Console
from rich.text import Text

from jaxarc.cli.annotate import note_facts
from jaxarc.cli.json_output import print_json
from jaxarc.cli.listing import episode_table
from jaxarc.cli.terminal import terminal
from jaxarc.errors import NotRecordedError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.replay import ReplaySystem, open_run
from jaxarc.replay.addresses import shown_address
from jaxarc.replay.episode import ReplayEpisode

__all__ = ["episode_facts", "show_episode"]

_PARTS = (
    *("observation", "action", "reward", "metrics", "labels", "info", "state", "key", "episode"),
    *("state_hash", "keyframe"),
)


def show_episode(
    run_name: str, name: str, *, step: int | None, max_steps: int, as_json: bool, root: str | None
) -> None:
    """Print an episode: its row, then its steps as boards.

    Args:
        run_name: what ``jaxarc.open`` takes.
        name: the episode's number, or its name (``p001-7``).
        step: only this step of the episode; None for the stored ones.
        max_steps: the most steps to print, evenly spaced from the first to the last.
        as_json: print the row, and what is stored, as one JSON document.
        root: where runs are looked for.

    Raises:
        NotRecordedError: the step was not stored.
    """
    run = open_run(run_name, root)
    episode = run.load_episode(name)
    stored = episode.step
    if step is not None and step not in stored:
        held = f"stored steps: {_ranges(stored)}" if len(stored) else "no steps of it are stored"
        raise NotRecordedError(f"episode {name} has no stored step {step}; {held}")
    if as_json:
        facts = {"run": run.name, "run_dir": run.run_dir, **episode_facts(episode)}
        facts["pinned"] = run.resolve(episode) in run.pinned()
        facts["notes"] = [note_facts(note) for note in run.notes(episode)]
        print_json(facts if step is None else {**facts, "step": _step_values(episode, step)})
        return
    console = terminal()
    console.print(episode_table([episode.row], run.name), crop=False)
    _print_annotations(console, run, episode)
    if not len(stored):
        console.print(Text(_why_no_steps(episode), "yellow"), soft_wrap=True)
        return
    from jaxarc.rendering import Style, terminal_step
    from jaxarc.replay.views import step_pictures

    if step is not None:
        positions = np.flatnonzero(stored == step)
    else:
        shown = min(max_steps, len(stored))
        positions = np.unique(np.linspace(0, len(stored) - 1, shown).round().astype(int))
    for data in step_pictures(episode, positions.tolist()):
        console.print()
        console.print(terminal_step(data, Style()))
    left_out = len(stored) - len(positions)
    if step is None and left_out:
        words = "1 more step" if left_out == 1 else f"{left_out:,} more steps"
        console.print(Text(f"\n{words}; --max-steps or --step shows them", style="dim"))


def episode_facts(episode: EpisodeData) -> dict[str, Any]:
    """Return what is known of an episode without reading its steps, as JSON has it."""
    row, fields = episode.row, {part: episode.fields(part) for part in _PARTS}
    return {
        "episode": shown_address(int(row.get("writer", 0)), int(row.episode)),
        "row": dict(row),
        "stored_steps": episode.step,
        "stored_parts": {
            part: [
                {"name": "/".join(map(str, field.path)), "dtype": field.dtype, "shape": field.shape}
                for field in of_part
            ]
            for part, of_part in fields.items()
            if of_part
        },
        "why_no_steps": None if len(episode.step) else _why_no_steps(episode),
    }


def _step_values(episode: EpisodeData, step: int) -> dict[str, Any]:
    """Return the numbers of one stored step."""
    position = int(np.flatnonzero(episode.step == step)[0])
    one = episode.steps_at([position])
    return {
        "step": step,
        "reward": one.reward[0],
        "terminated": one.terminated[0],
        "truncated": one.truncated[0],
        "metrics": {name: values[0] for name, values in one.metrics.items()},
        "labels": {name: values[0] for name, values in one.labels.items()},
    }


def _why_no_steps(episode: EpisodeData) -> str:
    try:
        _ = episode.reward
    except NotRecordedError as error:
        words = str(error)
        for before in ("only its row: ", "is not there: "):
            words = words.partition(before)[2] or words
        return f"no steps of it are stored: {words}"
    return ""


def _print_annotations(console: Console, run: ReplaySystem, episode: ReplayEpisode) -> None:
    """Print that an episode is pinned, and what people noted on it."""
    if run.resolve(episode) in run.pinned():
        console.print(Text("pinned", style="bold"))
    for note in run.notes(episode):
        at = "" if note.step is None else f"step {note.step}: "
        console.print(Text(f"note {note.time.astimezone():%Y-%m-%d %H:%M}  {at}{note.text}"))


def _ranges(steps: np.ndarray) -> str:
    """Return ascending numbers as ranges: ``0-4, 7, 9-12``."""
    breaks = np.flatnonzero(np.diff(steps) != 1) + 1
    runs = np.split(steps, breaks)
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
