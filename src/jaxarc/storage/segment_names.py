"""Names of segments: which writer wrote what a file holds, and which files a reader reads."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

__all__ = [
    "SEGMENT_FORMAT",
    "SEGMENT_VERSION",
    "STEPS_FOLDER",
    "SegmentName",
    "active_segments",
    "next_sequence",
    "segment_files",
    "segment_names",
    "writer_name",
    "writer_number",
]

SEGMENT_FORMAT = "jaxarc-segment"
SEGMENT_VERSION = 1
STEPS_FOLDER = "steps"
_NAME = re.compile(r"p([0-9]{3,9})-([0-9]{6,12})(?:-([0-9]{6,12}))?(?:\.([1-9][0-9]{0,8}))?\.(h5|json)")
_WRITER = re.compile(r"p([0-9]{3,9})")


def writer_name(number: int) -> str:
    """Return the name of a writer: ``p000``."""
    return f"p{number:03d}"


def writer_number(name: str) -> int | None:
    """Return the number in a writer's name; None where it is no such name."""
    found = _WRITER.fullmatch(name)
    return int(found[1]) if found and writer_name(int(found[1])) == name else None


@dataclass(frozen=True, order=True)
class SegmentName:
    """What a segment's name says: ``p000-000001.h5``, or ``p000-000001-000064.2.h5`` after compaction.

    Attributes:
        writer: number of the writer.
        first, last: the sequence numbers of the segments whose rows and steps it holds; equal as it was
            written first.
        generation: how often that range was written anew.
        suffix: ``h5`` or ``json``.
    """

    writer: int
    first: int
    last: int
    generation: int = 0
    suffix: str = "h5"

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise ValueError(f"a segment holds the numbers from first to last, got {self.first}, {self.last}")

    def __str__(self) -> str:
        last = f"-{self.last:06d}" if self.last != self.first else ""
        generation = f".{self.generation}" if self.generation else ""
        return f"{writer_name(self.writer)}-{self.first:06d}{last}{generation}.{self.suffix}"

    @classmethod
    def parse(cls, text: str) -> SegmentName | None:
        """Return what a file's name says; None where it is not the name of a segment as ``str`` writes it."""
        return _parsed(text)

    def supersedes(self, other: SegmentName) -> bool:
        """Say whether the other file need not be read where this one is there."""
        if self.writer != other.writer or not (self.first <= other.first and other.last <= self.last):
            return False
        if (self.first, self.last) != (other.first, other.last):
            return True
        return (self.generation, other.suffix) > (other.generation, self.suffix)


@lru_cache(4_096)
def _parsed(text: str) -> SegmentName | None:
    found = _NAME.fullmatch(text)
    if found is None:
        return None
    first, last = int(found[2]), int(found[3] or found[2])
    if first > last:
        return None
    name = SegmentName(int(found[1]), first, last, int(found[4] or 0), found[5])
    return name if str(name) == text else None


def active_segments(names: Iterable[SegmentName]) -> list[SegmentName]:
    """Return the segments that nothing supersedes, in the order in which each writer wrote them.

    A compaction writes a whole new file and then removes the old ones: a reader that comes in between, or
    after a crash in between, reads each row once.
    """
    # Whatever holds a range stands before it, and of one range the latest generation stands first.
    ordered = sorted(names, key=lambda n: (n.writer, n.first, -n.last, -n.generation, n.suffix))
    active: list[SegmentName] = []
    for name in ordered:
        if not active or (name.writer, name.last) > (active[-1].writer, active[-1].last):
            active.append(name)
    return active


def segment_names(run_dir: Path) -> list[SegmentName]:
    """Return the names of all segments in a run's folder, superseded ones too, in no order."""
    try:
        with os.scandir(run_dir / STEPS_FOLDER) as entries:
            found = [SegmentName.parse(entry.name) for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [name for name in found if name is not None]


def segment_files(run_dir: Path) -> list[Path]:
    """Return the segments to read of a run, in the order in which each writer wrote them."""
    folder = run_dir / STEPS_FOLDER
    return [folder / str(name) for name in active_segments(segment_names(run_dir))]


def next_sequence(run_dir: Path, writer: int) -> int:
    """Return the sequence number of the next segment of a writer: one more than the last in use, from 1."""
    return max((name.last for name in segment_names(run_dir) if name.writer == writer), default=0) + 1
