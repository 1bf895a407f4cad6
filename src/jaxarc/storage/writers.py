"""The writers of a run: each has a name, an event file of its own, and is alive, has ended, or is gone."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxarc.errors import StorageError
from jaxarc.records.events import Event, decode_event
from jaxarc.storage.event_log import EventLog
from jaxarc.storage.segment_names import segment_names, writer_name, writer_number

__all__ = [
    "EVENTS_FOLDER",
    "Writer",
    "add_others",
    "claim_next_writer",
    "claim_writer",
    "event_files",
    "is_process_writing",
    "next_writer",
    "read_writer",
    "run_writers",
]

EVENTS_FOLDER = "events"
_FILE_ENDING = "-000001.jsonl"
_HEARTBEATS_MISSED = 6
_GRACE_S = 30.0
"""A writer whose file was not touched for so many heartbeats and seconds is gone."""

_STARTS = ("run_start", "writer_start")
_ENDS = ("run_end", "writer_end")
_END_BYTES = 1_000_000
"""The last event of a file is looked for in so many bytes at its end."""


@dataclass(frozen=True)
class Writer:
    """What the event file of a writer says of it.

    Attributes:
        name: its name (``p000``).
        path: its event file.
        started: what it said of itself at the start (``pid``, ``hostname``, ``heartbeat_s``, …).
        ended: what it said at its end (``status`` and counts); None while it has not ended.
    """

    name: str
    path: Path
    started: Mapping[str, Any]
    ended: Mapping[str, Any] | None

    @property
    def is_alive(self) -> bool:
        """Whether somebody still writes for it."""
        return self.ended is None and is_process_writing(self.started, self.path)

    @property
    def status(self) -> str:
        """How it ended, RUNNING, or LOST."""
        if self.ended is not None:
            return str(self.ended.get("status", "FINISHED"))
        return "RUNNING" if self.is_alive else "LOST"


def is_process_writing(said: Mapping[str, Any], touched: Path) -> bool:
    """Say whether the process that calls itself so is alive and still touches its file.

    On the machine that it runs on, the process is asked for; elsewhere the age of the file decides, which a
    writer touches at every commit.

    Args:
        said: ``pid``, ``hostname`` and ``heartbeat_s``; what is missing or odd decides nothing.
        touched: the file.
    """
    import socket  # slow to import, and asked for runs alone that say that they are running

    if said.get("hostname") == socket.gethostname():
        pid = said.get("pid")
        try:
            if isinstance(pid, int) and pid > 0:
                os.kill(pid, 0)
        except (ProcessLookupError, OverflowError):
            return False
        except PermissionError:
            return True
    try:
        age = time.time() - touched.stat().st_mtime
    except OSError:
        return False
    heartbeat_s = said.get("heartbeat_s")
    interval = float(heartbeat_s) if isinstance(heartbeat_s, (int, float)) else 5.0
    return not age > _HEARTBEATS_MISSED * interval + _GRACE_S


def event_files(run_dir: Path) -> list[tuple[int, Path]]:
    """Return number and event file of every writer of a run, in the order in which they came."""
    try:
        with os.scandir(run_dir / EVENTS_FOLDER) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(_FILE_ENDING)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    numbers = [(writer_number(name.removesuffix(_FILE_ENDING)), name) for name in names]
    found = [(number, run_dir / EVENTS_FOLDER / name) for number, name in numbers if number is not None]
    return sorted(found)


def next_writer(run_dir: Path) -> int:
    """Return the first number above those of all writers that left an event file or a segment."""
    taken = [number for number, _ in event_files(run_dir)]
    taken += [name.writer for name in segment_names(run_dir)]
    return max(taken, default=-1) + 1


def claim_writer(run_dir: Path, number: int) -> EventLog:
    """Take a writer's name by making its event file; return the log.

    Raises:
        FileExistsError: somebody else has the name.
        StorageError: the file cannot be made.
    """
    name = writer_name(number)
    return EventLog(run_dir / EVENTS_FOLDER / f"{name}{_FILE_ENDING}", name)


def claim_next_writer(run_dir: Path) -> EventLog:
    """Take the first free name of a run.

    Raises:
        StorageError: the event file cannot be made.
    """
    number = next_writer(run_dir)
    while True:
        try:
            return claim_writer(run_dir, number)
        except FileExistsError:
            number = max(number + 1, next_writer(run_dir))


def _first_event(line: bytes) -> Mapping[str, Any]:
    try:
        event = decode_event(line)
    except ValueError:
        return {}
    return event.payload if event.type in _STARTS and isinstance(event.payload, Mapping) else {}


def _ending(lines: list[bytes]) -> Event | None:
    for line in reversed(lines):
        try:
            event = decode_event(line)
        except ValueError:
            continue  # torn, or damaged: an ending before it still holds
        return event if event.type in _ENDS and isinstance(event.payload, Mapping) else None
    return None


def read_writer(path: Path) -> Writer:
    """Read who a writer is and how it ended from the first and the last event of its file.

    Raises:
        StorageError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            first = file.readline(_END_BYTES)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _END_BYTES))
            last = file.read(_END_BYTES).splitlines()
    except OSError as error:
        raise StorageError(f"{path}: cannot be read ({error})") from error
    end = _ending(last)
    return Writer(
        path.name.removesuffix(_FILE_ENDING), path, _first_event(first), None if end is None else end.payload
    )


def run_writers(run_dir: Path) -> list[Writer]:
    """Return every writer of a run, in the order in which they came.

    Raises:
        StorageError: an event file cannot be read.
    """
    return [read_writer(path) for _, path in event_files(run_dir)]


_COUNTS = ("env_steps", "episodes", "successes", "stored_steps", "errors")


def add_others(summary: Mapping[str, Any], owner: str, writers: Sequence[Writer]) -> dict[str, Any]:
    """Return what ``run.json`` says of a whole run at its end: the owner's counts and those of the others.

    Args:
        summary: the owner's counts.
        owner: its name; the writers after it are those that joined its attempt.
        writers: every writer of the run. Of those that have not ended nothing is known yet.
    """
    others = [writer for writer in writers if writer.name != owner]
    if not others:
        return dict(summary)
    whole = dict(summary)
    losses = dict(summary.get("losses") or {})
    costs = dict(summary.get("costs") or {})
    by_writer = {owner: summary.get("episodes", 0)}
    mine = writer_number(owner) or 0
    for writer in others:
        if writer.ended is None or (writer_number(writer.name) or 0) < mine:
            continue
        counts = writer.ended.get("counts")
        counts = counts if isinstance(counts, Mapping) else {}
        for name in _COUNTS:
            whole[name] = _whole(whole.get(name)) + _whole(counts.get(name))
        lost = counts.get("losses")
        for kind, count in (lost if isinstance(lost, Mapping) else {}).items():
            losses[kind] = _whole(losses.get(kind)) + _whole(count)
        spent = counts.get("costs")
        for kind, amount in (spent if isinstance(spent, Mapping) else {}).items():
            if isinstance(amount, (int, float)):
                costs[kind] = costs.get(kind, 0) + amount
        by_writer[writer.name] = _whole(counts.get("episodes"))
    return {
        **whole,
        "losses": losses,
        "costs": costs,
        "episodes_by_writer": by_writer,
        "writers": {writer.name: writer.status for writer in others},
    }


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0
