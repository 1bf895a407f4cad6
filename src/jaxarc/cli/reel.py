"""``jaxarc reel``: one task at several points of training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from jaxarc.cli.json_output import print_json
from jaxarc.cli.picture_files import checked_out, write_picture
from jaxarc.cli.terminal import terminal
from jaxarc.cli.wording import counted
from jaxarc.records.pictures import EpisodeSummaryData
from jaxarc.records.reel_pictures import ReelData
from jaxarc.rendering import render_reel
from jaxarc.rendering.comparison_bars import outcome_of
from jaxarc.replay import open_run
from jaxarc.replay.episode_choice import commonest_task
from jaxarc.replay.views.reels import reel_of
from jaxarc.replay.views.run_looks import chosen_style

__all__ = ["draw_reel"]


def draw_reel(
    run_name: str,
    *,
    task: str | None,
    by: str,
    limit: int,
    out: Path | None,
    palette: str | None,
    theme: str | None,
    as_json: bool,
    root: str | None,
) -> None:
    """Draw the reel, print a table and where the picture is.

    Args:
        run_name: what ``jaxarc.open`` takes.
        task: the task; None for the one with the most episodes.
        by: the column that says how far training was.
        limit: the most episodes.
        out: the file; in the run's ``plots/`` when left off.
        palette, theme: the look; None for that of the run.
        as_json: print one JSON document instead of the table.
        root: where runs are looked for.

    Raises:
        NotRecordedError: the run has no such task, or no task at all.
        RenderError: an unknown look or format, or ``by`` is no column of numbers.
    """
    run = open_run(run_name, root)
    task = task if task is not None else commonest_task(run)
    style = chosen_style(run.run_dir, palette=palette, theme=theme)
    path = checked_out(out, run, f"reel-{task}")
    data = reel_of(run, task, by=by, limit=limit)
    write_picture(render_reel(data, style), path)
    if as_json:
        episodes = [{"at": row.at, **_facts(row.episode)} for row in data.rows]
        said = {"run": run.name, "task": task, "by": data.by, "total": data.total, "picture": path}
        print_json({**said, "episodes": episodes})
        return
    _print(data, path)


def _facts(episode: EpisodeSummaryData) -> dict[str, Any]:
    return {
        "episode": episode.episode_num,
        "total_steps": episode.total_steps,
        "total_reward": episode.total_reward,
        "similarity_last": episode.final_similarity,
        "success": episode.success,
        "outcome": outcome_of(episode),
    }


def _print(data: ReelData, path: Path) -> None:
    console = terminal()
    table = Table(title=None, header_style="bold", box=None, pad_edge=False)
    headings = dict.fromkeys((data.by, "episode", "steps", "reward", "similarity", ""))
    for heading in headings:
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for row in data.rows:
        episode = row.episode
        similarity = episode.final_similarity
        at = () if data.by == "episode" else (f"{row.at:g}",)
        table.add_row(
            *at,
            str(episode.episode_num),
            f"{episode.total_steps:,}",
            f"{episode.total_reward:+.2f}",
            "" if similarity != similarity else f"{similarity:.1%}",
            Text(outcome_of(episode), style="green" if episode.success else ""),
        )
    shown = counted(len(data.rows), "episode")
    if data.total > len(data.rows):
        shown = f"{len(data.rows):,} of {counted(data.total, 'episode')}"
    console.print(Text(f"{data.title} · task {data.task_id} · {shown}", style="italic"), soft_wrap=True)
    console.print(table)
    console.print(Text(f"picture: {path}"), soft_wrap=True)
