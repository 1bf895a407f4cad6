"""What can be read of a damaged segment, as a new and whole one."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import h5py
import numpy as np

from jaxarc.errors import DamagedFileError
from jaxarc.records.layout import Field, Layout
from jaxarc.records.table import BASE_COLUMNS, EpisodeTable
from jaxarc.storage.columns import dataset_name, group_at, read_column, write_column, write_table
from jaxarc.storage.datasets import file_image
from jaxarc.storage.limits import checked_names
from jaxarc.storage.remains import open_remains, readable_entries
from jaxarc.storage.segment_check import expected_columns
from jaxarc.storage.segment_names import SEGMENT_FORMAT, SEGMENT_VERSION
from jaxarc.storage.segments import UNREADABLE, layout_of

__all__ = ["Salvaged", "corrected_segment", "salvaged_segment"]

_ROWS = ("observation_row", "next_observation_row")
_DROPPABLE = ("metrics", "labels", "observation", "action", "info", "state", "key", "state_hash", "episode")


@dataclass(frozen=True)
class Salvaged:
    """A segment that was made of the remains of another.

    Attributes:
        content: its bytes; None where nothing can be read.
        said: what was kept and what was not, in words.
    """

    content: bytes | None
    said: tuple[str, ...]


def salvaged_segment(path: Path, target: Path, *, writer: str, sequence: int) -> Salvaged:
    """Return a whole segment of what can be read of a damaged one.

    Rows of which a base column is damaged are left out, and so are steps of which a part is; where that would
    cost more than half of the steps, the damaged leaf is left out instead.

    Args:
        path: the damaged segment.
        target: where the new one is going to lie.
        writer, sequence: what it is to say of itself.
    """
    said: list[str] = []
    kept = 0

    def write(file: h5py.File) -> None:
        nonlocal kept
        with open_remains(path) as source:
            file.attrs["format"] = SEGMENT_FORMAT
            file.attrs["schema_version"] = SEGMENT_VERSION
            file.attrs["writer"] = writer
            file.attrs["sequence"] = sequence
            rows = _rows(source, said)
            steps = file.create_group("steps")
            incomplete: set[int] = set()
            for name in _names(source, "steps", said):
                kept += _Steps(source, name, said).write(steps, incomplete)
            lessened = np.isin(rows["uid"], list(incomplete))
            rows.columns["complete"] = rows["complete"] & ~lessened
            write_table(file, "episodes", rows.columns, "zstd")
            kept += len(rows)

    try:
        content = file_image(target, write)
    except DamagedFileError as error:
        return Salvaged(None, (str(error).removeprefix(f"{path}: "),))
    return Salvaged(content if kept else None, tuple(said))


def _names(source: h5py.File, group: str, said: list[str]) -> list[str]:
    try:
        return checked_names(group_at(source, group))
    except UNREADABLE as error:
        said.append(f"nothing is left of {group} ({error})")
        return []


def _rows(source: h5py.File, said: list[str]) -> EpisodeTable:
    names = _names(source, "episodes", said)
    if not names:
        return EpisodeTable.empty()
    group = group_at(source, "episodes")
    found = {name: readable_entries(group, name) for name in names}
    base = [found.get(name) for name in BASE_COLUMNS]
    if any(column is None for column in base):
        lost = [name for name in BASE_COLUMNS if found.get(name) is None]
        said.append(f"no row is left: nothing of {', '.join(lost)} can be read")
        return EpisodeTable.empty()
    length = min(len(column[0]) for column in base if column is not None)
    kept = np.ones(length, bool)
    for column in base:
        assert column is not None
        kept &= column[1][:length]
    columns: dict[str, np.ndarray] = {}
    for name, column in found.items():
        if column is None or not column[1][:length][kept].all() or len(column[0]) < length:
            said.append(f"the column {name} of its rows is left out")
        else:
            columns[_decoded(name)] = column[0][:length][kept]
    said.append(f"{int(kept.sum()):,} rows are kept")
    return EpisodeTable(columns)


def _decoded(name: str) -> str:
    return unquote("" if name == "%" else name)


class _Steps:
    """The steps of one layout, as far as they can be read."""

    def __init__(self, source: h5py.File, name: str, said: list[str]):
        self._name = name
        self._said = said
        self._columns: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._attributes: dict[str, Mapping[str, Any]] = {}
        try:
            group = group_at(source, f"steps/{name}")
            self._layout: Layout | None = layout_of(name, str(group.attrs["layout"]))
            self._blocks = [read_column(group, f"blocks/{part}") for part in ("uid", "row", "count")]
            for column in expected_columns(self._layout):
                found = readable_entries(group, column)
                if found is not None:
                    self._columns[column] = found
                    self._attributes[column] = dict(group[column].attrs)
        except UNREADABLE as error:
            said.append(f"the steps of steps/{name} are left out ({error})")
            self._layout = None

    def write(self, steps: h5py.Group, incomplete: set[int]) -> int:
        """Write what is left; return the number of steps, and add the episodes that lost something."""
        layout = self._layout
        if layout is None:
            return 0
        axes = expected_columns(layout)
        uid, _, count = self._blocks
        length = int(count.sum())
        of_block = np.repeat(np.arange(len(uid)), count)
        dropped = [leaf for leaf in (*layout.scalars, *layout.rows) if leaf.role in _DROPPABLE]
        droppable = {dataset_name(leaf): leaf for leaf in dropped if leaf.role != "next_observation"}
        good = {name: self._good_steps(name, axis, of_block, length) for name, axis in axes.items()}
        kept = np.ones(length, bool)
        lost: list[Field] = []
        for name, mask in good.items():
            if mask.sum() * 2 < length and name in droppable:
                lost.append(droppable[name])
            else:
                kept &= mask
        lost = [leaf for leaf in dropped if _goes_with(leaf, lost)]
        incomplete.update(uid.tolist() if lost else uid[np.unique(of_block[~kept])].tolist())
        for leaf in lost:
            self._said.append(f"{leaf.name} is left out of the steps of steps/{self._name}")
        if not kept.all():
            gone = length - int(kept.sum())
            self._said.append(f"{gone:,} of {length:,} steps of steps/{self._name} are left out")
        if kept.any():
            self._write(steps, _without(layout, lost), kept, of_block)
        return int(kept.sum())

    def _good_steps(self, name: str, axis: str, of_block: np.ndarray, length: int) -> np.ndarray:
        """Return of which steps a column can be read."""
        if name not in self._columns:
            return np.zeros(length, bool)
        mask = self._columns[name][1]
        if axis == "blocks":
            return _at(mask, of_block)
        if axis == "observations":
            places = [self._columns[row] for row in _ROWS if row in self._columns]
            known = [np.where(rows[:length] < 0, True, _at(mask, rows[:length])) for rows, _ in places]
            return np.logical_and.reduce(known) if len(known) == 2 else np.zeros(length, bool)
        return _at(mask, np.arange(length))

    def _write(self, steps: h5py.Group, layout: Layout, kept: np.ndarray, of_block: np.ndarray) -> None:
        uid = self._blocks[0]
        blocks, count = np.unique(of_block[kept], return_counts=True)
        rows = np.stack([self._columns[name][0][: len(kept)][kept] for name in _ROWS])
        used = np.unique(rows[rows >= 0])
        moved = np.where(rows < 0, -1, np.searchsorted(used, rows)).astype(np.int32)
        group = steps.create_group(f"{layout.id:08x}")
        group.attrs["layout"] = json.dumps(layout.to_json(), sort_keys=True)
        write_column(group, "blocks/uid", uid[blocks], "zstd")
        write_column(group, "blocks/row", np.cumsum(count) - count, "zstd")
        write_column(group, "blocks/count", count.astype(np.int64), "zstd")
        for name, values in zip(_ROWS, moved, strict=True):
            write_column(group, name, values, "zstd")
        for name, axis in expected_columns(layout).items():
            if name not in _ROWS:
                chosen = {"blocks": blocks, "observations": used}.get(axis, np.flatnonzero(kept))
                values = self._columns[name][0][chosen]
                write_column(group, name, values, "zstd", self._attributes[name])


def _at(mask: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return a mask at places, False where it does not reach."""
    inside = (places >= 0) & (places < len(mask))
    found = np.zeros(len(places), bool)
    found[inside] = mask[places[inside]]
    return found


