"""Columns that are read when they are asked for, whole or in some rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

__all__ = [
    "ColumnSource",
    "DerivedColumns",
    "HeldColumns",
    "JoinedColumns",
    "LazyColumns",
    "PatchedColumns",
    "missing_values",
]


def missing_values(dtype: np.dtype, length: int) -> np.ndarray:
    """Return what stands in a column where it is not known: NaN, -1, False or empty text."""
    if dtype.kind == "f":
        return np.full(length, np.nan, dtype)
    if dtype.kind == "i":
        return np.full(length, -1, dtype)
    return np.zeros(length, dtype)


@runtime_checkable
class ColumnSource(Protocol):
    """Columns of one length."""

    @property
    def dtypes(self) -> Mapping[str, np.dtype]:
        """The dtype of every column."""
        ...

    @property
    def length(self) -> int:
        """Entries of a column."""
        ...

    def read(self, name: str) -> np.ndarray:
        """Return a column."""
        ...

    def read_at(self, name: str, positions: np.ndarray) -> np.ndarray:
        """Return a column in these rows."""
        ...


class HeldColumns:
    """Columns that are in memory.

    Args:
        columns: arrays of one length, by name.
        length: that length.
    """

    def __init__(self, columns: Mapping[str, np.ndarray], length: int):
        self._columns = columns
        self._length = length

    @property
    def dtypes(self) -> Mapping[str, np.dtype]:
        """The dtype of every column."""
        return {name: column.dtype for name, column in self._columns.items()}

    @property
    def length(self) -> int:
        """Entries of a column."""
        return self._length

    def read(self, name: str) -> np.ndarray:
        """Return a column."""
        return self._columns[name]

    def read_at(self, name: str, positions: np.ndarray) -> np.ndarray:
        """Return a column in these rows."""
        return self._columns[name][positions]


class JoinedColumns:
    """The rows of several sources, one after the other; what one of them lacks is NaN, -1, False or empty.

    Args:
        sources: the sources.
    """

    def __init__(self, sources: Sequence[ColumnSource]):
        self._sources = sources
        self._starts = np.cumsum([0, *(source.length for source in sources)])
        self._dtypes: dict[str, np.dtype] = {}
        for source in sources:
            for name, dtype in source.dtypes.items():
                known = self._dtypes.get(name)
                self._dtypes[name] = dtype if known is None else np.promote_types(known, dtype)

    @property
    def dtypes(self) -> Mapping[str, np.dtype]:
        """The dtype of every column."""
        return self._dtypes

    @property
    def length(self) -> int:
        """Entries of a column."""
        return int(self._starts[-1])

    def read(self, name: str) -> np.ndarray:
        """Return a column."""
        dtype = self._dtypes[name]
        parts = [
            source.read(name) if name in source.dtypes else missing_values(dtype, source.length)
            for source in self._sources
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, dtype=dtype)

    def read_at(self, name: str, positions: np.ndarray) -> np.ndarray:
        """Return a column in these rows."""
        if len(self._sources) == 1:
            return self._sources[0].read_at(name, positions)
        found = missing_values(self._dtypes[name], len(positions))
        owner = np.searchsorted(self._starts, positions, side="right") - 1
        for number, source in enumerate(self._sources):
            mine = np.flatnonzero(owner == number)
            if len(mine) and name in source.dtypes:
                found[mine] = source.read_at(name, positions[mine] - self._starts[number])
        return found


class DerivedColumns:
    """The columns of a source, and some that are computed from others row by row.

    Args:
        source: the source.
        derived: for each name the dtype, the name of the column that it comes from, and how.
    """

    def __init__(
        self,
        source: ColumnSource,
        derived: Mapping[str, tuple[np.dtype, str, Callable[[np.ndarray], np.ndarray]]],
    ):
        self._source = source
        self._derived = derived

    @property
    def dtypes(self) -> Mapping[str, np.dtype]:
        """The dtype of every column."""
        return {**self._source.dtypes, **{name: dtype for name, (dtype, _, _) in self._derived.items()}}

    @property
    def length(self) -> int:
        """Entries of a column."""
        return self._source.length

    def read(self, name: str) -> np.ndarray:
        """Return a column."""
        if name not in self._derived:
            return self._source.read(name)
        _, column, compute = self._derived[name]
        return compute(self._source.read(column))

    def read_at(self, name: str, positions: np.ndarray) -> np.ndarray:
        """Return a column in these rows."""
        if name not in self._derived:
            return self._source.read_at(name, positions)
        _, column, compute = self._derived[name]
        return compute(self._source.read_at(column, positions))


class PatchedColumns:
    """The columns of a source with other values in some rows.

    Args:
        source: the source.
        rows: the rows, ascending.
        values: for each column that differs its values there.
    """

    def __init__(self, source: ColumnSource, rows: np.ndarray, values: Mapping[str, np.ndarray]):
        self._source = source
        self._rows = rows
        self._values = values

    @property
    def dtypes(self) -> Mapping[str, np.dtype]:
        """The dtype of every column."""
        return self._source.dtypes

    @property
    def length(self) -> int:
        """Entries of a column."""
        return self._source.length

    def read(self, name: str) -> np.ndarray:
        """Return a column."""
        column = self._source.read(name)
        if name in self._values:
            column = column.copy()
            column[self._rows] = self._values[name]
        return column

    def read_at(self, name: str, positions: np.ndarray) -> np.ndarray:
        """Return a column in these rows."""
        found = self._source.read_at(name, positions)
        if name in self._values and len(self._rows):
            place = np.minimum(np.searchsorted(self._rows, positions), len(self._rows) - 1)
            patched = self._rows[place] == positions
            found[patched] = self._values[name][place[patched]]
        return found


class LazyColumns(MutableMapping[str, np.ndarray]):
    """Columns by name that are read when they are first asked for, and kept then.

    It is a `ColumnSource` itself: a selection of rows reads through it. A column that is set is that of this
    mapping, not of the source.

    Args:
        source: where they are read.
    """

    def __init__(self, source: ColumnSource):
        self._source = source
        self._dtypes = dict(source.dtypes)
        self._read: dict[str, np.ndarray] = {}

    @property
    def dtypes(self) -> Mapping[str, np.dtype]:
        """The dtype of every column."""
        return self._dtypes

    @property
    def length(self) -> int:
        """Entries of a column."""
        return self._source.length

    def read(self, name: str) -> np.ndarray:
        """Return a column."""
        return self[name]

    def read_at(self, name: str, positions: np.ndarray) -> np.ndarray:
        """Return a column in these rows; not much more of it is read."""
        kept = self._read.get(name)
        return self._source.read_at(name, positions) if kept is None else kept[positions]

    def take(self, positions: np.ndarray) -> LazyColumns:
        """Return the columns in these rows, which are read as lazily."""
        return LazyColumns(_Selected(self, positions))

    def __getitem__(self, name: str) -> np.ndarray:
        kept = self._read.get(name)
        if kept is None:
            if name not in self._dtypes:
                raise KeyError(name)
            kept = self._read[name] = self._source.read(name)
        return kept

    def __setitem__(self, name: str, values: np.ndarray) -> None:
        if len(values) != self.length:
            raise ValueError(f"column {name} has {len(values)} entries, the table has {self.length}")
        self._read[name] = values
        self._dtypes[name] = values.dtype

    def __delitem__(self, name: str) -> None:
        del self._dtypes[name]
        self._read.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._dtypes

    def __iter__(self) -> Iterator[str]:
        return iter(self._dtypes)

    def __len__(self) -> int:
        return len(self._dtypes)


class _Selected:
    """Rows of lazy columns."""

    def __init__(self, columns: LazyColumns, positions: np.ndarray):
        self._columns = columns
        self._positions = positions

    @property
    def dtypes(self) -> Mapping[str, np.dtype]:
        return self._columns.dtypes

    @property
    def length(self) -> int:
        return len(self._positions)

    def read(self, name: str) -> np.ndarray:
        return self._columns.read_at(name, self._positions)

    def read_at(self, name: str, positions: np.ndarray) -> np.ndarray:
        return self._columns.read_at(name, self._positions[positions])
