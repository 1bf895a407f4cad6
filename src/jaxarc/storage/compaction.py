"""Compaction: small segments become large ones, and steps that are to go leave the disk.

A compaction writes a whole new file under its final name and removes the ones that it replaces after that.
Readers pass over a file whose range lies within another's (``segment_names``), so that a run reads the same
at every moment in between, and after a crash at any of them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from jaxarc.errors import DamagedFileError
from jaxarc.storage.atomic import atomic_write_bytes, storage_errors
from jaxarc.storage.open_rows import read_open_rows
from jaxarc.storage.segment_digest import Digest, read_digest
from jaxarc.storage.segment_merge import merged_segment
from jaxarc.storage.segment_names import STEPS_FOLDER, SegmentName, active_segments, segment_names

__all__ = ["SMALL_SHARE", "CompactionResult", "compact", "compaction_steps"]

logger = logging.getLogger(__name__)

SMALL_SHARE = 16
"""A segment is small below one part in this many of ``storage.segment_bytes``."""

_MAX_MERGED = 256
"""The most segments that are merged into one: so many files are open at a time."""


@dataclass
class CompactionResult:
    """What a compaction did.

    Attributes:
        written: segments that it wrote.
        removed: segments that it removed.
        bytes_before, bytes_after: size of the writer's segments on disk.
        problems: segments that could not be read and were left as they are.
    """

    written: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    bytes_before: int = 0
    bytes_after: int = 0
    problems: list[DamagedFileError] = field(default_factory=list)


@dataclass(frozen=True)
class _Segment:
    name: SegmentName
    path: Path
    size: int
    digest: Digest | None

    @property
    def is_mergeable(self) -> bool:
        return self.digest is not None and self.digest.is_plain


def compact(
    run_dir: Path,
    writer: int,
    *,
    segment_bytes: int,
    compression: str,
    dropped: np.ndarray | None = None,
    ended: bool = False,
    is_ours: bool = False,
    most_bytes: int | None = None,
) -> CompactionResult:
    """Merge the small segments of one writer, and leave out steps that are to go.

    Rows are never left out: the row of an episode whose steps went has ``stored_steps`` 0. Only the writer
    itself may call this, or anybody once the writer is gone.

    Args:
        run_dir: the run.
        writer: number of the writer.
        segment_bytes: about the size on disk of merged segments; what is above a sixteenth of it stays as it
            is, unless steps of it are to go.
        compression: ``zstd``, ``gzip``, ``lzf`` or ``none``.
        dropped: uids of the episodes whose steps are to go; None for none.
        ended: the writer will write no more. Steps that belong to no row, and to no row of an episode that
            was open at the end, then go from the segments that are rewritten.
        is_ours: this process wrote the segments: the sizes that they state need no check.
        most_bytes: the most bytes of small segments that are merged, where time is short; None for any.

    Raises:
        StorageError: a segment could not be written; the run reads as before.
    """
    result = CompactionResult()
    for _ in compaction_steps(
        run_dir,
        writer,
        result,
        segment_bytes=segment_bytes,
        compression=compression,
        dropped=dropped,
        ended=ended,
        is_ours=is_ours,
        most_bytes=most_bytes,
    ):
        pass
    return result


def compaction_steps(
    run_dir: Path,
    writer: int,
    result: CompactionResult,
    *,
    segment_bytes: int,
    compression: str,
    dropped: np.ndarray | None = None,
    ended: bool = False,
    is_ours: bool = False,
    most_bytes: int | None = None,
) -> Iterator[str]:
    """Do what ``compact`` does, one change of the disk after the other; yield after each what it was."""
    gone = np.unique(dropped) if dropped is not None else np.zeros(0, np.int64)
    segments = _segments(run_dir, writer)
    result.bytes_before = result.bytes_after = sum(segment.size for segment in segments)
    # Where nothing is to go, segments that stay as they are need not be opened.
    if not len(gone) and not _batches(segments, segment_bytes, gone, most_bytes):
        return
    segments = [_digested(segment, result, is_ours) for segment in segments]
    digests = [segment.digest for segment in segments if segment.digest is not None]
    rows = _joined([digest.rows for digest in digests])
    unfit = np.zeros(0, np.int64)
    open_rows, unreadable = read_open_rows(run_dir)
    if ended and len(digests) == len(segments) and not unreadable:
        living = rows[_joined([digest.stored for digest in digests]) > 0]
        if writer in open_rows:  # killed: what was open is shown as cut
            living = np.union1d(living, np.setdiff1d(open_rows[writer]["uid"], rows))
        unfit = np.setdiff1d(_joined([digest.steps for digest in digests]), living)
    # A row has to say that its steps are gone before they are: it is never in an earlier segment than they.
    for batch in reversed(_batches(segments, segment_bytes, gone, most_bytes)):
        old = [segment.name for segment in batch]
        new = _new_name(run_dir, old)
        path = run_dir / STEPS_FOLDER / str(new)
        try:
            content = merged_segment(
                path,
                [segment.path for segment in batch],
                sequence=new.first,
                last_sequence=new.last,
                compression=compression,
                dropped=np.union1d(gone, unfit),
                is_ours=is_ours,
            )
        except DamagedFileError as error:
            result.problems.append(error)
            logger.warning("compaction leaves %d segments as they are: %s", len(batch), error)
            continue
        atomic_write_bytes(path, content)
        result.written.append(str(new))
        result.bytes_after += len(content) - sum(segment.size for segment in batch)
        yield f"wrote {new}"
        for name in segment_names(run_dir):
            if new.supersedes(name):
                superseded = run_dir / STEPS_FOLDER / str(name)
                with storage_errors(superseded):
                    superseded.unlink(missing_ok=True)
                result.removed.append(str(name))
                yield f"removed {name}"


def _segments(run_dir: Path, writer: int) -> list[_Segment]:
    """Return the active HDF5 segments of a writer in their order, not yet read."""
    found = []
    for name in active_segments(segment_names(run_dir)):
        if name.writer == writer and name.suffix == "h5":
            path = run_dir / STEPS_FOLDER / str(name)
            with storage_errors(path):
                found.append(_Segment(name, path, path.stat().st_size, _UNREAD))
    return found


def _digested(segment: _Segment, result: CompactionResult, is_ours: bool) -> _Segment:
    try:
        digest = read_digest(segment.path, is_ours=is_ours)
    except DamagedFileError as error:
        result.problems.append(error)
        digest = None
    return _Segment(segment.name, segment.path, segment.size, digest)


def _batches(
    segments: Sequence[_Segment], segment_bytes: int, gone: np.ndarray, most_bytes: int | None
) -> list[list[_Segment]]:
    """Return which segments are rewritten together, consecutive ones, in their order."""
    room = most_bytes if most_bytes is not None else 1 << 62
    batches: list[list[_Segment]] = []
    batch: list[_Segment] = []

    def end() -> None:
        nonlocal batch, room
        size = sum(segment.size for segment in batch)
        if (len(batch) > 1 and size <= room) or any(_holds(segment, gone) for segment in batch):
            batches.append(batch)
            room -= size
        batch = []

    for segment in segments:
        touched = _holds(segment, gone)
        wanted = touched or segment.size < segment_bytes // SMALL_SHARE
        if not wanted or not segment.is_mergeable:
            end()
            if touched:
                batches.append([segment])
            continue
        if len(batch) == _MAX_MERGED or sum(s.size for s in batch) + segment.size > segment_bytes:
            end()
        batch.append(segment)
    end()
    return batches


def _holds(segment: _Segment, gone: np.ndarray) -> bool:
    """Say whether a segment has steps of these episodes, or a row that says that there are some."""
    digest = segment.digest
    if digest is None or not len(gone):
        return False
    rows = digest.rows[digest.stored > 0]
    return bool(np.isin(digest.steps, gone).any() or np.isin(rows, gone).any())


def _new_name(run_dir: Path, old: Sequence[SegmentName]) -> SegmentName:
    """Return the name of the segment that replaces ``old``: it goes before all of them."""
    name = SegmentName(old[0].writer, old[0].first, old[-1].last)
    held = [other for other in segment_names(run_dir) if other.supersedes(name) or other == name]
    return replace(name, generation=max(other.generation for other in held) + 1) if held else name


def _joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate(arrays) if arrays else np.zeros(0, np.int64)


_NONE = np.zeros(0, np.int64)
_UNREAD = Digest(_NONE, _NONE, _NONE, is_plain=True)
