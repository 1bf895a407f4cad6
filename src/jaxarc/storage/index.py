"""The index: the episode tables of all segments as columns. Derived; rebuilt when it is not true."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from jaxarc.errors import DamagedFileError, StorageError
from jaxarc.records.lazy_columns import JoinedColumns, LazyColumns
from jaxarc.records.table import EpisodeRow, EpisodeTable
from jaxarc.storage.index_file import DamagedIndexError, IndexFile
from jaxarc.storage.index_format import part_of_file, rows_in_order, write_parts
from jaxarc.storage.index_part import BLOCK_COLUMNS, SEGMENT, IndexPart, ListedSegment, part_of_tables
from jaxarc.storage.segment_names import STEPS_FOLDER, active_segments, segment_names
from jaxarc.storage.segments import SegmentTables, StoredSteps, read_segment_tables

__all__ = ["INDEX_FILE", "RunIndex", "StepBlocks", "build_index", "load_index", "write_index"]

INDEX_FILE = "index.h5"
_MANY_SEGMENTS = 64
_TRIES = 3


@dataclass(frozen=True)
class StepBlocks:
    """Where the stored steps of episodes lie: arrays of one length, an entry a run of rows.

    Attributes:
        places: segments, each with one of its layouts.
        writer, uid: the episode, int64[n].
        place: position in ``places``, int64[n].
        row: first row of the run, int64[n].
        count: rows, int64[n].
    """

    places: tuple[tuple[Path, str], ...]
    writer: np.ndarray
    uid: np.ndarray
    place: np.ndarray
    row: np.ndarray
    count: np.ndarray


@dataclass
class RunIndex:
    """Everything that a run knows of its episodes without opening a segment for each question.

    Attributes:
        parts: what ``index.h5`` says, where it is there, and what segments say that it does not cover.
        gone: which segments of the first part are not there any more, bool[segments].
        file: ``index.h5``, when it is the first part.
        tables: what was read of the segments that it does not cover.
        problems: segments that could not be read.
    """

    parts: list[IndexPart]
    gone: np.ndarray
    file: IndexFile | None = None
    tables: dict[ListedSegment, SegmentTables] = field(default_factory=dict)
    problems: list[DamagedFileError] = field(default_factory=list)

    @property
    def _present(self) -> list[tuple[ListedSegment, int, int]]:
        """The segments that are there, with their part and their number in it, as writers wrote them."""
        return sorted(
            (segment, part, number)
            for part, members in enumerate(self.parts)
            for number, segment in enumerate(members.segments)
            if part or not self.gone[number]
        )

    @property
    def segments(self) -> list[str]:
        """File names of the segments."""
        return [str(segment.name) for segment, _, _ in self._present]

    @property
    def segments_outside(self) -> int:
        """Segments that ``index.h5`` does not cover."""
        return len(self.tables)

    @property
    def is_behind(self) -> bool:
        """Whether it is time to write ``index.h5`` again: at a pace that costs little in the long run."""
        inside = len(self.gone) - int(self.gone.sum()) if self.file is not None else 0
        return is_behind(inside, self.segments_outside)

    @cached_property
    def episodes(self) -> EpisodeTable:
        """All rows, by writer and number; the column ``writer`` is the number of their process."""
        columns = LazyColumns(JoinedColumns([part.rows for part in self.parts]))
        order = rows_in_order(self.parts, self.gone)
        return EpisodeTable(columns if order is None else columns.take(order))

    def row(self, writer: int, episode: int) -> EpisodeRow | None:
        """Return a row, or None; a few of its table's entries are read, whatever the number of rows."""
        for part in reversed(self.parts):
            position = part.find_row(writer, episode)
            if position is not None and not self._is_gone(part, position):
                return EpisodeTable(LazyColumns(part.rows)).row(position)
        return None

    def _is_gone(self, part: IndexPart, position: int) -> bool:
        if part is not self.parts[0] or not self.gone.any():
            return False
        return bool(self.gone[part.places.read_at(SEGMENT, np.array([position]))[0]])

    def num_rows(self, writer: int | None = None) -> int:
        """Return how many rows there are, or how many of one writer."""
        if writer is None:
            return len(self.episodes)
        if self.gone.any():
            return int((self.episodes["writer"] == writer).sum())
        spans = [part.writers.get(writer) for part in self.parts]
        return sum(span.end_row - span.first_row for span in spans if span is not None)

    def last_episode(self, writer: int) -> int:
        """Return the highest number of a writer; -1 where it has no rows."""
        return max((part.last_episode(writer) for part in self.parts), default=-1)

    def ended_after(self, writer: int, sequence: int) -> np.ndarray:
        """Return the uids of a writer's episodes whose rows came after one of its segments, in no order."""
        return np.concatenate([part.ended_after(writer, sequence) for part in self.parts])

    def step_blocks(self, run_dir: Path) -> StepBlocks:
        """Return where the stored steps of all episodes lie, in no order."""
        found: dict[str, list[np.ndarray]] = {name: [] for name in ("writer", "uid", "place", "row", "count")}
        places: dict[tuple[Path, str], int] = {}
        for part in self.parts:
            columns = {name: part.blocks.read(name) for name in BLOCK_COLUMNS}
            if part is self.parts[0]:
                there = ~self.gone[columns["segment"]]
                columns = {name: column[there] for name, column in columns.items()}
            pairs = columns["segment"].astype(np.int64) * len(part.layouts) + columns["layout"]
            known, number = np.unique(pairs, return_inverse=True)
            numbers = []
            for segment, layout in (divmod(pair, len(part.layouts)) for pair in known.tolist()):
                path = run_dir / STEPS_FOLDER / str(part.segments[segment].name)
                numbers.append(places.setdefault((path, part.layouts[layout]), len(places)))
            found["place"].append(np.array(numbers, np.int64)[number])
            found["writer"].append(part.writer_of_segment[columns["segment"]])
            for name in ("uid", "row", "count"):
                found[name].append(columns[name])
        joined = {name: np.concatenate(arrays).astype(np.int64) for name, arrays in found.items()}
        return StepBlocks(tuple(places), **joined)

    def stored_steps(self, run_dir: Path, writer: int, uid: int) -> list[StoredSteps]:
        """Return the stored steps of an episode, in order."""
        found = []
        for part in self.parts:
            blocks = part.find_blocks(writer, uid)
            for segment, layout, row, count in zip(
                *(blocks[name].tolist() for name in ("segment", "layout", "row", "count")), strict=True
            ):
                if part is self.parts[0] and self.gone[segment]:
                    continue
                path = run_dir / STEPS_FOLDER / str(part.segments[segment].name)
                found.append(StoredSteps(path, part.layouts[layout], row, count))
        # Within a segment steps lie layout by layout; an episode that several programs recorded has more.
        return sorted(found, key=lambda stored: int(stored.steps[0]))


