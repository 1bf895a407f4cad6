"""Writing a segment: rows of episodes, and steps field by field. ``docs/format.md`` has the layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jaxarc.records.layout import FLAG_MARK, FLAG_SUCCESS, FLAG_TERMINATED, FLAG_TRUNCATED
from jaxarc.records.steps import PendingSegment, StepBlock
from jaxarc.storage.atomic import atomic_write_bytes
from jaxarc.storage.columns import dataset_name, table_column
from jaxarc.storage.hdf5_sink import hdf5_segment
from jaxarc.storage.json_segments import json_segment
from jaxarc.storage.segment_names import SEGMENT_FORMAT, SEGMENT_VERSION
from jaxarc.storage.segment_sink import SegmentSink

__all__ = ["fill_segment", "write_segment"]

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

    sink.attribute(group, "layout", layout.json_text)
    sink.column(f"{group}/blocks/uid", uids)
    sink.column(f"{group}/blocks/row", rows)
    sink.column(f"{group}/blocks/count", counts)
    sink.column(f"{group}/step", steps.astype(np.int32))
    for name, flag in _FLAG_COLUMNS.items():
        if name == "terminated" or layout.has(name):
            sink.column(f"{group}/{name}", (scalars[:, 0] & flag) != 0)
    for index, field in enumerate(layout.scalars):
        sink.scalar(f"{group}/{dataset_name(field)}", field, layout.decode_scalar(index, scalars))
    row, next_row = _observation_rows(blocks)
    sink.column(f"{group}/observation_row", row.astype(np.int32))
    sink.column(f"{group}/next_observation_row", next_row.astype(np.int32))
    for index, field in enumerate(layout.rows):
        if field.role != "next_observation":
            parts = [block.fields[index] for block in blocks]
            sink.rows(f"{group}/{dataset_name(field)}", field, parts)


def _observation_rows(blocks: Sequence[StepBlock]) -> tuple[np.ndarray, np.ndarray]:
    """Return the row of the observation before and after each step, int64[n]; -1: not recorded."""
    rows, length = [], 0
    for block in blocks:
        if block.seen is None:
            rows.append(length + np.arange(len(block)))
            length += len(block)
        else:
            rows.append(length + block.seen)
            length += int(block.seen[-1]) + 2
    row = np.concatenate(rows)
    return row, row + 1 if blocks[0].seen is not None else np.full(len(row), -1)
