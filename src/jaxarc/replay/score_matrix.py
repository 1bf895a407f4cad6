"""Scores of members, or of runs, on tasks: a matrix with a row each, made of the rows of episodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from jaxarc.errors import NotRecordedError, QueryError, ReplayError, closest
from jaxarc.records.table import EpisodeTable
from jaxarc.replay.arguments import as_text, whole_number
from jaxarc.replay.known_success import KnownSuccess
from jaxarc.replay.row_slabs import distinct, has_ended

if TYPE_CHECKING:
    pass

__all__ = ["ScoreMatrix", "score_matrix"]

_MOST_CELLS = 4_000_000


@dataclass(frozen=True, eq=False)
class ScoreMatrix:
    """Mean scores.

    Attributes:
        scores: float[groups tasks]; NaN where a group has no episode of a task.
        groups: what each row is called.
        tasks: the tasks; one empty name where episodes name none.
        episodes: how many episodes each entry is the mean of, int64[groups tasks].
        num_not_finite: episodes that were left out because their score is NaN or infinite.
        num_unended: episodes that were left out because they are running, or were cut.
        num_unjudged: episodes that were left out because nobody says whether they succeeded.
    """

    scores: np.ndarray
    groups: tuple[str, ...]
    tasks: tuple[str, ...]
    episodes: np.ndarray
    num_not_finite: int = 0
    num_unended: int = 0
    num_unjudged: int = 0


def score_matrix(
    table: EpisodeTable, metric: str, by: str, last: int | None, says_success: KnownSuccess
) -> ScoreMatrix:
    """Return the mean score of each group on each task, over the episodes that came to their end.

    Args:
        table: rows of episodes.
        metric: a column of numbers.
        by: the columns whose values tell the groups apart, with commas between them.
        last: how many of the latest episodes of each group and task count; None for all.
        says_success: of which episodes it is known whether they succeeded, where the metric is ``success``.

    Raises:
        NotRecordedError: the metric is ``success``, and nobody says which episodes succeed.
        QueryError: there is no such column, or it holds no numbers.
        ReplayError: ``last`` is below 1, or there are too many groups and tasks.
    """
    if last is not None:
        last = whole_number("last", last, least=1, hint="leave it out for all episodes", error=ReplayError)
    values = _column(table, as_text("metric", metric), "metric")
    keys = [part.strip() for part in as_text("by", by).split(",") if part.strip()]
    if not keys:
        raise QueryError("by names no column; try by='member'")
    for key in keys:
        _column(table, key, "by", is_number=False)
    ended = has_ended({"ended": table["ended"]})
    kept, num_unjudged = ended, 0
    if metric == "success":
        judged = says_success.of(table)
        num_unjudged = int((ended & ~judged).sum())
        kept = ended & judged
        if num_unjudged and not kept.any():
            raise NotRecordedError(
                "nobody says which episodes succeed: Step(success=…) does; another metric is total_reward"
            )
    finite = np.isfinite(values)
    rows = np.flatnonzero(kept & finite)
    names, group = _groups(table, keys, rows)
    tasks, task = distinct(table["task_id"][rows])
    order = np.argsort(tasks)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    cells = len(names) * len(tasks)
    if cells > _MOST_CELLS:
        raise ReplayError(
            f"{len(names):,} groups and {len(tasks):,} tasks are too many to compare; choose some with where"
        )
    cell = group * len(tasks) + (place[task] if len(task) else task)
    if last is not None:
        latest = _latest(cell, np.asarray(table["end_step"])[rows], last)
        rows, cell = rows[latest], cell[latest]
    count = np.bincount(cell, minlength=cells)
    total = np.bincount(cell, values[rows], minlength=cells)
    mean = np.full(cells, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    shape = len(names), len(tasks)
    return ScoreMatrix(
        scores=mean.reshape(shape),
        groups=names,
        tasks=tuple(name.decode("utf-8", "replace") for name in tasks[order].tolist()),
        episodes=count.reshape(shape).astype(np.int64),
        num_not_finite=int((kept & ~finite).sum()),
        num_unended=int((~ended).sum()),
        num_unjudged=num_unjudged,
    )


def _column(table: EpisodeTable, name: str, what: str, *, is_number: bool = True) -> np.ndarray:
    if name not in table:
        known = [each for each in table.columns if not is_number or table[each].dtype.kind in "biuf"]
        kind, guess = " of numbers" if is_number else "", closest(name, known)
        raise QueryError(
            f"{what} must name a column{kind}, got {name!r}{guess} The columns are {', '.join(sorted(known))}"
        )
    column = np.asarray(table[name])
    if is_number and column.dtype.kind not in "biuf":
        raise QueryError(f"{what} must name a column of numbers, {name!r} holds text")
    return column.astype(float) if is_number else column


def _groups(table: EpisodeTable, keys: list[str], rows: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Return what the groups are called, in order, and which each row is of."""
    codes = np.zeros(len(rows), np.int64)
    parts: list[np.ndarray] = []
    for key in keys:
        column = np.asarray(table[key])[rows]
        values, place = np.unique(column, return_inverse=True)
        codes = codes * max(len(values), 1) + place.reshape(-1)
        parts.append(column)
    _, first, group = np.unique(codes, return_index=True, return_inverse=True)
    names = []
    for at in first.tolist():
        said = [part[at] for part in parts]
        texts = [
            value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in said
        ]
        names.append(" ".join(f"{key} {text}" for key, text in zip(keys, texts, strict=True)))
    return tuple(names), group.reshape(-1)


def _latest(cell: np.ndarray, when: np.ndarray, last: int) -> np.ndarray:
    """Return the positions of the last entries of each cell, ascending."""
    order = np.lexsort((when, cell))
    ends = np.append(np.flatnonzero(np.diff(cell[order])), len(order) - 1) if len(order) else order
    sizes = np.diff(np.append(-1, ends))
    after = np.repeat(ends, sizes) - np.arange(len(order))
    return np.sort(order[after < last])
