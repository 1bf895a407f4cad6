"""Making room in one run: what its limits ask for leaves the disk, its rows and numbers stay."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from jaxarc.errors import DamagedFileError, StorageError
from jaxarc.records.events import Event
from jaxarc.records.table import EpisodeTable
from jaxarc.storage.annotations import annotation_files, latest_pins
from jaxarc.storage.artifact_files import COPIES_FOLDER, remove_artifact
from jaxarc.storage.artifact_leftovers import artifact_files
from jaxarc.storage.atomic import PARTIAL_SUFFIX
from jaxarc.storage.compaction import compact
from jaxarc.storage.event_log import read_events
from jaxarc.storage.reserve import RESERVE_NAME
from jaxarc.storage.retention import RetentionLimits, choose, protected_rows
from jaxarc.storage.segment_names import (
    STEPS_FOLDER,
    SegmentName,
    active_segments,
    segment_files,
    segment_names,
)
from jaxarc.storage.segments import read_segment_tables
from jaxarc.storage.writers import event_files

__all__ = [
    "CleanupResult",
    "clean_up",
    "folder_bytes",
    "leftovers",
    "pinned_episodes",
    "read_sizes",
    "remove_leftovers",
]

_EPISODES_PER_EVENT = 10_000
_MAX_ROUNDS = 3
_TRIES = 5

EpisodeFolder = Callable[[int, int], Path]
"""``(writer, episode)`` to the folder of an episode's pictures."""


@dataclass
class CleanupResult:
    """What went of a run, or would go.

    Attributes:
        run_dir: the run.
        policy: the order in which episodes went.
        episodes: writer and number of each episode that gave up its steps.
        steps: steps of those.
        leftovers: files that nobody reads any more.
        bytes_before, bytes_after: size of the run's folder; estimated where nothing was done.
        is_within_limits: False where too much is protected, or could not be read, to keep within them.
        problems: segments that could not be read; what they hold stays.
    """

    run_dir: Path
    policy: str
    episodes: list[tuple[int, int]] = field(default_factory=list)
    steps: int = 0
    leftovers: list[Path] = field(default_factory=list)
    bytes_before: int = 0
    bytes_after: int = 0
    is_within_limits: bool = True
    problems: list[DamagedFileError] = field(default_factory=list)


def clean_up(
    run_dir: Path,
    *,
    policy: str,
    limits: RetentionLimits,
    segment_bytes: int,
    compression: str,
    episode_folder: EpisodeFolder,
    tell: Callable[[Event], None],
    reason: str,
    writers: Collection[int] | None = None,
    headroom: float = 0.0,
    unread_bytes: int = 0,
    dry_run: bool = False,
    is_ours: bool = False,
    ended: bool = False,
) -> CleanupResult:
    """Let episodes of one run give up their steps and pictures until it keeps within its limits.

    A ``tombstone`` event says which, then their steps leave the segments. Rows stay, with ``stored_steps`` 0.

    Args:
        run_dir: the run.
        policy: ``oldest_first`` or ``size_based``; with ``manual`` nothing goes.
        limits: what the run may keep.
        segment_bytes, compression: as in ``compact``.
        episode_folder: where pictures of an episode lie.
        tell: makes the tombstone durable, before anything goes.
        reason: why, for the tombstone.
        writers: whose episodes may go; None for all. A run that is written may lose only the caller's own.
        headroom: as in ``choose``.
        unread_bytes: bytes of the run's folder that are as good as gone.
        dry_run: change nothing, and return what would go.
        is_ours, ended: as in ``compact``.

    Raises:
        StorageError: something could not be written; what went is whole.
    """
    result = CleanupResult(run_dir, policy, bytes_before=folder_bytes(run_dir))
    result.bytes_after = result.bytes_before - unread_bytes
    pinned = pinned_episodes(run_dir)
    for _ in range(_MAX_ROUNDS):
        result.problems.clear()
        rows, sizes = read_sizes(run_dir, result.problems)
        if limits.max_bytes is not None:
            sizes = sizes + _picture_bytes(rows, episode_folder)
        safe = protected_rows(rows, pinned)
        if writers is not None:
            safe |= ~np.isin(rows["writer"], list(writers))
        other_bytes = max(0, result.bytes_after - int(sizes.sum()))
        gone = choose(rows, sizes, policy, limits, safe, other_bytes=other_bytes, headroom=headroom)
        chosen = rows.take(gone)
        pairs = list(zip(chosen["writer"].tolist(), chosen["episode"].tolist(), strict=True))
        result.episodes += pairs
        result.steps += int(chosen["stored_steps"].sum())
        kept_episodes = int((rows["stored_steps"] > 0).sum()) - len(gone)
        if dry_run:
            result.bytes_after -= int(sizes[gone].sum())
        elif len(gone):
            for start in range(0, len(pairs), _EPISODES_PER_EVENT):
                batch = [list(pair) for pair in pairs[start : start + _EPISODES_PER_EVENT]]
                tell(Event("tombstone", {"episodes": batch, "policy": policy, "reason": reason}))
            for writer, episode in pairs:
                shutil.rmtree(episode_folder(writer, episode), ignore_errors=True)
            for writer in np.unique(chosen["writer"]).tolist():
                compact(
                    run_dir,
                    writer,
                    segment_bytes=segment_bytes,
                    compression=compression,
                    dropped=chosen["uid"][chosen["writer"] == writer],
                    ended=ended,
                    is_ours=is_ours,
                )
            result.bytes_after = folder_bytes(run_dir)
        result.is_within_limits = not limits.are_exceeded(result.bytes_after, kept_episodes)
        if dry_run or not len(gone) or result.is_within_limits:
            break
    return result


