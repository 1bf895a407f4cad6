"""What became of each task of a run: a table with a row a task."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jaxarc.records.table import EpisodeTable
from jaxarc.replay.known_success import KnownSuccess, streams_that_say_success
from jaxarc.replay.query import QueryError, sort_order, where_mask
from jaxarc.replay.row_slabs import row_slabs
from jaxarc.replay.run_reader import RunReader
from jaxarc.replay.run_table import RunTable
from jaxarc.replay.task_counts import TaskCounter

__all__ = ["TaskTable", "tasks_of", "tasks_of_rows"]

_COUNTED = ("task_id", "stream", "success", "total_reward", "end_time", "end_step", "ended", "stored_steps")


class TaskTable(RunTable):
    """Tasks and what became of them, a NumPy array a column.

    Columns: ``task_id``; ``attempts``, its episodes; ``ended``, those that were neither cut nor are running;
    ``solved``, those of them that solved it, and ``success_rate``, their share (-1 and NaN where the program
    never said which episodes succeed); ``best_return`` of those that ended; ``best_similarity`` of all, where
    there is that metric; ``first_solved_step, first_solved_update, first_solved_episode``, where it was first
    solved, in environment steps of the stream, in updates, and as an episode (-1 where it never was);
    ``stored``, the episodes whose steps are stored; ``last_step, last_episode``, the latest attempt. Where
    several processes wrote the run, ``first_solved_writer`` and ``last_writer`` stand beside the episodes; of
    several runs, ``first_solved_run`` and ``last_run``.

    Args:
        columns: arrays of one length, by name.
        num_unnamed: episodes that name no task.
    """

    def __init__(self, columns: Mapping[str, np.ndarray], num_unnamed: int = 0):
        super().__init__(columns, "task")
        self.num_unnamed = num_unnamed

    def take(self, selector: np.ndarray) -> TaskTable:
        """Return the tasks that an index array or a boolean mask selects."""
        return TaskTable({name: column[selector] for name, column in self.columns.items()}, self.num_unnamed)

    @property
    def words(self) -> str:
        """How many tasks there are, and what is said of episodes that name none."""
        count = "1 task" if len(self) == 1 else f"{len(self):,} tasks"
        if not self.num_unnamed:
            return count
        others = "1 episode names" if self.num_unnamed == 1 else f"{self.num_unnamed:,} episodes name"
        way = "name tasks with Step(labels={'task': …}) and recorder.names(task=…)"
        return f"{count}; {others} no task: {way}"


def tasks_of(
    run: RunReader, where: str | None = None, sort: str | None = None, having: str | None = None
) -> TaskTable:
    """Count the tasks of a run; arguments and errors as those of ``ReplaySystem.tasks``."""
    table = run.episodes(where)
    return tasks_of_rows(table, KnownSuccess(streams_that_say_success(run, table)), sort, having)


def tasks_of_rows(
    table: EpisodeTable, says_success: KnownSuccess, sort: str | None = None, having: str | None = None
) -> TaskTable:
    """Count the tasks of rows of episodes, of one run or of several.

    Args:
        table: the rows.
        says_success: of which episodes it is known whether they succeeded.
        sort, having: as for ``ReplaySystem.tasks``.

    Raises:
        QueryError: an expression cannot be understood, or there are too many tasks.
    """
    counter = TaskCounter()
    similarity = ("similarity_max",) if "similarity_max" in table else ()
    for slab in row_slabs(table, dict.fromkeys((*_COUNTED, *similarity, *says_success.columns))):
        counter.add(slab, judged=says_success.of(slab))
    if counter.is_full:
        raise QueryError("the run has more than 100,000 tasks; choose some: where=\"stream == 'eval'\"")
    found = TaskTable(_columns(table, counter, has_similarity=bool(similarity)), counter.num_unnamed)
    if having is not None:
        found = found.take(where_mask(having, found))
    return found if sort is None else found.take(sort_order(sort, found))


def _columns(table: EpisodeTable, counter: TaskCounter, *, has_similarity: bool) -> dict[str, np.ndarray]:
    counted = counter.columns
    judged, solved = counted["judged"], counted["solved"]
    is_known = (judged > 0) | (counted["ended"] == 0)
    rate = np.full(len(counter), np.nan)
    np.divide(solved, judged, out=rate, where=judged > 0)
    columns = {
        "task_id": counter.names,
        "attempts": counted["attempts"],
        "ended": counted["ended"],
        "solved": np.where(is_known, solved, -1),
        "success_rate": rate,
        "best_return": _finite(counted["best_return"]),
    }
    if has_similarity:
        columns["best_similarity"] = _finite(counted["best_similarity"])
    first, last = counted["first_solved"], counted["last"]
    columns["first_solved_step"] = counted["solved_step"]
    columns["first_solved_update"] = _at(table, "update", first)
    columns["first_solved_episode"] = _at(table, "episode", first)
    columns["stored"] = counted["stored"]
    columns["last_step"] = _at(table, "end_step", last)
    columns["last_episode"] = _at(table, "episode", last)
    if "writer" in table and np.any(_at(table, "writer", np.append(first, last)) > 0):
        columns["first_solved_writer"] = _at(table, "writer", first)
        columns["last_writer"] = _at(table, "writer", last)
    if "run" in table:
        columns["first_solved_run"] = _texts_at(table, "run", first)
        columns["last_run"] = _texts_at(table, "run", last)
    return columns


def _texts_at(table: EpisodeTable, name: str, positions: np.ndarray) -> np.ndarray:
    """Return a column of text of the rows at positions, empty where a position is -1."""
    if not len(positions):
        return np.zeros(0, "S1")
    return np.where(positions >= 0, table.source.read_at(name, np.maximum(positions, 0)), b"")


def _finite(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)


def _at(table: EpisodeTable, name: str, positions: np.ndarray) -> np.ndarray:
    """Return a column of the rows at positions, -1 where a position is -1."""
    found = np.full(len(positions), -1, np.int64)
    known = np.flatnonzero(positions >= 0)
    found[known] = table.source.read_at(name, positions[known])
    return found
