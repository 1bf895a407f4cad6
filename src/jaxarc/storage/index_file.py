"""The file of an index: an HDF5 file of plain columns, of which only what is asked for is read and checked.

Columns lie in it as they lie in memory, so that a part of one is read without the rest. Each has a CRC-32 for
every 64 kB, which is compared when that part is first read.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np

from jaxarc.storage.atomic import atomic_write
from jaxarc.storage.segments import UNREADABLE

__all__ = ["ColumnData", "DamagedIndexError", "IndexFile", "write_index_file"]

INDEX_FORMAT = "jaxarc-index"
INDEX_VERSION = 2
_PART_BYTES = 65_536
_CHECKSUMS = "checksums"
_FEW_PARTS = 4
"""Where one in so many parts of a column is asked for, the column is read as a whole."""

_KEPT_PARTS = 256


class DamagedIndexError(Exception):
    """An index that is not what was written; it is made anew from the segments."""


def _rows_per_part(itemsize: int) -> int:
    return max(1, _PART_BYTES // itemsize)


@dataclass(frozen=True)
class ColumnData:
    """A column that is going to be written.

    Attributes:
        dtype: its dtype.
        length: its entries.
        pieces: returns its entries in order, in arrays of any length.
    """

    dtype: np.dtype
    length: int
    pieces: Callable[[], Iterable[np.ndarray]]

    @classmethod
    def of(cls, values: np.ndarray) -> ColumnData:
        """Return what writes an array."""
        return cls(values.dtype, len(values), lambda: [values])


class _Skeleton:
    """A file in memory of which only what is written is kept: HDF5's own bytes, and none of the columns'."""

    def __init__(self) -> None:
        self.written: dict[int, bytes] = {}
        self.size = 0
        self._at = 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go somewhere, as in a file."""
        self._at = offset + (0, self._at, self.size)[whence]
        return self._at

    def tell(self) -> int:
        """Return where it is."""
        return self._at

    def write(self, content: Any) -> int:
        """Keep some bytes."""
        kept = bytes(content)
        self.written[self._at] = kept
        self._at += len(kept)
        self.size = max(self.size, self._at)
        return len(kept)

    def readinto(self, buffer: Any) -> int:
        """Give bytes back; zeros where none were written."""
        count = len(buffer)
        start, stop = self._at, self._at + count
        buffer[:] = bytes(count)
        for offset, content in self.written.items():
            low, high = max(offset, start), min(offset + len(content), stop)
            if low < high:
                buffer[low - start : high - start] = content[low - offset : high - offset]
        self._at = stop
        return count

    def read(self, count: int = 0) -> bytes:
        """Return bytes; h5py asks for the method."""
        buffer = bytearray(count)
        self.readinto(buffer)
        return bytes(buffer)

    def truncate(self, size: int | None = None) -> int:
        """Set the size."""
        self.size = self._at if size is None else size
        return self.size

    def flush(self) -> None:
        """Do nothing: it is in memory."""


def _create(file: h5py.File, name: str, dtype: np.dtype, length: int) -> int:
    """Make room for a column; return where it lies in the file."""
    options = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    options.set_layout(h5py.h5d.CONTIGUOUS)
    options.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    options.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    options.set_obj_track_times(False)
    parents = h5py.h5p.create(h5py.h5p.LINK_CREATE)
    parents.set_create_intermediate_group(True)
    parents.set_char_encoding(h5py.h5t.CSET_UTF8)
    kind = h5py.h5t.py_create(dtype, logical=True)
    space = h5py.h5s.create_simple((length,))
    created = h5py.h5d.create(file.id, name.encode(), kind, space, options, parents)
    return int(created.get_offset()) if length else 0


