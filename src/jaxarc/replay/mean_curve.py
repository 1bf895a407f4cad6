"""MeanCurve: the mean over the members of a stream, point by point."""

from __future__ import annotations

from jaxarc.replay.curve_bins import Closed, mean_of

__all__ = ["MeanCurve"]

_MOST_WAITING = 8
"""Bins that wait for a member that has not come past them; then the mean goes on without it."""


class MeanCurve:
    """Gather the bins of members; a bin's mean is ready when every member that was seen is past it.

    Each number is the mean of the members' numbers, those without an episode in the bin left out. One member
    alone has no mean.
    """

    def __init__(self) -> None:
        self._at: dict[int, int] = {}
        self._waiting: dict[int, dict[int, Closed]] = {}
        self._done = -1
        self._step = 0

    def moves(self, member: int, key: int) -> None:
        """Hear that a member is in this bin now."""
        self._at[member] = key

    def add(self, member: int, closed: Closed) -> None:
        """Take a member's bin; one whose mean is made already is left out."""
        if closed.key > self._done:
            self._waiting.setdefault(closed.key, {})[member] = closed

    def take(self) -> list[Closed]:
        """Return the means that are ready, in the order of their bins."""
        return self._ready(min(self._at.values(), default=-1) if len(self._at) > 1 else -1, _MOST_WAITING)

    def finish(self) -> list[Closed]:
        """Return all that is left."""
        return self._ready(-1, 0)

    def _ready(self, all_past: int, most_waiting: int) -> list[Closed]:
        found = []
        while self._waiting:
            key = min(self._waiting)
            if key >= all_past and len(self._waiting) <= most_waiting:
                break
            self._done = key
            parts = self._waiting.pop(key)
            if len(self._at) > 1:
                found.append(self._mean(key, [parts[member] for member in sorted(parts)]))
        return found

    def _mean(self, key: int, parts: list[Closed]) -> Closed:
        self._step = max(self._step, *(part.step for part in parts))
        names = {name: None for part in parts for name in part.numbers}
        numbers = {
            name: mean_of([part.numbers[name] for part in parts if name in part.numbers]) for name in names
        }
        return Closed(key, self._step, max(part.ended for part in parts), numbers)
