"""Steps and summaries that were made for pictures, kept as episodes of a stream of their own."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from math import nan
from typing import Any

import numpy as np

from jaxarc.errors import CaptureError
from jaxarc.pipeline.loop_episode import LoopEpisode
from jaxarc.pipeline.python_loops import PythonLoops
from jaxarc.records.pictures import EpisodeSummaryData, StepVisualizationData
from jaxarc.records.trees import AsArray, as_array, children, leaf_of

__all__ = ["STREAM", "VisualizationLog"]

STREAM = "visualization"


class VisualizationLog:
    """Make episodes of what ``AsyncLogger.log_step_visualization`` and ``log_episode_summary`` are given.

    A step is recorded with the board before it as observation and the board after it as next observation.
    Each thread has an episode of its own, begun by its first step and by every ``step_num`` of 0; a summary
    ends it. Levels and keep rules of the stream ``visualization`` hold.

    Args:
        loops: opens the episodes.
        convert: makes arrays of what NumPy does not know.
    """

    def __init__(self, loops: PythonLoops, convert: AsArray = as_array):
        self._loops = loops
        self._convert = convert
        self._threads = threading.local()

    def step(self, step_data: StepVisualizationData, priority: int = 0) -> None:
        """Record a step; where ``overflow=drop_steps`` sheds, lower priorities go first.

        Raises:
            CaptureError: a value that cannot be recorded; its leaf is named.
            RecorderClosedError: the recorder is closed.
        """
        episode: LoopEpisode | None = getattr(self._threads, "episode", None)
        if episode is None or step_data.step_num == 0:
            episode = self._begin()
        if episode.priority != priority:
            episode.send()
            episode.priority = priority
        info = _numbers(step_data.info, self._convert)
        if step_data.selection_mask is not None:
            info = {**info, "selection_mask": step_data.selection_mask}
        episode.step(
            step_data.before_grid,
            _numbers(step_data.action, self._convert),
            step_data.reward,
            step_data.after_grid,
            info=info,
            metrics={"similarity": nan if step_data.similarity is None else float(step_data.similarity)},
        )

    def summary(self, episode_data: EpisodeSummaryData) -> None:
        """End the episode of this thread; without one, record a row with the summary's totals.

        Raises:
            CaptureError: the summary says of its end what no episode says.
            RecorderClosedError: the recorder is closed.
        """
        episode: LoopEpisode | None = getattr(self._threads, "episode", None)
        if episode is None:
            episode = self._begin()
            rewards = [float(reward) for reward in episode_data.reward_progression]
            similarities = [float(value) for value in episode_data.similarity_progression]
            if not rewards:
                rewards, similarities = [float(episode_data.total_reward)], []
            if len(similarities) != len(rewards):
                similarities = [nan] * (len(rewards) - 1) + [float(episode_data.final_similarity)]
            for reward, similarity in zip(rewards, similarities, strict=True):
                episode.step(None, None, reward, metrics={"similarity": similarity})
        self._threads.episode = None
        episode.close(
            episode_data.ended or "terminated",
            task=str(episode_data.task_id) or None,
            success=bool(episode_data.success),
        )

    def send(self, until: float | None = None) -> bool:
        """Queue the steps that wait in open episodes, of this stream and of every other.

        Args:
            until: when to stop waiting for room in the queue (``time.monotonic``); None waits.
        """
        return self._loops.send(until)

    def _begin(self) -> LoopEpisode:
        before = getattr(self._threads, "episode", None)
        if before is not None:
            before.close()
        # Which task it was is said by the summary.
        episode = self._loops.episode(stream=STREAM, labels={"task": np.int32(-1)})
        self._threads.episode = episode
        return episode


def _numbers(tree: Any, convert: AsArray) -> Any:
    """Return what of a tree is numbers and arrays: text has no place in a step."""
    if not isinstance(tree, Mapping):
        return tree
    kept = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            kept[key] = _numbers(value, convert)
        elif children(value) is not None:
            kept[key] = value
        else:
            try:
                leaf_of("info", (str(key),), value, convert)
            except CaptureError:
                continue
            kept[key] = value
    return kept
