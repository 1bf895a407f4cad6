"""How often each task was tried and solved, counted slab by slab."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxarc.visualization.row_slabs import Slab, distinct

__all__ = ["TaskCount", "TaskCounter"]

_MAX_TASKS = 100_000
"""More tasks than this are not told apart: a table of them says nothing, and memory has an end."""


@dataclass(frozen=True)
class TaskCount:
    """What became of one task.

    Attributes:
        task_id: its name.
        attempts: episodes of it that ended.
        successes: those that solved it.
        best: the highest return, NaN where none is finite.
        first_solved: environment step of its stream at which it was first solved; None where it never was.
    """

    task_id: str
    attempts: int
    successes: int
    best: float
    first_solved: int | None


class TaskCounter:
    """Count tasks; rows without a task are passed over.

    Attributes:
        names: the tasks, in no order.
        attempts, successes, best: as in `TaskCount`, an entry a task.
        solved_time, solved_step: when, and at which environment step, each was first solved.
        is_full: whether there were too many to be told apart, in which case nothing is counted.
    """

    def __init__(self) -> None:
        self.names = np.zeros(0, "S1")
        self.attempts = np.zeros(0, np.int64)
        self.successes = np.zeros(0, np.int64)
        self.best = np.zeros(0)
        self.solved_time = np.zeros(0)
        self.solved_step = np.zeros(0, np.int64)
        self.is_full = False

    def __len__(self) -> int:
        return len(self.names)

    def add(self, slab: Slab, rows: np.ndarray | None = None) -> None:
        """Count rows of a slab with ``task_id, success, total_reward, end_time, end_step``.

        Args:
            slab: the rows.
            rows: which of them, bool[n]; None for all.
        """
        texts = slab["task_id"] if rows is None else slab["task_id"][rows]
        if self.is_full or not len(texts):
            return
        chosen = np.ones(len(slab["task_id"]), bool) if rows is None else rows
        names, task = distinct(texts)
        success = slab["success"][chosen]
        reward = slab["total_reward"][chosen]
        finite = np.isfinite(reward)
        best = np.full(len(names), -np.inf)
        np.maximum.at(best, task[finite], reward[finite])
        solved = np.flatnonzero(success)
        times = slab["end_time"][chosen][solved]
        # Backwards, so that of each task the first in time is written last.
        order = solved[np.argsort(-times, kind="stable")]
        first = np.full(len(names), -1)
        first[task[order]] = order
        when, step = np.full(len(names), np.inf), np.full(len(names), -1)
        known = first >= 0
        when[known] = slab["end_time"][chosen][first[known]]
        step[known] = slab["end_step"][chosen][first[known]]
        count = len(names)
        counts = np.bincount(task, minlength=count), np.bincount(task[success], minlength=count)
        keep = names != b""
        self._merge(*(column[keep] for column in (names, *counts, best, when, step)))

    def merge(self, other: TaskCounter) -> None:
        """Add what another counter counted."""
        self.is_full |= other.is_full
        self._merge(
            other.names, other.attempts, other.successes, other.best, other.solved_time, other.solved_step
        )

    def _merge(
        self,
        names: np.ndarray,
        attempts: np.ndarray,
        successes: np.ndarray,
        best: np.ndarray,
        when: np.ndarray,
        step: np.ndarray,
    ) -> None:
        known, place = np.unique(np.concatenate([self.names, names]), return_inverse=True)
        place = place.reshape(-1)
        if len(known) > _MAX_TASKS or self.is_full:
            self.__init__()
            self.is_full = True
            return
        count = len(known)
        tried, solved = np.zeros(count, np.int64), np.zeros(count, np.int64)
        np.add.at(tried, place, np.concatenate([self.attempts, attempts]))
        np.add.at(solved, place, np.concatenate([self.successes, successes]))
        highest = np.full(count, -np.inf)
        np.maximum.at(highest, place, np.concatenate([self.best, best]))
        times = np.concatenate([self.solved_time, when])
        order = np.argsort(-times, kind="stable")
        first_time, first_step = np.full(count, np.inf), np.full(count, -1)
        first_time[place[order]] = times[order]
        first_step[place[order]] = np.concatenate([self.solved_step, step])[order]
        self.names, self.attempts, self.successes, self.best = known, tried, solved, highest
        self.solved_time, self.solved_step = first_time, first_step

    def most_tried(self, limit: int) -> list[TaskCount]:
        """Return the tasks with the most attempts, then by name."""
        order = np.lexsort((self.names, -self.attempts))[:limit]
        names = self.names.tolist()
        return [
            TaskCount(
                task_id=names[i].decode("utf-8", "replace"),
                attempts=int(self.attempts[i]),
                successes=int(self.successes[i]),
                best=float(self.best[i]) if np.isfinite(self.best[i]) else float("nan"),
                first_solved=int(self.solved_step[i]) if self.successes[i] else None,
            )
            for i in order.tolist()
        ]
