"""``jaxarc render``: the pictures of a run, drawn after it, in several processes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from jaxarc.cli.chosen_episodes import chosen_episodes, words_of
from jaxarc.cli.json_output import print_json
from jaxarc.cli.terminal import terminal
from jaxarc.cli.wording import counted, size
from jaxarc.config import VisualizationConfig
from jaxarc.errors import RenderError
from jaxarc.replay import ReplaySystem, open_run
from jaxarc.replay.views import style_of
from jaxarc.replay.views.run_looks import run_visualization_config
from jaxarc.storage.numbered_names import EPISODES_FOLDER
from jaxarc.visualization.drawing_jobs import DrawnEpisode, DrawnRun, draw_run, episode_name, usual_jobs
from jaxarc.visualization.episode_files import Drawing

__all__ = ["Looks", "chosen_steps", "render_run_pictures"]

_STEPS = re.compile(r"([0-9]{1,18})(?:-([0-9]{1,18}))?")
_MOST_SHOWN = 10


@dataclass(frozen=True)
class Looks:
    """What the command line says of the look; None for what the run was told."""

    palette: str | None = None
    theme: str | None = None
    quality: str | None = None
    digits: bool | None = None
    coordinates: bool | None = None
    render: str | None = None

    def on(self, config: VisualizationConfig) -> VisualizationConfig:
        """Return a configuration with these looks instead of its own."""
        given = {
            "color_scheme": self.palette,
            "theme": self.theme,
            "image_quality": self.quality,
            "show_digits": self.digits,
            "show_coordinates": self.coordinates,
            "render": self.render,
        }
        return replace(config, **{name: value for name, value in given.items() if value is not None})


def render_run_pictures(
    run_name: str,
    names: Sequence[str],
    *,
    formats: str | None,
    steps: str,
    where: str | None,
    sort: str | None,
    limit: int | None,
    out: Path | None,
    jobs: int | None,
    looks: Looks,
    as_json: bool,
    root: str | None,
) -> None:
    """Run the command.

    Args:
        run_name: what ``jaxarc.open`` takes.
        names: episodes, as ``chosen_episodes`` takes them.
        formats: names with commas between them; None for what the run was told.
        steps: ``all``, ``key``, ``none``, or numbers and ranges with commas between them.
        where, sort, limit: which episodes besides, as ``ReplaySystem.episodes`` takes them.
        out: the folder for the folders of episodes; None for the run's own.
        jobs: processes; None for as many as there are cores.
        looks: how it looks.
        as_json: print one JSON document; progress stays on stderr.
        root: where runs are looked for.

    Raises:
        EpisodeNotFoundError: there is no such episode, or none with steps.
        RenderError: a format, a range of steps or a look that does not exist.
    """
    run = open_run(run_name, root)
    config = looks.on(run_visualization_config(run.run_dir))
    kinds = config.output_formats if formats is None else words_of(formats)
    drawing = Drawing(
        tuple(kinds), style_of(config), config.image_quality, chosen_steps(steps), render=config.render
    )
    chosen = chosen_episodes(run, names, where=where, sort=sort, limit=limit)
    episodes = chosen.episodes
    _refuse_unknown_steps(run, episodes, drawing)
    console = terminal(stderr=True)
    began = time.monotonic()
    with _progress(console, len(episodes)) as progress:
        drawn = draw_run(
            run, episodes, drawing, out=out, jobs=jobs or usual_jobs(len(episodes)), progress=progress
        )
    folder, seconds = out or run.run_dir / EPISODES_FOLDER, time.monotonic() - began
    if as_json:
        print_json({"run": run.name, "out": folder, **_facts(drawn), "seconds": round(seconds, 3)})
    else:
        _print(drawn, folder, seconds)
    if names and chosen.only_rows:
        console.print(Text(f"left out {chosen.only_rows}", "yellow"), soft_wrap=True)
    if drawn.was_stopped:
        raise typer.Exit(130)
    if drawn.failed or (names and chosen.only_rows) or (drawn.left_out and (names or not drawn.episodes)):
        raise typer.Exit(1)


def chosen_steps(words: str) -> str | tuple[int, ...]:
    """Return the steps that a list such as ``0,5,10-12`` names; ``all``, ``key`` and ``none`` as they are.

    Raises:
        RenderError: it is no such list.
    """
    if words in ("all", "key", "none"):
        return words
    found: list[int] = []
    for word in words_of(words):
        match = _STEPS.fullmatch(word)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last or last - first > 10_000_000:
            raise RenderError(
                f"--steps takes all, key, none, or numbers and ranges (0,5,10-12), got {words!r}"
            )
        found.extend(range(first, last + 1))
    return tuple(found)


def _refuse_unknown_steps(run: ReplaySystem, episodes: Sequence[tuple[int, int]], drawing: Drawing) -> None:
    """Refuse steps that none of the episodes stored, rather than draw summaries alone."""
    if isinstance(drawing.steps, str) or not drawing.stills:
        return
    asked = np.asarray(drawing.steps, np.int64)
    last = -1
    for writer, number in episodes:
        stored = run.load_episode(number, writer=writer).step
        if np.isin(asked, stored).any():
            return
        last = max(last, int(stored.max(initial=-1)))
    which = f"episode {episode_name(*episodes[0])}" if len(episodes) == 1 else "these episodes"
    raise RenderError(f"--steps names no stored step of {which}; the last one stored is step {last}")


@contextmanager
def _progress(console: Console, total: int) -> Iterator[Callable[[DrawnRun], None]]:
    """Yield what shows how far the drawing is: a bar in a terminal, a line for each tenth elsewhere."""
    if not console.is_terminal:
        told = 0

        def line(drawn: DrawnRun) -> None:
            nonlocal told
            if drawn.done * 10 // total > told:
                told = drawn.done * 10 // total
                files = counted(drawn.files, "file")
                console.print(Text(f"{drawn.done:,} of {counted(total, 'episode')}, {files}"), soft_wrap=True)

        yield line
        return
    with Progress(
        TextColumn("drawing"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[files]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    ) as bars:
        bar = bars.add_task("", total=total, files="")
        yield lambda drawn: bars.update(bar, completed=drawn.done, files=counted(drawn.files, "file"))


def _facts(drawn: DrawnRun) -> dict[str, Any]:
    return {
        "asked": drawn.asked,
        "episodes": drawn.episodes,
        "files": drawn.files,
        "bytes": drawn.num_bytes,
        "left_out": {_name(each): each.left_out for each in drawn.left_out},
        "failed": {_name(each): each.failed for each in drawn.failed},
        "was_stopped": drawn.was_stopped,
    }


def _print(drawn: DrawnRun, folder: Path, seconds: float) -> None:
    console = terminal()
    what = f"{counted(drawn.episodes, 'episode')}, {counted(drawn.files, 'file')}, {size(drawn.num_bytes)}"
    console.print(Text(f"{what} in {folder} ({seconds:.1f} s)"), soft_wrap=True)
    if drawn.was_stopped:
        left = drawn.asked - drawn.done
        console.print(Text(f"stopped: {counted(left, 'episode')} not drawn", "yellow"), soft_wrap=True)
    reasons = [(each, f"left out: {each.left_out}", "yellow") for each in drawn.left_out]
    reasons += [(each, f"failed: {each.failed}", "red") for each in drawn.failed]
    for each, words, colour in reasons[:_MOST_SHOWN]:
        console.print(Text(f"episode {_name(each)} {words}", colour), soft_wrap=True)
    if len(reasons) > _MOST_SHOWN:
        left, failed = len(drawn.left_out), len(drawn.failed)
        console.print(Text(f"… in all {left:,} left out, {failed:,} failed", "yellow"), soft_wrap=True)


def _name(drawn: DrawnEpisode) -> str:
    return episode_name(drawn.writer, drawn.episode)
