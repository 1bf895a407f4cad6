"""Reading segments: immutable HDF5 files of committed rows. ``docs/format.md`` has the layout."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from jaxarc.errors import DamagedFileError
from jaxarc.records.layout import Layout, layout_digest
from jaxarc.records.table import EpisodeTable
from jaxarc.storage.columns import (
    dataset_name,
    group_at,
    read_column,
    read_field,
    read_field_at,
    read_scalar,
    read_table,
)
from jaxarc.storage.limits import checked_names, read_attribute
from jaxarc.storage.read_ahead import ReadAhead
from jaxarc.storage.segment_names import SEGMENT_FORMAT, SEGMENT_VERSION

__all__ = [
    "UNREADABLE",
    "BlockTable",
    "SegmentTables",
    "StoredSteps",
    "keep_segments_open",
    "layout_of",
    "open_segment",
    "read_segment_tables",
]

UNREADABLE = (OSError, LookupError, RuntimeError, ValueError, TypeError, AttributeError)
"""What h5py, json and NumPy raise over damaged bytes."""

_KINDS = {".json": "JSON"}
_MAX_KEPT_OPEN = 32
_kept_open = threading.local()


@dataclass(frozen=True)
class BlockTable:
    """Where the steps of episodes lie in one segment: arrays of one length, an entry a run of rows.

    Attributes:
        uid: the episode.
        layout: position in ``layouts``.
        row: first row of the run in its layout's columns.
        count: rows.
    """

    uid: np.ndarray
    layout: np.ndarray
    row: np.ndarray
    count: np.ndarray


@dataclass(frozen=True)
class SegmentTables:
    """The small part of a segment: its rows and where its steps lie."""

    episodes: EpisodeTable
    blocks: BlockTable
    layouts: tuple[str, ...]


def open_segment(path: Path) -> h5py.File:
    """Open a segment for reading.

    Raises:
        DamagedFileError: it cannot be opened, is no segment, or comes from a newer jaxarc.
    """
    try:
        file = _open_json(path) if path.suffix == ".json" else h5py.File(path, "r", locking=False)
    except (OSError, RuntimeError) as error:
        raise DamagedFileError(path, f"not a readable segment ({error})") from error
    try:
        found = read_attribute(file, "format")
        version = int(read_attribute(file, "schema_version", 0))
    except UNREADABLE as error:
        file.close()
        raise DamagedFileError(path, f"its attributes cannot be read ({error})") from error
    if found != SEGMENT_FORMAT:
        file.close()
        what = f"is a {found}" if found else f"is a foreign {_KINDS.get(path.suffix, 'HDF5')} file"
        raise DamagedFileError(path, f"{what}, no {SEGMENT_FORMAT}; another program's? move it elsewhere")
    if version > SEGMENT_VERSION:
        file.close()
        raise DamagedFileError(
            path,
            f"is a {found} of schema {version}, this jaxarc reads {SEGMENT_FORMAT} up to schema "
            f"{SEGMENT_VERSION}; update jaxarc-toolkit",
        )
    return file


def _open_json(path: Path) -> h5py.File:
    from jaxarc.storage.json_segments import open_json_segment  # few runs have such segments

    return open_json_segment(path)


def read_segment_tables(path: Path) -> SegmentTables:
    """Read the rows of a segment and where its steps lie.

    Raises:
        DamagedFileError: the file cannot be read.
    """
    with open_segment(path) as file:
        try:
            episodes = EpisodeTable(read_table(group_at(file, "episodes")))
            steps = group_at(file, "steps")
            layouts = tuple(checked_names(steps))
            parts: dict[str, list[np.ndarray]] = {"uid": [], "row": [], "count": [], "layout": []}
            for position, name in enumerate(layouts):
                blocks = group_at(steps, f"{name}/blocks")
                for part in ("uid", "row", "count"):
                    parts[part].append(read_column(blocks, part))
                parts["layout"].append(np.full(len(parts["uid"][-1]), position, np.int64))
        except UNREADABLE as error:
            raise DamagedFileError(path, f"a table of this segment cannot be read ({error})") from error
    columns = {
        name: np.concatenate(arrays) if arrays else np.zeros(0, np.int64) for name, arrays in parts.items()
    }
    return SegmentTables(episodes, BlockTable(**columns), layouts)


class _KeptSegments:
    """Segments that stay open, and what was read ahead of their columns."""

    def __init__(self, ahead_bytes: int):
        self.ahead = ReadAhead(ahead_bytes) if ahead_bytes else None
        self.beginnings: dict[tuple[str, str], tuple[Layout, np.ndarray]] = {}
        self._files: dict[Path, tuple[h5py.File, dict[str, h5py.Group]]] = {}

    def group(self, path: Path, name: str) -> h5py.Group:
        if path not in self._files:
            while len(self._files) >= _MAX_KEPT_OPEN:
                self._files.pop(next(iter(self._files)))[0].close()
            self._files[path] = open_segment(path), {}
        file, groups = self._files[path]
        if name not in groups:
            groups[name] = group_at(file, f"steps/{name}")
        return groups[name]

    def close(self) -> None:
        for file, _ in self._files.values():
            file.close()


def _kept() -> _KeptSegments | None:
    return getattr(_kept_open, "segments", None)


@contextmanager
def keep_segments_open(*, ahead_bytes: int = 0) -> Iterator[None]:
    """Let this thread read steps through handles that stay open: for who reads many episodes.

    Segments are immutable, so that what a handle sees stays true.

    Args:
        ahead_bytes: who reads every step of episodes that follow one another reads so much of each column at
            once; the arrays are read-only then.
    """
    outer = _kept()
    if outer is not None and (outer.ahead is not None or not ahead_bytes):
        yield
        return
    _kept_open.segments = kept = _KeptSegments(ahead_bytes)
    try:
        yield
    finally:
        _kept_open.segments = outer
        kept.close()


@lru_cache(64)
def layout_of(name: str, text: str) -> Layout:
    """Return the layout that a group's attribute describes.

    HDF5 has no checksum over text in attributes; the group's name is one.

    Raises:
        ValueError: the text is not the one that the group was named after.
    """
    if f"{layout_digest(text):08x}" != name:
        raise ValueError(f"the layout of steps/{name} is not the one that it was written with")
    return Layout.from_json(json.loads(text))


class StoredSteps:
    """Some consecutive stored steps of one episode in one segment, read when asked for.

    Args:
        path: the segment.
        layout_name: the layout's group.
        row: first row.
        count: rows.
    """

    def __init__(self, path: Path, layout_name: str, row: int, count: int):
        self.path = path
        self._name = layout_name
        self._which = os.fspath(path), layout_name
        self._rows = slice(row, row + count)
        with self._group() as group:
            self.layout, blocks = self._beginnings(group)
            self.steps = self._read(group, "step").astype(np.int64)
            self._block = int(np.searchsorted(blocks, row))

    def _group(self) -> _OpenGroup:
        return _OpenGroup(self.path, self._name)

    def _beginnings(self, group: h5py.Group) -> tuple[Layout, np.ndarray]:
        """Return the layout, and the first row of every block."""
        kept, which = _kept(), self._which
        if kept is not None and which in kept.beginnings:
            return kept.beginnings[which]
        found = layout_of(self._name, read_attribute(group, "layout")), read_column(group, "blocks/row")
        if kept is not None:
            kept.beginnings[which] = found
        return found

    def _read(
        self,
        group: h5py.Group,
        name: str,
        what: Any = None,
        read: Callable[[h5py.Group, Any, slice], np.ndarray] = read_column,
    ) -> np.ndarray:
        """Return the block's rows of a column, from what was read ahead where that is done."""
        kept, what = _kept(), name if what is None else what
        if kept is None or kept.ahead is None:
            return read(group, what, self._rows)
        return kept.ahead.rows((self._which, name), self._rows, lambda wider: read(group, what, wider))

    def __len__(self) -> int:
        return len(self.steps)

    def column(self, name: str) -> np.ndarray:
        """Return a flag column (``terminated``, ``truncated``, ``success``, ``mark``)."""
        with self._group() as group:
            return self._read(group, name)

    def scalar(self, index: int) -> np.ndarray:
        """Return the scalar field ``index`` of the layout."""
        field = self.layout.scalars[index]
        with self._group() as group:
            return self._read(group, dataset_name(field), field, read_scalar)

    def field(self, index: int, at: np.ndarray | None = None) -> np.ndarray:
        """Return the row field ``index`` of the layout; constants of the episode have one row.

        Args:
            index: the field.
            at: positions of the only steps that are wanted; None for all.
        """
        field = self.layout.rows[index]
        with self._group() as group:
            if field.role == "episode":
                return read_field(group, field, slice(self._block, self._block + 1))
            if at is None:
                return self._read(group, dataset_name(field), field, read_field)
            return read_field_at(group, field, at + self._rows.start)

    def observation_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the row of the observation before and after each step; -1 where it was not recorded."""
        with self._group() as group:
            before = self._read(group, "observation_row")
            return before, self._read(group, "next_observation_row")

    def observations(self, index: int, rows: np.ndarray) -> np.ndarray:
        """Return observation field ``index`` at these observation rows."""
        with self._group() as group:
            return read_field_at(group, self.layout.rows[index], rows)


class _OpenGroup:
    """One layout's group of a segment, while it is read; errors below name the file."""

    def __init__(self, path: Path, name: str):
        self._path = path
        self._name = name

    def __enter__(self) -> h5py.Group:
        self._own: h5py.File | None = None
        kept = _kept()
        file = self._own = open_segment(self._path) if kept is None else None
        try:
            if kept is not None:
                return kept.group(self._path, self._name)
            assert file is not None
            return group_at(file, f"steps/{self._name}")
        except UNREADABLE as error:
            self._close()
            raise self._damaged(error) from error

    def _close(self) -> None:
        if self._own is not None:
            self._own.close()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        self._close()
        if isinstance(error, UNREADABLE) and not isinstance(error, DamagedFileError):
            raise self._damaged(error) from error

    def _damaged(self, error: BaseException) -> DamagedFileError:
        return DamagedFileError(self._path, f"steps of this segment cannot be read ({error})")
