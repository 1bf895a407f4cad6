"""A part of an index: the rows of some segments, and where the steps of their episodes lie, both in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from jaxarc.records.lazy_columns import ColumnSource, HeldColumns
from jaxarc.records.table import EpisodeTable
from jaxarc.storage.segment_names import SegmentName
from jaxarc.storage.segments import SegmentTables

__all__ = [
    "BLOCK_COLUMNS",
    "SEGMENT",
    "IndexPart",
    "ListedSegment",
    "WriterSpan",
    "part_of_tables",
    "writer_spans",
]

BLOCK_COLUMNS: Mapping[str, type] = {
    "uid": np.int64,
    "segment": np.int32,
    "layout": np.int32,
    "row": np.int64,
    "count": np.int64,
}
"""Where steps lie: of which episode, in which segment and layout, from which row on, how many."""

SEGMENT = "segment"
"""The one column of ``places``: the segment that holds each row."""

_WALK = 4_096


@dataclass(frozen=True, order=True)
class ListedSegment:
    """A segment as a folder lists it.

    Attributes:
        name: what its name says.
        size: bytes.
    """

    name: SegmentName
    size: int


@dataclass(frozen=True)
class WriterSpan:
    """Where a writer's rows and blocks lie in a part."""

    first_row: int
    end_row: int
    first_block: int
    end_block: int


@dataclass
class IndexPart:
    """Rows and blocks of some segments.

    Attributes:
        segments: the segments; other columns count them from 0.
        layouts: names of layout groups; the column ``layout`` counts them.
        rows: episode rows with their ``writer``, by writer and number.
        places: the segment of each row.
        blocks: ``BLOCK_COLUMNS``, by writer and uid.
        writers: where the rows and blocks of each writer lie.
    """

    segments: list[ListedSegment]
    layouts: list[str]
    rows: ColumnSource
    places: ColumnSource
    blocks: ColumnSource
    writers: Mapping[int, WriterSpan]

    @property
    def writer_of_segment(self) -> np.ndarray:
        """Writer of each segment, int64[segments]."""
        return np.array([segment.name.writer for segment in self.segments], np.int64)

    def with_layouts(self, layouts: Sequence[str]) -> IndexPart:
        """Return the part with its layouts counted in another order."""
        position = np.array([layouts.index(name) for name in self.layouts], np.int32)
        blocks = {name: self.blocks.read(name) for name in BLOCK_COLUMNS}
        blocks["layout"] = position[blocks["layout"]] if self.layouts else blocks["layout"]
        return replace(self, layouts=list(layouts), blocks=HeldColumns(blocks, self.blocks.length))

    def find_row(self, writer: int, episode: int) -> int | None:
        """Return the position of a row; a few entries are read, whatever the number of rows."""
        span = self.writers.get(writer)
        if span is None or span.first_row == span.end_row:
            return None
        column = _Searched(self.rows, "episode")
        # Numbers are dense, except where a segment is missing.
        guess = span.first_row + episode - column[span.first_row]
        if span.first_row <= guess < span.end_row and column[guess] == episode:
            return guess
        position = column.first_not_below(episode, span.first_row, span.end_row)
        return position if position < span.end_row and column[position] == episode else None

    def find_blocks(self, writer: int, uid: int) -> dict[str, np.ndarray]:
        """Return the entries of ``BLOCK_COLUMNS`` of one episode."""
        span = self.writers.get(writer)
        first = end = 0
        if span is not None:
            column = _Searched(self.blocks, "uid")
            first = column.first_not_below(uid, span.first_block, span.end_block)
            end = column.first_not_below(uid + 1, first, span.end_block)
        positions = np.arange(first, end)
        return {name: self.blocks.read_at(name, positions) for name in BLOCK_COLUMNS}

    def last_episode(self, writer: int) -> int:
        """Return the highest number of a writer; -1 where it has no rows."""
        span = self.writers.get(writer)
        if span is None or span.first_row == span.end_row:
            return -1
        return _Searched(self.rows, "episode")[span.end_row - 1]

    def ended_after(self, writer: int, sequence: int) -> np.ndarray:
        """Return the uids in the rows of a writer that came after one of its segments, in no order."""
        span = self.writers.get(writer)
        found = [np.zeros(0, np.int64)]
        if span is None:
            return found[0]
        is_late = np.array([segment.name.last > sequence for segment in self.segments])
        end = span.end_row
        while end > span.first_row:
            positions = np.arange(max(span.first_row, end - _WALK), end)
            late = is_late[self.places.read_at(SEGMENT, positions)]
            found.append(self.rows.read_at("uid", positions[late]))
            if not late.any():
                break
            end = int(positions[0])
        return np.concatenate(found)