def write_index_file(path: Path, columns: Mapping[str, ColumnData]) -> None:
    """Replace an index atomically; columns pass through piece by piece, whatever their size.

    HDF5 makes the frame of the file in memory, for it must not meet a disk that may be full; the columns are
    written into their places as plain bytes.

    Raises:
        StorageError: it cannot be written; the run reads without it.
    """
    skeleton = _Skeleton()
    places: dict[str, int] = {}
    with h5py.File(skeleton, "w", libver="v110") as file:
        file.attrs["format"] = INDEX_FORMAT
        file.attrs["schema_version"] = INDEX_VERSION
        for name, column in columns.items():
            places[name] = _create(file, name, column.dtype, column.length)
            parts = -(-column.length // _rows_per_part(column.dtype.itemsize))
            places[f"{_CHECKSUMS}/{name}"] = _create(file, f"{_CHECKSUMS}/{name}", np.dtype(np.uint32), parts)

    def write(partial: Path) -> None:
        with partial.open("wb") as file:
            for offset, content in skeleton.written.items():
                file.seek(offset)
                file.write(content)
            file.truncate(skeleton.size)
            for name, column in columns.items():
                file.seek(places[name])
                checksums = _write_column(file, column)
                file.seek(places[f"{_CHECKSUMS}/{name}"])
                file.write(checksums.tobytes())

    atomic_write(path, write, durable=False)


def _write_column(file: BinaryIO, column: ColumnData) -> np.ndarray:
    """Write the pieces of a column one after the other; return the checksums of its parts."""
    rows = _rows_per_part(column.dtype.itemsize)
    checksums = np.zeros(-(-column.length // rows), np.uint32)
    at = 0
    for piece in column.pieces():
        values = np.ascontiguousarray(piece, column.dtype)
        file.write(values.view(np.uint8).data if len(values) else b"")
        start = 0
        while start < len(values):
            part = at // rows
            stop = min(len(values), start + (part + 1) * rows - at)
            # A part may come in several pieces; CRC-32 goes on where it stopped.
            checksums[part] = zlib.crc32(values[start:stop].view(np.uint8).data, int(checksums[part]))
            at += stop - start
            start = stop
    if at != column.length:
        raise ValueError(f"a column of {column.length} entries got {at}")
    return checksums


class IndexFile:
    """An index on disk, opened for reading. What it says stays true when the file is replaced.

    Args:
        path: the file.

    Raises:
        DamagedIndexError: it is none, is damaged, or of another schema.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            self._file = h5py.File(path, "r", locking=False)
        except (OSError, RuntimeError) as error:
            raise DamagedIndexError(f"{path}: {error}") from error
        try:
            known = self._file.attrs.get("format"), self._file.attrs.get("schema_version")
            stat = path.stat()
            self.identity = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        except UNREADABLE as error:
            self._file.close()
            raise DamagedIndexError(f"{path}: {error}") from error
        if known != (INDEX_FORMAT, INDEX_VERSION):
            self._file.close()
            raise DamagedIndexError(f"{path} is {known}, not {INDEX_FORMAT} of schema {INDEX_VERSION}")
        self._datasets: dict[str, h5py.Dataset] = {}
        self._checksums: dict[str, np.ndarray] = {}
        self._parts: dict[tuple[str, int], np.ndarray] = {}
        self.columns_read = 0
        self.parts_read = 0

    def names(self, group: str) -> list[str]:
        """Return the names in a group, as they are encoded."""
        try:
            return list(self._file[group])  # pyright: ignore[reportArgumentType, reportCallIssue]
        except UNREADABLE as error:
            raise DamagedIndexError(f"{self.path}: {error}") from error

    def dtype(self, name: str) -> np.dtype:
        """Return the dtype of a column."""
        return self._dataset(name).dtype

    def length(self, name: str) -> int:
        """Return the entries of a column."""
        return len(self._dataset(name))

    def read(self, name: str) -> np.ndarray:
        """Return a column.

        Raises:
            DamagedIndexError: it is not as it was written.
        """
        values = self._rows(name, 0, self.length(name))
        self.columns_read += 1
        rows = _rows_per_part(values.dtype.itemsize)
        for part in range(-(-len(values) // rows)):
            self._check(name, part, values[part * rows : (part + 1) * rows])
        return values

    def read_at(self, name: str, positions: np.ndarray) -> np.ndarray:
        """Return entries of a column, of which only the parts that they lie in are read.

        Raises:
            DamagedIndexError: one of these parts is not as it was written.
        """
        dataset = self._dataset(name)
        rows = _rows_per_part(dataset.dtype.itemsize)
        part = positions // rows
        wanted = np.unique(part)
        if len(wanted) > 1 and len(wanted) * _FEW_PARTS > -(-len(dataset) // rows):
            return self.read(name)[positions]
        found = np.empty(len(positions), dataset.dtype)
        for number in wanted.tolist():
            mine = part == number
            found[mine] = self._part(name, number)[positions[mine] - number * rows]
        return found

    def _part(self, name: str, number: int) -> np.ndarray:
        kept = self._parts.pop((name, number), None)
        if kept is None:
            rows = _rows_per_part(self.dtype(name).itemsize)
            kept = self._rows(name, number * rows, min((number + 1) * rows, self.length(name)))
            self._check(name, number, kept)
            self.parts_read += 1
            while len(self._parts) >= _KEPT_PARTS:
                del self._parts[next(iter(self._parts))]
        self._parts[name, number] = kept  # the latest last
        return kept

    def _dataset(self, name: str) -> h5py.Dataset:
        dataset = self._datasets.get(name)
        if dataset is None:
            try:
                found = self._file[name]
                if not isinstance(found, h5py.Dataset) or found.ndim != 1:
                    raise DamagedIndexError(f"{self.path}: {name} is no column")
                self._datasets[name] = dataset = found
            except UNREADABLE as error:
                raise DamagedIndexError(f"{self.path}: {error}") from error
        return dataset

    def _rows(self, name: str, start: int, stop: int) -> np.ndarray:
        try:
            return np.asarray(self._dataset(name)[start:stop])
        except UNREADABLE as error:
            raise DamagedIndexError(f"{self.path}: {error}") from error

    def _check(self, name: str, part: int, values: np.ndarray) -> None:
        checksums = self._checksums.get(name)
        if checksums is None:
            path = f"{_CHECKSUMS}/{name}"
            checksums = self._checksums[name] = self._rows(path, 0, self.length(path))
        if part >= len(checksums) or zlib.crc32(values.view(np.uint8).data) != checksums[part]:
            raise DamagedIndexError(f"{self.path}: part {part} of {name} is not as it was written")
