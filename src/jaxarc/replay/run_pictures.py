"""Pictures of a run's episodes: side by side, step by step, one task over training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jaxarc.errors import RenderError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.rendering import render_alignment, render_comparison, render_reel
from jaxarc.replay.episode_choice import MOST_COMPARED, commonest_task, loaded, names_of, rows_to_compare
from jaxarc.replay.picture import Picture
from jaxarc.replay.views.alignments import alignment_of
from jaxarc.replay.views.comparisons import compared_summary
from jaxarc.replay.views.reels import reel_of
from jaxarc.replay.views.run_looks import chosen_style
from jaxarc.storage import keep_segments_open

if TYPE_CHECKING:
    from jaxarc.replay.addresses import EpisodeAddress
    from jaxarc.replay.run_reader import RunReader

__all__ = ["alignment_picture", "comparison_picture", "reel_picture"]


def comparison_picture(
    run: RunReader,
    episodes: Sequence[EpisodeAddress],
    kind: str,
    *,
    where: str | None,
    sort: str | None,
    limit: int | None,
    **look: Any,
) -> Picture:
    """Draw episodes side by side; arguments and errors as those of ``ReplaySystem.compare``."""
    chosen: list[Any] = [loaded(run, episode) for episode in episodes]
    if where is not None or not chosen:
        chosen += rows_to_compare(run, where, sort, limit, with_steps=kind != "outcome_by_task")
    if len(chosen) > MOST_COMPARED:
        raise RenderError(
            f"a comparison shows at most {MOST_COMPARED:,} episodes, got {len(chosen):,}; use where or limit"
        )
    style = chosen_style(run.run_dir, **look)
    with keep_segments_open():
        summaries = [
            compared_summary(item.row, kind, lambda item=item: item)
            if isinstance(item, EpisodeData)
            else compared_summary(item, kind, lambda item=item: run.load_episode(item))
            for item in chosen
        ]
    svg = render_comparison(summaries, kind, style)  # pyright: ignore[reportArgumentType]
    count = "1 episode" if len(chosen) == 1 else f"{len(chosen):,} episodes"
    return Picture(svg, f"{count} of run {run.name}: {kind.replace('_', ' ')}")


def alignment_picture(run: RunReader, a: EpisodeAddress, b: EpisodeAddress, **look: Any) -> Picture:
    """Draw two episodes step by step; arguments and errors as those of ``ReplaySystem.alignment``."""
    pair = loaded(run, a), loaded(run, b)
    names = names_of(*pair)
    with keep_segments_open():
        svg = render_alignment(alignment_of(*pair, names), chosen_style(run.run_dir, **look))
    return Picture(svg, f"{names[0]} and {names[1]}, step by step")


def reel_picture(run: RunReader, task: str | None, by: str, limit: int, **look: Any) -> Picture:
    """Draw a task over training; arguments and errors as those of ``ReplaySystem.reel``."""
    task = commonest_task(run) if task is None else task
    data = reel_of(run, task, by=by, limit=limit)
    return Picture(
        render_reel(data, chosen_style(run.run_dir, **look)),
        f"task {task} at {len(data.rows):,} points of run {run.name}, by {data.by}",
    )
