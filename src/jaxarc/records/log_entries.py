"""What StructuredLogger gives back: steps and episodes as they were logged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["EpisodeLogEntry", "StepLogEntry"]


@dataclass(frozen=True)
class StepLogEntry:
    """One logged step.

    Attributes:
        step_num: the number it was logged under.
        timestamp: when it was logged, seconds since the epoch.
        before_state, after_state: the states as trees of NumPy arrays: dicts and tuples; a dataclass or a
            named tuple is a dict of its fields.
        action: what the agent did.
        reward: reward of the step.
        info: anything else that was said.
        visualization_path: a picture of it, or None.
    """

    step_num: int
    timestamp: float
    before_state: Any
    action: Any
    after_state: Any
    reward: float
    info: Mapping[str, Any]
    visualization_path: str | None = None


@dataclass(frozen=True)
class EpisodeLogEntry:
    """One logged episode.

    Attributes:
        episode_num: the number it was logged under.
        start_timestamp, end_timestamp: when it began and ended, seconds since the epoch.
        total_steps: its steps.
        total_reward: the sum of their rewards.
        final_similarity: ``info["similarity"]`` of the last step; NaN where none was logged.
        task_id: name of the task.
        config_hash: hash of the configuration it was played with.
        steps: its steps, in order.
        summary_visualization_path: a picture of it, or None.
    """

    episode_num: int
    start_timestamp: float
    end_timestamp: float
    total_steps: int
    total_reward: float
    final_similarity: float
    task_id: str
    config_hash: str
    steps: Sequence[StepLogEntry] = field(default=())
    summary_visualization_path: str | None = None
