"""Segments as JSON (``logging.format=json``): text that any program reads. ``docs/format.md`` has the schema.

What is read is put into an HDF5 file in memory, so that everything that reads segments reads these alike.
"""

from __future__ import annotations

import itertools
import json
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from jaxarc.errors import DamagedFileError
from jaxarc.records.json_arrays import decode_array, encode_array
from jaxarc.records.layout import Field
from jaxarc.storage.columns import known_to_hdf5, write_column, write_recorded
from jaxarc.storage.datasets import set_attribute
from jaxarc.storage.segment_sink import SegmentSink

__all__ = ["JsonSink", "fill_column", "json_segment", "open_json_segment", "parse_json_segment"]

_KEPT_FILES = 4
_CHECKSUM = re.compile(rb'\n, "crc32": (\d{1,10})\}\n')
_numbers = itertools.count()


class JsonSink:
    """Gather the parts of a segment as JSON values."""

    def __init__(self) -> None:
        self.groups: dict[str, dict[str, Any]] = {}
        self.columns: dict[str, dict[str, Any]] = {}

    def group(self, name: str) -> None:
        """Take the name of a group."""
        self.groups.setdefault(name, {})

    def attribute(self, group: str, name: str, value: str | int) -> None:
        """Take an attribute; a layout, which is JSON already, as an object."""
        self.groups.setdefault(group, {})[name] = json.loads(str(value)) if name == "layout" else value

    def column(self, name: str, values: np.ndarray) -> None:
        """Take a column."""
        self.columns[name] = {**encode_array(values), "crc32": zlib.crc32(values.tobytes())}

    def scalar(self, name: str, field: Field, values: np.ndarray) -> None:
        """Take the values of a scalar field."""
        self.column(name, values)

    def rows(self, name: str, field: Field, packed: Sequence[np.ndarray]) -> None:
        """Take the values of a row field, bits as true and false."""
        self.column(name, field.decode(np.concatenate(packed)))
        self.columns[name]["leaf"] = {"key_impl": field.key_impl} if field.key_impl else {}


def json_segment(fill: Callable[[SegmentSink], None]) -> bytes:
    """Return the bytes of a segment as JSON, a column a line.

    Args:
        fill: gives the sink the parts of the segment.
    """
    sink = JsonSink()
    fill(sink)
    root = sink.groups.pop("/", {})
    head = json.dumps({**root, "groups": sink.groups}, allow_nan=False)
    columns = ",\n".join(
        f"{json.dumps(name)}: {json.dumps(column, allow_nan=False, separators=(',', ':'))}"
        for name, column in sink.columns.items()
    )
    body = f'{head[:-1]}, "columns": {{\n{columns}\n}}'.encode()
    return body + f'\n, "crc32": {zlib.crc32(body)}}}\n'.encode()


def parse_json_segment(content: bytes) -> Mapping[str, Any]:
    """Return what a segment holds: its attributes, ``groups`` and ``columns``, whose data are still JSON.

    Raises:
        ValueError: it is no JSON object, or not the bytes that were written.
    """
    end = content.rfind(b'\n, "crc32": ')
    stated = _CHECKSUM.fullmatch(content, max(end, 0))
    if stated is None:
        raise ValueError("it does not end as a segment does: it was cut or changed")
    if zlib.crc32(memoryview(content)[:end]) != int(stated[1]):
        raise ValueError("its checksum is wrong: it was changed after it was written")
    value = json.loads(content)
    if not isinstance(value, dict):
        raise ValueError(f"it holds a {type(value).__name__}, a segment is an object")
    return value


def _fill_file(file: h5py.File, value: Mapping[str, Any]) -> None:
    """Put the parts of a segment into an HDF5 file, uncompressed.

    Raises:
        ValueError, LookupError, TypeError: they are not what a segment holds.
    """
    for name, attribute in value.items():
        if isinstance(attribute, (str, int)) and name != "crc32":
            set_attribute(file.id, name, attribute)
    for name, attributes in value["groups"].items():
        group = file.require_group(name)
        for key, attribute in attributes.items():
            text = json.dumps(attribute, sort_keys=True) if key == "layout" else attribute
            set_attribute(group.id, key, text)
    for name, column in value["columns"].items():
        fill_column(file, name, column)


def fill_column(file: h5py.File, name: str, column: Mapping[str, Any]) -> None:
    """Put one column into an HDF5 file, where an HDF5 segment has it.

    Raises:
        ValueError, LookupError, TypeError: it is no column, or not the values that were written.
    """
    values = decode_array(column)
    if zlib.crc32(values.tobytes()) != column["crc32"]:
        raise ValueError(f"the checksum of {name} is wrong: it was changed after it was written")
    if "leaf" in column:
        write_recorded(file, name, values, column["leaf"].get("key_impl", ""), "none")
    else:
        write_column(file, name, known_to_hdf5(values), "none")


class _InMemory(h5py.File):
    """An HDF5 file that is kept for the next reader: it goes when nobody has it any more."""

    def close(self) -> None:
        """Do nothing."""


def open_json_segment(path: Path) -> h5py.File:
    """Open a segment that is JSON, as an HDF5 file in memory; the last few stay there.

    Raises:
        DamagedFileError: it cannot be read, or is not what was written.
        FileNotFoundError: there is no such file.
    """
    state = path.stat()
    return _in_memory(path, state.st_size, state.st_mtime_ns)


UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError)
"""What JSON, NumPy and h5py raise over what is no segment."""


@lru_cache(_KEPT_FILES)
def _in_memory(path: Path, size: int, changed_ns: int) -> h5py.File:
    try:
        value = parse_json_segment(path.read_bytes())
        # Two files in memory may not have one name.
        name = f"{path}#{next(_numbers)}"
        file = _InMemory(name, "w", libver="v110", driver="core", backing_store=False)
        _fill_file(file, value)
    except FileNotFoundError:
        raise
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RuntimeError,
        RecursionError,
    ) as error:
        raise DamagedFileError(path, f"not a readable JSON segment ({error})") from error
    return file


def open_json_remains(path: Path) -> h5py.File:
    """Open the columns of a damaged segment that can be read, each of which has a checksum of its own.

    Raises:
        ValueError: its attributes cannot be read.
    """
    lines = path.read_bytes().split(b"\n")
    head = lines[0].removesuffix(b', "columns": {') + b"}"
    value = {**json.loads(head), "columns": {}}
    file = h5py.File(f"{path}#{next(_numbers)}", "w", libver="v110", driver="core", backing_store=False)
    _fill_file(file, value)
    for line in lines[1:]:
        try:
            ((name, column),) = json.loads(b"{" + line.removesuffix(b",") + b"}").items()
            fill_column(file, name, column)
        except UNREADABLE:
            continue
    return file
