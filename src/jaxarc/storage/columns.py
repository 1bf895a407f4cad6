"""HDF5 datasets: how arrays of any dtype are stored, and read back as they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any
from urllib.parse import quote, unquote

import h5py
import numpy as np

from jaxarc.records.layout import Field, PathKey, numpy_dtype
from jaxarc.storage.datasets import create_dataset, set_attribute
from jaxarc.storage.limits import check_same_file, checked_dataset, checked_table

__all__ = [
    "column_name",
    "create_column",
    "dataset_name",
    "group_at",
    "known_to_hdf5",
    "read_column",
    "read_field",
    "read_field_at",
    "read_scalar",
    "read_table",
    "table_column",
    "write_column",
    "write_recorded",
    "write_rows",
    "write_scalar",
    "write_table",
]

_GAP_READ_OVER = 16
"""Rows between two that are wanted up to which both are read at once."""


def _encoded(key: PathKey) -> str:
    return quote(str(key), safe="").replace(".", "%2E") or "%"


def dataset_name(field: Field) -> str:
    """Return the path of a field's dataset: its role and keys, everything unusual percent-encoded."""
    return "/".join([field.role, *map(_encoded, field.path)])


def table_column(table: str, name: str) -> str:
    """Return the path of a table's column; the name is percent-encoded, for a slash would make a group."""
    return f"{table}/{_encoded(name)}"


def column_name(encoded: str) -> str:
    """Return the name that ``table_column`` encoded."""
    return unquote("" if encoded == "%" else encoded)


def write_table(file: h5py.File, table: str, columns: Mapping[str, np.ndarray], compression: str) -> None:
    """Write named columns as the group ``table``, which is there without any as well."""
    file.require_group(table)
    for name, column in columns.items():
        write_column(file, table_column(table, name), column, compression)


def read_table(group: h5py.Group) -> dict[str, np.ndarray]:
    """Read what ``write_table`` wrote."""
    return {column_name(name): read_column(group, name) for name in checked_table(group)}


def create_column(
    group: h5py.Group,
    name: str,
    shape: tuple[int, ...],
    dtype: np.dtype,
    compression: str,
    attrs: Mapping[str, Any] | None = None,
) -> h5py.Dataset:
    """Make a dataset, in chunks along its first axis, each with a checksum; what is in it comes later."""
    dataset = create_dataset(group.id, name, shape, dtype, compression)
    for key, value in (attrs or {}).items():
        set_attribute(dataset, key, value)
    return h5py.Dataset(dataset)


def write_column(
    group: h5py.Group, name: str, values: np.ndarray, compression: str, attrs: Mapping[str, Any] | None = None
) -> None:
    """Write an array as one dataset, in chunks along its first axis, each with a checksum."""
    _write_parts(group, name, [values], compression, attrs)


def _write_parts(
    group: h5py.Group,
    name: str,
    parts: Sequence[np.ndarray],
    compression: str,
    attrs: Mapping[str, Any] | None,
) -> None:
    """Write arrays one after the other as one dataset, without joining them first."""
    shape = (sum(len(part) for part in parts), *parts[0].shape[1:])
    dataset = create_dataset(group.id, name, shape, parts[0].dtype, compression)
    start = 0
    for part in parts:
        if part.size:
            here = memory = h5py.h5s.ALL
            if len(part) < shape[0]:
                here, memory = dataset.get_space(), h5py.h5s.create_simple(part.shape)
                here.select_hyperslab((start, *(0,) * (part.ndim - 1)), part.shape)
            dataset.write(memory, here, np.ascontiguousarray(part))
        start += len(part)
    for key, value in (attrs or {}).items():
        set_attribute(dataset, key, value)


