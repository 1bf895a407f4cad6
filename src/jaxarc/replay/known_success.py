"""Whether a program says which episodes succeed: a row's ``success`` is False where nobody said anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from jaxarc.errors import DamagedFileError, NotRecordedError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.table import EpisodeRow, EpisodeTable
from jaxarc.replay.row_slabs import distinct, row_slabs
from jaxarc.replay.run_reader import RunReader

__all__ = ["KnownSuccess", "says_success", "stream_says_success", "streams_that_say_success"]


@dataclass(frozen=True)
class KnownSuccess:
    """Of which episodes it is known whether they succeeded.

    Attributes:
        streams: streams of which it is known.
        by_run: the streams of each run, where there are several: rows have a column ``run`` then.
    """

    streams: frozenset[bytes] = frozenset()
    by_run: Mapping[bytes, frozenset[bytes]] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that say whether it is known of a row."""
        return ("stream",) if self.by_run is None else ("run", "stream")

    def of(self, rows: Mapping[str, np.ndarray] | EpisodeTable) -> np.ndarray:
        """Return of which rows it is known, bool[n]."""
        if self.by_run is None:
            return np.isin(rows["stream"], np.array(sorted(self.streams), "S"))
        known = np.zeros(len(rows["run"]), bool)
        for run, streams in self.by_run.items():
            known |= (rows["run"] == run) & np.isin(rows["stream"], np.array(sorted(streams), "S"))
        return known


def says_success(run: RunReader, row: EpisodeRow) -> bool:
    """Say whether the steps of an episode say which succeed; False where they cannot be read."""
    try:
        return run.load_episode(int(row.episode), writer=int(row.writer)).success_known
    except (DamagedFileError, NotRecordedError):
        return False


def streams_that_say_success(run: RunReader, table: EpisodeTable) -> frozenset[bytes]:
    """Return the streams of which it is known which episodes succeed: one does, or a stored one knows.

    Args:
        run: the run.
        table: rows of it.
    """
    known: set[bytes] = set()
    examples: dict[bytes, int] = {}
    for slab in row_slabs(table, ("stream", "success", "stored_steps")):
        streams, place = distinct(slab["stream"])
        solved = np.bincount(place[slab["success"]], minlength=len(streams)) > 0
        known.update(streams[solved].tolist())
        stored = np.flatnonzero(slab["stored_steps"] > 0)[::-1]
        first = np.full(len(streams), -1)
        first[place[stored]] = slab["position"][stored]
        for name, position in zip(streams.tolist(), first.tolist(), strict=True):
            if position >= 0:
                examples.setdefault(name, position)
    unsaid = {name: at for name, at in examples.items() if name not in known}
    return frozenset(known | {name for name, at in unsaid.items() if says_success(run, table.row(at))})


def stream_says_success(run: RunReader, episode: EpisodeData) -> bool:
    """Say whether it is known which episodes succeed of the stream that an episode is of.

    Args:
        run: the run that was asked; of an episode of another run only its own steps are looked at.
        episode: the episode.
    """
    if episode.success_known or bool(episode.row.success):
        return True
    origin = getattr(episode, "run_dir", None)
    if origin is None or origin.resolve() != run.run_dir.resolve():
        return False
    stream = str(episode.row.stream)
    return stream.encode() in streams_that_say_success(run, run.episodes(f"stream == {stream!r}"))
