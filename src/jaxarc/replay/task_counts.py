"""How often each task was tried and solved, counted slab by slab."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxarc.replay.row_slabs import Slab, distinct, has_ended

__all__ = ["TaskCount", "TaskCounter"]

_MAX_TASKS = 100_000
"""More tasks than this are not told apart: a table of them says nothing, and memory has an end."""

_SUMS = ("attempts", "ended", "judged", "solved", "stored")
_HIGHEST = ("best_return", "best_similarity")


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
        names: the tasks, ascending.
        columns: an entry a task each. ``attempts``, and those of them that ``ended``, that ended where it is
            known which episodes succeed (``judged``), that ``solved`` it and ended, and whose steps are
            ``stored``; ``best_return`` of those that ended and ``best_similarity`` of all, -inf where there
            is none; ``first_solved`` and ``last``, positions of rows, -1 where there is none.
        num_unnamed: rows that were passed over.
        is_full: whether there were too many to be told apart, in which case nothing is counted.
    """

    def __init__(self) -> None:
        self.names = np.zeros(0, "S1")
        self.columns: dict[str, np.ndarray] = {
            **{name: np.zeros(0, np.int64) for name in (*_SUMS, "first_solved", "solved_step", "last")},
            **{name: np.zeros(0) for name in (*_HIGHEST, "solved_time", "last_time")},
        }
        self.num_unnamed = 0
        self.is_full = False

    def __len__(self) -> int:
        return len(self.names)

    def add(self, slab: Slab, rows: np.ndarray | None = None, judged: np.ndarray | None = None) -> None:
        """Count rows of a slab; ``similarity_max`` is looked at where it is there.

        Of its columns these are needed: ``task_id, success, total_reward, end_time, end_step, ended`` and
        ``stored_steps``.

        Args:
            slab: the rows.
            rows: which of them, bool[n]; None for all.
            judged: of which it is known whether they succeeded, bool[n]; None for all.
        """
        at = np.arange(len(slab["task_id"])) if rows is None else np.flatnonzero(rows)
        if self.is_full or not len(at):
            return
        names, task = distinct(slab["task_id"][at])
        count = len(names)
        ended = has_ended(slab)[at]
        solved = slab["success"][at] & ended
        known = ended if judged is None else ended & judged[at]
        reward = slab["total_reward"][at].astype(float)
        similarity = np.full(len(at), np.nan)
        if "similarity_max" in slab:
            similarity = slab["similarity_max"][at].astype(float)
        end_time, positions = slab["end_time"][at], slab["position"][at]
        first, _ = _extremes(task, end_time, count, solved)
        _, last = _extremes(task, end_time, count)
        found = {
            "attempts": np.bincount(task, minlength=count),
            "ended": np.bincount(task[ended], minlength=count),
            "judged": np.bincount(task[known], minlength=count),
            "solved": np.bincount(task[solved], minlength=count),
            "stored": np.bincount(task[slab["stored_steps"][at] > 0], minlength=count),
            "best_return": _highest(task, np.where(ended, reward, np.nan), count),
            "best_similarity": _highest(task, similarity, count),
            "first_solved": np.where(first >= 0, positions[first], -1),
            "solved_time": np.where(first >= 0, end_time[first], np.inf),
            "solved_step": np.where(first >= 0, slab["end_step"][at][first], -1),
            "last": positions[last],
            "last_time": end_time[last],
        }
        named = names != b""
        self.num_unnamed += int(found["attempts"][~named].sum())
        self._merge(names[named], {name: column[named] for name, column in found.items()})

    def merge(self, other: TaskCounter) -> None:
        """Add what another counter counted of other rows of the same table."""
        self.is_full |= other.is_full
        self.num_unnamed += other.num_unnamed
        self._merge(other.names, other.columns)

    def _merge(self, names: np.ndarray, columns: dict[str, np.ndarray]) -> None:
        known, place = np.unique(np.concatenate([self.names, names]), return_inverse=True)
        place = place.reshape(-1)
        if len(known) > _MAX_TASKS or self.is_full:
            self.__init__()
            self.is_full = True
            return
        count = len(known)
        both = {name: np.concatenate([self.columns[name], column]) for name, column in columns.items()}
        merged = {name: _sum(place, both[name], count) for name in _SUMS}
        merged |= {name: _highest(place, both[name], count) for name in _HIGHEST}
        first = _extremes(place, both["solved_time"], count)[0]
        last = _extremes(place, both["last_time"], count)[1]
        merged |= {name: both[name][first] for name in ("first_solved", "solved_time", "solved_step")}
        merged |= {name: both[name][last] for name in ("last", "last_time")}
        self.names, self.columns = known, merged

    def most_tried(self, limit: int) -> list[TaskCount]:
        """Return the tasks with the most ended attempts, then by name."""
        columns = self.columns
        order = np.lexsort((self.names, -columns["ended"]))[:limit]
        names = self.names.tolist()
        return [
            TaskCount(
                task_id=names[i].decode("utf-8", "replace"),
                attempts=int(columns["ended"][i]),
                successes=int(columns["solved"][i]),
                best=float(columns["best_return"][i]) if np.isfinite(columns["best_return"][i]) else np.nan,
                first_solved=int(columns["solved_step"][i]) if columns["solved"][i] else None,
            )
            for i in order.tolist()
        ]


def _sum(group: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    total = np.zeros(count, np.int64)
    np.add.at(total, group, values)
    return total


def _highest(group: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Return the highest finite value of each group, -inf where it has none."""
    finite = np.isfinite(values)
    best = np.full(count, -np.inf)
    np.maximum.at(best, group[finite], values[finite])
    return best


def _extremes(
    group: np.ndarray, times: np.ndarray, count: int, among: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return where the first and the last time of each group are, -1 where it has none.

    At one time the first in order is the first, and the last in order the last.
    """
    at = np.arange(len(group)) if among is None else np.flatnonzero(among)
    order = at[np.argsort(times[at], kind="stable")]
    first, last = np.full(count, -1), np.full(count, -1)
    last[group[order]] = order
    first[group[order[::-1]]] = order[::-1]  # what is written last stays
    return first, last
