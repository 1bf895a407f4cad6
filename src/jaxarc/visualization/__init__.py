"""Pictures of recorded episodes: readers that join replay and rendering."""

from jaxarc.visualization.enhanced_visualizer import EnhancedVisualizer
from jaxarc.visualization.episode_files import style_of
from jaxarc.visualization.episode_summaries import episode_summary, summary_of_row
from jaxarc.visualization.live import LiveDrawing
from jaxarc.visualization.pictures import step_pictures
from jaxarc.visualization.task_pictures import task_of_episode, task_picture

__all__ = [
    "EnhancedVisualizer",
    "LiveDrawing",
    "episode_summary",
    "step_pictures",
    "style_of",
    "summary_of_row",
    "task_of_episode",
    "task_picture",
]
