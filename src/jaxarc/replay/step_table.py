"""StepTable: stored steps of a run as rows, of which nothing is read but the columns that are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxarc.errors import DamagedFileError, NotRecordedError, QueryError, closest
from jaxarc.records.lazy_columns import LazyColumns, missing_values
from jaxarc.records.table import EpisodeRow, EpisodeTable
from jaxarc.replay.run_table import RunTable, checked_name
from jaxarc.replay.step_columns import StepCatalog
from jaxarc.storage import StoredSteps, keep_segments_open

__all__ = ["StepColumns", "StepPlaces", "StepRow", "StepTable"]


class StepPlaces(NamedTuple):
    """Where stored steps lie, an entry a step.

    Attributes:
        episode: position of its episode in the table of episodes, int64[n].
        place: which segment and layout, int64[n].
        row: its row there, int64[n].
        step: its index in its episode, int64[n].
    """

    episode: np.ndarray
    place: np.ndarray
    row: np.ndarray
    step: np.ndarray

    def take(self, selector: np.ndarray) -> StepPlaces:
        """Return those that an index array or a mask selects."""
        return StepPlaces._make(column[selector] for column in self)


class StepColumns:
    """The columns of stored steps; a `ColumnSource`.

    Args:
        episodes: rows of their episodes.
        catalog: which columns there are.
        files: segments, each with one of its layouts.
        places: the steps.
    """

    def __init__(
        self,
        episodes: EpisodeTable,
        catalog: StepCatalog,
        files: tuple[tuple[Path, str], ...],
        places: StepPlaces,
    ):
        self.episodes = episodes
        self.catalog = catalog
        self.files = files
        self.places = places

    @property
    def dtypes(self) -> Mapping[str, np.dtype]:
        """The dtype of every listed column."""
        return {name: self._dtype(name) for name in self.catalog.listed}

    @property
    def length(self) -> int:
        """How many steps there are."""
        return len(self.places.step)

    def take(self, selector: np.ndarray) -> StepColumns:
        """Return the columns of some steps."""
        return StepColumns(self.episodes, self.catalog, self.files, self.places.take(selector))

    def _dtype(self, name: str) -> np.dtype:
        if name in self.catalog.leaves:
            return self.catalog.leaves[name].dtype
        if name in self.catalog.of_episodes:
            return self.episodes.source.dtypes[self.catalog.of_episodes[name]]
        return np.dtype(np.int64)

    def read(self, name: str) -> np.ndarray:
        """Return a column, one that is not listed too."""
        return self._read(name, self.places)

    def read_at(self, name: str, positions: np.ndarray) -> np.ndarray:
        """Return a column at some steps."""
        return self._read(name, self.places.take(positions))

    def _read(self, name: str, places: StepPlaces) -> np.ndarray:
        if name in self.catalog.of_episodes:
            return self._of_episodes(self.catalog.of_episodes[name], places)
        if name == "step":
            return places.step.copy()
        if name == "env_step":
            start, end, total = (
                self._of_episodes(column, places) for column in ("start_step", "end_step", "total_steps")
            )
            return start + places.step * (end - start) // np.maximum(total, 1)
        return self._of_steps(name, places)

    def _of_episodes(self, name: str, places: StepPlaces) -> np.ndarray:
        wanted, position = np.unique(places.episode, return_inverse=True)
        return self.episodes.source.read_at(name, wanted)[position]

    def _of_steps(self, name: str, places: StepPlaces) -> np.ndarray:
        leaf = self.catalog.leaves[name]
        found = missing_values(leaf.dtype, len(places.step))
        order = np.argsort(places.place, kind="stable")
        borders = np.flatnonzero(np.diff(places.place[order])) + 1
        with keep_segments_open():
            for part in np.split(order, borders) if len(order) else []:
                path, layout = self.files[int(places.place[part[0]])]
                rows = places.row[part]
                first, end = int(rows.min()), int(rows.max()) + 1
                values = leaf.read(_stored(path, layout, first, end - first), rows - first)
                if values is not None:
                    found[part] = values
        return found


def _stored(path: Path, layout: str, row: int, count: int) -> StoredSteps:
    try:
        return StoredSteps(path, layout, row, count)
    except DamagedFileError as error:
        if path.exists():
            raise
        raise DamagedFileError(
            path, "the segment was merged into another since these steps were looked for; ask again"
        ) from error


class StepRow(EpisodeRow):
    """One step's row: columns as attributes and as items (``row["action.operation"]``)."""

    def __repr__(self) -> str:
        return f"StepRow({', '.join(f'{name}={value!r}' for name, value in self.items())})"


class StepTable(RunTable):
    """Stored steps of a run, a NumPy array a column, each read when it is asked for.

    Beside the columns that it lists there are, by name: every column of the steps' episodes, as
    ``episode.success`` where a step has one of that name itself, ``metrics.<name>``, and the numbers in
    observations and states (``observation[2]``, ``state.time``).

    Args:
        source: where the columns are read.
        origin: as for RunTable.
    """

    def __init__(self, source: StepColumns, origin: str = ""):
        super().__init__(LazyColumns(source), "step", origin)
        self._steps = source
        self._unlisted: dict[str, np.ndarray] = {}

    @property
    def places(self) -> StepPlaces:
        """Where the steps lie."""
        return self._steps.places

    def take(self, selector: np.ndarray) -> StepTable:
        """Return the steps that an index array or a boolean mask selects."""
        return StepTable(self._steps.take(selector), self._origin)

    def _rows(self, positions: np.ndarray) -> Iterator[EpisodeRow]:
        return (StepRow(row) for row in super()._rows(positions))

    def __contains__(self, name: str) -> bool:
        return name in self._steps.catalog

    def __getitem__(self, name: str) -> np.ndarray:
        checked_name(name)
        catalog = self._steps.catalog
        if name in self.columns:
            return self.columns[name]
        if name not in self._unlisted:
            if name not in catalog:
                if why := catalog.why_not(name):
                    raise NotRecordedError(why)
                near = closest(str(name), [*catalog.listed, *catalog.leaves, *catalog.of_episodes])
                raise QueryError(f"no column {name!r}{near} The columns are {', '.join(catalog.listed)}")
            self._unlisted[name] = self._steps.read(name)
        return self._unlisted[name]
