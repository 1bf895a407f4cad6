"""What the picture of a task needs to know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["TaskPair", "TaskPictureData"]


@dataclass(frozen=True)
class TaskPair:
    """One pair of a task.

    Attributes:
        input: board, int[height width].
        output: board that it becomes, or None where it is unknown or to be kept back.
    """

    input: np.ndarray
    output: np.ndarray | None


@dataclass(frozen=True)
class TaskPictureData:
    """One task, ready to be drawn.

    Attributes:
        task_id: name of the task, empty when unknown.
        train: the demonstration pairs.
        test: the test pairs.
        show_test_output: whether the outputs of the test pairs are drawn; a question mark stands for them
            otherwise.
        played: which pair an episode played, counted over the demonstration pairs and then the test pairs, or
            None.
        last_board: the episode's last board, drawn beside the pair that was played, or None.
        last_board_words: what stands above it ("Episode 7").
        title: what the picture is of, plain text.
    """

    task_id: str
    train: Sequence[TaskPair]
    test: Sequence[TaskPair] = ()
    show_test_output: bool = True
    played: int | None = None
    last_board: np.ndarray | None = None
    last_board_words: str = "Last board"
    title: str = ""
