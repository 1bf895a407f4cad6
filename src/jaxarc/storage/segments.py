"""Segments: immutable HDF5 files of committed rows. The layout is described in ``docs/format.md``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from jaxarc.errors import DamagedFileError
from jaxarc.records.layout import (
    FLAG_MARK,
    FLAG_SUCCESS,
    FLAG_TERMINATED,
    FLAG_TRUNCATED,
    Layout,
)
from jaxarc.records.steps import PendingSegment, StepBlock
from jaxarc.records.table import EpisodeTable
from jaxarc.storage.atomic import atomic_write_bytes
from jaxarc.storage.columns import (
    file_image,
    group_at,
    read_column,
    read_field,
    read_scalar,
    read_table,
    write_column,
    write_field,
    write_scalar,
    write_table,
)

__all__ = [
    "SEGMENT_FORMAT",
    "SEGMENT_VERSION",
    "BlockTable",
    "SegmentTables",
    "StoredSteps",
    "read_segment_tables",
]

SEGMENT_FORMAT = "jaxarc-segment"
SEGMENT_VERSION = 1
_UNREADABLE = (OSError, LookupError, RuntimeError, ValueError, TypeError, AttributeError)
"""What h5py, json and NumPy raise over damaged bytes."""
_FLAG_COLUMNS = {
    "terminated": FLAG_TERMINATED,
    "truncated": FLAG_TRUNCATED,
    "success": FLAG_SUCCESS,
    "mark": FLAG_MARK,
}


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


def write_segment(
    path: Path, pending: PendingSegment, *, writer: str, sequence: int, compression: str
) -> None:
    """Write a segment, whole or not at all.

    Args:
        path: its final name.
        pending: rows and steps.
        writer: name of the process's writer (``p000``).
        sequence: number of the segment, from 1.
        compression: ``zstd``, ``gzip``, ``lzf`` or ``none``.

    Raises:
        StorageError: nothing was written.
    """

    def write(file: h5py.File) -> None:
        file.attrs["format"] = SEGMENT_FORMAT
        file.attrs["schema_version"] = SEGMENT_VERSION
        file.attrs["writer"] = writer
        file.attrs["sequence"] = sequence
        write_table(file.create_group("episodes"), pending.episodes.columns, compression)
        _write_steps(file.create_group("steps"), pending.blocks, compression)

    atomic_write_bytes(path, file_image(path, write))


def _write_steps(group: h5py.Group, blocks: Sequence[StepBlock], compression: str) -> None:
    by_layout: dict[int, list[StepBlock]] = {}
    for block in blocks:
        by_layout.setdefault(block.layout.id, []).append(block)
    for layout_id, members in by_layout.items():
        _write_layout(group.create_group(f"{layout_id:08x}"), members, compression)


def _write_layout(group: h5py.Group, blocks: Sequence[StepBlock], compression: str) -> None:
    layout = blocks[0].layout
    counts = np.array([len(block) for block in blocks], np.int64)
    rows = np.cumsum(counts) - counts
    uids = np.array([block.uid for block in blocks], np.int64)
    steps = np.concatenate([block.steps for block in blocks])
    scalars = np.concatenate([block.scalars for block in blocks])
    words = np.concatenate([block.words for block in blocks])
    octets = np.concatenate([block.octets for block in blocks])

    group.attrs["layout"] = json.dumps(layout.to_json(), sort_keys=True)
    write_column(group, "blocks/uid", uids, compression)
    write_column(group, "blocks/row", rows, compression)
    write_column(group, "blocks/count", counts, compression)
    write_column(group, "step", steps.astype(np.int32), compression)
    for name, flag in _FLAG_COLUMNS.items():
        if name == "terminated" or layout.has(name):
            write_column(group, name, (scalars[:, 0] & flag) != 0, compression)
    for index, field in enumerate(layout.scalars):
        write_scalar(group, field, layout.decode_scalar(index, scalars), compression)

    same_episode = np.repeat(uids, counts)
    follows = np.zeros(len(steps), bool)
    follows[:-1] = (same_episode[1:] == same_episode[:-1]) & (steps[1:] == steps[:-1] + 1)
    observation_words, observation_octets = _write_observations(
        group, layout, words, octets, follows, compression
    )
    for index, field in enumerate(layout.rows):
        word, octet = layout.row_offsets[index]
        source, start, width = (
            (words, word, field.num_words)
            if field.codec in ("words", "half")
            else (octets, octet, field.num_octets)
        )
        if field.role == "next_observation":
            continue
        if field.role == "observation":
            source = observation_words if source is words else observation_octets
        if field.role == "episode":
            source = source[rows]
        write_field(group, field, source[:, start : start + width], compression)


def _write_observations(
    group: h5py.Group,
    layout: Layout,
    words: np.ndarray,
    octets: np.ndarray,
    follows: np.ndarray,
    compression: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Write which observation each step begins and ends with; return the observations, each stored once.

    The observation after a step and the one before the next are one row where their bytes are equal.
    """
    seen = [field for field in layout.rows if field.role == "observation"]
    num_words = sum(field.num_words for field in seen)
    num_octets = sum(field.num_octets for field in seen)
    count = len(words)
    if not layout.has("next_observation"):
        row = np.arange(count, dtype=np.int32)
        write_column(group, "observation_row", row, compression)
        write_column(group, "next_observation_row", np.full(count, -1, np.int32), compression)
        return words[:, :num_words], octets[:, :num_octets]
    first = next(i for i, field in enumerate(layout.rows) if field.role == "next_observation")
    word, octet = layout.row_offsets[first]
    after_words = words[:, word : word + num_words]
    after_octets = octets[:, octet : octet + num_octets]
    chained = follows.copy()
    pairs = np.flatnonzero(follows)
    chained[pairs] &= (after_words[pairs] == words[pairs + 1, :num_words]).all(axis=1)
    chained[pairs] &= (after_octets[pairs] == octets[pairs + 1, :num_octets]).all(axis=1)
    apart = ~chained
    row = np.arange(count) + np.cumsum(apart) - apart
    next_row = row + 1
    write_column(group, "observation_row", row.astype(np.int32), compression)
    write_column(group, "next_observation_row", next_row.astype(np.int32), compression)

    def merged(before: np.ndarray, after: np.ndarray) -> np.ndarray:
        whole = np.empty((count + int(apart.sum()), before.shape[1]), before.dtype)
        whole[row] = before
        whole[next_row[apart]] = after[apart]
        return whole

    return merged(words[:, :num_words], after_words), merged(octets[:, :num_octets], after_octets)


