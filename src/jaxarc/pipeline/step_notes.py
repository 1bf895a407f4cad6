"""What is said of the steps of a logged episode and is no array of them: text, pictures, anything."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jaxarc.records.events import Event
from jaxarc.records.json_arrays import TAGGED_ARRAY, encode_array

__all__ = ["StepNotes"]

_MOST_NOTES = 256
_MOST_BYTES = 1_000_000
_NOTE_BYTES = 200

_PLAIN = {bool, int, float, str, type(None)}


class StepNotes:
    """Keep notes until the writer takes them, or there are many: one event holds those of many steps.

    Args:
        place: what the events say besides: of which episode they are.
        submit: queues what makes an event of so many bytes.
    """

    def __init__(self, place: Mapping[str, Any], submit: Callable[[Callable[[], Event], int], object]):
        self.place = place
        self._submit = submit
        self._lock = threading.RLock()
        self._notes: list[dict[str, Any]] = []
        self._nbytes = 0

    def add(self, step: int, timestamp: float, said: Mapping[str, Any]) -> None:
        """Keep a copy of what is said of a step; what the caller changes later is not seen."""
        note = {"step": step, "timestamp": timestamp}
        with self._lock:
            for name, value in said.items():
                note[name] = self._copied(value)
            self._notes.append(note)
            self._nbytes += _NOTE_BYTES
            is_full = len(self._notes) >= _MOST_NOTES or self._nbytes >= _MOST_BYTES
        if is_full:
            self.send()

    def send(self) -> None:
        """Queue what is kept; the writer makes an event of it."""
        with self._lock:
            notes, size = self._notes, self._nbytes
            self._notes, self._nbytes = [], 0
        if notes:
            self._submit(lambda: self._event_of(notes), size)

    def take(self) -> Event | None:
        """Return what is kept, as one event, and forget it."""
        with self._lock:
            notes, self._notes, self._nbytes = self._notes, [], 0
        return self._event_of(notes) if notes else None

    def _event_of(self, notes: list[dict[str, Any]]) -> Event:
        return Event("log_steps", {**self.place, "steps": _tagged(notes)})

    def _copied(self, value: Any) -> Any:
        if type(value) in _PLAIN:
            return value
        if isinstance(value, Mapping):
            return {str(key): self._copied(below) for key, below in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._copied(below) for below in value]
        if isinstance(value, np.generic) or not hasattr(value, "__array__"):
            return value
        array = np.array(value)
        self._nbytes += array.nbytes
        return array


def _tagged(value: Any) -> Any:
    """Return a copy in which NumPy's arrays and numbers carry their dtype."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, dict):
        return {key: _tagged(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_tagged(below) for below in value]
    if not isinstance(value, (np.ndarray, np.generic)) or value.dtype.kind in "OUMm":
        return value
    return {TAGGED_ARRAY: encode_array(np.asarray(value))}
