"""What the file of an index holds: columns of one part, read as a part and written from several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from jaxarc.records.lazy_columns import ColumnSource, JoinedColumns
from jaxarc.records.table import encode_text
from jaxarc.storage.columns import column_name, table_column
from jaxarc.storage.index_file import ColumnData, DamagedIndexError, IndexFile, write_index_file
from jaxarc.storage.index_part import (
    BLOCK_COLUMNS,
    SEGMENT,
    IndexPart,
    ListedSegment,
    WriterSpan,
    writer_spans,
)
from jaxarc.storage.segment_names import SegmentName

__all__ = ["part_of_file", "rows_in_order", "write_parts"]

_MOST_EPISODES = 1 << 40


Rescue = Callable[[Sequence[ListedSegment], Sequence[str]], IndexPart]


def part_of_file(file: IndexFile, rescue: Rescue) -> IndexPart:
    """Return the part that an index on disk holds; its columns are read when they are asked for.

    Args:
        file: the index.
        rescue: ``(segments, layouts) -> part``: returns the same part read from the segments, for when a
            column turns out to be damaged.

    Raises:
        DamagedIndexError: what tells the columns apart is damaged.
    """
    names = [SegmentName.parse(text) for text in _texts(file, "segments/name")]
    sizes = file.read("segments/size").tolist()
    if len(sizes) != len(names):
        raise DamagedIndexError(f"{file.path}: {len(names)} segments have {len(sizes)} sizes")
    segments = [
        ListedSegment(name, size) for name, size in zip(names, sizes, strict=True) if name is not None
    ]
    if len(segments) != len(names):
        raise DamagedIndexError(f"{file.path}: names a segment that is none")
    layouts = _texts(file, "layouts")
    rescued: list[IndexPart] = []

    def from_segments() -> IndexPart:
        if not rescued:
            rescued.append(rescue(segments, layouts))
        return rescued[0]

    rows = _FileColumns(file, "episodes", lambda: from_segments().rows)
    places = _FileColumns(file, "places", lambda: from_segments().places)
    blocks = _FileColumns(file, "blocks", lambda: from_segments().blocks)
    if (
        places.length != rows.length
        or set(blocks.dtypes) != set(BLOCK_COLUMNS)
        or "writer" not in rows.dtypes
    ):
        raise DamagedIndexError(f"{file.path}: columns are missing")
    numbers, first_row, first_block = (
        file.read(f"writers/{name}").tolist() for name in ("number", "row", "block")
    )
    if not len(numbers) == len(first_row) == len(first_block):
        raise DamagedIndexError(f"{file.path}: its writers have columns of different lengths")
    end_row, end_block = [*first_row[1:], rows.length], [*first_block[1:], blocks.length]
    spans = map(WriterSpan, first_row, end_row, first_block, end_block)
    writers = dict(zip(numbers, spans, strict=False))
    return IndexPart(segments, layouts, rows, places, blocks, writers)


def _texts(file: IndexFile, name: str) -> list[str]:
    return [value.decode("utf-8", "replace") for value in file.read(name).tolist()]


class _FileColumns:
    """A group of columns in the file of an index; where one is damaged, the segments are read instead."""

    def __init__(self, file: IndexFile, group: str, rescue: Callable[[], ColumnSource]):
        self._file = file
        self._rescue = rescue
        self._rescued: ColumnSource | None = None
        self._paths = {column_name(name): f"{group}/{name}" for name in file.names(group)}
        self._dtypes = {name: file.dtype(path) for name, path in self._paths.items()}
        lengths = {file.length(path) for path in self._paths.values()}
        if len(lengths) != 1:
            raise DamagedIndexError(f"{file.path}: columns of {group} have lengths {sorted(lengths)}")
        self.length = lengths.pop()

    @property
    def dtypes(self) -> Mapping[str, np.dtype]:
        """The dtype of every column."""
        return self._dtypes

    def read(self, name: str) -> np.ndarray:
        """Return a column."""
        if self._rescued is None:
            try:
                return self._file.read(self._paths[name])
            except DamagedIndexError:
                self._rescued = self._rescue()
        return self._rescued.read(name)

    def read_at(self, name: str, positions: np.ndarray) -> np.ndarray:
        """Return a column in these rows."""
        if self._rescued is None:
            try:
                return self._file.read_at(self._paths[name], positions)
            except DamagedIndexError:
                self._rescued = self._rescue()
        return self._rescued.read_at(name, positions)


def rows_in_order(parts: Sequence[IndexPart], gone: np.ndarray) -> np.ndarray | None:
    """Return the order of the rows of all parts, by writer and number, or None where they are in order.

    Args:
        parts: the parts; rows are counted from the first row of the first one.
        gone: which segments of the first part are not there any more, bool[segments].
    """
    filled = [part for part in parts if part.rows.length]
    if not gone.any() and all(
        _key_of(before, before.rows.length - 1) < _key_of(after, 0) for before, after in pairwise(filled)
    ):
        return None
    rows = JoinedColumns([part.rows for part in parts])
    key = rows.read("writer").astype(np.int64) * _MOST_EPISODES + rows.read("episode")
    if not gone.any():
        return np.argsort(key, kind="stable")
    alive = np.ones(len(key), bool)
    alive[: parts[0].places.length] = ~gone[parts[0].places.read(SEGMENT)]
    positions = np.flatnonzero(alive)
    return positions[np.argsort(key[positions], kind="stable")]


def _key_of(part: IndexPart, position: int) -> tuple[int, int]:
    at = np.array([position])
    return int(part.rows.read_at("writer", at)[0]), int(part.rows.read_at("episode", at)[0])


def write_parts(path: Path, parts: Sequence[IndexPart], gone: np.ndarray) -> None:
    """Replace an index atomically by one that holds several parts, a column at a time.

    Args:
        path: the file.
        parts: the parts.
        gone: which segments of the first part are not there any more, bool[segments].

    Raises:
        StorageError: it cannot be written.
    """
    listed = [
        (segment, part, number)
        for part, members in enumerate(parts)
        for number, segment in enumerate(members.segments)
        if part or not gone[number]
    ]
    listed.sort()
    numbers = [np.full(len(part.segments), -1, np.int32) for part in parts]
    for new, (_, part, old) in enumerate(listed):
        numbers[part][old] = new
    layouts = list(dict.fromkeys(name for part in parts for name in part.layouts))
    columns = {
        "segments/name": ColumnData.of(encode_text([str(segment.name) for segment, _, _ in listed])),
        "segments/size": ColumnData.of(np.array([segment.size for segment, _, _ in listed], np.int64)),
        "layouts": ColumnData.of(encode_text(layouts)),
    }
    order = rows_in_order(parts, gone)
    rows = JoinedColumns([part.rows for part in parts])
    count = rows.length if order is None else len(order)
    for name, dtype in rows.dtypes.items():
        columns[table_column("episodes", name)] = _column(rows, name, _padded(dtype), count, order)
    place = np.concatenate([new[part.places.read(SEGMENT)] for new, part in zip(numbers, parts, strict=True)])
    columns[f"places/{SEGMENT}"] = ColumnData.of(place if order is None else place[order])

    blocks, writer_of_block = _blocks_in_order(parts, numbers, layouts)
    columns |= {f"blocks/{name}": ColumnData.of(values) for name, values in blocks.items()}
    writer_of_row = rows.read("writer").astype(np.int64)
    spans = writer_spans(writer_of_row if order is None else writer_of_row[order], writer_of_block)
    for name, values in (
        ("number", list(spans)),
        ("row", [span.first_row for span in spans.values()]),
        ("block", [span.first_block for span in spans.values()]),
    ):
        columns[f"writers/{name}"] = ColumnData.of(np.array(values, np.int64))
    write_index_file(path, columns)


def _column(
    rows: ColumnSource, name: str, dtype: np.dtype, count: int, order: np.ndarray | None
) -> ColumnData:
    def pieces() -> Iterable[np.ndarray]:
        values = rows.read(name)
        yield values if order is None else values[order]

    return ColumnData(dtype, count, pieces)


def _padded(dtype: np.dtype) -> np.dtype:
    """Return a dtype of text that is as wide as machine words are, which compare faster than bytes."""
    if dtype.kind != "S":
        return dtype
    width = max(1, dtype.itemsize)
    return np.dtype(f"S{1 << (width - 1).bit_length() if width < 8 else -(-width // 8) * 8}")


def _blocks_in_order(
    parts: Sequence[IndexPart], numbers: Sequence[np.ndarray], layouts: Sequence[str]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the blocks of all parts by writer, uid and segment, and the writer of each."""
    found: dict[str, list[np.ndarray]] = {name: [] for name in BLOCK_COLUMNS}
    writers = []
    for part, new in zip(parts, numbers, strict=True):
        segment = part.blocks.read("segment")
        alive = np.flatnonzero(new[segment] >= 0)
        layout = np.array([layouts.index(name) for name in part.layouts], np.int32)
        for name, kind in BLOCK_COLUMNS.items():
            values = part.blocks.read(name)[alive]
            values = new[values] if name == "segment" else layout[values] if name == "layout" else values
            found[name].append(values.astype(kind, copy=False))
        writers.append(part.writer_of_segment[segment[alive]])
    columns = {name: np.concatenate(arrays) for name, arrays in found.items()}
    writer = np.concatenate(writers)
    order = np.lexsort((columns["segment"], columns["uid"], writer))
    return {name: values[order] for name, values in columns.items()}, writer[order]
