"""Pictures of recorded episodes: readers that join replay and rendering."""

from jaxarc.visualization.enhanced_visualizer import EnhancedVisualizer
from jaxarc.visualization.episode_files import style_of
from jaxarc.visualization.episode_summaries import episode_summary, summary_of_row
from jaxarc.visualization.live import LiveDrawing
from jaxarc.visualization.pictures import step_pictures
from jaxarc.visualization.report import report_page, write_report
from jaxarc.visualization.run_summary import RunSummary, summarise_run
from jaxarc.visualization.task_pictures import task_of_episode, task_picture

__all__ = [
    "EnhancedVisualizer",
    "LiveDrawing",
    "RunSummary",
    "episode_summary",
    "report_page",
    "step_pictures",
    "style_of",
    "summary_of_row",
    "summarise_run",
    "task_of_episode",
    "task_picture",
    "write_report",
]
