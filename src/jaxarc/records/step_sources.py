"""Stored steps of one episode, from one place or several, as arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np

from jaxarc.records.layout import Field, Layout, PathKey, unflatten

__all__ = ["ChosenSteps", "FirstSteps", "StepSource", "StepSources"]


@runtime_checkable
class StepSource(Protocol):
    """Some stored steps of one episode, in order."""

    @property
    def layout(self) -> Layout:
        """What the steps hold."""
        ...

    @property
    def steps(self) -> np.ndarray:
        """Index of each step in its episode, int64[n]."""
        ...

    def column(self, name: str) -> np.ndarray:
        """Return a flag column, bool[n]."""
        ...

    def scalar(self, index: int) -> np.ndarray:
        """Return scalar field ``index``, [n]."""
        ...

    def field(self, index: int, at: np.ndarray | None = None) -> np.ndarray:
        """Return row field ``index``, [n, *shape]; constants of the episode [1, *shape].

        Args:
            index: the field's position in the layout.
            at: positions of the only steps that are wanted, ascending; None for all.
        """
        ...

    def observation_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the observation rows before and after each step, int[n] each; -1 where not recorded."""
        ...

    def observations(self, index: int, rows: np.ndarray) -> np.ndarray:
        """Return observation field ``index`` at observation rows."""
        ...


class FirstSteps:
    """A source's steps before one of the episode's: what was recorded after it belongs to nobody.

    Args:
        source: the source.
        end: index in the episode of the first step that is left out.
    """

    def __init__(self, source: StepSource, end: int):
        self._source = source
        self._count = int(np.searchsorted(source.steps, end))
        self.layout = source.layout
        self.steps = source.steps[: self._count]

    def column(self, name: str) -> np.ndarray:
        """Return a flag column, bool[n]."""
        return self._source.column(name)[: self._count]

    def scalar(self, index: int) -> np.ndarray:
        """Return scalar field ``index``, [n]."""
        return self._source.scalar(index)[: self._count]

    def field(self, index: int, at: np.ndarray | None = None) -> np.ndarray:
        """Return row field ``index``, [n, *shape]; constants of the episode [1, *shape]."""
        values = self._source.field(index, at)
        return values if self.layout.rows[index].role == "episode" else values[: self._count]

    def observation_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the observation rows before and after each step, int[n] each."""
        before, after = self._source.observation_rows()
        return before[: self._count], after[: self._count]

    def observations(self, index: int, rows: np.ndarray) -> np.ndarray:
        """Return observation field ``index`` at observation rows."""
        return self._source.observations(index, rows)


class ChosenSteps:
    """Some of a source's steps, for who needs a few of many: of the fields only theirs are read.

    Args:
        source: the source.
        at: positions among the source's steps, ascending, each once.
    """

    def __init__(self, source: StepSource, at: np.ndarray):
        self._source = source
        self._at = at
        self.layout = source.layout
        self.steps = source.steps[at]

    def column(self, name: str) -> np.ndarray:
        """Return a flag column, bool[n]."""
        return self._source.column(name)[self._at]

    def scalar(self, index: int) -> np.ndarray:
        """Return scalar field ``index``, [n]."""
        return self._source.scalar(index)[self._at]

    def field(self, index: int, at: np.ndarray | None = None) -> np.ndarray:
        """Return row field ``index``, [n, *shape]; constants of the episode [1, *shape]."""
        return self._source.field(index, self._at if at is None else self._at[at])

    def observation_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the observation rows before and after each step, int[n] each."""
        before, after = self._source.observation_rows()
        return before[self._at], after[self._at]

    def observations(self, index: int, rows: np.ndarray) -> np.ndarray:
        """Return observation field ``index`` at observation rows."""
        return self._source.observations(index, rows)


