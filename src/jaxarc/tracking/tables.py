"""Tables of any kind as column names and rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jaxarc.errors import TrackingError
from jaxarc.tracking.held_values import held

__all__ = ["rows_of"]


def rows_of(
    columns: Sequence[str] | None, rows: Any, *, most_cells: int
) -> tuple[list[str], list[list[Any]]]:
    """Return the column names and the rows of a table, as they are now.

    Args:
        columns: names of the columns; None where ``rows`` has them.
        rows: a list of values a row, a mapping a row, a mapping of columns, or a data frame.
        most_cells: how many cells it may have.

    Raises:
        TrackingError: names are missing, a row is longer or shorter than they are, or there are too many
            cells.
    """
    if rows is None:
        raise TrackingError("log_table takes rows=: a list of rows, a mapping of columns, or a data frame")
    if hasattr(rows, "columns") and hasattr(rows, "itertuples"):  # pandas
        names = [str(name) for name in rows.columns]
        _check_size(len(names) * len(rows), most_cells)
        return _chosen(columns, names, [list(row) for row in rows.itertuples(index=False, name=None)])
    if isinstance(rows, Mapping):
        _check_size(sum(len(column) for column in rows.values() if hasattr(column, "__len__")), most_cells)
        values = [held(column if hasattr(column, "__len__") else [column]) for column in rows.values()]
        lengths = {str(name): len(column) for name, column in zip(rows, values, strict=True)}
        if len(set(lengths.values())) > 1:
            raise TrackingError(f"the columns of a table are of one length, got {lengths}")
        return _chosen(
            columns, [str(name) for name in rows], [list(row) for row in zip(*values, strict=True)]
        )
    listed = list(rows)
    _check_size(
        len(listed) * len(columns if columns is not None else listed[0] if listed else ()), most_cells
    )
    if listed and all(isinstance(row, Mapping) for row in listed):
        names = list(dict.fromkeys(str(name) for row in listed for name in row))
        return _chosen(columns, names, [[held(row.get(name)) for name in names] for row in listed])
    if columns is None:
        raise TrackingError("rows that are lists need names of columns: log_table(key, columns, rows)")
    names = [str(name) for name in columns]
    kept = [held(list(row)) for row in listed]
    for number, row in enumerate(kept):
        if len(row) != len(names):
            raise TrackingError(f"row {number} has {len(row)} values for {len(names)} columns: {row!r:.200}")
    return names, kept


def _check_size(cells: int, most_cells: int) -> None:
    if cells > most_cells:
        raise TrackingError(
            f"the table has {cells:,} cells, at most {most_cells:,} are logged; write it to a file and log"
            " that with log_artifact"
        )


def _chosen(
    columns: Sequence[str] | None, names: list[str], rows: list[list[Any]]
) -> tuple[list[str], list[list[Any]]]:
    if columns is None:
        return names, rows
    missing = [str(name) for name in columns if str(name) not in names]
    if missing:
        raise TrackingError(f"the table has no column {', '.join(missing)}; it has {', '.join(names)}")
    places = [names.index(str(name)) for name in columns]
    return [names[place] for place in places], [[row[place] for place in places] for row in rows]
