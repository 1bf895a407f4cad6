"""Limits on what is read from an HDF5 file: its sizes are believed only as far as its bytes bear them out."""

from __future__ import annotations

import os
import zlib
from math import ceil, prod
from typing import Any, NoReturn

import h5py
import numpy as np
from h5py import h5o  # pyright: ignore[reportAttributeAccessIssue] it is missing in the stubs

__all__ = [
    "check_same_file",
    "checked_dataset",
    "checked_names",
    "checked_table",
    "read_attribute",
    "read_limit",
]

_LEAST_LIMIT = 256 << 20
_TIMES_FILE_SIZE = 64
_KNOWN_KINDS = "biufcS"
_MAX_ATTRIBUTE_BYTES = 16 << 20
_MAX_NAMES = 100_000
_ZSTD = 32015
_DEFLATE = 1
_LZF = 32000
_SHUFFLE = 2
_FLETCHER32 = 3
_MOST_EXPANSION = {_DEFLATE: 1032, _LZF: 90}
"""How many times longer than the stored bytes what a filter makes of them can be."""

_KNOWN_FILTERS = {_ZSTD, _DEFLATE, _LZF, _SHUFFLE, _FLETCHER32}


def read_limit(item: h5py.Group | h5py.Dataset) -> int:
    """Return the most bytes that are read at once from the file that holds ``item``.

    The sizes that a file states cost nothing to write. 64 times the size of the file, and at least 256 MiB,
    is more than any segment unpacks to.
    """
    try:
        size = os.stat(item.file.filename).st_size
    except OSError:  # it lies in memory
        size = 0
    return max(_LEAST_LIMIT, _TIMES_FILE_SIZE * size)


def _limit_for(item: h5py.Group | h5py.Dataset, wanted: int) -> int:
    """Return the limit, of which the file's size is asked for only where it matters."""
    return _LEAST_LIMIT if wanted <= _LEAST_LIMIT else read_limit(item)


def _refuse(problem: str) -> NoReturn:
    raise ValueError(problem)


def checked_dataset(group: h5py.Group, name: str, rows: Any = ()) -> h5py.Dataset:
    """Return a dataset of which these rows can be read without more memory than its file is worth.

    Args:
        group: what holds it.
        name: its path below ``group``.
        rows: the slice of its first axis that is going to be read; ``()`` for all of it.

    Raises:
        KeyError: there is no such dataset.
        ValueError: its type, its place or its size is none that a segment has; the message has the numbers.
    """
    found = group[name]
    if not isinstance(found, h5py.Dataset):
        raise KeyError(f"{name} is no dataset")
    shape: tuple[int, ...] | None = found.shape
    if found.dtype.kind not in _KNOWN_KINDS or shape is None:
        _refuse(f"{name} holds {found.dtype}, a segment holds booleans, numbers and text of fixed width")
    check_same_file(group, found, name)
    options = found.id.get_create_plist()
    layout = options.get_layout()
    if options.get_external_count() or layout not in (
        h5py.h5d.CHUNKED,
        h5py.h5d.CONTIGUOUS,
        h5py.h5d.COMPACT,
    ):
        _refuse(f"{name} lies in another file")
    first, count = _span(found, rows)
    row_bytes = prod(shape[1:]) * found.dtype.itemsize
    limit = _limit_for(group, count * row_bytes)
    if count * row_bytes > limit:
        _refuse(
            f"{name} claims {count * row_bytes:,} bytes {shape}, the limit for a file of this size is "
            f"{limit:,}"
        )
    if layout == h5py.h5d.CHUNKED:
        _check_chunks(found, name, options, first, count, limit)
    elif layout == h5py.h5d.CONTIGUOUS:
        stored, claimed = found.id.get_storage_size(), prod(shape) * found.dtype.itemsize
        if stored < claimed:
            _refuse(f"{name} claims {claimed:,} bytes {shape}, of which {stored:,} are stored")
    return found


def check_same_file(group: h5py.Group, found: h5py.Group | h5py.Dataset, name: str) -> None:
    """Refuse what a link has led to in another file: a run is read from its own.

    Raises:
        ValueError: ``found`` lies elsewhere than ``group``.
    """
    if h5o.get_info(found.id).fileno != h5o.get_info(group.id).fileno:
        _refuse(f"{name} lies in another file")


def _span(dataset: h5py.Dataset, rows: Any) -> tuple[int, int]:
    """Return the first row and the number of rows that are asked for."""
    if not dataset.shape:
        return 0, 1
    length = dataset.shape[0]
    if isinstance(rows, slice):
        first, stop, step = rows.indices(length)
        return (first, max(0, stop - first)) if step > 0 else (0, length)
    return 0, length


