"""The event log: JSON lines, append-only, one writer a file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from jaxarc.errors import DamagedFileError
from jaxarc.records.events import Event, decode_event, encode_event
from jaxarc.storage.atomic import storage_errors

__all__ = ["EventLog", "read_events"]


class EventLog:
    """Append events to one file.

    Args:
        path: the file; made with the first event.
        writer: name of this process's writer (``p000``).
    """

    def __init__(self, path: Path, writer: str):
        self.path = path
        self._writer = writer
        self._seq = 0
        self._descriptor: int | None = None

    def append(self, event: Event) -> None:
        """Number an event and append it as one line, in a single write."""
        stamped = Event(event.type, event.payload, self._seq, time.time_ns() // 1000, self._writer)
        line = encode_event(stamped)
        with storage_errors(self.path):
            if self._descriptor is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
                self._descriptor = os.open(self.path, flags, 0o644)
            written = os.write(self._descriptor, line)
            if written != len(line):
                # A torn line: end it, so that only this one is lost to readers, and say so.
                os.write(self._descriptor, b"\n")
                raise OSError(None, f"only {written} of {len(line)} bytes of an event were written")
        self._seq += 1

    def sync(self) -> None:
        """Make what was appended durable."""
        if self._descriptor is not None:
            with storage_errors(self.path):
                os.fsync(self._descriptor)

    def close(self) -> None:
        """Make what was appended durable and close the file."""
        if self._descriptor is not None:
            self.sync()
            os.close(self._descriptor)
            self._descriptor = None


def read_events(path: Path, problems: list[DamagedFileError] | None = None) -> Iterator[Event]:
    """Yield the events of one file; lines that are no events are passed over and reported.

    Args:
        path: the file.
        problems: collects one DamagedFileError for every line that cannot be read.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield decode_event(line)
            except ValueError as error:
                if problems is not None:
                    problems.append(DamagedFileError(path, f"line {number}: {error}"))
