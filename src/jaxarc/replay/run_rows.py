"""The rows of a run as a reader sees them: committed ones, open ones, and none that was recorded again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxarc.errors import DamagedFileError, NotRecordedError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.lazy_columns import DerivedColumns, JoinedColumns, LazyColumns, PatchedColumns
from jaxarc.records.table import EpisodeRow, EpisodeTable
from jaxarc.replay.superseded import Resume, Superseded, attempt_of, superseded
from jaxarc.storage import OpenRows, RunIndex, keep_segments_open, number_open_rows

__all__ = ["RunRows"]


class RunRows:
    """All rows of a run, and which of them count.

    Args:
        run_dir: the run.
        index: its committed rows.
        open_rows: the rows that were open at the last commits, by writer.
        resumes: the attempts that followed the first.
        is_running: whether somebody writes the run.
        include_hidden: whether rows that a later attempt recorded again are in the table, with a column
            ``hidden``.
    """

    def __init__(
        self,
        run_dir: Path,
        index: RunIndex,
        open_rows: Mapping[int, OpenRows],
        resumes: Sequence[Resume],
        *,
        is_running: bool,
        include_hidden: bool,
    ):
        self._run_dir = run_dir
        self._index = index
        self._resumes = resumes
        latest = max((resume.attempt for resume in resumes), default=1)
        self._open = {
            # Nobody goes on with what an earlier attempt left open.
            writer: self._numbered(
                writer, rows, is_running=is_running and attempt_of(writer, resumes) == latest
            )
            for writer, rows in open_rows.items()
        }
        self._cut: dict[tuple[int, int], dict[str, Any]] = {}
        found = LazyColumns(
            JoinedColumns([index.episodes.source, *(rows.source for rows in self._open.values())])
        )
        hidden = np.zeros(found.length if include_hidden else 0, bool)
        if resumes:
            overruled = superseded(EpisodeTable(found), resumes)
            hidden = overruled.hidden
            found = self._shortened(EpisodeTable(found), overruled)
        attempt = (np.dtype(np.int32), "writer", self._attempts)
        columns = LazyColumns(DerivedColumns(found, {"attempt": attempt}))
        if include_hidden:
            columns["hidden"] = hidden
        elif hidden.any():
            columns = columns.take(np.flatnonzero(~hidden))
        self.table = EpisodeTable(columns)

    def row(self, writer: int, episode: int) -> EpisodeRow | None:
        """Return the row of an episode, a hidden one too, or None."""
        found = self._index.row(writer, episode)
        if found is None and writer in self._open:
            opened = self._open[writer]
            for position in np.flatnonzero(opened["episode"] == episode).tolist():
                found = opened.row(position)
        if found is None:
            return None
        shortened = self._cut.get((writer, episode), {})
        return EpisodeRow({**found, "attempt": attempt_of(writer, self._resumes), **shortened})

    def last_episode(self, writer: int) -> int:
        """Return the highest number of a writer; -1 where it has no rows."""
        opened = self._open[writer]["episode"] if writer in self._open else np.zeros(0, np.int64)
        return int(np.max(opened, initial=self._index.last_episode(writer)))

    def _numbered(self, writer: int, rows: OpenRows, *, is_running: bool) -> EpisodeTable:
        ended = self._index.ended_after(writer, rows.sequence)
        first = self._index.last_episode(writer) + 1
        found = number_open_rows(rows, ended, first, is_running=is_running)
        found.columns["writer"] = np.full(len(found), writer, np.int32)
        return found

    def _attempts(self, writers: np.ndarray) -> np.ndarray:
        if not self._resumes:
            return np.ones(len(writers), np.int32)
        known, place = np.unique(writers, return_inverse=True)
        return np.array([attempt_of(writer, self._resumes) for writer in known.tolist()], np.int32)[place]

    def _shortened(self, rows: EpisodeTable, overruled: Superseded) -> LazyColumns:
        """Return the columns in which rows that went on beyond a resumed step end there."""
        values: dict[str, list[Any]] = {}
        with keep_segments_open():
            for position, steps, end_step in zip(
                overruled.cut.tolist(), overruled.steps.tolist(), overruled.end_step.tolist(), strict=True
            ):
                row = rows.row(position)
                shorter = self._cut_at(row, steps, end_step)
                self._cut[int(row.writer), int(row.episode)] = shorter
                for name, value in shorter.items():
                    values.setdefault(name, []).append(value)
        columns = {
            name: np.array([value.encode() if isinstance(value, str) else value for value in column])
            for name, column in values.items()
        }
        return LazyColumns(PatchedColumns(rows.source, overruled.cut, columns))

    def _cut_at(self, row: EpisodeRow, steps: int, end_step: int) -> dict[str, Any]:
        """Return what differs in the row of an episode of which only the first steps count."""
        metrics = [name.removesuffix("_min") for name in row if name.endswith("_min")]
        found: dict[str, Any] = {
            "total_steps": steps,
            "end_step": end_step,
            "ended": "cut",
            "complete": False,
            "stored_steps": 0,
            "success": False,
            "total_reward": float("nan"),
            **{f"{name}_{part}": float("nan") for name in metrics for part in ("last", "min", "max")},
        }
        if not row.stored_steps:
            return found
        try:
            stored = self._index.stored_steps(self._run_dir, int(row.writer), int(row.uid))
            episode = EpisodeData(EpisodeRow({**row, **found}), stored)
            found["stored_steps"] = episode.num_stored_steps
            if episode.contiguous:
                found["total_reward"] = float(episode.reward.sum(dtype=np.float64))
                found["success"] = bool(episode.step_success.any())
                for name, values in episode.metrics.items():
                    found[f"{name}_last"] = float(values[-1])
                    found[f"{name}_min"] = float(np.fmin.reduce(values))
                    found[f"{name}_max"] = float(np.fmax.reduce(values))
        except (DamagedFileError, NotRecordedError):
            pass  # what loading the episode says as well
        return found