class StepSources:
    """Several sources of one episode's steps, read as one; a step that several hold counts once.

    Args:
        sources: the sources; of those that hold the same step the first is read.
    """

    def __init__(self, sources: Iterable[StepSource]):
        self._sources = list(sources)

    def __bool__(self) -> bool:
        return bool(self._sources)

    def __iter__(self) -> Any:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self.step)

    @cached_property
    def step(self) -> np.ndarray:
        """Index in the episode of every step, ascending, int64[n]."""
        return np.unique(_joined([source.steps for source in self._sources], np.int64))

    def before(self, end: int) -> StepSources:
        """Return the sources without the steps from ``end`` on."""
        if not any(len(source.steps) and source.steps[-1] >= end for source in self._sources):
            return self
        found = [FirstSteps(source, end) for source in self._sources]
        return StepSources(source for source in found if len(source.steps))

    def among(self, steps: np.ndarray) -> StepSources:
        """Return the sources with these steps of the episode only."""
        found = [
            ChosenSteps(source, np.flatnonzero(np.isin(source.steps, steps))) for source in self._sources
        ]
        return StepSources([source for source in found if len(source.steps)] or found[:1])

    def of_kind(self, *kinds: str) -> StepSources:
        """Return the sources whose layout is of one of these kinds."""
        return StepSources(source for source in self._sources if source.layout.kind in kinds)

    def with_role(self, *roles: str) -> StepSources:
        """Return the sources that recorded at least one of these parts of the Step."""
        return StepSources(
            source for source in self._sources if any(field.role in roles for field in source.layout.rows)
        )

    def has(self, role: str) -> bool:
        """Say whether a part of the steps was recorded (``observation``, ``state``, …)."""
        return any(field.role == role for source in self._sources for field in source.layout.rows)

    def given(self, role: str) -> bool:
        """Say whether the program filled an optional attribute of its Step."""
        return any(source.layout.has(role) for source in self._sources)

    def fields(self, role: str) -> tuple[Field, ...]:
        """Return the leaves of a part of the steps: their paths, dtypes, shapes and kinds of keys."""
        found: dict[tuple[PathKey, ...], Field] = {}
        for source in self._sources:
            for field in (*source.layout.scalars, *source.layout.rows):
                if field.role == role:
                    found.setdefault(field.path, field)
        return tuple(found.values())

    def flag(self, name: str) -> np.ndarray:
        """Return a flag of every step, bool[n]; False where the program gave none."""
        return _gathered(
            [
                (
                    source.steps,
                    source.column(name)
                    if name == "terminated" or source.layout.has(name)
                    else np.zeros(len(source.steps), bool),
                )
                for source in self._sources
            ],
            bool,
        )

    def scalars(self, role: str) -> dict[tuple[PathKey, ...], np.ndarray]:
        """Return the scalars of a role, [n] each, by path."""
        return self._leaves(
            role, lambda source: source.layout.scalars, lambda source, index: source.scalar(index)
        )

    def tree(self, role: str) -> Any:
        """Return a part of the steps as a tree of [n, …]."""
        leaves = self._leaves(
            role, lambda source: source.layout.rows, lambda source, index: source.field(index)
        )
        return unflatten(list(leaves.items()))

    def _leaves(
        self,
        role: str,
        fields: Callable[[StepSource], tuple[Field, ...]],
        read: Callable[[StepSource, int], np.ndarray],
    ) -> dict[tuple[PathKey, ...], np.ndarray]:
        parts: dict[tuple[PathKey, ...], list[tuple[np.ndarray, np.ndarray]]] = {}
        for source in self._sources:
            for index, field in enumerate(fields(source)):
                if field.role == role:
                    parts.setdefault(field.path, []).append((source.steps, read(source, index)))
        return {path: _gathered(found) for path, found in parts.items()}


def _gathered(parts: list[tuple[np.ndarray, np.ndarray]], dtype: Any = np.float64) -> np.ndarray:
    """Join (steps, values) of several sources in the order of their steps, each step once."""
    values = _joined([array for _, array in parts], dtype)
    steps = _joined([steps for steps, _ in parts], np.int64)
    if (np.diff(steps) > 0).all():
        return values
    return values[np.unique(steps, return_index=True)[1]]


def _joined(arrays: list[np.ndarray], dtype: Any) -> np.ndarray:
    return np.concatenate(arrays) if arrays else np.zeros(0, dtype)
