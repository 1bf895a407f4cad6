"""Stored steps of a loaded episode, which are found again where their segment was merged with others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import numpy as np

from jaxarc.errors import DamagedFileError
from jaxarc.records.step_sources import StepSource

__all__ = ["FollowedSteps"]

_Read = TypeVar("_Read")


class FollowedSteps:
    """Some stored steps of one episode, wherever compaction moves them while somebody holds the episode.

    Args:
        source: the steps as they were found.
        again: finds all stored steps of the episode as they lie now.
    """

    def __init__(self, source: StepSource, again: Callable[[], Iterable[StepSource]]):
        self._source = source
        self._again = again
        self._first = 0
        # Observation rows are numbers of a file: those that were given out, and what they are called now.
        self._rows: tuple[np.ndarray, np.ndarray] | None = None
        self._rows_now: np.ndarray | None = None
        self.layout = source.layout
        self.steps = source.steps

    def column(self, name: str) -> np.ndarray:
        """Return a flag column, bool[n]."""
        return self._read(lambda: self._source.column(name)[self._part])

    def scalar(self, index: int) -> np.ndarray:
        """Return scalar field ``index``, [n]."""
        return self._read(lambda: self._source.scalar(index)[self._part])

    def field(self, index: int, at: np.ndarray | None = None) -> np.ndarray:
        """Return row field ``index``, [n, *shape]; constants of the episode [1, *shape]."""
        if self.layout.rows[index].role == "episode":
            return self._read(lambda: self._source.field(index))
        if at is None:
            return self._read(lambda: self._source.field(index)[self._part])
        return self._read(lambda: self._source.field(index, at + self._first))

    def observation_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the observation rows before and after each step, int[n] each; -1 where not recorded."""
        if self._rows is None:
            self._rows = self._read(self._read_rows)
        return self._rows

    def observations(self, index: int, rows: np.ndarray) -> np.ndarray:
        """Return observation field ``index`` at observation rows."""
        return self._read(lambda: self._source.observations(index, self._renamed(rows)))

    @property
    def _part(self) -> slice:
        return slice(self._first, self._first + len(self.steps))

    def _read_rows(self) -> tuple[np.ndarray, np.ndarray]:
        before, after = self._source.observation_rows()
        return before[self._part], after[self._part]

    def _renamed(self, rows: np.ndarray) -> np.ndarray:
        if self._rows is None or self._rows_now is None:
            return rows
        known, places = np.unique(np.concatenate(self._rows), return_index=True)
        return self._rows_now[places[np.searchsorted(known, rows)]]

    def _read(self, read: Callable[[], _Read]) -> _Read:
        try:
            return read()
        except DamagedFileError as error:
            if error.path.exists():
                raise
            self._find(error)
        return read()

    def _find(self, gone: DamagedFileError) -> None:
        """Take these steps from where they lie now."""
        count = len(self.steps)
        for source in self._again():
            first = int(np.searchsorted(source.steps, self.steps[0])) if count else 0
            if source.layout == self.layout and np.array_equal(
                source.steps[first : first + count], self.steps
            ):
                self._source, self._first = source, first
                if self._rows is not None:
                    self._rows_now = np.concatenate(self._read_rows())
                return
        raise DamagedFileError(
            gone.path, "is not there any more, and no other segment holds these steps of the episode"
        ) from gone
