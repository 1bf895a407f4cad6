"""The event log: JSON lines, append-only, one writer a file."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from jaxarc.errors import DamagedFileError
from jaxarc.records.clock import CLOCK
from jaxarc.records.events import Event, decode_event, encode_counted
from jaxarc.storage.atomic import storage_errors

__all__ = ["EventLog", "read_events"]

_MAX_LINE_BYTES = 64_000_000
"""A longer line is no event: a reader never holds more than this of a file."""


class EventLog:
    """Append events to one file, which is this writer's alone: its name is taken by making it.

    Args:
        path: the file; made at once.
        writer: name of the writer (``p000``).

    Attributes:
        coerced: values that had no JSON form and were written as text.
        devices: the devices that arrays of JAX among the values lay on.

    Raises:
        FileExistsError: another writer has the file.
        StorageError: it cannot be made.
    """

    def __init__(self, path: Path, writer: str):
        self.path = path
        self.writer = writer
        self.coerced = 0
        self.devices: set[str] = set()
        self._seq = 0
        self._is_torn = False
        self._is_durable = True
        self._descriptor: int | None = None
        with storage_errors(path):
            try:
                self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
            except FileExistsError:
                taken = True
            else:
                taken = False
        if taken:
            raise FileExistsError(f"{path}: another writer has this file")

    def append(self, event: Event) -> None:
        """Append an event as one line, in a single write; it has a number only when it is written.

        Raises:
            StorageError: it could not be written, or the log is closed.
        """
        stamped = Event(event.type, event.payload, self._seq, CLOCK.now_ns() // 1000, self.writer)
        line, coerced = encode_counted(stamped, self.devices)
        with storage_errors(self.path):
            if self._descriptor is None:
                raise OSError(None, "the event log is closed")
            # A line that was torn before ends here, so that only that one is lost to readers.
            whole = b"\n" + line if self._is_torn else line
            self._is_durable = False
            written = os.write(self._descriptor, whole)
            self._is_torn = written != len(whole)
            if self._is_torn:
                raise OSError(None, f"only {written} of {len(whole)} bytes of an event were written")
        self.coerced += coerced
        self._seq += 1

    def sync(self) -> None:
        """Make what was appended durable, and say that the writer is alive."""
        if self._descriptor is not None:
            with storage_errors(self.path):
                if not self._is_durable:
                    os.fsync(self._descriptor)
                    self._is_durable = True
                os.utime(self._descriptor)

    def close(self) -> None:
        """Make what was appended durable and close the file."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            with storage_errors(self.path):
                try:
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)


_TYPE_WITHIN_BYTES = 200
"""The type of an event stands among so many bytes at the beginning of its line."""


def read_events(
    path: Path, problems: list[DamagedFileError] | None = None, *, types: Collection[str] | None = None
) -> Iterator[Event]:
    """Yield the events of one file; lines that are no events are passed over and reported.

    Args:
        path: the file.
        problems: collects one DamagedFileError for every line that cannot be read.
        types: only events of these types, which costs little where the others are many; None for all.
    """
    number = 0
    # Other programs may put a space behind the colon.
    marks = None if types is None else [f'"t":{gap}"{name}"'.encode() for name in types for gap in ("", " ")]
    with path.open("rb") as file:
        while line := file.readline(_MAX_LINE_BYTES):
            number += 1
            problem = ""
            if len(line) == _MAX_LINE_BYTES and not line.endswith(b"\n"):
                problem = f"is longer than {_MAX_LINE_BYTES} bytes"
                while (more := file.readline(_MAX_LINE_BYTES)) and not more.endswith(b"\n"):
                    pass
            elif marks is not None and not any(mark in line[:_TYPE_WITHIN_BYTES] for mark in marks):
                continue
            elif line.strip():
                try:
                    event = decode_event(line)
                    if types is None or event.type in types:
                        yield event
                except ValueError as error:
                    problem = str(error)
            if problem and problems is not None:
                problems.append(DamagedFileError(path, f"line {number}: {problem}"))
