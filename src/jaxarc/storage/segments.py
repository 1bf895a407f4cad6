"""Reading segments: immutable HDF5 files of committed rows. ``docs/format.md`` has the layout."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
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
from jaxarc.storage.columns import group_at, read_column, read_field, read_field_at, read_scalar, read_table
from jaxarc.storage.json_segments import open_json_segment
from jaxarc.storage.limits import checked_names, read_attribute
from jaxarc.storage.segment_writer import SEGMENT_FORMAT, SEGMENT_VERSION

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
        is_json = path.suffix == ".json"
        file = open_json_segment(path) if is_json else h5py.File(path, "r", locking=False)
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
        what = f"is a {found}" if found else f"is a foreign {'JSON' if is_json else 'HDF5'} file"
        raise DamagedFileError(path, f"{what}, no {SEGMENT_FORMAT}; another program's? move it elsewhere")
    if version > SEGMENT_VERSION:
        file.close()
        raise DamagedFileError(
            path,
            f"is a {found} of schema {version}, this jaxarc reads {SEGMENT_FORMAT} up to schema "
            f"{SEGMENT_VERSION}; update jaxarc-toolkit",
        )
    return file


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


@contextmanager
def keep_segments_open() -> Iterator[None]:
    """Let this thread read steps through handles that stay open: for who reads many episodes.

    Segments are immutable, so that what a handle sees stays true.
    """
    if getattr(_kept_open, "files", None) is not None:
        yield
        return
    _kept_open.files = {}
    try:
        yield
    finally:
        files, _kept_open.files = _kept_open.files, None
        for file in files.values():
            file.close()


def _kept_segment(path: Path) -> h5py.File | None:
    """Return the handle that stays open, or None where none does."""
    files: dict[Path, h5py.File] | None = getattr(_kept_open, "files", None)
    if files is None:
        return None
    if path not in files:
        while len(files) >= _MAX_KEPT_OPEN:
            files.pop(next(iter(files))).close()
        files[path] = open_segment(path)
    return files[path]


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
        self._rows = slice(row, row + count)
        with self._group() as group:
            self.layout = layout_of(layout_name, read_attribute(group, "layout"))
            self.steps = read_column(group, "step", self._rows).astype(np.int64)
            self._block = int(np.searchsorted(read_column(group, "blocks/row"), row))

    def _group(self) -> _OpenGroup:
        return _OpenGroup(self.path, self._name)

    def __len__(self) -> int:
        return len(self.steps)

    def column(self, name: str) -> np.ndarray:
        """Return a flag column (``terminated``, ``truncated``, ``success``, ``mark``)."""
        with self._group() as group:
            return read_column(group, name, self._rows)

    def scalar(self, index: int) -> np.ndarray:
        """Return the scalar field ``index`` of the layout."""
        with self._group() as group:
            return read_scalar(group, self.layout.scalars[index], self._rows)

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
                return read_field(group, field, self._rows)
            return read_field_at(group, field, at + self._rows.start)

    def observation_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the row of the observation before and after each step; -1 where it was not recorded."""
        with self._group() as group:
            before = read_column(group, "observation_row", self._rows)
            return before, read_column(group, "next_observation_row", self._rows)

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
        file = _kept_segment(self._path)
        if file is None:
            file = self._own = open_segment(self._path)
        try:
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