def write_rows(
    group: h5py.Group, name: str, field: Field, packed: Sequence[np.ndarray], compression: str
) -> None:
    """Write one row field from its octets or words, in parts that follow each other.

    Booleans stay bit-packed (attribute ``bits``: number of elements); dtypes that HDF5 does not know are
    stored as unsigned integers of their width. The attributes ``dtype`` and ``shape`` say what they were.
    """
    attrs: dict[str, Any] = {"dtype": field.dtype, "shape": np.array(field.shape, np.int64)}
    if field.key_impl:
        attrs["key_impl"] = field.key_impl
    if field.codec == "bits":
        values = [np.ascontiguousarray(part).view(np.uint8) for part in packed]
        attrs["bits"] = field.size
    else:
        values = [known_to_hdf5(field.decode(part)) for part in packed]
    _write_parts(group, name, values, compression, attrs)


def write_scalar(group: h5py.Group, name: str, field: Field, values: np.ndarray, compression: str) -> None:
    """Write the values [n] of one scalar field."""
    write_column(group, name, known_to_hdf5(values), compression, {"dtype": field.dtype})


def write_recorded(group: h5py.Group, name: str, values: np.ndarray, key_impl: str, compression: str) -> None:
    """Write one row field from its values [n, *shape], as ``write_rows`` does from its octets or words."""
    attrs: dict[str, Any] = {"dtype": values.dtype.name, "shape": np.array(values.shape[1:], np.int64)}
    if key_impl:
        attrs["key_impl"] = key_impl
    if values.dtype.kind == "b":
        attrs["bits"] = prod(values.shape[1:])
        values = np.packbits(values.reshape(len(values), attrs["bits"]), axis=1)
    write_column(group, name, known_to_hdf5(values), compression, attrs)


def known_to_hdf5(values: np.ndarray) -> np.ndarray:
    """Return values in a dtype that HDF5 has: the others as unsigned integers of their width."""
    if values.dtype.kind == "S" or (values.dtype.kind in "biufc" and values.dtype.isbuiltin == 1):
        return values
    return values.view(f"u{values.dtype.itemsize}")


def group_at(parent: h5py.Group, name: str) -> h5py.Group:
    """Return the group ``name``; KeyError when there is none."""
    found = parent[name]
    if not isinstance(found, h5py.Group):
        raise KeyError(f"{name} is no group")
    check_same_file(parent, found, name)
    return found


def read_column(group: h5py.Group, name: str, rows: Any = ()) -> np.ndarray:
    """Return a dataset, or some rows of it, as an array.

    Raises:
        KeyError: there is none.
        ValueError: its size is not borne out by what is stored (``limits``).
    """
    return np.asarray(checked_dataset(group, name, rows)[rows])


def read_field(group: h5py.Group, field: Field, rows: Any) -> np.ndarray:
    """Return rows of a field as they were recorded: Array[n, *shape]."""
    values = read_column(group, dataset_name(field), rows)
    if field.codec == "bits":
        return field.decode(values.view(np.int8))
    return _as_recorded(values, field)


def read_field_at(group: h5py.Group, field: Field, rows: np.ndarray) -> np.ndarray:
    """Return a field at some rows, in their order: Array[n, *shape]; what lies far between is not read.

    Args:
        group: the layout's group.
        field: the field.
        rows: int[n], in any order, also several times the same.
    """
    wanted, places = np.unique(rows, return_inverse=True)
    breaks = np.flatnonzero(np.diff(wanted) > _GAP_READ_OVER) + 1
    if not len(breaks):
        low, high = (int(wanted[0]), int(wanted[-1]) + 1) if len(wanted) else (0, 0)
        return read_field(group, field, slice(low, high))[rows - low]
    parts = [
        read_field(group, field, slice(int(part[0]), int(part[-1]) + 1))[part - part[0]]
        for part in np.split(wanted, breaks)
    ]
    return np.concatenate(parts)[places]


def read_scalar(group: h5py.Group, field: Field, rows: Any) -> np.ndarray:
    """Return rows of a scalar field as they were recorded: Array[n]."""
    return _as_recorded(read_column(group, dataset_name(field), rows), field)


def _as_recorded(values: np.ndarray, field: Field) -> np.ndarray:
    dtype = numpy_dtype(field.dtype)
    return values if values.dtype == dtype else values.view(dtype)