def is_behind(inside: int, outside: int) -> bool:
    """Say whether an index that covers some segments and not others should be written again."""
    return outside >= max(_MANY_SEGMENTS, inside // 4)


def _listed(run_dir: Path) -> list[ListedSegment]:
    """Return the segments to read, in the order in which each writer wrote them."""
    found = []
    folder = os.fspath(run_dir / STEPS_FOLDER)
    for name in active_segments(segment_names(run_dir)):
        with suppress(FileNotFoundError):
            found.append(ListedSegment(name, os.stat(os.path.join(folder, str(name))).st_size))
    return found


def _read_tables(
    run_dir: Path, segments: Sequence[ListedSegment], known: Mapping[ListedSegment, SegmentTables]
) -> tuple[dict[ListedSegment, SegmentTables], list[DamagedFileError], bool]:
    """Read the tables of segments; also say which could not be read, and whether one went away meanwhile."""
    tables: dict[ListedSegment, SegmentTables] = {}
    problems, is_moving = [], False
    for segment in segments:
        path = run_dir / STEPS_FOLDER / str(segment.name)
        try:
            tables[segment] = known[segment] if segment in known else read_segment_tables(path)
        except DamagedFileError as error:
            problems.append(error)
            is_moving |= not path.exists()
    return tables, problems, is_moving


def build_index(run_dir: Path) -> RunIndex:
    """Read the tables of every segment; segments that cannot be read are listed in ``problems``."""
    return _load(run_dir, None, {})


def load_index(run_dir: Path, known: RunIndex | None = None) -> RunIndex:
    """Return the run's index: what is on disk where it is true, the rest from the segments.

    Args:
        run_dir: the run.
        known: the index as it was before, of which what is still true is not read again.
    """
    file = _open_index(run_dir, known)
    return _load(run_dir, file, known.tables if known is not None else {})


def _open_index(run_dir: Path, known: RunIndex | None) -> IndexFile | None:
    path = run_dir / INDEX_FILE
    try:
        stat = path.stat()
        identity = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if known is not None and known.file is not None and known.file.identity == identity:
            return known.file
        return IndexFile(path)
    except (OSError, DamagedIndexError):
        return None  # the segments are the truth, and are read instead


def _load(run_dir: Path, file: IndexFile | None, known: Mapping[ListedSegment, SegmentTables]) -> RunIndex:
    head = None
    if file is not None:
        with suppress(DamagedIndexError):
            head = part_of_file(file, lambda segments, layouts: _rescued(run_dir, segments, layouts))
    index = RunIndex([], np.zeros(0, bool))
    for _ in range(_TRIES):
        present = _listed(run_dir)
        covered = set(head.segments) & set(present) if head is not None else set()
        # One that covers little of what is there costs more than it saves.
        used = head if head is not None and 2 * len(covered) >= len(head.segments) else None
        if used is None:
            covered = set()
        tables, problems, is_moving = _read_tables(
            run_dir, [segment for segment in present if segment not in covered], known
        )
        parts = [part_of_tables(list(tables.items()))] if tables or used is None else []
        if used is not None:
            parts = [used, *parts]
        gone = np.zeros(len(parts[0].segments), bool)
        if used is not None:
            gone[:] = [segment not in covered for segment in used.segments]
        index = RunIndex(parts, gone, file if used is not None else None, tables, problems)
        if not is_moving:  # else a compaction removed it, whose file is there now
            break
        known = tables
    return index


def _rescued(run_dir: Path, segments: Sequence[ListedSegment], layouts: Sequence[str]) -> IndexPart:
    """Return what a damaged index held, read from the segments, and replace it."""
    path = run_dir / INDEX_FILE
    tables, problems, _ = _read_tables(run_dir, segments, {})
    if problems:
        raise DamagedFileError(
            path,
            f"is damaged, and so is a segment that it was made of ({problems[0]}); remove it and refresh",
        )
    part = part_of_tables(list(tables.items()))
    with suppress(StorageError):
        write_parts(path, [part], np.zeros(len(part.segments), bool))
    return part.with_layouts(layouts)


def write_index(run_dir: Path, index: RunIndex) -> None:
    """Replace ``index.h5`` atomically.

    Raises:
        StorageError: it cannot be written; the run reads without it.
    """
    write_parts(run_dir / INDEX_FILE, index.parts, index.gone)
