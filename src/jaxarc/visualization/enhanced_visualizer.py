"""EnhancedVisualizer: steps, episodes and comparisons become files, on demand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from jaxarc.config import Config, VisualizationConfig
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.pictures import EpisodeSummaryData, StepVisualizationData
from jaxarc.rendering import render_comparison, render_episode_summary, step_to_png, svg_to_png
from jaxarc.rendering.comparison import ComparisonType
from jaxarc.rendering.leaves import changed_between
from jaxarc.rendering.plugin import Render, with_render
from jaxarc.replay.views.comparisons import compared_summary
from jaxarc.replay.views.episode_summaries import episode_summary
from jaxarc.replay.views.pictures import operation_words
from jaxarc.replay.views.run_looks import run_visualization_config
from jaxarc.storage import EpisodeManager, run_storage_config
from jaxarc.visualization.episode_files import drawing_of, episode_files, step_files, still_files

__all__ = ["EnhancedVisualizer", "StepLog", "Tracker"]


class StepLog(Protocol):
    """What records the steps that are drawn: ``recorder.async_logger``."""

    def log_step_visualization(self, step_data: StepVisualizationData, priority: int = 0) -> None:
        """Record a step."""
        ...

    def log_episode_summary(self, episode_data: EpisodeSummaryData) -> None:
        """Record the end of an episode."""
        ...


class Tracker(Protocol):
    """What is sent the numbers and pictures of what is drawn, such as an experiment tracker."""

    def log_step(self, step_num: int, metrics: dict[str, Any], images: dict[str, Any] | None = None) -> None:
        """Take a step's numbers, and its picture as the bytes of a PNG."""
        ...

    def log_episode_summary(
        self, episode_num: int, summary_data: dict[str, Any], summary_image: Any | None = None
    ) -> None:
        """Take an episode's numbers, and its picture as the bytes of a PNG."""
        ...