def _check_chunks(dataset: h5py.Dataset, name: str, options: Any, first: int, count: int, limit: int) -> None:
    chunk = dataset.chunks
    assert chunk is not None
    chunk_bytes = prod(chunk) * dataset.dtype.itemsize
    limit = max(limit, _limit_for(dataset, chunk_bytes))
    if chunk_bytes > limit:
        _refuse(f"{name} has chunks of {chunk_bytes:,} bytes {chunk}, the limit for this file is {limit:,}")
    if any(have != whole for have, whole in zip(chunk[1:], dataset.shape[1:], strict=True)):
        _refuse(f"{name} has chunks {chunk} of {dataset.shape}, a segment's hold whole rows")
    if not count:
        return
    filters = {options.get_filter(index)[0] for index in range(options.get_nfilters())}
    if not filters <= _KNOWN_FILTERS:
        _refuse(f"{name} is packed with the HDF5 filters {sorted(filters)}, which no segment uses")
    for number in range(first // chunk[0], ceil((first + count) / chunk[0])):
        origin = (number * chunk[0], *(0 for _ in chunk[1:]))
        stored = dataset.id.get_chunk_info_by_coord(origin)
        if stored.byte_offset is None or not stored.size:
            have = dataset.id.get_num_chunks()
            _refuse(
                f"{name} claims {dataset.shape[0]:,} rows in chunks of {chunk[0]:,}, of which {have:,} are "
                f"stored"
            )
        # What was compressed is hardly longer than what it was made from.
        if stored.size > chunk_bytes + chunk_bytes // 16 + 4096:
            _refuse(f"{name} stores {stored.size:,} bytes for a chunk of {chunk_bytes:,}")
        unpacked = _unpacked_size(dataset, origin, filters, stored.size, chunk_bytes, limit)
        if unpacked > chunk_bytes:
            _refuse(f"a chunk of {name} unpacks to {unpacked:,} bytes, it should be {chunk_bytes:,}")


def _unpacked_size(
    dataset: h5py.Dataset, origin: tuple[int, ...], filters: set[int], stored: int, chunk: int, limit: int
) -> int:
    """Return how many bytes a filter would make of a chunk; 0 where it cannot be too many."""
    if _ZSTD in filters:
        return _zstd_size(dataset.id.read_direct_chunk(origin)[1])
    if _DEFLATE in filters and stored * _MOST_EXPANSION[_DEFLATE] > 2 * limit:
        packed = dataset.id.read_direct_chunk(origin)[1]
        try:
            return len(zlib.decompressobj().decompress(packed, chunk + 1))
        except zlib.error:
            return 0  # HDF5 refuses it in its own words
    if _LZF in filters and stored * _MOST_EXPANSION[_LZF] > 4 * limit:
        return stored * _MOST_EXPANSION[_LZF]
    return 0


def _zstd_size(frame: bytes) -> int:
    """Return the size that a zstd frame says it unpacks to (RFC 8878, 3.1.1.1); 0 where it says none.

    The filter makes room for that much before it looks at anything else, and unpacks no more.
    """
    if frame[:4] != b"\x28\xb5\x2f\xfd" or len(frame) < 18:
        return 0
    descriptor = frame[4]
    single_segment = bool(descriptor & 0x20)
    width = (1 if single_segment else 0, 2, 4, 8)[descriptor >> 6]
    start = 5 + (not single_segment) + (0, 1, 2, 4)[descriptor & 3]
    return int.from_bytes(frame[start : start + width], "little") + (256 if width == 2 else 0)


def checked_table(group: h5py.Group) -> list[str]:
    """Return the names of a table's columns when they have one length and fit the limit together.

    Raises:
        ValueError: they do not; the message has the numbers.
    """
    names = checked_names(group)
    lengths: dict[int, str] = {}
    total = 0
    for name in names:
        column = checked_dataset(group, name)
        shape: tuple[int, ...] = column.shape or ()
        lengths.setdefault(shape[0] if shape else -1, name)
        total += prod(shape) * column.dtype.itemsize
    if len(lengths) > 1:
        said = ", ".join(f"{name} {length:,}" for length, name in lengths.items())
        _refuse(f"the columns of {group.name} have several lengths: {said}")
    if total > _limit_for(group, total):
        _refuse(
            f"the columns of {group.name} claim {total:,} bytes, the limit for a file of this size is "
            f"{read_limit(group):,}"
        )
    return names


def checked_names(group: h5py.Group) -> list[str]:
    """Return the names in a group, when they are no absurd number."""
    if len(group) > _MAX_NAMES:
        _refuse(f"{group.name} holds {len(group):,} names, the limit is {_MAX_NAMES:,}")
    return [str(name) for name in group]


def read_attribute(item: h5py.Group | h5py.Dataset, name: str, default: Any = None) -> Any:
    """Return a number or a text that is an attribute; ``default`` where there is none.

    Raises:
        ValueError: it is an array, or larger than 16 MiB.
    """
    if not h5py.h5a.exists(item.id, name.encode()):
        return default
    attribute = h5py.h5a.open(item.id, name.encode())
    if attribute.shape != () or attribute.get_storage_size() > _MAX_ATTRIBUTE_BYTES:
        _refuse(
            f"the attribute {name} of {item.name} has {attribute.get_storage_size():,} bytes "
            f"{attribute.shape}, it should be one number or text"
        )
    value = item.attrs[name]
    return value.decode("utf-8", "replace") if isinstance(value, (bytes, np.bytes_)) else value
