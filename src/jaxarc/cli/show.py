"""``jaxarc show``: an episode's boards in the terminal."""

from __future__ import annotations

import numpy as np
from rich.text import Text

from jaxarc.cli.listing import episode_table
from jaxarc.cli.terminal import terminal
from jaxarc.errors import NotRecordedError
from jaxarc.rendering import Style, terminal_step
from jaxarc.replay import open_run
from jaxarc.replay.views import step_pictures

__all__ = ["show_episode"]


def show_episode(run_name: str, name: str, *, step: int | None, max_steps: int, root: str | None) -> None:
    """Print an episode: its row, then its steps as boards.

    Args:
        run_name: what ``jaxarc.open`` takes.
        name: the episode's number, or its name (``p001-7``).
        step: only this step of the episode; None for the stored ones.
        max_steps: the most steps to print, evenly spaced from the first to the last.
        root: where runs are looked for.

    Raises:
        NotRecordedError: the episode, or the step, was not stored.
    """
    console = terminal()
    run = open_run(run_name, root)
    episode = run.load_episode(name)
    console.print(episode_table([episode.row], run.name), crop=False)
    stored = episode.step
    if step is not None:
        found = np.flatnonzero(stored == step)
        if not len(found):
            held = f"stored steps: {_ranges(stored)}" if len(stored) else "no steps of it are stored"
            raise NotRecordedError(f"episode {name} has no stored step {step}; {held}")
        positions = found[:1]
    else:
        positions = np.unique(
            np.linspace(0, len(stored) - 1, min(max_steps, len(stored))).round().astype(int)
        )
    for data in step_pictures(episode, positions.tolist()):
        console.print()
        console.print(terminal_step(data, Style()))
    left_out = len(stored) - len(positions)
    if step is None and left_out:
        console.print(Text(f"\n{left_out} more steps; --max-steps or --step shows them", style="dim"))


def _ranges(steps: np.ndarray) -> str:
    """Return ascending numbers as ranges: ``0-4, 7, 9-12``."""
    breaks = np.flatnonzero(np.diff(steps) != 1) + 1
    runs = np.split(steps, breaks)
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
