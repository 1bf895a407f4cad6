"""One segment, read through: every checksum, and whether its parts fit each other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from jaxarc.errors import DamagedFileError
from jaxarc.records.layout import Layout
from jaxarc.records.table import BASE_COLUMNS, EpisodeTable
from jaxarc.storage.columns import dataset_name, group_at, read_column, read_table
from jaxarc.storage.limits import checked_dataset, checked_names, read_attribute
from jaxarc.storage.segment_names import SegmentName, writer_name
from jaxarc.storage.segments import UNREADABLE, layout_of, open_segment

__all__ = ["SegmentCheck", "check_segment", "expected_columns", "pieces_of"]

_PIECE_BYTES = 8 << 20
_FLAGS = ("terminated", "truncated", "success", "mark")
_MAX_DEPTH = 32
_MAX_DATASETS = 100_000


@dataclass
class SegmentCheck:
    """What was found in a segment.

    Attributes:
        problems: what is wrong with it, in words; empty where it is whole.
        rows: its rows; None where they cannot be read.
        steps: stored steps and steps of journals by uid, of what can be read.
    """

    problems: list[str] = field(default_factory=list)
    rows: EpisodeTable | None = None
    steps: dict[str, dict[int, int]] = field(default_factory=lambda: {"steps": {}, "journal": {}})


def check_segment(path: Path, name: SegmentName) -> SegmentCheck:
    """Read everything that a segment holds, in pieces, and say what is wrong with it."""
    check = SegmentCheck()
    try:
        with open_segment(path) as file:
            _check_names(file, name, check)
            _check_rows(file, check)
            _check_layouts(file, check)
            _read_through(file, check)
            _count_at_risk(file, check)
    except DamagedFileError as error:
        check.problems.append(str(error).removeprefix(f"{path}: "))
    except UNREADABLE as error:
        check.problems.append(f"cannot be read ({error})")
    check.problems = list(dict.fromkeys(check.problems))
    return check


def _check_names(file: h5py.File, name: SegmentName, check: SegmentCheck) -> None:
    said = read_attribute(file, "writer"), read_attribute(file, "sequence")
    if said != (writer_name(name.writer), name.first):
        check.problems.append(f"says that it is {said[0]}-{said[1]}, which is not what it is called")


def _check_rows(file: h5py.File, check: SegmentCheck) -> None:
    try:
        rows = EpisodeTable(read_table(group_at(file, "episodes")))
    except UNREADABLE as error:
        check.problems.append(f"its rows cannot be read ({error})")
        return
    missing = [name for name in BASE_COLUMNS if name not in rows]
    if missing and len(rows):
        check.problems.append(f"its rows lack {', '.join(missing)}")
        return
    if len(rows) and len(np.unique(rows["uid"])) != len(rows):
        check.problems.append("holds a row twice")
    check.rows = rows


def _check_layouts(file: h5py.File, check: SegmentCheck) -> None:
    try:
        steps = group_at(file, "steps")
        names = checked_names(steps)
    except UNREADABLE as error:
        check.problems.append(f"its steps cannot be found ({error})")
        return
    for name in names:
        try:
            group = group_at(steps, name)
            layout = layout_of(name, read_attribute(group, "layout"))
            counts = _fitting_blocks(group, layout)
        except UNREADABLE as error:
            check.problems.append(f"steps/{name} cannot be read ({error})")
            continue
        if layout.kind in check.steps:
            found = check.steps[layout.kind]
            for uid, count in counts:
                found[uid] = found.get(uid, 0) + count


def _fitting_blocks(group: h5py.Group, layout: Layout) -> list[tuple[int, int]]:
    """Return uid and count of each block.

    Raises:
        ValueError: the blocks, or the lengths of columns, do not fit.
    """
    uid, row, count = (read_column(group, f"blocks/{part}") for part in ("uid", "row", "count"))
    if not len(uid) == len(row) == len(count):
        raise ValueError(f"blocks have {len(uid)} uids, {len(row)} rows and {len(count)} counts")
    length = checked_dataset(group, "step").shape[0]
    if (count < 0).any() or int(count.sum()) != length or (row != np.cumsum(count) - count).any():
        raise ValueError(f"blocks of {int(count.sum())} steps, columns of {length}")
    for name, axis in expected_columns(layout).items():
        have = checked_dataset(group, name, slice(0, 0)).shape[0]
        wanted = {"steps": length, "blocks": len(uid)}.get(axis, have)
        if have != wanted:
            raise ValueError(f"{name} has {have} entries, it needs {wanted}")
        if axis == "observations":
            rows = max((int(read_column(group, part).max(initial=-1)) for part in _ROWS), default=-1)
            if rows >= have:
                raise ValueError(f"{name} has {have} entries, steps point to entry {rows}")
    return list(zip(uid.tolist(), count.tolist(), strict=True))


_ROWS = ("observation_row", "next_observation_row")


def expected_columns(layout: Layout) -> dict[str, str]:
    """Return the columns that steps of a layout have, and what each has an entry for.

    ``steps``, ``blocks``, or ``observations``: as many as there are.
    """
    columns = {"step": "steps", "observation_row": "steps", "next_observation_row": "steps"}
    columns |= {name: "steps" for name in _FLAGS if name == "terminated" or layout.has(name)}
    columns |= {dataset_name(scalar): "steps" for scalar in layout.scalars}
    for leaf in layout.rows:
        if leaf.role != "next_observation":
            axis = {"episode": "blocks", "observation": "observations"}.get(leaf.role, "steps")
            columns[dataset_name(leaf)] = axis
    return columns


def _count_at_risk(file: h5py.File, check: SegmentCheck) -> None:
    """Say how many steps lie in layouts of which a part is damaged."""
    damaged = {problem.split("/")[1] for problem in check.problems if problem.startswith("steps/")}
    for name in sorted(damaged):
        with contextlib.suppress(*UNREADABLE):
            blocks = group_at(file, f"steps/{name}/blocks")
            steps, episodes = int(read_column(blocks, "count").sum()), len(read_column(blocks, "uid"))
            check.problems.append(f"up to {steps:,} steps of {episodes:,} episodes are in what is damaged")


def _read_through(file: h5py.File, check: SegmentCheck) -> None:
    """Read every dataset, the unknown ones too."""
    waiting: list[tuple[h5py.Group, str, int]] = [(file, "", 0)]
    number = 0
    while waiting:
        group, path, depth = waiting.pop()
        for name in checked_names(group):
            inner = f"{path}/{name}" if path else name
            number += 1
            if number > _MAX_DATASETS or depth > _MAX_DEPTH:
                check.problems.append(
                    f"holds more than {_MAX_DATASETS:,} names or {_MAX_DEPTH} levels of them"
                )
                return
            try:
                item = group[name]
                if isinstance(item, h5py.Group):
                    waiting.append((group_at(group, name), inner, depth + 1))
                elif isinstance(item, h5py.Dataset):
                    for _ in pieces_of(group, name):
                        pass
            except UNREADABLE as error:
                check.problems.append(f"{inner} cannot be read ({error})")


def pieces_of(group: h5py.Group, name: str) -> Iterator[tuple[int, np.ndarray]]:
    """Yield a dataset in pieces of some megabytes, each with the number of its first entry."""
    dataset = checked_dataset(group, name, slice(0, 0))
    shape: tuple[int, ...] = dataset.shape or ()
    if not shape:
        yield 0, read_column(group, name)
        return
    row_bytes = max(1, dataset.dtype.itemsize * int(np.prod(shape[1:])))
    rows = max(1, _PIECE_BYTES // row_bytes)
    if dataset.chunks:
        rows = max(1, rows // dataset.chunks[0]) * dataset.chunks[0]
    for start in range(0, shape[0], rows):
        yield start, read_column(group, name, slice(start, start + rows))