def read_sizes(run_dir: Path, problems: list[DamagedFileError]) -> tuple[EpisodeTable, np.ndarray]:
    """Return a run's rows with their ``writer``, and about how many bytes the steps of each take on disk.

    The bytes of a segment are shared out by the number of steps; where it has none they are nobody's.

    Args:
        run_dir: the run.
        problems: collects the segments that cannot be read.
    """
    for _ in range(_TRIES - 1):
        with suppress(_SegmentGoneError):
            return _sizes(run_dir, problems, skips_gone=False)
    return _sizes(run_dir, problems, skips_gone=True)


class _SegmentGoneError(Exception):
    """Another writer's compaction removed a segment after it was listed; its rows are in a new one."""


def _sizes(
    run_dir: Path, problems: list[DamagedFileError], *, skips_gone: bool
) -> tuple[EpisodeTable, np.ndarray]:
    tables, uids, shares, numbers = [], [], [], []
    damaged: list[DamagedFileError] = []
    for path in segment_files(run_dir):
        name = SegmentName.parse(path.name)
        assert name is not None
        if name.suffix != "h5":
            continue
        try:
            size, found = path.stat().st_size, read_segment_tables(path)
        except (FileNotFoundError, DamagedFileError) as error:
            if path.exists() and isinstance(error, DamagedFileError):
                damaged.append(error)
            elif not skips_gone:
                raise _SegmentGoneError from error
            continue
        found.episodes.columns["writer"] = np.full(len(found.episodes), name.writer, np.int32)
        tables.append(found.episodes)
        counts = found.blocks.count.astype(np.float64)
        uids.append(found.blocks.uid)
        shares.append(counts * (size / max(counts.sum(), 1.0)))
        numbers.append(np.full(len(counts), name.writer, np.int64))
    problems += damaged
    rows = EpisodeTable.concatenate(tables)
    rows.columns.setdefault("writer", np.zeros(len(rows), np.int32))
    if not uids:
        return rows, np.zeros(len(rows))
    held, place = np.unique(_key(np.concatenate(numbers), np.concatenate(uids)), return_inverse=True)
    total = np.bincount(place, np.concatenate(shares), len(held))
    keys = _key(rows["writer"].astype(np.int64), rows["uid"])
    at = np.minimum(np.searchsorted(held, keys), max(len(held) - 1, 0))
    sizes = np.where(held[at] == keys, total[at], 0.0) if len(held) else np.zeros(len(rows))
    return rows, np.where(rows["stored_steps"] > 0, sizes, 0.0)


def _key(writer: np.ndarray, uid: np.ndarray) -> np.ndarray:
    return writer * (1 << 48) + uid


def _picture_bytes(rows: EpisodeTable, episode_folder: EpisodeFolder) -> np.ndarray:
    """Return the bytes of the pictures of each episode, [n]."""
    sizes = np.zeros(len(rows))
    drawn = episode_folder(0, 0).parent
    try:
        there = {entry.name for entry in os.scandir(drawn) if entry.is_dir(follow_symlinks=False)}
    except (FileNotFoundError, NotADirectoryError):
        return sizes
    if there:
        for position in np.flatnonzero(rows["stored_steps"] > 0).tolist():
            folder = episode_folder(int(rows["writer"][position]), int(rows["episode"][position]))
            if folder.name in there:
                sizes[position] = folder_bytes(folder)
    return sizes


def folder_bytes(folder: Path) -> int:
    """Return the bytes of the files below a folder; those that go away meanwhile count nothing.

    Nor does the space that a writer keeps for a full disk.
    """
    total = 0
    for path in _files(folder):
        if path.name.endswith(RESERVE_NAME):
            continue
        try:
            total += path.lstat().st_size
        except FileNotFoundError:
            continue
    return total


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        for name in names:
            yield Path(parent, name)


def leftovers(run_dir: Path) -> list[Path]:
    """Return files that nobody reads: never finished ones, and what others supersede or nothing names.

    These are segments, and copies of artifacts; a copy may be a directory. What the record names stays.

    Only in a run that nobody writes are these sure to be left over.
    """
    artifacts = artifact_files(run_dir)
    copies = run_dir / COPIES_FOLDER
    unfinished = [
        path
        for path in _files(run_dir)
        if path.name.endswith(PARTIAL_SUFFIX)
        and copies not in path.parents
        and not artifacts.holds(Path(os.path.realpath(path)))
    ]
    names = segment_names(run_dir)
    active = set(active_segments(names))
    superseded = [run_dir / STEPS_FOLDER / str(name) for name in names if name not in active]
    return sorted([*unfinished, *superseded, *artifacts.leftovers])


def pinned_episodes(run_dir: Path) -> set[tuple[int, int]]:
    """Return writer and number of every episode that is pinned; the latest ``pin`` event of each counts."""
    files = [path for _, path in event_files(run_dir)] + annotation_files(run_dir)
    return latest_pins(event for path in files for event in read_events(path, types=["pin"]))


def remove_leftovers(run_dir: Path, paths: Collection[Path]) -> None:
    """Remove files and copies that nobody reads.

    Raises:
        StorageError: one of them cannot be removed.
    """
    for path in paths:
        try:
            remove_artifact(run_dir, path)
        except StorageError as error:
            raise StorageError(f"{path}: cannot be removed ({error})") from error