class _Searched:
    """A column of which single entries are read."""

    def __init__(self, source: ColumnSource, name: str):
        self._source = source
        self._name = name

    def __getitem__(self, position: int) -> int:
        return int(self._source.read_at(self._name, np.array([position]))[0])

    def first_not_below(self, value: int, low: int, high: int) -> int:
        """Return the first position in an ascending range whose entry is not below a value, or its end."""
        while low < high:
            middle = (low + high) // 2
            if self[middle] < value:
                low = middle + 1
            else:
                high = middle
        return low


def part_of_tables(tables: Sequence[tuple[ListedSegment, SegmentTables]]) -> IndexPart:
    """Return the part that segments make.

    Args:
        tables: what was read of each, in the order in which each writer wrote them.
    """
    layouts: dict[str, int] = {}
    rows, places, writers_of_blocks = [], [], [np.zeros(0, np.int64)]
    parts: dict[str, list[np.ndarray]] = {name: [np.zeros(0, kind)] for name, kind in BLOCK_COLUMNS.items()}
    for number, (segment, found) in enumerate(tables):
        count, blocks = len(found.episodes), len(found.blocks.uid)
        writer = np.full(count, segment.name.writer, np.int32)
        rows.append(EpisodeTable({**found.episodes.columns, "writer": writer}))
        places.append(np.full(count, number, np.int32))
        position = np.array([layouts.setdefault(name, len(layouts)) for name in found.layouts], np.int32)
        parts["uid"].append(found.blocks.uid)
        parts["segment"].append(np.full(blocks, number, np.int32))
        parts["layout"].append(position[found.blocks.layout] if blocks else np.zeros(0, np.int32))
        parts["row"].append(found.blocks.row)
        parts["count"].append(found.blocks.count)
        writers_of_blocks.append(np.full(blocks, segment.name.writer, np.int64))
    table = EpisodeTable.concatenate(rows)
    table.columns.setdefault("writer", np.zeros(len(table), np.int32))
    place = np.concatenate([np.zeros(0, np.int32), *places])
    order = np.lexsort((table["episode"], table["writer"]))
    if len(order) and (np.diff(order) < 0).any():
        table, place = table.take(order), place[order]
    writer = np.concatenate(writers_of_blocks)
    columns = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    order = np.lexsort((columns["segment"], columns["uid"], writer))
    columns = {name: column[order] for name, column in columns.items()}
    return IndexPart(
        segments=[segment for segment, _ in tables],
        layouts=list(layouts),
        rows=table.source,
        places=HeldColumns({SEGMENT: place}, len(place)),
        blocks=HeldColumns(columns, len(writer)),
        writers=writer_spans(table["writer"], writer[order]),
    )


def writer_spans(of_rows: np.ndarray, of_blocks: np.ndarray) -> dict[int, WriterSpan]:
    """Return where each writer's entries lie in two ascending arrays of writers."""
    numbers = np.union1d(of_rows, of_blocks).tolist()
    return {
        number: WriterSpan(
            *np.searchsorted(of_rows, [number, number + 1]).tolist(),
            *np.searchsorted(of_blocks, [number, number + 1]).tolist(),
        )
        for number in numbers
    }
