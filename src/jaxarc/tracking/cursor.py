"""Cursor: how far a backend was fed, kept with the run in ``trackers/<backend>.json``."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from jaxarc.errors import TrackingError
from jaxarc.records.json_values import plain_value
from jaxarc.storage import atomic_write_bytes
from jaxarc.storage.atomic import storage_errors
from jaxarc.tracking.event_tail import Place

__all__ = ["TRACKERS_FOLDER", "Cursor"]

logger = logging.getLogger(__name__)

TRACKERS_FOLDER = "trackers"

_VERSION = 1
_MAX_NAMED = 100
"""Refused records that are kept by name; beyond them only their number is."""


class Cursor:
    """How far a backend has a run. One process at a time has it: the others are told who.

    Args:
        run_dir: the run's directory.
        backend: name of the backend.
        target: where it shows the run, where that is not clear by its name: a run may be sent to several
            places, each with a cursor of its own.

    Attributes:
        places: where reading goes on, by source.
        ticket: what the backend goes on with.
        sent: records that the backend accepted.
        refused: records that it refused, or that were given up for it.
        refusals: the first of them: source, number, why.
        closed: the status with which the backend was closed; empty while it is fed.

    Raises:
        TrackingError: another process feeds this backend with this run.
        StorageError: the run's directory cannot be written.
    """

    def __init__(self, run_dir: Path, backend: str, target: str = ""):
        folder = run_dir / TRACKERS_FOLDER
        with storage_errors(folder):
            folder.mkdir(exist_ok=True)
        self._backend = backend
        self._target = target
        self.path = _path_of(folder, backend, target)
        self._lock: int | None = self._locked(run_dir.name)
        self.places: dict[str, Place] = {}
        self.ticket: dict[str, Any] = {}
        self.sent = 0
        self.refused = 0
        self.refusals: list[dict[str, Any]] = []
        self.closed = ""
        self._load()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def move(self, source: str, place: Place) -> None:
        """Go on behind this place."""
        self.places[source] = place

    def forget(self) -> None:
        """Go on from the beginning, for a backend that has nothing."""
        self.places, self.ticket, self.closed = {}, {}, ""
        self.sent, self.refused, self.refusals = 0, 0, []

    def refuse(self, source: str, seq: int, error: BaseException) -> None:
        """Count a record that the backend does not have and will not get."""
        self.refused += 1
        if len(self.refusals) < _MAX_NAMED:
            self.refusals.append({"source": source, "seq": seq, "error": f"{error}"[:500]})

    def save(self) -> None:
        """Write it, whole or not at all.

        Raises:
            StorageError: it could not be written.
        """
        content = {
            "v": _VERSION,
            "backend": self._backend,
            "target": self._target,
            "sources": {
                name: {"offset": place.offset, "seq": place.seq} for name, place in self.places.items()
            },
            "ticket": plain_value(self.ticket),
            "sent": self.sent,
            "refused": self.refused,
            "refusals": self.refusals,
            "closed": self.closed,
        }
        atomic_write_bytes(self.path, json.dumps(content, indent=1).encode())

    def release(self) -> None:
        """Let others feed the backend."""
        if self._lock is not None:
            descriptor, self._lock = self._lock, None
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # a forked child may have it open as well
            os.close(descriptor)

    def _locked(self, run: str) -> int | None:
        path = self.path.with_suffix(".lock")
        with storage_errors(path):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise TrackingError(
                f"run {run} is being sent to {self._backend} by another process, or by the one that records"
                " it; wait for its end"
            ) from None
        except OSError:  # a file system without locks: who sends twice there is not told
            os.close(descriptor)
            return None
        return descriptor

    def _load(self) -> None:
        try:
            content = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            logger.warning("%s cannot be read (%s); the run is sent from its beginning", self.path, error)
            return
        if not isinstance(content, dict) or content.get("v") != _VERSION:
            logger.warning("%s is of another version; the run is sent from its beginning", self.path)
            return
        try:
            self.places = {
                str(name): Place(int(place["offset"]), int(place["seq"]))
                for name, place in content["sources"].items()
            }
            self.sent, self.refused = int(content["sent"]), int(content["refused"])
            self.refusals, self.closed = list(content["refusals"]), str(content["closed"])
            self.ticket = dict(content["ticket"])
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            logger.warning("%s is damaged (%r); the run is sent from its beginning", self.path, error)
            self.places = {}


def _path_of(folder: Path, backend: str, target: str) -> Path:
    """Return the file of this target: the first one has the backend's plain name."""
    path = folder / f"{backend}.json"
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return path
    if not isinstance(content, Mapping) or content.get("target", "") == target:
        return path
    return folder / f"{backend}-{hashlib.sha256(target.encode()).hexdigest()[:8]}.json"