def open_segment(path: Path) -> h5py.File:
    """Open a segment for reading.

    Raises:
        DamagedFileError: it cannot be opened, is no segment, or comes from a newer jaxarc.
    """
    try:
        file = h5py.File(path, "r", locking=False)
    except (OSError, RuntimeError) as error:
        raise DamagedFileError(path, f"not a readable HDF5 file ({error})") from error
    try:
        found = file.attrs.get("format")
        version = int(file.attrs.get("schema_version", 0))
    except _UNREADABLE as error:
        file.close()
        raise DamagedFileError(path, f"its attributes cannot be read ({error})") from error
    if found != SEGMENT_FORMAT or version > SEGMENT_VERSION:
        file.close()
        raise DamagedFileError(
            path,
            f"is a {found or 'foreign HDF5 file'} of schema {version}, this jaxarc reads {SEGMENT_FORMAT} up "
            f"to schema {SEGMENT_VERSION}; update jaxarc-toolkit",
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
            layouts = tuple(steps)
            parts: dict[str, list[np.ndarray]] = {"uid": [], "row": [], "count": [], "layout": []}
            for position, name in enumerate(layouts):
                blocks = group_at(steps, f"{name}/blocks")
                for part in ("uid", "row", "count"):
                    parts[part].append(read_column(blocks, part))
                parts["layout"].append(np.full(len(parts["uid"][-1]), position, np.int64))
        except _UNREADABLE as error:
            raise DamagedFileError(path, f"a table of this segment cannot be read ({error})") from error
    columns = {
        name: np.concatenate(arrays) if arrays else np.zeros(0, np.int64) for name, arrays in parts.items()
    }
    return SegmentTables(episodes, BlockTable(**columns), layouts)


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
            self.layout = Layout.from_json(json.loads(str(group.attrs["layout"])))
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

    def field(self, index: int) -> np.ndarray:
        """Return the row field ``index`` of the layout; constants of the episode have one row."""
        field = self.layout.rows[index]
        rows: Any = slice(self._block, self._block + 1) if field.role == "episode" else self._rows
        with self._group() as group:
            return read_field(group, field, rows)

    def observation_rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the row of the observation before and after each step; -1 where it was not recorded."""
        with self._group() as group:
            before = read_column(group, "observation_row", self._rows)
            return before, read_column(group, "next_observation_row", self._rows)

    def observations(self, index: int, rows: np.ndarray) -> np.ndarray:
        """Return observation field ``index`` at these observation rows."""
        low, high = int(rows.min()), int(rows.max()) + 1
        with self._group() as group:
            return read_field(group, self.layout.rows[index], slice(low, high))[rows - low]


class _OpenGroup:
    """One layout's group of a segment, while it is read; errors below name the file."""

    def __init__(self, path: Path, name: str):
        self._path = path
        self._name = name

    def __enter__(self) -> h5py.Group:
        self._file = open_segment(self._path)
        try:
            return group_at(self._file, f"steps/{self._name}")
        except _UNREADABLE as error:
            self._file.close()
            raise self._damaged(error) from error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        self._file.close()
        if isinstance(error, _UNREADABLE) and not isinstance(error, DamagedFileError):
            raise self._damaged(error) from error

    def _damaged(self, error: BaseException) -> DamagedFileError:
        return DamagedFileError(self._path, f"steps of this segment cannot be read ({error})")
