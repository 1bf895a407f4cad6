"""From recorded episodes to what is drawn of them: frozen dataclasses of ``records``, and pages."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxarc.replay.views.alignments import alignment_of
    from jaxarc.replay.views.batches import batch_of
    from jaxarc.replay.views.comparisons import compared_summary
    from jaxarc.replay.views.episode_summaries import episode_summary, summary_of_row
    from jaxarc.replay.views.pictures import step_pictures
    from jaxarc.replay.views.player_pages import episode_page, player_episode
    from jaxarc.replay.views.reels import reel_of
    from jaxarc.replay.views.run_looks import run_visualization_config, style_of
    from jaxarc.replay.views.task_pictures import task_of_episode, task_picture

_HOMES = {
    "alignment_of": "alignments",
    "batch_of": "batches",
    "compared_summary": "comparisons",
    "episode_page": "player_pages",
    "episode_summary": "episode_summaries",
    "player_episode": "player_pages",
    "reel_of": "reels",
    "run_visualization_config": "run_looks",
    "step_pictures": "pictures",
    "style_of": "run_looks",
    "summary_of_row": "episode_summaries",
    "task_of_episode": "task_pictures",
    "task_picture": "task_pictures",
}

__all__ = [
    "alignment_of",
    "batch_of",
    "compared_summary",
    "episode_page",
    "episode_summary",
    "player_episode",
    "reel_of",
    "run_visualization_config",
    "step_pictures",
    "style_of",
    "summary_of_row",
    "task_of_episode",
    "task_picture",
]


def __getattr__(name: str) -> Any:
    # Who reads a run's numbers imports no drawing.
    if name not in _HOMES:
        raise AttributeError(f"module 'jaxarc.replay.views' has no attribute {name!r}")
    value = getattr(import_module(f"jaxarc.replay.views.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
