"""The seed's calls of AsyncLogger: steps and summaries made for pictures become episodes."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import recording

from jaxarc import AsyncLogger, Recorder
from jaxarc.config import AsyncLoggerConfig
from jaxarc.errors import CaptureError
from jaxarc.records.pictures import EpisodeSummaryData, StepVisualizationData

GRID = np.zeros((3, 3), np.int8)


def step_of(number: int, **changes: Any) -> StepVisualizationData:
    """Return a step of a board that counts."""
    given = {
        "step_num": number,
        "before_grid": GRID + number,
        "after_grid": GRID + number + 1,
        "action": {"operation": np.int32(number), "selection": GRID == 0},
        "reward": 0.25,
        "info": {"distance": 3 - number, "words": "not a number"},
        "selection_mask": GRID == 0,
        "changed_cells": GRID == 0,
        "operation_name": "Fill 1",
        "similarity": number / 4,
    }
    return StepVisualizationData(**{**given, **changes})


def summary_of(**changes: Any) -> EpisodeSummaryData:
    """Return the summary of an episode of three steps."""
    given = {
        "episode_num": 5,
        "total_steps": 3,
        "total_reward": 0.75,
        "reward_progression": [0.25, 0.25, 0.25],
        "similarity_progression": [0.0, 0.25, 0.5],
        "final_similarity": 0.5,
        "task_id": "007bbfb7",
        "success": True,
        "key_moments": [0, 2],
        "ended": "truncated",
    }
    return EpisodeSummaryData(**{**given, **changes})


def test_steps_and_their_summary_make_an_episode(run_root: Path) -> None:
    """Boards are the observations, numbers of the info are kept, the summary gives task, end and success."""
    with Recorder(recording.config(run_root)) as recorder:
        logger = recorder.async_logger
        for number in range(3):
            logger.log_step_visualization(step_of(number), priority=number % 2)
        assert logger.flush()
        logger.log_episode_summary(summary_of())
        logger.log_step_visualization(step_of(0))
        logger.log_step_visualization(step_of(0))  # another episode: its numbers begin again
    run = recording.read(recorder)
    first, *cut = run.episodes("stream == 'visualization'")
    assert [row.ended for row in cut] == ["cut", "cut"]
    assert (first.task_id, first.ended, first.success) == ("007bbfb7", "truncated", True)
    assert (first.total_steps, first.total_reward, first.final_similarity) == (3, 0.75, 0.5)
    episode = run.load_episode(first.episode)
    assert episode.observation[:, 0, 0].tolist() == [0, 1, 2, 3]
    assert episode.action["operation"].tolist() == [0, 1, 2]
    assert episode.info["distance"].tolist() == [3, 2, 1]
    assert episode.info["selection_mask"].all()
    assert set(episode.info) == {"distance", "selection_mask"}


@pytest.mark.parametrize(
    ("changes", "rewards", "last"),
    [
        ({}, [0.25, 0.25, 0.25], 0.5),
        ({"reward_progression": [], "similarity_progression": [], "final_similarity": 0.9}, [0.75], 0.9),
        ({"similarity_progression": [], "final_similarity": math.nan}, [0.25] * 3, math.nan),
    ],
)
def test_a_summary_without_steps_is_a_row_with_its_totals(
    run_root: Path, changes: dict[str, Any], rewards: list[float], last: float
) -> None:
    """Rewards are those of the progression; similarity is the metric of that name."""
    with Recorder(recording.config(run_root)) as recorder:
        recorder.async_logger.log_episode_summary(summary_of(**changes, success=None))
    run = recording.read(recorder)
    (row,) = run.episodes()
    assert (row.stream, row.task_id, row.ended, row.success) == (
        "visualization",
        "007bbfb7",
        "truncated",
        False,
    )
    assert row.total_reward == 0.75
    np.testing.assert_equal(row.final_similarity, last)
    assert run.load_episode(row.episode).reward.tolist() == rewards


def test_steps_of_lower_priority_are_shed_first() -> None:
    """Of several with one priority the oldest; an item without one counts as 0."""

    @dataclass
    class Parcel:
        priority: int
        steps: int = 90

        @property
        def nbytes(self) -> int:
            return 10 + self.steps

        def shed(self) -> int:
            freed, self.steps = self.steps, 0
            return freed

    class Stalled:
        entered, open = threading.Event(), threading.Event()

        def handle(self, item: Any) -> bool:
            self.entered.set()
            return not self.open.wait(20.0)

        def commit(self) -> None: ...

        def close(self) -> None: ...

    handler = Stalled()
    config = AsyncLoggerConfig(queue_bytes=600, flush_interval=600.0, overflow="drop_steps")
    logger = AsyncLogger(config, handler)
    logger.submit(Parcel(9))
    assert handler.entered.wait(20.0)
    parcels = [Parcel(priority) for priority in (1, 0, 5, 0, -1)]
    for parcel in (*parcels, Parcel(2), Parcel(2)):
        logger.submit(parcel)
    assert [parcel.steps for parcel in parcels] == [90, 0, 90, 0, 0]
    handler.open.set()
    assert logger.close(20.0)


def test_a_logger_without_a_recorder_says_so() -> None:
    """An AsyncLogger that somebody made alone has nowhere to keep a step."""

    class Nothing:
        def handle(self, item: Any) -> bool:
            return False

        def commit(self) -> None: ...

        def close(self) -> None: ...

    logger = AsyncLogger(AsyncLoggerConfig(), Nothing())
    with pytest.raises(CaptureError, match=r"use recorder\.async_logger"):
        logger.log_step_visualization(step_of(0))
    with pytest.raises(CaptureError, match=r"use recorder\.async_logger"):
        logger.log_episode_summary(summary_of())
    logger.close()
