"""RunTable: rows of a run that show themselves, and turn into tables of other libraries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxarc.errors import QueryError, ReplayError, closest
from jaxarc.records.table import EpisodeTable
from jaxarc.replay.arguments import checked_limit

if TYPE_CHECKING:
    import pandas
    import pyarrow

__all__ = ["RunTable", "checked_name"]

_ORDER = (
    *("run", "episode", "writer", "stream", "member", "env_id", "update", "task_id", "total_steps"),
    *("total_reward", "success", "ended", "similarity_last", "stored_steps", "complete"),
)


class RunTable(EpisodeTable):
    """Rows of a run, a NumPy array a column, read when they are asked for.

    ``table["total_reward"]`` is a column, ``for row in table`` goes over rows, `take` selects some,
    `to_pandas`, `to_arrow` and `to_dicts` make other tables of them. In a notebook it shows its first rows.

    Args:
        columns: arrays of one length, by name.
        row: what a row is, in one word.
        origin: where the rows are from, for who reads the table.
        total: how many rows there are where these were chosen from; 0 where that is not said.
    """

    def __init__(
        self, columns: Mapping[str, np.ndarray], row: str = "episode", origin: str = "", total: int = 0
    ):
        super().__init__(columns)
        self._row_word = row
        self._origin = origin
        self._total = total

    def take(self, selector: np.ndarray) -> RunTable:
        """Return the rows that an index array or a boolean mask selects."""
        return RunTable(super().take(selector).columns, self._row_word, self._origin, self._total)

    def choose(
        self, where: str | None = None, sort: str | Sequence[str] | None = None, limit: int | None = None
    ) -> RunTable:
        """Return the rows that a condition selects, in an order, and no more than some.

        Args:
            where, sort, limit: as for ``ReplaySystem.episodes``; None for all, as they are.

        Raises:
            QueryError: an expression cannot be understood, or ``limit`` is no number of rows.
        """
        limit, table = checked_limit(limit), self
        if where is not None or sort is not None:
            from jaxarc.replay.query import sort_order, where_mask

            if where is not None:
                table = table.take(where_mask(where, table))
            if sort is not None:
                return table.take(sort_order(sort, table, limit))
        return table if limit is None else table.take(np.arange(min(limit, len(table))))

    @property
    def words(self) -> str:
        """What the table holds: ``12 of 431 episodes, run-name``."""
        count = f"{len(self):,}"
        if self._total > len(self):
            count += f" of {self._total:,}"
        what = self._row_word if max(self._total, len(self)) == 1 else f"{self._row_word}s"
        return f"{count} {what}{', ' if self._origin else ''}{self._origin}"

    def __getitem__(self, name: str) -> np.ndarray:
        checked_name(name)
        try:
            return super().__getitem__(name)
        except KeyError:
            known = ", ".join(self.columns)
            raise QueryError(
                f"no column {name!r}{closest(str(name), self.columns)} The columns are {known}"
            ) from None

    @property
    def names(self) -> list[str]:
        """The columns, in the order in which people look for them."""
        if self._row_word != "episode":
            return list(self.columns)
        rank = {name: place for place, name in enumerate(_ORDER)}
        return sorted(self.columns, key=lambda name: rank.get(name, len(rank)))

    def to_dicts(self, columns: Iterable[str] | None = None) -> list[dict[str, Any]]:
        """Return a dict a row, with text as ``str`` and numbers as Python's own.

        Args:
            columns: which columns, in this order; None for all.
        """
        names = self._names(columns)
        values = [self._values(name) for name in names]
        return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]

    def to_pandas(self, columns: Iterable[str] | None = None) -> pandas.DataFrame:
        """Return a pandas table: ``run.episodes().to_pandas()``.

        Args:
            columns: which columns, in this order; None for all. Others are not read.

        Raises:
            ReplayError: pandas is not installed (the extra ``pandas``).
        """
        library = _imported("pandas", "pandas", "to_pandas")
        names = self._names(columns)
        text = library.Series([""]).dtype  # that of this pandas, also where there is no row
        columns_of = {}
        for name in names:
            values = self._array_or_text(name)
            columns_of[name] = library.Series(values, dtype=text) if isinstance(values, list) else values
        return library.DataFrame(columns_of, columns=names)

    def to_arrow(self, columns: Iterable[str] | None = None) -> pyarrow.Table:
        """Return an Arrow table: ``run.episodes().to_arrow()``.

        Args:
            columns: which columns, in this order; None for all. Others are not read.

        Raises:
            ReplayError: pyarrow is not installed (the extra ``parquet``).
        """
        library = _imported("pyarrow", "parquet", "to_arrow")
        arrays = {}
        for name in self._names(columns):
            values = self._array_or_text(name)
            kind = library.string() if isinstance(values, list) else None
            arrays[name] = library.array(values, kind)
        return library.table(arrays)

    def _names(self, columns: Iterable[str] | None) -> list[str]:
        if columns is None:
            return self.names
        if isinstance(columns, str):
            return [columns]
        if isinstance(columns, bytes) or not isinstance(columns, Iterable):
            raise QueryError(f"columns takes names of columns, such as ['episode'], got {columns!r}")
        return list(columns)

    def _array_or_text(self, name: str) -> np.ndarray | list[str]:
        return self.text(name) if self[name].dtype.kind == "S" else self[name]

    def _values(self, name: str) -> list[Any]:
        values = self._array_or_text(name)
        return values.tolist() if isinstance(values, np.ndarray) else values

    def __repr__(self) -> str:
        from jaxarc.replay.table_views import table_text

        return table_text(self, self.names, self.words)

    def _repr_html_(self) -> str:
        from jaxarc.replay.table_views import table_html

        return table_html(self, self.names, self.words)


def checked_name(name: object) -> None:
    """Refuse what is no name of a column, as a mask or a list of names, and say what takes it.

    Raises:
        QueryError: it is no text.
    """
    if not isinstance(name, str):
        raise QueryError(
            f"table[…] takes the name of a column, got {type(name).__name__}; table.take(mask) selects rows, "
            "table.row(3) is one of them, to_pandas(['episode', 'task_id']) has several columns"
        )


def _imported(module: str, extra: str, method: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ReplayError(
            f"{method} needs the package {error.name}, which is not installed: "
            f"pip install 'jaxarc-toolkit[{extra}]'; to_dicts needs nothing"
        ) from error
