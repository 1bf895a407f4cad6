"""What people add to a run: pins and notes, in event files of their own, whoever writes the run."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from jaxarc.errors import StorageError, StoragePermissionError
from jaxarc.records.clock import CLOCK
from jaxarc.records.events import Event, encode_event
from jaxarc.records.notes import Note
from jaxarc.storage.atomic import storage_errors
from jaxarc.storage.event_log import read_events
from jaxarc.storage.writers import EVENTS_FOLDER

__all__ = ["Annotations", "annotation_files", "latest_pins", "notes_in"]

_PREFIX = "notes-"


def annotation_files(run_dir: Path) -> list[Path]:
    """Return the event files that people's pins and notes are in; they belong to no writer of the run."""
    try:
        with os.scandir(run_dir / EVENTS_FOLDER) as entries:
            names = [e.name for e in entries if e.name.startswith(_PREFIX) and e.name.endswith(".jsonl")]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [run_dir / EVENTS_FOLDER / name for name in sorted(names)]


def latest_pins(events: Iterable[Event]) -> set[tuple[int, int]]:
    """Return writer and number of every episode that is pinned; the latest ``pin`` event of each counts."""
    latest: dict[tuple[int, int], tuple[int, bool]] = {}
    for event in events:
        if event.type != "pin":
            continue
        try:
            key = int(event.payload.get("writer", 0)), int(event.payload["episode"])
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
            continue
        known = latest.get(key)
        if known is None or event.timestamp_us >= known[0]:
            latest[key] = event.timestamp_us, bool(event.payload.get("pinned", True))
    return {key for key, (_, is_pinned) in latest.items() if is_pinned}


def notes_in(events: Iterable[Event]) -> Iterator[Note]:
    """Yield the notes among events; odd ones are passed over."""
    for event in events:
        if event.type != "note":
            continue
        try:
            said = event.payload
            episode, step = said.get("episode"), said.get("step")
            yield Note(
                text=str(said["text"]),
                timestamp_us=event.timestamp_us,
                writer=None if episode is None else int(said.get("writer", 0)),
                episode=None if episode is None else int(episode),
                step=None if step is None or episode is None else int(step),
            )
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
            continue


class Annotations:
    """The pins and notes of a run, and a file to which this process appends its own.

    A file has one writer: another process makes another file, and so does a process that was forked. They
    are neither opened nor locked between two events, so that nobody is kept from anything.

    Args:
        run_dir: the run.
    """

    def __init__(self, run_dir: Path):
        self._run_dir = run_dir
        self._lock = threading.Lock()
        self._path: Path | None = None
        self._pid = 0
        self._seq = 0

    def events(self) -> Iterator[Event]:
        """Yield everybody's pins and notes, file by file."""
        for path in annotation_files(self._run_dir):
            yield from read_events(path)

    def notes(self) -> list[Note]:
        """Return everybody's notes, the oldest first."""
        return sorted(notes_in(self.events()), key=lambda note: note.timestamp_us)

    def pinned(self) -> set[tuple[int, int]]:
        """Return writer and number of the pinned episodes."""
        return latest_pins(self.events())

    def append(self, type: str, payload: dict[str, Any]) -> None:
        """Append an event and make it durable.

        Raises:
            StoragePermissionError: the run can only be read.
            StorageError: it could not be written.
        """
        with self._lock:
            if self._pid != os.getpid():
                self._path, self._pid = None, os.getpid()
            if self._path is not None and not self._path.exists():
                self._path = None  # a repair moved it
            try:
                self._append(type, payload)
            except StoragePermissionError as error:
                self._path = None
                raise StoragePermissionError(
                    f"run {self._run_dir.name} can only be read ({error.__cause__}), and pins and notes are "
                    "kept in it; copy it to where you may write, or ask its owner"
                ) from error
            except StorageError:
                self._path = None  # a line may be torn: the next one begins another file
                raise

    def _append(self, type: str, payload: dict[str, Any]) -> None:
        folder = self._run_dir / EVENTS_FOLDER
        path, flags = self._path, os.O_WRONLY | os.O_APPEND
        if path is None:
            path, flags = folder / f"{_PREFIX}{os.urandom(4).hex()}.jsonl", flags | os.O_CREAT | os.O_EXCL
            self._seq = 0
        line = encode_event(Event(type, payload, self._seq, CLOCK.now_ns() // 1000, path.stem))
        with storage_errors(path):
            folder.mkdir(exist_ok=True)
            descriptor = os.open(path, flags, 0o644)
            try:
                written = os.write(descriptor, line)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if written != len(line):
                raise OSError(None, f"only {written} of {len(line)} bytes of an event were written")
        self._path = path
        self._seq += 1
