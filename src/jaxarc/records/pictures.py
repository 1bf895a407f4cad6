"""What a picture needs to know: the seam between replay, drawing and trackers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jaxarc.records.task_pictures import TaskPair

__all__ = ["EpisodeSummaryData", "StepVisualizationData"]


@dataclass(frozen=True)
class StepVisualizationData:
    """One step, ready to be drawn.

    Attributes:
        step_num: index of the step in its episode, from 0.
        before_grid: state before the step: a board (int8[height width], padding -1), any other array, or a
            tree of them.
        after_grid: state after the step, or None when it was not recorded.
        action: what the agent did (``operation``, ``selection``), as NumPy values.
        reward: reward of this step.
        info: further scalars to show.
        selection_mask: bool[height width], or None when the step selected nothing drawable.
        changed_cells: bool of the shape of after_grid (a tree of a tree), True where it differs from before;
            None without after_grid.
        operation_name: words for the action ("Flood Fill 3"), empty when unknown.
        target_grid: board to reach, or None.
        total_steps: length of the episode, or None while it is unknown.
        similarity: similarity to the target after the step, or None.
        title: what the picture is of ("episode_0007 · task 007bbfb7"), plain text.
        ended: "terminated", "truncated" or "cut" on the last step of an episode, else empty.
        success: whether the episode was solved, or None when unknown.
    """

    step_num: int
    before_grid: Any
    after_grid: Any
    action: Mapping[str, Any]
    reward: float
    info: Mapping[str, Any]
    selection_mask: np.ndarray | None
    changed_cells: Any
    operation_name: str
    target_grid: np.ndarray | None = None
    total_steps: int | None = None
    similarity: float | None = None
    title: str = ""
    ended: str = ""
    success: bool | None = None


@dataclass(frozen=True)
class EpisodeSummaryData:
    """One episode, ready to be drawn.

    Attributes:
        episode_num: the episode's number in its run.
        total_steps: length of the episode in steps.
        total_reward: sum of the rewards.
        reward_progression: reward of every stored step.
        similarity_progression: similarity after every stored step; empty when not recorded.
        final_similarity: similarity after the last step (NaN when not recorded).
        task_id: name of the task, empty when unknown.
        success: whether the episode was solved, or None when unknown.
        key_moments: step numbers worth showing as boards, ascending.
        step_nums: step number of every entry of the progressions (they may be a subset of all steps).
        moments: the boards of the key moments, one StepVisualizationData each, same order.
        input_grid, target_grid: boards of the task pair, or None.
        ended: "terminated", "truncated", "cut", or "running" while it goes on.
        title: what the picture is of, plain text.
        metrics: further metrics of every stored step, by name, float[stored].
        demonstrations: the demonstration pairs of the task, as far as they are known.
        observed: what was observed before every stored step, real numbers [stored, entries], where that is a
            few numbers; None otherwise.
        observed_names: a name for each of its entries.
        operations: how often each operation was used in the stored steps, by name.
    """

    episode_num: int
    total_steps: int
    total_reward: float
    reward_progression: Sequence[float]
    similarity_progression: Sequence[float]
    final_similarity: float
    task_id: str
    success: bool | None
    key_moments: Sequence[int]
    step_nums: Sequence[int] = ()
    moments: Sequence[StepVisualizationData] = field(default=())
    input_grid: np.ndarray | None = None
    target_grid: np.ndarray | None = None
    ended: str = ""
    title: str = ""
    metrics: Mapping[str, np.ndarray] = field(default_factory=dict)
    demonstrations: Sequence[TaskPair] = ()
    observed: np.ndarray | None = None
    observed_names: Sequence[str] = ()
    operations: Mapping[str, int] = field(default_factory=dict)
