"""EnhancedVisualizer: episodes become files, on demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxarc.config import VisualizationConfig
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.pictures import EpisodeSummaryData, StepVisualizationData
from jaxarc.rendering import Style, render_comparison, render_episode_summary, render_step, svg_to_png
from jaxarc.rendering.comparison import ComparisonType
from jaxarc.storage import EpisodeManager, atomic_write_bytes
from jaxarc.visualization.pictures import episode_summary, operation_words, step_pictures

__all__ = ["EnhancedVisualizer", "style_of"]

_PNG_SCALE = {"low": 1.0, "medium": 1.5, "high": 2.0}


def style_of(config: VisualizationConfig) -> Style:
    """Return the look that a configuration asks for."""
    return Style(
        palette=config.color_scheme,
        theme=config.theme,
        show_coordinates=config.show_coordinates,
        show_operation_names=config.show_operation_names,
        highlight_changes=config.highlight_changes,
        include_metrics=config.include_metrics,
        show_digits=config.show_digits,
    )


def _attribute(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _board(state: Any) -> np.ndarray:
    """Return the board of an ARC state (``working_grid``), or the array that was given instead of one."""
    grid = _attribute(state, "working_grid")
    return np.asarray(state if grid is None else grid)


class EnhancedVisualizer:
    """Draw steps, episodes and comparisons into the folders of a run.

    Drawing the same twice gives the same bytes. Files appear whole.

    Args:
        vis_config: formats and looks.
        episode_manager: names the folders and files.
    """

    def __init__(self, vis_config: VisualizationConfig, episode_manager: EpisodeManager):
        self.vis_config = vis_config
        self.episode_manager = episode_manager
        self.style = style_of(vis_config)

    def visualize_step(
        self,
        before_state: Any,
        action: Any,
        after_state: Any,
        reward: float,
        info: Mapping[str, Any],
        step_num: int,
    ) -> list[Path]:
        """Draw one step of the episode that the EpisodeManager started last; return the files.

        Args:
            before_state, after_state: ARC states, or the boards themselves (int[height width], padding -1).
            action: an Action or a mapping with ``operation`` and ``selection``.
            reward: reward of the step.
            info: scalars to show; ``similarity`` is shown as the distance to the target.
            step_num: number of the step, from 0.

        Raises:
            StorageError: no episode was started, or a file cannot be written.
        """
        before, after = _board(before_state), _board(after_state)
        operation, selection = _attribute(action, "operation"), _attribute(action, "selection")
        target = _attribute(after_state, "target_grid")
        parts = {"operation": operation, "selection": selection}
        known = {name: np.asarray(value) for name, value in parts.items() if value is not None}
        similarity = info.get("similarity", _attribute(after_state, "similarity_score"))
        data = StepVisualizationData(
            step_num=step_num,
            before_grid=before,
            after_grid=after,
            action=known,
            reward=float(reward),
            info={name: value for name, value in info.items() if name != "similarity"},
            selection_mask=known.get("selection"),
            changed_cells=before != after,
            operation_name=operation_words(known),
            target_grid=None if target is None else np.asarray(target),
            similarity=None if similarity is None else float(similarity),
        )
        return self._write(self.episode_manager.get_step_path(step_num), render_step(data, self.style))

    def visualize_episode_summary(
        self, episode_data: EpisodeData | EpisodeSummaryData, episode_num: int
    ) -> list[Path]:
        """Draw the summary of an episode into its folder; return the files.

        Raises:
            NotRecordedError: no steps of the episode are stored.
        """
        if isinstance(episode_data, EpisodeSummaryData):
            summary, writer = episode_data, 0
        else:
            summary, writer = episode_summary(episode_data), int(episode_data.row.get("writer", 0))
        num_steps = int(episode_data.total_steps)
        folder = self.episode_manager.start_new_episode(episode_num, writer=writer, num_steps=num_steps)
        return self._write(folder / "summary.svg", render_episode_summary(summary, self.style))

    def visualize_episode(self, episode: EpisodeData, *, max_files: int | None = None) -> list[Path]:
        """Draw the summary of an episode and its stored steps; return the files.

        Args:
            episode: the episode.
            max_files: the most files to write; where it is less than there are steps, the steps are drawn
                that are evenly spaced from the first to the last.

        Raises:
            NotRecordedError: no steps of the episode are stored.
        """
        number = int(episode.row.episode)
        paths = self.visualize_episode_summary(episode, number)
        count = len(episode.step)
        room = count if max_files is None else max_files // len(self.vis_config.output_formats) - 1
        chosen = np.unique(np.linspace(0, count - 1, max(0, min(room, count))).round().astype(int))
        for data in step_pictures(episode, chosen.tolist()):
            paths += self._write(
                self.episode_manager.get_step_path(data.step_num), render_step(data, self.style)
            )
        return paths

    def create_comparison_visualization(
        self,
        episodes: Sequence[EpisodeData | EpisodeSummaryData],
        comparison_type: ComparisonType = "reward_progression",
    ) -> str:
        """Return a picture of several episodes side by side, as SVG text.

        Args:
            episodes: what to compare.
            comparison_type: ``reward_progression`` or ``similarity_progression``.
        """
        summaries = [
            item if isinstance(item, EpisodeSummaryData) else episode_summary(item) for item in episodes
        ]
        return render_comparison(summaries, comparison_type, self.style)

    def _write(self, path: Path, svg: str) -> list[Path]:
        """Write one picture in the formats that the configuration asks for."""
        paths = []
        for kind in self.vis_config.output_formats:
            content = svg.encode()
            if kind == "png":
                content = svg_to_png(svg, _PNG_SCALE[self.vis_config.image_quality])
            target = path.with_suffix(f".{kind}")
            atomic_write_bytes(target, content, durable=False)
            paths.append(target)
        return paths
