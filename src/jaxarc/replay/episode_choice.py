"""Which episodes are meant: some that are named, or those that an expression chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from jaxarc.errors import EpisodeNotFoundError, NotRecordedError, closest
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.table import EpisodeRow, EpisodeTable
from jaxarc.replay.addresses import shown_address
from jaxarc.replay.arguments import as_text, checked_limit
from jaxarc.replay.query import where_mask
from jaxarc.replay.row_slabs import distinct

if TYPE_CHECKING:
    from jaxarc.replay.addresses import EpisodeAddress
    from jaxarc.replay.run_reader import RunReader

__all__ = ["MOST_COMPARED", "commonest_task", "loaded", "names_of", "rows_of_task", "rows_to_compare"]

MOST_COMPARED = 1_000
"""Episodes that one comparison shows."""

_NO_TASK = "name tasks with Step(labels={'task': …}) and recorder.names(task=…)"


def loaded(run: RunReader, episode: EpisodeAddress) -> EpisodeData:
    """Return an episode of the run; one that was loaded already, also of another run, as it is."""
    return episode if isinstance(episode, EpisodeData) else run.load_episode(episode)


def names_of(*episodes: EpisodeData) -> Any:
    """Return what episodes are called side by side: with their runs where these are several."""
    runs = [getattr(episode, "run_dir", None) for episode in episodes]
    several = len({run.resolve() for run in runs if run is not None}) > 1
    names = []
    for episode, run in zip(episodes, runs, strict=True):
        number = shown_address(int(episode.row.get("writer", 0)), int(episode.row.episode))
        names.append(f"{run.name}:{number}" if several and run is not None else f"episode {number}")
    return tuple(names)


def rows_to_compare(
    run: RunReader,
    where: str | None = None,
    sort: str | None = None,
    limit: int | None = None,
    *,
    with_steps: bool = False,
) -> list[EpisodeRow]:
    """Return the episodes that a run stands for in a comparison: of very many some that are evenly spread.

    Args:
        run: the run.
        where, sort, limit: as for ``ReplaySystem.episodes``.
        with_steps: whether only episodes with stored steps are meant, for what shows steps; where none
            has any, all are.

    Raises:
        EpisodeNotFoundError: there is none.
        QueryError: an expression cannot be understood.
    """
    limit = checked_limit(limit, least=1)
    table = run.episodes(where=where, sort=sort, limit=None if with_steps else limit)
    if with_steps:
        stored = np.flatnonzero(table["stored_steps"] > 0)
        table = table.take((stored if len(stored) else np.arange(len(table)))[:limit])
    if not len(table):
        which = f" where {where}" if where is not None else ""
        raise EpisodeNotFoundError(f"run {run.name} has no episode{which}; jaxarc ls {run.name} lists them")
    if len(table) > MOST_COMPARED and limit is None:
        table = table.take(np.unique(np.linspace(0, len(table) - 1, MOST_COMPARED).astype(int)))
    return list(table)


def rows_of_task(run: RunReader, task_id: str, where: str | None = None) -> EpisodeTable:
    """Return the episodes of a task.

    Args:
        run: the run.
        task_id: the task.
        where: which of them, as for ``ReplaySystem.episodes``.

    Raises:
        NotRecordedError: the run has no episode of this task; the closest tasks are named.
    """
    task_id = as_text("task", task_id)
    found = run.episodes(f"task_id == {task_id!r}")
    if not len(found):
        names = distinct(run.episodes()["task_id"])[0].tolist()
        known = sorted(name.decode("utf-8", "replace") for name in names if name)
        if not known:
            raise NotRecordedError(f"no episode of run {run.name} names its task; {_NO_TASK}")
        guess = closest(task_id, known)
        some = "" if guess else f"; it has {', '.join(known[:5])}"
        raise NotRecordedError(f"run {run.name} has no episode of task {task_id!r}{guess}{some}")
    if where is None:
        return found
    table = run.episodes(where)  # by itself: an error shows the text that was given
    return table.take(where_mask(f"task_id == {task_id!r}", table))


def commonest_task(run: RunReader) -> str:
    """Return the task with the most episodes whose steps are stored; the first in the alphabet of several.

    Raises:
        NotRecordedError: there is none.
    """
    texts = run.episodes("stored_steps > 0")["task_id"]
    names, counts = np.unique(texts[texts != b""], return_counts=True)
    if not len(names):
        raise NotRecordedError(f"run {run.name} stored no steps of an episode with a task; {_NO_TASK}")
    return names[counts.argmax()].decode("utf-8", "replace")
