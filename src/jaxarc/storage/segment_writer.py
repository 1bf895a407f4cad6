"""Writing a segment: rows of episodes, and steps field by field. ``docs/format.md`` has the layout."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxarc.records.layout import FLAG_MARK, FLAG_SUCCESS, FLAG_TERMINATED, FLAG_TRUNCATED, Field, Layout
from jaxarc.records.steps import PendingSegment, StepBlock
from jaxarc.storage.atomic import atomic_write_bytes
from jaxarc.storage.columns import dataset_name, table_column
from jaxarc.storage.hdf5_sink import hdf5_segment
from jaxarc.storage.json_segments import json_segment
from jaxarc.storage.segment_sink import SegmentSink

__all__ = ["SEGMENT_FORMAT", "SEGMENT_VERSION", "fill_segment", "write_segment"]

SEGMENT_FORMAT = "jaxarc-segment"
SEGMENT_VERSION = 1
_FLAG_COLUMNS = {
    "terminated": FLAG_TERMINATED,
    "truncated": FLAG_TRUNCATED,
    "success": FLAG_SUCCESS,
    "mark": FLAG_MARK,
}


def write_segment(
    path: Path, pending: PendingSegment, *, writer: str, sequence: int, compression: str
) -> None:
    """Write a segment, whole or not at all.

    Args:
        path: its final name; ``.json`` makes it JSON.
        pending: rows and steps.
        writer: name of the process's writer (``p000``).
        sequence: number of the segment, from 1.
        compression: ``zstd``, ``gzip``, ``lzf`` or ``none``.

    Raises:
        StorageError: nothing was written.
    """

    def fill(sink: SegmentSink) -> None:
        fill_segment(sink, pending, writer=writer, sequence=sequence)

    is_json = path.suffix == ".json"
    atomic_write_bytes(path, json_segment(fill) if is_json else hdf5_segment(path, compression, fill))


def fill_segment(sink: SegmentSink, pending: PendingSegment, *, writer: str, sequence: int) -> None:
    """Give a sink all that a segment holds.

    Args:
        sink: takes the parts.
        pending, writer, sequence: as in ``write_segment``.
    """
    sink.attribute("/", "format", SEGMENT_FORMAT)
    sink.attribute("/", "schema_version", SEGMENT_VERSION)
    sink.attribute("/", "writer", writer)
    sink.attribute("/", "sequence", sequence)
    sink.group("episodes")
    for name, column in pending.episodes.columns.items():
        sink.column(table_column("episodes", name), column)
    by_layout: dict[int, list[StepBlock]] = {}
    for block in pending.blocks:
        by_layout.setdefault(block.layout.id, []).append(block)
    sink.group("steps")
    for layout_id, blocks in by_layout.items():
        _fill_layout(sink, f"steps/{layout_id:08x}", blocks)


def _fill_layout(sink: SegmentSink, group: str, blocks: Sequence[StepBlock]) -> None:
    layout = blocks[0].layout
    uids = np.concatenate([block.uid for block in blocks])
    counts = np.concatenate([block.count for block in blocks])
    steps = np.concatenate([block.steps for block in blocks])
    scalars = np.concatenate([block.scalars for block in blocks])
    rows = np.cumsum(counts) - counts

    sink.attribute(group, "layout", json.dumps(layout.to_json(), sort_keys=True))
    sink.column(f"{group}/blocks/uid", uids)
    sink.column(f"{group}/blocks/row", rows)
    sink.column(f"{group}/blocks/count", counts)
    sink.column(f"{group}/step", steps.astype(np.int32))
    for name, flag in _FLAG_COLUMNS.items():
        if name == "terminated" or layout.has(name):
            sink.column(f"{group}/{name}", (scalars[:, 0] & flag) != 0)
    for index, field in enumerate(layout.scalars):
        sink.scalar(f"{group}/{dataset_name(field)}", field, layout.decode_scalar(index, scalars))
    follows = np.zeros(len(steps), bool)
    follows[:-1] = steps[1:] == steps[:-1] + 1
    follows[rows[1:] - 1] = False
    row, next_row, apart = _chain(layout, blocks, follows)
    sink.column(f"{group}/observation_row", row.astype(np.int32))
    sink.column(f"{group}/next_observation_row", next_row.astype(np.int32))
    after = _following(layout)
    for index, field in enumerate(layout.rows):
        if field.role == "next_observation":
            continue
        numbers = [block.fields[index] for block in blocks]
        if field.role == "observation" and index in after:
            following = [block.fields[after[index]] for block in blocks]
            values = _stored_once(numbers, following, row, next_row, apart)
        else:
            values = numbers[0] if len(numbers) == 1 else np.concatenate(numbers)
        sink.rows(f"{group}/{dataset_name(field)}", field, values)


def _following(layout: Layout) -> dict[int, int]:
    """Return for each observation field the position of the field that holds it after the step."""

    def places(role: str) -> dict[object, int]:
        return {_identity(field): i for i, field in enumerate(layout.rows) if field.role == role}

    after = places("next_observation")
    return {i: after[key] for key, i in places("observation").items() if key in after}


def _identity(field: Field) -> tuple[object, ...]:
    return field.path, field.dtype, field.shape


def _chain(
    layout: Layout, blocks: Sequence[StepBlock], follows: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Say in which row of the observations each step begins and ends; each observation is stored once.

    The observation after a step and the one before the next are one row where their bytes are equal.

    Returns:
        The row before and the row after each step, int64[n] (-1: not recorded), and for each step whether the
        row after it is its own, bool[n].
    """
    count = len(follows)
    if not layout.has("next_observation"):
        return np.arange(count), np.full(count, -1), np.zeros(count, bool)
    chained = follows.copy()
    for before, after in _following(layout).items():
        start = 0
        for block in blocks:
            earlier, later = block.fields[after][:-1], block.fields[before][1:]
            chained[start : start + len(earlier)] &= (earlier == later).all(axis=1)
            start += len(block)
    # Between blocks nothing is chained.
    chained[np.cumsum([len(block) for block in blocks]) - 1] = False
    apart = ~chained
    row = np.arange(count) + np.cumsum(apart) - apart
    return row, row + 1, apart


def _stored_once(
    before: Sequence[np.ndarray],
    after: Sequence[np.ndarray],
    row: np.ndarray,
    next_row: np.ndarray,
    apart: np.ndarray,
) -> np.ndarray:
    """Return an observation field's numbers, a row each time that it is another one."""
    whole = np.empty((len(row) + int(apart.sum()), before[0].shape[1]), before[0].dtype)
    start = 0
    for earlier, later in zip(before, after, strict=True):
        stop = start + len(earlier)
        own = apart[start:stop]
        whole[row[start:stop]] = earlier
        whole[next_row[start:stop][own]] = later[own]
        start = stop
    return whole