def _goes_with(leaf: Field, lost: list[Field]) -> bool:
    """Say whether a leaf goes: with itself, or with another of its tuple, whose places would move."""
    for other in lost:
        named = tuple(itertools.takewhile(lambda key: isinstance(key, str), other.path))
        in_tuple = len(named) < len(other.path) and leaf.path[: len(named)] == named
        if leaf.role == other.role and (leaf.path == other.path or in_tuple):
            return True
    return False


def _without(layout: Layout, lost: list[Field]) -> Layout:
    """Return a layout without some leaves; an observation goes with the one after the step."""
    if not lost:
        return layout
    gone = {(leaf.role, leaf.path) for leaf in lost}
    gone |= {("next_observation", path) for role, path in gone if role == "observation"}

    def left(leaves: tuple[Field, ...]) -> tuple[Field, ...]:
        kept = [leaf for leaf in leaves if (leaf.role, leaf.path) not in gone]
        # Leaves that share an array name it by its place, which is another one now.
        return tuple(replace(leaf, shares=-1) for leaf in kept)

    return replace(layout, scalars=left(layout.scalars), rows=left(layout.rows))


def corrected_segment(source: h5py.File, target: Path, stored: Mapping[int, int]) -> bytes:
    """Return a segment's bytes with rows that say how many of their steps are left.

    Args:
        source: the segment, which is whole.
        target: where the new one is going to lie.
        stored: stored steps by uid; ``complete`` becomes false.
    """
    episodes = group_at(source, "episodes")
    table = {name: read_column(episodes, name) for name in checked_names(episodes)}
    short = np.isin(table["uid"], list(stored))
    table["stored_steps"] = np.array(
        [
            stored.get(uid, claimed)
            for uid, claimed in zip(table["uid"].tolist(), table["stored_steps"].tolist(), strict=True)
        ],
        np.int64,
    )
    table["complete"] = table["complete"] & ~short

    def write(file: h5py.File) -> None:
        for name, value in source.attrs.items():
            file.attrs[name] = value
        for name in source:
            if name != "episodes":
                source.copy(source[name], file, name)
        file.create_group("episodes")
        for name, column in table.items():
            write_column(file, f"episodes/{name}", column, "zstd")

    return file_image(target, write)