def _attribute(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _observed(state: Any) -> Any:
    """Return the board of an ARC state (``working_grid``), or what was given instead of one."""
    grid = _attribute(state, "working_grid")
    if grid is not None:
        return np.asarray(grid)
    return state if isinstance(state, (Mapping, tuple, list)) else np.asarray(state)


class EnhancedVisualizer:
    """Draw steps, episodes and comparisons into the folders of a run.

    Drawing the same twice gives the same bytes. Files appear whole.

    Args:
        vis_config: formats and looks.
        episode_manager: names the folders and files.
        async_logger: also records the steps and summaries that ``visualize_step`` and
            ``visualize_episode_summary`` are given, such as ``recorder.async_logger``. What was read from a
            run is not recorded again.
        wandb_integration: is sent the numbers and a PNG of each step and summary that is drawn by these two.
        render: a function of yours that draws what is observed, or ``module:function``; without it the one of
            the configuration. It is given an observation, or the state where its parameter is called
            ``state`` and there is one, and returns pixels, another array, or the text of an SVG.
    """

    def __init__(
        self,
        vis_config: VisualizationConfig,
        episode_manager: EpisodeManager,
        async_logger: StepLog | None = None,
        wandb_integration: Tracker | None = None,
        *,
        render: str | Render | None = None,
    ):
        self.vis_config = vis_config
        self.episode_manager = episode_manager
        self.async_logger = async_logger
        self.wandb = wandb_integration
        self.drawing = drawing_of(vis_config)
        if render is not None:
            self.drawing = replace(self.drawing, render=render)
        self.style = self.drawing.style

    @classmethod
    def for_run(
        cls, run_dir: str | os.PathLike[str], config: Config | VisualizationConfig | None = None
    ) -> EnhancedVisualizer:
        """Return a visualizer that draws into the folders of a run.

        Args:
            run_dir: the run's directory (``recorder.run_dir``, ``jaxarc.open("latest").run_dir``).
            config: formats and looks; None for what the run was told.
        """
        folder = Path(run_dir)
        if config is None:
            config = run_visualization_config(folder)
        looks = config.visualization if isinstance(config, Config) else config
        return cls(looks, EpisodeManager(run_storage_config(folder), folder))

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
            before_state, after_state: ARC states, or what was observed: boards (int[height width], padding
                -1), any other array, or a tree of arrays. None as the state after: it is not known.
            action: an Action or a mapping with ``operation`` and ``selection``.
            reward: reward of the step.
            info: scalars to show; ``similarity`` is shown as the distance to the target.
            step_num: number of the step, from 0.

        Raises:
            StorageError: no episode was started, or a file cannot be written.
        """
        path = self.episode_manager.get_step_path(step_num)
        data = _step_data(before_state, action, after_state, reward, info, step_num)
        shown = data
        if self.drawing.render is not None:
            given = replace(data, before_grid=before_state, after_grid=after_state)
            shown = with_render(given, self.drawing.render)
        files = list(step_files(shown, path, replace(self.drawing, render=None)))
        if self.async_logger is not None:
            self.async_logger.log_step_visualization(data)
        if self.wandb is not None:
            numbers = {"reward": data.reward, **_numbers(info)}
            if data.similarity is not None:
                numbers["similarity"] = data.similarity
            png = step_to_png(shown, self.style, self.drawing.scale)
            self.wandb.log_step(step_num, numbers, {"step": png})
        return files

    def visualize_episode_summary(
        self, episode_data: EpisodeData | EpisodeSummaryData, episode_num: int
    ) -> list[Path]:
        """Draw the summary of an episode into its folder; return the files.

        Args:
            episode_data: an episode of a run, or what a summary shows of one that was never recorded.
            episode_num: its number, which names the folder.

        Raises:
            NotRecordedError: no steps of the episode are stored.
        """
        if isinstance(episode_data, EpisodeSummaryData):
            summary, writer = episode_data, None
        else:
            summary = episode_summary(episode_data, run_dir=self.episode_manager.current_run_dir)
            writer = int(episode_data.row.get("writer", 0))
        num_steps = int(episode_data.total_steps)
        folder = self.episode_manager.start_new_episode(episode_num, writer=writer, num_steps=num_steps)
        svg = render_episode_summary(summary, self.style)
        files = list(still_files(svg, folder / "summary.svg", self.drawing))
        if self.async_logger is not None and summary is episode_data:
            self.async_logger.log_episode_summary(summary)
        if self.wandb is not None:
            self.wandb.log_episode_summary(
                episode_num, _summary_numbers(summary), svg_to_png(svg, self.drawing.scale)
            )
        return files

    def visualize_episode(self, episode: EpisodeData, *, max_files: int | None = None) -> list[Path]:
        """Draw the summary of an episode and its stored steps; return the files.

        Args:
            episode: the episode.
            max_files: the most files to write; where it is less than there are steps, the steps are drawn
                that are evenly spaced from the first to the last.

        Raises:
            NotRecordedError: no steps of the episode are stored.
        """
        return list(self.each_file(episode, max_files=max_files))

    def each_file(
        self,
        episode: EpisodeData,
        *,
        max_files: int | None = None,
        max_bytes: float | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[Path]:
        """Draw as ``visualize_episode`` does, and yield each file when it is there: stop when you like.

        Args:
            episode: the episode.
            max_files: as there.
            max_bytes: the most bytes of recorded arrays to read at once.
            stop: asked before each further file; True ends it.

        Raises:
            NotRecordedError: no steps of the episode are stored.
        """
        drawing = self.drawing if max_bytes is None else replace(self.drawing, max_bytes=max_bytes)
        return episode_files(episode, self.episode_manager, drawing, max_files=max_files, stop=stop)

    def create_comparison_visualization(
        self,
        episodes: Sequence[EpisodeData | EpisodeSummaryData],
        comparison_type: ComparisonType = "reward_progression",
    ) -> str:
        """Return a picture of several episodes side by side, as SVG text.

        Args:
            episodes: what to compare.
            comparison_type: ``reward_progression``, ``similarity_progression``, ``outcome_by_task`` or
                ``operations_used``.
        """
        summaries = [
            item
            if isinstance(item, EpisodeSummaryData)
            else compared_summary(item.row, comparison_type, lambda item=item: item)
            for item in episodes
        ]
        return render_comparison(summaries, comparison_type, self.style)


def _step_data(
    before_state: Any, action: Any, after_state: Any, reward: float, info: Mapping[str, Any], step_num: int
) -> StepVisualizationData:
    """Return what a picture needs to know of a step that is given as an environment has it."""
    before = _observed(before_state)
    after = None if after_state is None else _observed(after_state)
    target = _attribute(after_state, "target_grid")
    parts = {"operation": _attribute(action, "operation"), "selection": _attribute(action, "selection")}
    if isinstance(action, Mapping):
        parts = {**action, **parts}
    elif action is not None and all(value is None for value in parts.values()):
        parts = {"action": action}
    known = {name: np.asarray(value) for name, value in parts.items() if value is not None}
    selection = known.get("selection")
    similarity = info.get("similarity", _attribute(after_state, "similarity_score"))
    return StepVisualizationData(
        step_num=step_num,
        before_grid=before,
        after_grid=after,
        action=known,
        reward=float(reward),
        info={name: value for name, value in info.items() if name != "similarity"},
        selection_mask=None if selection is None or selection.ndim < 2 else selection,
        changed_cells=None if after is None else changed_between(before, after),
        operation_name=operation_words(known),
        target_grid=None if target is None else np.asarray(target),
        similarity=None if similarity is None else float(similarity),
    )


def _numbers(info: Mapping[str, Any]) -> dict[str, float]:
    """Return what of ``info`` is a number."""
    arrays = {str(name): np.asarray(value) for name, value in info.items()}
    return {
        name: float(array) for name, array in arrays.items() if array.ndim == 0 and array.dtype.kind in "biuf"
    }


def _summary_numbers(summary: EpisodeSummaryData) -> dict[str, Any]:
    names = ("total_steps", "total_reward", "final_similarity", "task_id", "success", "ended")
    return {name: getattr(summary, name) for name in names}
