"""Episode rows as columns: one table from the assembler to the segment, the index and the reader."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np

from jaxarc.records.lazy_columns import ColumnSource, HeldColumns, JoinedColumns, LazyColumns

__all__ = [
    "BASE_COLUMNS",
    "ENDED",
    "METRIC_PARTS",
    "RESERVED_COLUMNS",
    "EpisodeRow",
    "EpisodeTable",
    "encode_text",
    "label_name_column",
    "shares_a_column",
]

ENDED = ("terminated", "truncated", "cut")

BASE_COLUMNS: dict[str, str] = {
    "episode": "int64",
    "uid": "int64",
    "stream": "S",
    "member": "int32",
    "env_id": "int32",
    "update": "int64",
    "task_id": "S",
    "total_steps": "int64",
    "total_reward": "float64",
    "success": "bool",
    "ended": "S",
    "start_step": "int64",
    "end_step": "int64",
    "start_time": "float64",
    "end_time": "float64",
    "stored_steps": "int64",
    "complete": "bool",
    "last_observation_lost": "bool",
}
"""Columns that every row has, with their dtypes (``S``: UTF-8 text).

``uid`` joins a row to its stored steps; ``episode`` is the number that people use. ``start_step`` and
``end_step`` count environment steps of the row's stream and member, over all its environments.
"""

METRIC_PARTS = ("_first", "_last", "_min", "_max")
"""Of each metric a row has its first, last, smallest and largest value, in columns that end so."""

_ALIASES = {"final_similarity": "similarity_last", "episode_num": "episode"}

RESERVED_COLUMNS = frozenset({*BASE_COLUMNS, *_ALIASES, "writer"})
"""Names that no label may have; ``writer`` is added where rows of several writers are read together."""


def label_name_column(label: str) -> str:
    """Return the column that holds a label's name (``task`` -> ``task_id``)."""
    return f"{label}_id"


def shares_a_column(label: str, labels: Container[str]) -> bool:
    """Say whether a label, or the column of its names, would share its name with another column.

    Args:
        label: the label.
        labels: all labels of its episodes.
    """
    names_column = label_name_column(label)
    return (
        label in RESERVED_COLUMNS
        or label.endswith(METRIC_PARTS)
        or names_column in labels
        or (names_column in RESERVED_COLUMNS and label != "task")
    )


def encode_text(values: Sequence[str]) -> np.ndarray:
    """Return strings as fixed-width UTF-8 bytes, the form in which columns hold text."""
    encoded = [value.encode("utf-8", "replace") for value in values]
    width = max((len(value) for value in encoded), default=0)
    return np.array(encoded, dtype=f"S{max(width, 1)}")


class EpisodeRow(Mapping[str, Any]):
    """One episode's row: columns as attributes and as items, text as ``str``."""

    def __init__(self, values: Mapping[str, Any]):
        self._values = dict(values)

    def __getitem__(self, name: str) -> Any:
        return self._values[_ALIASES.get(name, name)]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except KeyError:
            known = ", ".join(self._values)
            raise AttributeError(
                f"episode rows of this run have no column {name!r}; they have {known}"
            ) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        shown = ("episode", "stream", "env_id", "task_id", "total_steps", "total_reward", "success", "ended")
        columns = ", ".join(f"{name}={self._values[name]!r}" for name in shown if name in self._values)
        return f"EpisodeRow({columns})"


_ROWS_AT_ONCE = 1_024
"""Rows whose values are taken out of the columns at once when a table is iterated over."""


class EpisodeTable:
    """Episode rows, a NumPy array a column.

    Args:
        columns: arrays of one length, by name; lazy ones are read when they are asked for.
    """

    def __init__(self, columns: Mapping[str, np.ndarray]):
        self.columns: MutableMapping[str, np.ndarray]
        if isinstance(columns, LazyColumns):
            self.columns = columns
            self._length = columns.length
            return
        self.columns = dict(columns)
        lengths = {len(column) for column in self.columns.values()}
        if len(lengths) > 1:
            raise ValueError(f"columns of an episode table have lengths {sorted(lengths)}, they need one")
        self._length = lengths.pop() if lengths else 0

    @classmethod
    def empty(cls) -> EpisodeTable:
        """Return a table without rows that has the base columns."""
        return cls({name: np.zeros(0, "S1" if kind == "S" else kind) for name, kind in BASE_COLUMNS.items()})

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[_ALIASES.get(name, name)]

    def __contains__(self, name: str) -> bool:
        return isinstance(name, str) and _ALIASES.get(name, name) in self.columns

    @property
    def source(self) -> ColumnSource:
        """Where the columns are read, in rows or whole."""
        columns = self.columns
        return columns if isinstance(columns, LazyColumns) else HeldColumns(columns, self._length)

    def text(self, name: str) -> list[str]:
        """Return a text column as ``str``."""
        return [value.decode("utf-8", "replace") for value in self[name].tolist()]

    def take(self, selector: np.ndarray) -> EpisodeTable:
        """Return the rows that an index array or a boolean mask selects."""
        selector = np.asarray(selector) if np.size(selector) else np.zeros(0, np.int64)
        if selector.ndim != 1 or selector.dtype.kind not in "biu":
            raise TypeError(
                f"take needs positions or a mask, one a row, got {selector.dtype} {selector.shape}"
            )
        if selector.dtype == bool and len(selector) != self._length:
            raise ValueError(f"the mask has {len(selector)} entries, the table has {self._length} rows")
        if isinstance(self.columns, LazyColumns):
            positions = np.flatnonzero(selector) if selector.dtype == bool else selector
            return EpisodeTable(self.columns.take(positions))
        return EpisodeTable({name: column[selector] for name, column in self.columns.items()})

    def row(self, index: int) -> EpisodeRow:
        """Return one row."""
        if not -self._length <= index < self._length:
            raise IndexError(f"row {index} of an episode table that has {self._length}")
        (found,) = self._rows(np.array([index % self._length]))
        return found

    def __iter__(self) -> Iterator[EpisodeRow]:
        for start in range(0, self._length, _ROWS_AT_ONCE):
            yield from self._rows(np.arange(start, min(start + _ROWS_AT_ONCE, self._length)))

    def _rows(self, positions: np.ndarray) -> Iterator[EpisodeRow]:
        source = self.source
        names, values = list(self.columns), []
        for name in names:
            column = source.read_at(name, positions)
            listed = column.tolist()
            if column.dtype.kind == "S":
                listed = [value.decode("utf-8", "replace") for value in listed]
            values.append(listed)
        for row in zip(*values, strict=True):
            yield EpisodeRow(dict(zip(names, row, strict=True)))

    @classmethod
    def concatenate(cls, tables: Sequence[EpisodeTable]) -> EpisodeTable:
        """Join tables; a column that one of them lacks is NaN, -1, False or empty there."""
        tables = [table for table in tables if len(table)] or list(tables[:1])
        if not tables:
            return cls.empty()
        if len(tables) == 1:
            return cls(tables[0].columns)
        joined = LazyColumns(JoinedColumns([table.source for table in tables]))
        if any(isinstance(table.columns, LazyColumns) for table in tables):
            return cls(joined)
        return cls({name: joined[name] for name in joined})
