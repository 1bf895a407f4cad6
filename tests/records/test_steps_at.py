"""A few steps of an episode, read without the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from remembered import RememberedSteps, episode_of, journal_of, remember

T = 100


@dataclass
class _Counting(RememberedSteps):
    """Steps that remember which rows of their observations and fields were asked for."""

    asked: list[Any] = field(default_factory=list)

    def observations(self, index: int, rows: np.ndarray) -> np.ndarray:
        self.asked.append(rows.tolist())
        return super().observations(index, rows)

    def field(self, index: int, at: np.ndarray | None = None) -> np.ndarray:
        self.asked.append(None if at is None else at.tolist())
        return super().field(index, at)


def steps(numbers: Any = None, kind: str = "steps") -> _Counting:
    at = np.arange(T) if numbers is None else np.asarray(numbers)
    trees = {"observation": {"frame": np.stack([at, at * 2], axis=1)}, "action": at.astype(np.int8)}
    made = remember(kind, at, trees, rewards=at.astype(np.float32))
    return _Counting(made.layout, made.steps, made.rows, made.rewards)


def test_a_few_steps_hold_what_the_episode_holds_there():
    """Every part of the view is the episode's, at these steps; its row is the episode's row."""
    whole = episode_of(T, steps())
    few = whole.steps_at([70, 3, 3])
    assert few.step.tolist() == [3, 70]
    assert few.row is whole.row
    np.testing.assert_array_equal(few.observation["frame"], whole.observation["frame"][[3, 70]])
    np.testing.assert_array_equal(few.action, whole.action[[3, 70]])
    np.testing.assert_array_equal(few.reward, whole.reward[[3, 70]])
    assert few.terminated.shape == (2,)
    assert not few.contiguous


def test_nothing_else_is_read():
    """The source is asked for two observations and two actions, not for a hundred."""
    source = steps()
    few = episode_of(T, source).steps_at([5, 90])
    assert few.observation["frame"].shape == few.observation["frame"].shape == (2, 2)
    assert few.action.tolist() == [5, 90]
    assert source.asked == [[5, 90], [5, 90]]


def test_a_view_of_a_view_counts_its_own_steps():
    """Positions are those of the view, also where the steps lie in several places."""
    whole = episode_of(T, steps(range(40)), steps(range(40, T)))
    few = whole.steps_at(range(30, 60)).steps_at([0, 29])
    assert few.step.tolist() == [30, 59]
    assert few.observation["frame"][:, 0].tolist() == [30, 59]


def test_no_step_is_a_view_of_none():
    """Its arrays are empty, and nothing says that the steps were not recorded."""
    few = episode_of(T, steps()).steps_at([])
    assert len(few.step) == len(few.reward) == len(few.action) == 0
    assert few.observation["frame"].shape == (0, 2)


def test_positions_count_stored_steps_and_the_journal_stays_whole():
    """Of key steps 0, 50 and 99 the position 1 is step 50; the journal has its hundred steps still."""
    at = np.arange(T)
    whole = episode_of(T, steps([0, 50, 99]), journal_of({"x": at}, at.astype(np.int8)))
    few = whole.steps_at([1])
    assert few.step.tolist() == [50]
    assert len(few.journal) == T
    with pytest.raises(IndexError):
        whole.steps_at([3])
