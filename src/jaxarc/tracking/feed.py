"""Feed: hand what is committed of a run to one backend, from where it was left to the end."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from jaxarc.errors import (
    DamagedFileError,
    RefusedRecordError,
    StartOverError,
    StorageError,
    TrackingError,
)
from jaxarc.storage import annotation_files
from jaxarc.tracking.backend import Backend, TrackedRecord
from jaxarc.tracking.cursor import Cursor
from jaxarc.tracking.curve_points import CurvePoints
from jaxarc.tracking.event_tail import EventTail, Place, ReadLine
from jaxarc.tracking.tracked_run import run_info

__all__ = ["Feed"]

logger = logging.getLogger(__name__)

_TRIES_TOGETHER = 3
"""Failures after which the records of a batch are sent one by one, so that one of them costs no other."""

_TRIES_ALONE = 5
"""Failures after which a record is given up, where the backend takes one behind it."""

_PROBES = 8
"""Records behind one that failed with which a backend is asked whether it is up."""

_MOST_TIMES_OVER = 3
"""A backend that wants the run from its beginning more often has not understood."""


class Feed:
    """Hand a run's records to one backend: each once, in order, from where it was left.

    What the backend accepted is saved with its ticket in ``<run>/trackers/<backend>.json``; a batch that it
    accepted and that a crash came before comes again, and is known to the backend by source and number. While
    the run is being written, a disk that has no room for that holds up nobody: it is tried with every batch.

    Args:
        run_dir: the run's directory.
        backend: takes the records.
        is_live: whether the run is being written by this process.

    Attributes:
        cursor: how far the backend has the run.

    Raises:
        TrackingError: another process feeds this backend with this run.
        StorageError: the run's directory cannot be written.
    """

    def __init__(self, run_dir: Path, backend: Backend, *, is_live: bool = False):
        self.run_dir = run_dir
        self.backend = backend
        self.cursor = Cursor(run_dir, backend.name, str(getattr(backend, "target", "")))
        self._is_live = is_live
        self._is_open = False
        self._tails: dict[str, EventTail] = {}
        self._curves = CurvePoints(run_dir, self.cursor.places)
        self._batch: list[ReadLine] = []
        self._ahead: set[tuple[str, int]] = set()
        self._failures = 0
        self._times_over = 0
        self._told_of_disk = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    @property
    def problems(self) -> list[DamagedFileError]:
        """Lines of the event files that could not be read: nobody gets them."""
        return [problem for tail in self._tails.values() for problem in tail.problems]

    @property
    def behind_bytes(self) -> int:
        """Bytes of the event files that the backend does not have."""
        places = self.cursor.places  # asked by any thread: nothing is changed here
        return sum(
            max(0, _size(path) - places.get(path.name, Place()).offset) for path in self._event_files()
        )

    def open(self) -> None:
        """Open the backend, once; what it raises is raised, and it may be tried again."""
        while not self._is_open:
            try:
                self.backend.open(run_info(self.run_dir, self.cursor.ticket, is_live=self._is_live))
                self._is_open = True
            except StartOverError:
                self._start_over()

    def advance(self, limit: int = 1_000, *, has_ended: bool = False) -> int:
        """Hand over the next records; return how many the backend has more, or refused.

        Args:
            limit: the most records at once.
            has_ended: whether nobody writes the run any more: half a line is all that comes of it.

        Raises:
            Exception: what the backend raised; the same records come again with the next call.
        """
        while self._batch or self._read(limit, has_ended=has_ended):
            if self._failures and len(self._batch) <= _PROBES:
                self._batch += self._lines(limit, has_ended=has_ended)
            records = [line.record for line in self._batch if line.record is not None]
            if records:
                self.open()
                if not self._batch:
                    continue  # it wants all of it again
                try:
                    self._hand_over(records)
                except StartOverError:
                    self._start_over()
                    continue
            self._move(self._batch)
            if records:
                self._save()
                return len(records)
        return 0

    def is_done(self, status: str) -> bool:
        """Say whether the backend has everything and was closed with this status."""
        if self.cursor.closed != status:
            return False
        while self._batch or self._read(1_000, has_ended=True):
            if any(line.record is not None for line in self._batch):
                return False
            self._move(self._batch)
        return True

    def finish(self, status: str) -> None:
        """Hand over all that is left and close the backend.

        Args:
            status: FINISHED, FAILED or KILLED; RUNNING where the run goes on without this backend, or in
                another directory.

        Raises:
            StorageError: that the run ended cannot be written.
            Exception: what the backend raised; it may be called again.
        """
        self.open()
        while self.advance(has_ended=status != "RUNNING"):
            pass
        self.backend.close(status)
        self._is_open = False
        self.cursor.closed = status
        self._save(has_to=status != "RUNNING")
        self.release()

    def release(self) -> None:
        """Let others feed the backend with this run."""
        self.cursor.release()

    def _start_over(self) -> None:
        """Forget what the backend was given: it wants all of it again.

        Raises:
            TrackingError: it wants that again and again.
        """
        self._times_over += 1
        if self._times_over > _MOST_TIMES_OVER:
            times = self._times_over
            raise TrackingError(f"{self.backend.name} wanted the run from its beginning {times} times")
        self._is_open, self._batch, self._failures = False, [], 0
        self._ahead.clear()
        self._tails, self._curves = {}, CurvePoints(self.run_dir, {})
        self.cursor.forget()
        self.cursor.save()

    def _read(self, limit: int, *, has_ended: bool) -> bool:
        """Read a new batch; return whether there is something."""
        self._failures = 0
        self._batch = self._lines(limit, has_ended=has_ended)
        return bool(self._batch)

    def _lines(self, limit: int, *, has_ended: bool) -> list[ReadLine]:
        """Return the next lines of all files, and points of curves, in the order in which they were said."""
        self._find_tails()
        tails = [*self._tails.values(), self._curves]
        read = [list(tail.read(limit, has_ended=has_ended)) for tail in tails]
        return list(heapq.merge(*read, key=lambda line: line.timestamp_us))

    def _find_tails(self) -> None:
        for path in self._event_files():
            if path.name not in self._tails:
                self._tails[path.name] = EventTail(path, self.cursor.places.get(path.name, Place()))

    def _event_files(self) -> list[Path]:
        return [*sorted((self.run_dir / "events").glob("p*.jsonl")), *annotation_files(self.run_dir)]

    def _hand_over(self, records: Sequence[TrackedRecord]) -> None:
        if self._failures < _TRIES_TOGETHER:
            try:
                self.backend.write(records)
                self.cursor.sent += len(records)
                return
            except StartOverError:
                raise
            except RefusedRecordError:
                pass
            except Exception:
                self._failures += 1
                raise
        self._hand_over_each(records)

    def _hand_over_each(self, records: Sequence[TrackedRecord]) -> None:
        """Hand over one by one; of what was accepted before one that failed nothing comes again."""
        for position, record in enumerate(records):
            if (record.source, record.seq) in self._ahead:
                self._ahead.remove((record.source, record.seq))
                continue
            try:
                self.backend.write([record])
                self.cursor.sent += 1
            except RefusedRecordError as error:
                self.cursor.refuse(record.source, record.seq, error)
            except StartOverError:
                raise
            except Exception as error:
                self._failures += 1
                if self._failures < _TRIES_ALONE or not self._takes_any(records[position + 1 :]):
                    self._drop_until(record)
                    raise
                if not self._takes(record):
                    self.cursor.refuse(record.source, record.seq, error)
            self._failures = min(self._failures, _TRIES_TOGETHER)

    def _takes_any(self, behind: Sequence[TrackedRecord]) -> bool:
        """Say whether the backend takes one of the records behind one that failed: it is up, then."""
        for record in behind[:_PROBES]:
            if (record.source, record.seq) not in self._ahead and self._takes(record):
                self._ahead.add((record.source, record.seq))  # it has it: not once more, in its turn
                return True
        return False

    def _takes(self, record: TrackedRecord) -> bool:
        """Say whether the backend takes a record."""
        try:
            self.backend.write([record])
        except StartOverError:
            raise
        except Exception:  # noqa: BLE001 - the edge of a backend: the record is counted by whoever asks
            return False
        self.cursor.sent += 1
        return True

    def _drop_until(self, record: TrackedRecord) -> None:
        """Leave what was dealt with before this record behind."""
        at = next(index for index, line in enumerate(self._batch) if line.record is record)
        self._move(self._batch[:at])
        self._save()

    def _move(self, lines: Sequence[ReadLine]) -> None:
        for line in lines:
            self.cursor.move(line.source, line.place)
        self._batch = self._batch[len(lines) :]

    def _save(self, *, has_to: bool = False) -> None:
        if self._is_open:
            self.cursor.closed = ""
        self.cursor.ticket = dict(self.backend.ticket())
        try:
            self.cursor.save()
        except StorageError as error:
            if has_to or not self._is_live:
                raise
            if not self._told_of_disk:
                self._told_of_disk = True
                name = self.backend.name
                logger.warning("tracking: what %s has cannot be noted (%s); it is sent on", name, error)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
