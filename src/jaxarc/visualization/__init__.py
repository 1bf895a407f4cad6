"""Pictures of recorded episodes: readers that join replay and rendering."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxarc.visualization.alignments import alignment_of
    from jaxarc.visualization.batches import batch_of
    from jaxarc.visualization.enhanced_visualizer import EnhancedVisualizer
    from jaxarc.visualization.episode_files import style_of
    from jaxarc.visualization.episode_summaries import episode_summary, summary_of_row
    from jaxarc.visualization.live import LiveDrawing
    from jaxarc.visualization.pictures import step_pictures
    from jaxarc.visualization.player_pages import episode_page, player_episode
    from jaxarc.visualization.reels import reel_of
    from jaxarc.visualization.report import report_page, write_report
    from jaxarc.visualization.run_summary import RunSummary, summarise_run
    from jaxarc.visualization.task_pictures import task_of_episode, task_picture

_HOMES = {
    "EnhancedVisualizer": "enhanced_visualizer",
    "LiveDrawing": "live",
    "RunSummary": "run_summary",
    "alignment_of": "alignments",
    "batch_of": "batches",
    "episode_page": "player_pages",
    "episode_summary": "episode_summaries",
    "player_episode": "player_pages",
    "reel_of": "reels",
    "report_page": "report",
    "step_pictures": "pictures",
    "style_of": "episode_files",
    "summarise_run": "run_summary",
    "summary_of_row": "episode_summaries",
    "task_of_episode": "task_pictures",
    "task_picture": "task_pictures",
    "write_report": "report",
}

__all__ = [
    "EnhancedVisualizer",
    "LiveDrawing",
    "alignment_of",
    "batch_of",
    "RunSummary",
    "episode_page",
    "episode_summary",
    "player_episode",
    "report_page",
    "reel_of",
    "step_pictures",
    "style_of",
    "summarise_run",
    "summary_of_row",
    "task_of_episode",
    "task_picture",
    "write_report",
]


def __getattr__(name: str) -> Any:
    # A process that only draws imports neither the pipeline nor the report.
    if name not in _HOMES:
        raise AttributeError(f"module 'jaxarc.visualization' has no attribute {name!r}")
    value = getattr(import_module(f"jaxarc.visualization.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
