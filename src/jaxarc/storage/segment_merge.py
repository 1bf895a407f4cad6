"""One segment of several: rows joined, steps that are to go left out, everything else as it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import h5py
import numpy as np

from jaxarc.records.table import EpisodeTable
from jaxarc.storage.columns import (
    create_column,
    group_at,
    write_column,
    write_table,
)
from jaxarc.storage.datasets import file_image
from jaxarc.storage.limits import checked_names, read_attribute
from jaxarc.storage.raw_columns import RawColumn, raw_table
from jaxarc.storage.segment_digest import BLOCK_COLUMNS, OBSERVATION_ROWS, ROOT_GROUPS, known_columns, naming
from jaxarc.storage.segments import open_segment

__all__ = ["merged_segment"]

_PIECE_BYTES = 8 * 1024 * 1024
"""Of a long column so many bytes are in memory at a time."""


def merged_segment(
    path: Path,
    sources: Sequence[Path],
    *,
    sequence: int,
    last_sequence: int,
    compression: str,
    dropped: np.ndarray,
    is_ours: bool,
) -> bytes:
    """Return the bytes of a segment that holds what some consecutive segments of a writer hold.

    Args:
        path: where it is going to lie.
        sources: the segments, in their order; a single one may hold what this version does not know.
        sequence, last_sequence: numbers of the first and the last segment whose content it holds.
        compression: ``zstd``, ``gzip``, ``lzf`` or ``none``.
        dropped: uids whose steps are left out, ascending; their rows stay, with ``stored_steps`` 0.
        is_ours: this process wrote the segments; the sizes that others state are checked first.

    Raises:
        DamagedFileError: one of them cannot be read; the message names it.
    """

    def write(target: h5py.File) -> None:
        with ExitStack() as stack:
            files = [(source, stack.enter_context(open_segment(source))) for source in sources]
            _Merge(target, files, compression, dropped, is_ours).write(sequence, last_sequence)

    return file_image(path, write)


class _Merge:
    """The merging of some open segments into a file."""

    def __init__(
        self,
        target: h5py.File,
        files: Sequence[tuple[Path, h5py.File]],
        compression: str,
        dropped: np.ndarray,
        is_ours: bool,
    ):
        self._target = target
        self._files = files
        self._compression = compression
        self._dropped = dropped
        self._is_ours = is_ours

    def write(self, sequence: int, last_sequence: int) -> None:
        """Write everything."""
        first = self._files[0][1]
        attributes = self._target.attrs
        for name, value in first.attrs.items():
            attributes[name] = value
        attributes["schema_version"] = max(
            int(read_attribute(file, "schema_version")) for _, file in self._files
        )
        attributes["sequence"] = sequence
        attributes["last_sequence"] = last_sequence
        self._write_rows()
        layouts: dict[str, list[tuple[Path, h5py.Group]]] = {}
        for path, file in self._files:
            with naming(path):
                steps = group_at(file, "steps")
                for name in checked_names(steps):
                    layouts.setdefault(name, []).append((path, group_at(steps, name)))
        target = self._target.create_group("steps")
        for name, groups in layouts.items():
            path, group = groups[0]
            with naming(path):
                known = known_columns(group)
            if known is None:
                assert len(groups) == 1, "only plain segments are merged"
                group.copy(group, target, name)  # what is not known may count its rows: all of them stay
            else:
                self._merge_layout(target, name, groups, known)
        for name in first:
            if name not in ROOT_GROUPS:
                first.copy(name, self._target)

    def _write_rows(self) -> None:
        tables = []
        for path, file in self._files:
            with naming(path):
                tables.append(EpisodeTable(raw_table(file, "episodes", is_ours=self._is_ours)))
        episodes = EpisodeTable.concatenate(tables)
        gone = np.isin(episodes["uid"], self._dropped)
        for name in ("stored_steps", "complete"):
            column = episodes[name].copy()
            column[gone] = 0
            episodes.columns[name] = column
        write_table(self._target, "episodes", episodes.columns, self._compression)

    def _merge_layout(
        self,
        steps: h5py.Group,
        name: str,
        groups: Sequence[tuple[Path, h5py.Group]],
        known: Sequence[str],
    ) -> None:
        parts = []
        for path, group in groups:
            with naming(path):
                parts.append(_Part(path, group, self._dropped, self._is_ours))
        parts = [part for part in parts if len(part.uid)]
        if not parts:
            return
        target = steps.create_group(name)
        for key, value in parts[0].group.attrs.items():
            target.attrs[key] = value
        count = np.concatenate([part.count for part in parts])
        columns = {
            "blocks/uid": np.concatenate([part.uid for part in parts]),
            "blocks/row": np.cumsum(count) - count,
            "blocks/count": count,
        }
        offsets = np.cumsum([0, *(part.num_observations for part in parts)])
        for column in OBSERVATION_ROWS:
            moved = [part.moved(column, int(offset)) for part, offset in zip(parts, offsets, strict=False)]
            columns[column] = np.concatenate(moved)
        for column, values in columns.items():
            self._write(target, column, values, parts[0].column(column))
        for column in known:
            if column not in columns:
                self._copy_column(target, column, parts)

    def _copy_column(self, target: h5py.Group, column: str, parts: Sequence[_Part]) -> None:
        like = parts[0].column(column)
        length = sum(part.num_entries(column) for part in parts)
        row_bytes = max(1, like.dtype.itemsize * int(np.prod(like.shape[1:])))
        rows = max(1, _PIECE_BYTES // row_bytes)
        pieces = (piece for part in parts for piece in part.pieces(column, rows))
        if length <= rows:
            gathered = list(pieces)
            values = np.concatenate(gathered) if gathered else np.zeros((0, *like.shape[1:]), like.dtype)
            self._write(target, column, values, like)
            return
        shape = (length, *like.shape[1:])
        dataset = create_column(target, column, shape, like.dtype, self._compression, like.attributes)
        start = 0
        for values in _aligned(pieces, dataset.id.get_create_plist().get_chunk()[0]):
            dataset[start : start + len(values)] = values
            start += len(values)

    def _write(self, target: h5py.Group, column: str, values: np.ndarray, like: RawColumn) -> None:
        write_column(target, column, values, self._compression, like.attributes)


class _Part:
    """What one segment gives to a layout of the merged one."""

    def __init__(self, path: Path, group: h5py.Group, dropped: np.ndarray, is_ours: bool):
        self._path = path
        self._is_ours = is_ours
        self.group = group
        uid, row, count = (self.column(name).read() for name in BLOCK_COLUMNS)
        kept = ~np.isin(uid, dropped)
        self.uid, self.count = uid[kept], count[kept]
        self._blocks = np.flatnonzero(kept)
        self._is_whole = bool(kept.all())
        self._rows = np.repeat(row[kept] - (np.cumsum(self.count) - self.count), self.count)
        self._rows += np.arange(len(self._rows))
        self._of = {name: self.column(name).read()[self._rows] for name in OBSERVATION_ROWS}
        used = np.unique(np.concatenate(list(self._of.values())))
        self._observations = used[used >= 0]
        self.num_observations = len(self._observations)

    def column(self, name: str) -> RawColumn:
        """Return a dataset of the layout's group."""
        return RawColumn(self.group, name, is_ours=self._is_ours)

    def moved(self, column: str, offset: int) -> np.ndarray:
        """Return a column of rows of observations as they are in the merged segment; -1 stays -1."""
        rows = self._of[column]
        moved = np.searchsorted(self._observations, rows) + offset
        return np.where(rows < 0, -1, moved).astype(np.int32)

    def _selection(self, column: str) -> np.ndarray:
        axis = column.split("/", 1)[0]
        return {"episode": self._blocks, "observation": self._observations}.get(axis, self._rows)

    def num_entries(self, column: str) -> int:
        """Return how many entries of a column stay."""
        return len(self._selection(column))

    def pieces(self, column: str, rows: int) -> Iterator[np.ndarray]:
        """Yield the entries of a column that stay, at most about ``rows`` of them at a time."""
        selection = self._selection(column)
        with naming(self._path):
            dataset = self.column(column)
            start = 0
            while start < len(selection):
                low = int(selection[start])
                stop = int(np.searchsorted(selection, low + rows))
                values = dataset.read(low, int(selection[stop - 1]) + 1)
                whole = stop - start == len(values)
                yield values if whole else values[selection[start:stop] - low]
                start = stop


def _aligned(pieces: Iterator[np.ndarray], rows: int) -> Iterator[np.ndarray]:
    """Join and cut pieces so that all but the last have a multiple of ``rows``: no chunk is packed twice."""
    held: list[np.ndarray] = []
    for piece in pieces:
        held.append(piece)
        count = sum(map(len, held))
        if count >= rows:
            values = np.concatenate(held)
            whole = count // rows * rows
            yield values[:whole]
            held = [values[whole:]]
    rest = [piece for piece in held if len(piece)]
    if rest:
        yield np.concatenate(rest)
