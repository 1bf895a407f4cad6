"""Curves of a run on disk: read whole, or as far as they are committed and then on from there."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jaxarc.records.table import EpisodeTable
from jaxarc.records.tracked_record import TrackedRecord
from jaxarc.replay.curves import CurveFolder, process_name
from jaxarc.replay.run_reader import RunReader
from jaxarc.replay.superseded import resumes_of

__all__ = ["CurveTail", "curve_records"]


class CurveTail:
    """Read the points of a run's curves while it is written, each once.

    A process that comes later reads the same points with the same sources and numbers: it starts again from
    the first row, and what it has already it knows by them. A writer that resumed the run goes on with the
    curves of those before it, whose hidden episodes are left out; other writers have ``process`` in ``ctx``.

    Args:
        run_dir: the run's directory.
    """

    def __init__(self, run_dir: Path):
        self._run_dir = run_dir
        self._run: RunReader | None = None
        self._curves = _Attempts(run_dir)

    def read(self, *, has_ended: bool = False) -> list[TrackedRecord]:
        """Return the points that were completed since the last call, by writer.

        Args:
            has_ended: whether nobody writes the run any more; the last points are complete, then, and there
                are no more after them.
        """
        if self._run is None:
            self._run = RunReader(self._run_dir)
        else:
            self._run.refresh()
        return self._curves.add(self._run.annotated_rows(), has_ended=has_ended)


def curve_records(run: RunReader) -> list[TrackedRecord]:
    """Return the points of a run's curves, each series in order; of a running one those that are complete.

    Args:
        run: the run, as it was read.
    """
    return _Attempts(run.run_dir).add(run.annotated_rows(), has_ended=run.status != "RUNNING")


class _Attempts:
    """The curves of all writers of a run, one attempt after the other."""

    def __init__(self, run_dir: Path):
        self._run_dir = run_dir
        self._folded: dict[int, int] = {}
        self._resumed: frozenset[int] = frozenset()
        self._folder = CurveFolder(process_of=self._process_of)

    def add(self, rows: EpisodeTable, *, has_ended: bool) -> list[TrackedRecord]:
        """Take all rows of the run as they are now; return the points that are new."""
        resumes = resumes_of(self._run_dir)
        self._resumed = frozenset(resume.writer for resume in resumes)
        earlier = frozenset().union(*(resume.writers for resume in resumes))
        writer, number = rows["writer"], rows["episode"]
        counts = (rows["ended"] != b"cut") & (rows["ended"] != b"running")
        if "hidden" in rows:
            counts &= ~rows["hidden"]
        found = []
        for each in np.unique(writer).tolist():
            new = counts & (writer == each) & (number > self._folded.get(each, -1))
            if new.any():
                self._folded[each] = int(number[new].max())
                found += self._folder.add(rows.take(new))
            if has_ended or each in earlier:
                found += self._folder.finish(each)
        return found

    def _process_of(self, writer: int) -> str | None:
        return None if writer in self._resumed else process_name(writer)
