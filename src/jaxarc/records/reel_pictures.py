"""What pictures of many episodes as small states need to know: a reel of progress, and a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxarc.records.pictures import EpisodeSummaryData

__all__ = ["MOST_ROWS", "BatchData", "BatchItem", "ReelData", "ReelRow"]

MOST_ROWS = 40
"""Episodes that a reel shows at most."""


@dataclass(frozen=True)
class ReelRow:
    """One episode of a task on the way.

    Attributes:
        at: how far training was, in units of the reel's ``by``.
        episode: the episode, with its key boards as ``moments``.
    """

    at: float
    episode: EpisodeSummaryData


@dataclass(frozen=True)
class ReelData:
    """One task at several points of training, ready to be drawn.

    Attributes:
        task_id: the task.
        rows: the episodes that are shown, the earliest first.
        by: what ``at`` counts ("update", "episode").
        total: episodes of the task in the run, shown or not.
        history: ``at``, final similarity (NaN where not recorded) and success (0 or 1) of all of them,
            float[total 3]; empty where only the rows are known.
        input_grid, target_grid: boards of the task's pair, or None.
        title: what the picture is of, plain text.
    """

    task_id: str
    rows: Sequence[ReelRow]
    by: str = "update"
    total: int = 0
    history: np.ndarray | None = None
    input_grid: np.ndarray | None = None
    target_grid: np.ndarray | None = None
    title: str = ""


@dataclass(frozen=True)
class BatchItem:
    """One environment of a batch.

    Attributes:
        env_id: its index.
        state: what it looks like: an array, or a tree of arrays; None where it was not recorded.
        reward: its reward so far.
        outcome: ``solved``, ``not solved`` or ``open``.
        step: the step of its episode that is shown.
        words: further words ("episode 7").
    """

    env_id: int
    state: Any
    reward: float = float("nan")
    outcome: str = "open"
    step: int | None = None
    words: str = ""


@dataclass(frozen=True)
class BatchData:
    """Many environments at once, ready to be drawn.

    Attributes:
        items: the environments, in the order in which they are shown.
        num_envs: how many there are in all; 0 for as many as ``items``.
        title: what the picture is of, plain text.
        heading: what they are shown at ("last state", "step 12").
        is_arc: whether the states are ARC's boards.
    """

    items: Sequence[BatchItem]
    num_envs: int = 0
    title: str = ""
    heading: str = "last state"
    is_arc: bool = False
