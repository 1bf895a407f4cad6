"""Aggregate: one number for how well members, or runs, did on all tasks, and how sure it is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxarc.errors import ReplayError
from jaxarc.records.table import EpisodeTable
from jaxarc.rendering.text import escape
from jaxarc.replay.arguments import whole_number
from jaxarc.replay.bootstrap import MEASURES, bootstrap_interval, checked_measure, measured
from jaxarc.replay.known_success import KnownSuccess, streams_that_say_success
from jaxarc.replay.score_matrix import ScoreMatrix, score_matrix

if TYPE_CHECKING:
    from jaxarc.replay.run_reader import RunReader

__all__ = ["Aggregate", "aggregate_of_rows", "aggregate_of_run"]

_SHOWN_GROUPS = 20
_MOST_REPS = 1_000_000


@dataclass(frozen=True, eq=False, repr=False)
class Aggregate:
    """A measure of scores with its interval; printed, it says what both are over.

    Attributes:
        title: what was measured.
        metric: the column that is the score.
        of: ``iqm``, ``mean``, ``median`` or ``optimality_gap``.
        by: the columns that tell the groups (members, runs) apart.
        value: the number, NaN where there is no episode.
        low, high: the ends of the interval; None where there is none.
        confidence, reps, seed: how the interval was made.
        gamma: the score that counts as good enough, for ``optimality_gap``.
        last: how many of the latest episodes of each group and task count; None for all.
        matrix: the scores.
        notes: what was left out, and why there is no interval, in whole sentences.
    """

    title: str
    metric: str
    of: str
    by: str
    value: float
    low: float | None
    high: float | None
    confidence: float
    reps: int
    seed: int
    gamma: float
    last: int | None
    matrix: ScoreMatrix = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def scores(self) -> np.ndarray:
        """Mean scores, float[groups tasks]; NaN where a group has no episode of a task."""
        return self.matrix.scores

    @property
    def heading(self) -> str:
        """The number and its interval."""
        name = MEASURES[self.of] + (f" below {self.gamma:g}" if self.of == "optimality_gap" else "")
        said = f"{name} of {self.metric}: {self.value:.6g}"
        if self.low is not None and self.high is not None:
            said += f" ({self.confidence:.3g} interval: {self.low:.6g} to {self.high:.6g})"
        return f"{said}, {self.title}"

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the number and its interval are over."""
        groups, tasks = self.matrix.scores.shape
        episodes = int(self.matrix.episodes.sum())
        kind = self.by.replace(",", " and ")
        over = f"Over {_counted(groups, kind)}, {_counted(tasks, 'task')} and {_counted(episodes, 'episode')}"
        latest = f", the last {self.last} of each on each task" if self.last is not None else ""
        found = [f"{over}{latest}."] if episodes else []
        if self.low is not None:
            found.append(
                f"The interval is over {_plural(kind)}: a stratified bootstrap, {self.reps:,} times, "
                f"seed {self.seed}."
            )
        return (*found, *self.notes)

    def __str__(self) -> str:
        rows = [("", "tasks", "episodes", self._score_words)]
        rows += [tuple(row) for row in self._group_rows()]
        widths = [max(len(row[at]) for row in rows) for at in range(4)]
        lines = [self.heading]
        for name, *cells in rows:
            right = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
            lines.append("  ".join(["", name.ljust(widths[0]), *right]).rstrip())
        more = len(self.matrix.groups) - _SHOWN_GROUPS
        lines += [f"  … and {more:,} more"] if more > 0 else []
        return "\n".join([*lines, *(f"  {sentence}" for sentence in self.sentences)])

    __repr__ = __str__

    @property
    def _score_words(self) -> str:
        """What a row of the table has of its group: the same measure, over its tasks."""
        return MEASURES[self.of] if self.of != "median" else "median"

    def _group_rows(self) -> list[list[str]]:
        rows = []
        for name, scores, episodes in zip(
            self.matrix.groups[:_SHOWN_GROUPS], self.matrix.scores, self.matrix.episodes, strict=False
        ):
            value = measured(scores[None], self.of, self.gamma)
            tasks = int(np.isfinite(scores).sum())
            rows.append([name, f"{tasks:,}", f"{int(episodes.sum()):,}", f"{value:.6g}"])
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON; NaN where a group has no episode of a task."""
        return {
            "title": self.title,
            "metric": self.metric,
            "of": self.of,
            "by": self.by,
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "confidence": self.confidence,
            "reps": self.reps,
            "seed": self.seed,
            "gamma": self.gamma,
            "last": self.last,
            "groups": list(self.matrix.groups),
            "tasks": list(self.matrix.tasks),
            "scores": self.matrix.scores.tolist(),
            "episodes": self.matrix.episodes.tolist(),
            "notes": list(self.notes),
        }

    def _repr_html_(self) -> str:
        from jaxarc.rendering.notebook_style import notebook_cell

        titles = ("", "tasks", "episodes", self._score_words)
        head = "".join(f'<th class="number">{title}</th>' if title else "<th></th>" for title in titles)
        rows = ""
        for name, *cells in self._group_rows():
            numbers = "".join(f'<td class="number">{cell}</td>' for cell in cells)
            rows += f"<tr><td>{escape(name)}</td>{numbers}</tr>"
        more = len(self.matrix.groups) - _SHOWN_GROUPS
        said = [*([f"… and {more:,} more"] if more > 0 else []), *self.sentences]
        notes = "".join(f'<p class="note">{escape(sentence)}</p>' for sentence in said)
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""
        return notebook_cell(f"<h4>{escape(self.heading)}</h4>{table}{notes}")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun if count == 1 else _plural(noun)}"


def _plural(noun: str) -> str:
    return noun if noun.endswith("s") else f"{noun}s"


def aggregate_of_run(run: RunReader, where: str | None, **options: Any) -> Aggregate:
    """Aggregate the scores of a run; arguments and errors as those of ``ReplaySystem.aggregate``."""
    table = run.episodes(where)
    return aggregate_of_rows(table, KnownSuccess(streams_that_say_success(run, table)), run.name, **options)


def aggregate_of_rows(
    table: EpisodeTable,
    says_success: KnownSuccess,
    title: str,
    *,
    metric: str,
    by: str,
    of: str,
    confidence: float,
    reps: int,
    seed: int,
    last: int | None,
    gamma: float = 1.0,
) -> Aggregate:
    """Aggregate the scores of rows of episodes.

    Args:
        table: the rows, of one run or of several.
        says_success: of which episodes it is known whether they succeeded.
        title: what was measured.
        metric, by, of, confidence, reps, seed, last, gamma: as for ``ReplaySystem.aggregate``.

    Raises:
        NotRecordedError, QueryError, ReplayError: as for ``ReplaySystem.aggregate``.
    """
    checked_measure(of)
    if not isinstance(confidence, Real) or not 0 < confidence < 1:
        raise ReplayError(f"confidence must be above 0 and below 1, got {confidence!r}; 0.95 is usual")
    reps = whole_number("reps", reps, least=1, most=_MOST_REPS, hint="2000 is usual", error=ReplayError)
    seed = whole_number("seed", seed, error=ReplayError)
    if not isinstance(gamma, Real) or not math.isfinite(gamma):
        raise ReplayError(f"gamma must be a score, such as 1.0, got {gamma!r}")
    matrix = score_matrix(table, metric, by, last, says_success)
    interval = bootstrap_interval(matrix.scores, of, confidence=confidence, reps=reps, seed=seed, gamma=gamma)
    return Aggregate(
        title=title,
        metric=metric,
        of=of,
        by=by,
        value=measured(matrix.scores, of, gamma),
        low=None if interval is None else interval[0],
        high=None if interval is None else interval[1],
        confidence=confidence,
        reps=reps,
        seed=seed,
        gamma=gamma,
        last=last,
        matrix=matrix,
        notes=tuple(_notes(table, matrix, by, has_interval=interval is not None)),
    )


def _notes(table: EpisodeTable, matrix: ScoreMatrix, by: str, *, has_interval: bool) -> list[str]:
    groups, tasks = matrix.scores.shape
    kind = by.replace(",", " and ")
    notes = []
    if not matrix.episodes.sum():
        notes.append("No episode that ended is among them, so there is nothing to measure.")
    elif not has_interval:
        way = " Give by='episode' for one over the episodes of each task." if by != "episode" else ""
        why = f"there is one {kind}" if groups == 1 else f"no task was played by two {_plural(kind)}"
        notes.append(f"There is no interval over {_plural(kind)}: {why}.{way}")
    missing = int((matrix.episodes == 0).sum())
    if missing and by != "episode":
        scores = _counted(missing, "score")
        notes.append(f"{scores} of {groups * tasks:,} are missing: not all played every task.")
    if matrix.tasks == ("",):
        notes.append("The episodes name no task; they count as one.")
    elif "" in matrix.tasks:
        notes.append("Episodes that name no task count as one more.")
    streams = sorted(value.decode("utf-8", "replace") for value in np.unique(table["stream"]).tolist())
    if len(streams) > 1 and "stream" not in by:
        notes.append(f"The streams {', '.join(streams)} are taken together; where chooses one.")
    for count, why in (
        (matrix.num_unended, "are running or were cut"),
        (matrix.num_not_finite, "have a score that is not finite"),
        (matrix.num_unjudged, "do not say whether they succeeded"),
    ):
        if count:
            notes.append(f"{_counted(count, 'episode')} that {why}: left out.")
    return notes
