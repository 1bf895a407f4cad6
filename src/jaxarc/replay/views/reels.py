"""A task at several points of training, as a run recorded it."""

from __future__ import annotations

import numpy as np

from jaxarc.errors import RenderError, closest
from jaxarc.records.reel_pictures import MOST_ROWS, ReelData, ReelRow
from jaxarc.records.table import EpisodeTable
from jaxarc.rendering.moments import spread_evenly
from jaxarc.replay.arguments import as_text, whole_number
from jaxarc.replay.episode_choice import rows_of_task
from jaxarc.replay.run_reader import RunReader
from jaxarc.replay.views.episode_summaries import episode_summary, summary_of_row
from jaxarc.storage import keep_segments_open

__all__ = ["reel_of"]

_STATES = 6
_UNFINISHED = ("cut", "running")


def _positions(table: EpisodeTable, by: str) -> np.ndarray:
    """Return how far training was in each episode, float[n]."""
    if by not in table:
        known = [name for name in table.columns if table[name].dtype.kind in "iuf"]
        raise RenderError(
            f"by must name a column of numbers, got {by!r}{closest(by, known)} The columns are "
            f"{', '.join(sorted(known))}"
        )
    if table[by].dtype.kind not in "iuf":
        raise RenderError(f"by must name a column of numbers, {by!r} holds {table[by].dtype}")
    return np.asarray(table[by], dtype=float)


def reel_of(run: RunReader, task_id: str, *, by: str = "update", limit: int = 8) -> ReelData:
    """Return what a reel of one task needs to know.

    Of the episodes whose steps are stored, those are shown that are spread evenly over training, the first
    and the last among them; where no steps are stored at all, rows without states.

    Args:
        run: the run.
        task_id: the task.
        by: the column that says how far training was; where ``update`` was never given, ``episode`` is used.
        limit: the most episodes to show.

    Raises:
        NotRecordedError: the run has no episode of this task.
        RenderError: ``by`` is no column of numbers.
    """
    limit = whole_number("limit", limit, least=1, most=MOST_ROWS, error=RenderError)
    task_id = as_text("task", task_id)
    table = rows_of_task(run, task_id)
    at = _positions(table, by)
    if by == "update" and (at < 0).all():
        by, at = "episode", _positions(table, "episode")
    finished = ~np.isin(np.asarray(table["ended"]).astype(str), _UNFINISHED)
    order = np.lexsort((finished, at))
    stored = order[np.asarray(table["stored_steps"])[order] > 0]
    candidates = stored if len(stored) else order
    # Of several episodes at one point of training the last one that was played to its end stands for it.
    points = candidates[np.append(np.diff(at[candidates]) > 0, True)]
    if len(points) < limit:
        points = candidates
    rows, boards = [], {}
    with keep_segments_open():
        for position in points[spread_evenly(len(points), limit)].tolist():
            row = table.row(position)
            if row.stored_steps:
                episode = run.load_episode(row.episode, writer=row.writer)
                summary = episode_summary(episode, max_moments=_STATES)
                boards = boards or {"input_grid": summary.input_grid, "target_grid": summary.target_grid}
            else:
                summary = summary_of_row(row)
            rows.append(ReelRow(float(at[position]), summary))
    similarity = np.full(len(at), np.nan)
    if "similarity_last" in table:
        similarity = np.asarray(table["similarity_last"], float)
    history = np.stack([at, similarity, np.asarray(table["success"], float)], axis=1)
    return ReelData(task_id, rows, by=by, total=len(table), history=history, title=run.name, **boards)
