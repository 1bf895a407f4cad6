"""Rows of earlier attempts: what a resumed run recorded again is hidden, so that each step is there once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxarc.records.table import EpisodeTable
from jaxarc.storage import read_attempts, writer_number

__all__ = ["Resume", "Superseded", "attempt_of", "resumes_of", "superseded"]


@dataclass(frozen=True)
class Resume:
    """A run went on from a step that was saved.

    Attributes:
        attempt: number of the attempt that began; the first, which no event tells of, is 1.
        writer: the writer that began it.
        at_step: environment steps of each stream at which it went on.
        writers: the writers before it.
    """

    attempt: int
    writer: int
    at_step: Mapping[str, int]
    writers: frozenset[int]


@dataclass(frozen=True)
class Superseded:
    """What the attempts that followed say of the rows of a table.

    Attributes:
        hidden: rows that were recorded again, bool[n].
        cut: rows that went on beyond the step, ascending, int64[m].
        steps: how many of their first steps count, int64[m].
        end_step: environment steps of their stream after the last of those, int64[m].
    """

    hidden: np.ndarray
    cut: np.ndarray
    steps: np.ndarray
    end_step: np.ndarray


def attempt_of(writer: int, resumes: Sequence[Resume]) -> int:
    """Return the attempt that a writer belongs to: the last one that does not count it among those before."""
    return max((resume.attempt for resume in resumes if writer not in resume.writers), default=1)


def superseded(rows: EpisodeTable, resumes: Sequence[Resume]) -> Superseded:
    """Say which rows of earlier attempts count no more, and which count in part.

    Of the streams that ``at_step`` names, rows that end by that step stay, rows that begin there or later are
    hidden, and a row that goes on beyond it is cut: with all environments active, each of its steps is as
    many environment steps of its stream as every other. Rows of other streams are hidden when they ended
    after the first sign that a named stream was past its step.

    Args:
        rows: rows of any writers, with the columns ``writer, stream, start_step, end_step, total_steps,
            start_time, end_time``.
        resumes: the attempts that followed the first.
    """
    hidden = np.zeros(len(rows), bool)
    total = rows["total_steps"]
    steps = total.copy()
    start, end = rows["start_step"], rows["end_step"]
    for resume in resumes:
        earlier = np.isin(rows["writer"], list(resume.writers))
        named = np.zeros(len(rows), bool)
        passed = np.inf
        for stream, at_step in resume.at_step.items():
            mine = earlier & (rows["stream"] == stream.encode())
            named |= mine
            begun = mine & (start >= at_step)
            beyond = mine & (end > at_step)
            hidden |= begun
            spans = np.flatnonzero(beyond & ~begun)
            width = (end - start)[spans]
            counted = (at_step - start[spans]) * total[spans] // np.maximum(width, 1)
            steps[spans] = np.minimum(steps[spans], counted)
            times = np.concatenate([rows["start_time"][begun], rows["end_time"][beyond]])
            passed = min(passed, float(np.min(times, initial=np.inf)))
        hidden |= earlier & ~named & (rows["end_time"] > passed)
    hidden |= (steps <= 0) & (total > 0)
    cut = np.flatnonzero(~hidden & (steps < total))
    width = (end - start)[cut] // np.maximum(total[cut], 1)
    return Superseded(hidden, cut, steps[cut], start[cut] + steps[cut] * width)


def resumes_of(run_dir: Path) -> list[Resume]:
    """Return the attempts that followed the first of a run, in order."""
    found = []
    for attempt in read_attempts(run_dir):
        numbers = map(writer_number, attempt.writers)
        before = frozenset(number for number in numbers if number is not None)
        found.append(Resume(attempt.number, attempt.writer, attempt.at_step, before))
    return found
