"""EventTail: the lines of one event file behind a place, read as they come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jaxarc.errors import DamagedFileError
from jaxarc.records.events import decode_event
from jaxarc.records.experiment_events import read_experiment_event
from jaxarc.tracking.backend import TrackedRecord

__all__ = ["EventTail", "Place", "ReadLine"]

_MAX_LINE_BYTES = 64_000_000
"""A longer line is no event."""


@dataclass(frozen=True)
class Place:
    """Where reading goes on in a source.

    Attributes:
        offset: bytes of the file that were dealt with; 0 for curves.
        seq: number of the next record: those before it were dealt with.
    """

    offset: int = 0
    seq: int = 0


@dataclass(frozen=True)
class ReadLine:
    """One line that was read, or one point of a curve.

    Attributes:
        source: where it was read.
        place: where reading goes on behind it.
        timestamp_us: when it was said; 0 for what is no event.
        record: what a backend is to show; None for events of other things, and for what is damaged.
    """

    source: str
    place: Place
    timestamp_us: int
    record: TrackedRecord | None


class EventTail:
    """Read on in one event file.

    Args:
        path: the file.
        place: where to go on. Where the file is shorter by now (it was repaired), reading begins anew and
            passes over what has a lower number.

    Attributes:
        problems: lines that are no events, or lack what their type needs.
    """

    def __init__(self, path: Path, place: Place):
        self._path = path
        self._place = place
        self.problems: list[DamagedFileError] = []

    @property
    def behind_bytes(self) -> int:
        """Bytes of the file that were not read."""
        try:
            return max(0, self._path.stat().st_size - self._place.offset)
        except OSError:
            return 0

    def read(self, limit: int, *, has_ended: bool) -> Iterator[ReadLine]:
        """Yield lines behind the place, at most so many.

        Args:
            limit: the most lines.
            has_ended: whether a last line without its end is all that will come of it.
        """
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            return
        with file:
            if self._place.offset > file.seek(0, 2):
                self._place = Place(0, self._place.seq)
            file.seek(self._place.offset)
            for _ in range(limit):
                line = file.readline(_MAX_LINE_BYTES)
                if not line or not (has_ended or line.endswith(b"\n") or len(line) == _MAX_LINE_BYTES):
                    return
                yield self._take(line, file.tell())

    def _take(self, line: bytes, offset: int) -> ReadLine:
        source, before = self._path.name, self._place
        self._place = Place(offset, before.seq)
        if not line.strip():
            return ReadLine(source, self._place, 0, None)
        try:
            event = decode_event(line)
        except ValueError as error:
            return self._odd(f"the line that ends at byte {offset}: {error}")
        if event.seq < before.seq:
            return ReadLine(source, self._place, event.timestamp_us, None)
        self._place = Place(offset, event.seq + 1)
        try:
            said = read_experiment_event(event)
        except (ValueError, TypeError) as error:
            return self._odd(f"event {event.seq}: {error}")
        if said is None:
            return ReadLine(source, self._place, event.timestamp_us, None)
        record = TrackedRecord(source=source, seq=event.seq, timestamp_us=event.timestamp_us, said=said)
        return ReadLine(source, self._place, event.timestamp_us, record)

    def _odd(self, problem: str) -> ReadLine:
        self.problems.append(DamagedFileError(self._path, problem))
        return ReadLine(self._path.name, self._place, 0, None)
