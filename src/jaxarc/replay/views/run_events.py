"""What a run said of itself in its event log: shedding, errors of the disk, steps that were given up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jaxarc.storage import read_events

__all__ = ["RunNotes", "StorageNote", "read_notes"]

_TYPES = ("shedding", "storage_error", "tombstone")
_MAX_ERRORS = 10
_MAX_LOG_BYTES = 500_000_000


@dataclass(frozen=True)
class StorageNote:
    """An error of the disk, and what was done about it."""

    timestamp_us: int
    message: str
    action: str


@dataclass(frozen=True)
class RunNotes:
    """Notes of a run.

    Attributes:
        shed: how often it began to shed steps, by why (``overflow``, ``budget``).
        storage_errors: the first errors of the disk.
        num_storage_errors: how many there were.
        given_up: episodes whose steps retention dropped, by rule and reason.
        unread: event files that are too large to be looked through, or cannot be read.
    """

    shed: Mapping[str, int] = field(default_factory=dict)
    storage_errors: Sequence[StorageNote] = ()
    num_storage_errors: int = 0
    given_up: Mapping[str, int] = field(default_factory=dict)
    unread: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.shed or self.num_storage_errors or self.given_up or self.unread)


def read_notes(run_dir: Path) -> RunNotes:
    """Look through the event files of a run; those that cannot be read are named, and the rest counts."""
    shed: dict[str, int] = {}
    errors: list[StorageNote] = []
    num_errors = 0
    given_up: dict[str, int] = {}
    unread = []
    for path in sorted((run_dir / "events").glob("p*.jsonl")):
        try:
            if path.stat().st_size > _MAX_LOG_BYTES:
                unread.append(path.name)
                continue
            for event in read_events(path, types=_TYPES):
                said = event.payload if isinstance(event.payload, Mapping) else {}
                if event.type == "shedding" and said.get("on"):
                    kind = str(said.get("kind", ""))
                    shed[kind] = shed.get(kind, 0) + 1
                elif event.type == "storage_error" and said.get("message"):
                    num_errors += 1
                    note = StorageNote(event.timestamp_us, str(said["message"]), str(said.get("action", "")))
                    errors += [note] if len(errors) < _MAX_ERRORS else []
                elif event.type == "tombstone":
                    why = ": ".join(str(said[key]) for key in ("policy", "reason") if said.get(key))
                    episodes = said.get("episodes")
                    count = len(episodes) if isinstance(episodes, list) else 0
                    if count:
                        given_up[why] = given_up.get(why, 0) + count
        except OSError:
            unread.append(path.name)
    return RunNotes(shed, errors, num_errors, given_up, unread)
