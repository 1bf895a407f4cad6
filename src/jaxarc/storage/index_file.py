"""The file of an index: an HDF5 file of plain columns, of which only what is asked for is read and checked.

Columns lie in it as they lie in memory, so that a part of one is read without the rest. Each has a CRC-32 for
every 64 kB, which is compared when that part is first read.
"""

from __future__ import annotations

import io
import json
import os
import threading
import weakref
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np

from jaxarc.storage.atomic import atomic_write
from jaxarc.storage.columns import read_column
from jaxarc.storage.segments import UNREADABLE

__all__ = ["ColumnData", "DamagedIndexError", "IndexFile", "write_index_file"]

INDEX_FORMAT = "jaxarc-index"
INDEX_VERSION = 2
_PART_BYTES = 65_536
_CHECKSUMS = "checksums"
_FEW_PARTS = 4
"""Where one in so many parts of a column is asked for, the column is read as a whole."""

_KEPT_PARTS = 512
_TRIES = 5


class DamagedIndexError(Exception):
    """An index that is not what was written; it is made anew from the segments."""


@dataclass(frozen=True)
class _Place:
    """Where a column lies in the file, and its checksums among all checksums."""

    dtype: np.dtype
    length: int
    offset: int
    first_part: int

    @property
    def rows_per_part(self) -> int:
        return max(1, _PART_BYTES // self.dtype.itemsize)

    @property
    def num_parts(self) -> int:
        return -(-self.length // self.rows_per_part)

    def to_json(self) -> list[Any]:
        return [self.dtype.str, self.length, self.offset, self.first_part]

    @classmethod
    def of_json(cls, entry: list[Any], file_bytes: int) -> _Place:
        dtype, length, offset, first_part = entry
        place = cls(np.dtype(dtype), length, offset, first_part)
        if place.dtype.kind not in "biufS" or not place.dtype.itemsize:
            raise ValueError(f"a column of dtype {dtype}")
        if min(length, offset, first_part) < 0 or offset + length * place.dtype.itemsize > file_bytes:
            raise ValueError(f"a column of {length} entries at {offset} in a file of {file_bytes} bytes")
        return place


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
    directory: dict[str, _Place] = {}
    num_parts = 0
    with h5py.File(skeleton, "w", libver="v110") as file:
        file.attrs["format"] = INDEX_FORMAT
        file.attrs["schema_version"] = INDEX_VERSION
        for name, column in columns.items():
            offset = _create(file, name, column.dtype, column.length)
            directory[name] = place = _Place(column.dtype, column.length, offset, num_parts)
            num_parts += place.num_parts
        offset = _create(file, _CHECKSUMS, np.dtype(np.uint32), num_parts)
        checksums = _Place(np.dtype(np.uint32), num_parts, offset, 0)
        places = {name: place.to_json() for name, place in {**directory, _CHECKSUMS: checksums}.items()}
        text = json.dumps(places, separators=(",", ":")).encode()
        file["directory"] = np.frombuffer(text, np.uint8)
        file.attrs["directory_crc32"] = zlib.crc32(text)

    def write(partial: Path) -> None:
        found = np.zeros(num_parts, np.uint32)
        with partial.open("wb") as file:
            for offset, content in skeleton.written.items():
                file.seek(offset)
                file.write(content)
            file.truncate(skeleton.size)
            for name, column in columns.items():
                place = directory[name]
                file.seek(place.offset)
                end = place.first_part + place.num_parts
                found[place.first_part : end] = _write_column(file, column, place)
            file.seek(checksums.offset)
            file.write(found.tobytes())

    atomic_write(path, write, durable=False)


def _write_column(file: BinaryIO, column: ColumnData, place: _Place) -> np.ndarray:
    """Write the pieces of a column one after the other; return the checksums of its parts."""
    rows = place.rows_per_part
    checksums = np.zeros(place.num_parts, np.uint32)
    at = 0
    for piece in column.pieces():
        values = np.ascontiguousarray(piece, column.dtype)
        if not len(values):
            continue
        file.write(values.view(np.uint8).data)
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
        self.columns_read: list[str] = []
        self.parts_read = 0
        self._parts: dict[tuple[str, int], np.ndarray] = {}
        self._lock = threading.Lock()
        attributes: dict[str, Any] = {}
        text = b""
        try:
            for _ in range(_TRIES):
                # Plain reads of a file that stays open, not a memory map: on a network file system a file
                # that somebody else replaced is an error to a read, and the end of the process to a map.
                descriptor = os.open(path, os.O_RDONLY)
                weakref.finalize(self, os.close, descriptor)
                self._file = io.FileIO(descriptor, "rb", closefd=False)
                with h5py.File(path, "r", locking=False) as file:
                    attributes = dict(file.attrs)
                    text = read_column(file, "directory").tobytes() if "directory" in file else b""
                self.identity = _identity(os.fstat(descriptor))
                if self.identity == _identity(path.stat()):
                    break
            known = attributes.get("format"), attributes.get("schema_version")
            if known != (INDEX_FORMAT, INDEX_VERSION):
                raise DamagedIndexError(f"{path} is {known}, not {INDEX_FORMAT} of schema {INDEX_VERSION}")
            if zlib.crc32(text) != attributes["directory_crc32"]:
                raise DamagedIndexError(f"{path}: its directory is not as it was written")
            directory = json.loads(text)
            self._places = {
                name: _Place.of_json(entry, self.identity[-1]) for name, entry in directory.items()
            }
            self._checksums = self._rows(_CHECKSUMS, 0, self._places[_CHECKSUMS].length)
        except UNREADABLE as error:
            raise DamagedIndexError(f"{path}: {error}") from error

    def names(self, group: str) -> list[str]:
        """Return the names in a group, as they are encoded."""
        return [name[len(group) + 1 :] for name in self._places if name.startswith(f"{group}/")]

    def dtype(self, name: str) -> np.dtype:
        """Return the dtype of a column."""
        return self._place(name).dtype

    def length(self, name: str) -> int:
        """Return the entries of a column."""
        return self._place(name).length

    def read(self, name: str) -> np.ndarray:
        """Return a column.

        Raises:
            DamagedIndexError: it is not as it was written.
        """
        place = self._place(name)
        values = self._rows(name, 0, place.length)
        self.columns_read.append(name)
        for part in range(place.num_parts):
            self._check(name, part, values[part * place.rows_per_part : (part + 1) * place.rows_per_part])
        return values

    def read_at(self, name: str, positions: np.ndarray) -> np.ndarray:
        """Return entries of a column, of which only the parts that they lie in are read.

        Raises:
            DamagedIndexError: one of these parts is not as it was written.
        """
        place = self._place(name)
        rows = place.rows_per_part
        if len(positions) == 1:
            position = int(positions[0])
            return self._part(name, position // rows)[position % rows :][:1].copy()
        part = positions // rows
        wanted = np.unique(part)
        if len(wanted) > 1 and len(wanted) * _FEW_PARTS > place.num_parts:
            return self.read(name)[positions]
        found = np.empty(len(positions), place.dtype)
        for number in wanted.tolist():
            mine = part == number
            found[mine] = self._part(name, number)[positions[mine] - number * rows]
        return found

    def _part(self, name: str, number: int) -> np.ndarray:
        kept = self._parts.get((name, number))
        if kept is None:
            place = self._place(name)
            start = number * place.rows_per_part
            kept = self._rows(name, start, min(start + place.rows_per_part, place.length))
            self._check(name, number, kept)
            self.parts_read += 1
            if len(self._parts) >= _KEPT_PARTS:
                self._parts.clear()
            self._parts[name, number] = kept
        return kept

    def _place(self, name: str) -> _Place:
        try:
            return self._places[name]
        except KeyError:
            raise DamagedIndexError(f"{self.path} has no column {name}") from None

    def _rows(self, name: str, start: int, stop: int) -> np.ndarray:
        place = self._place(name)
        values = np.empty(stop - start, place.dtype)
        view = memoryview(values.view(np.uint8).data if len(values) else b"")
        try:
            with self._lock:
                self._file.seek(place.offset + start * place.dtype.itemsize)
                done = 0
                while done < len(view):
                    count = self._file.readinto(view[done:])
                    if not count:
                        raise DamagedIndexError(f"{self.path} ends within {name}")
                    done += count
        except OSError as error:
            raise DamagedIndexError(f"{self.path}: {error}") from error
        return values

    def _check(self, name: str, part: int, values: np.ndarray) -> None:
        expected = self._checksums[self._place(name).first_part + part]
        if zlib.crc32(values.view(np.uint8).data) != expected:
            raise DamagedIndexError(f"{self.path}: part {part} of {name} is not as it was written")


def _identity(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_ino, stat.st_mtime_ns, stat.st_size
