"""CurvePoints: the points of a run's curves behind a place, as lines that a feed hands over."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path

from jaxarc.records.tracked_record import TrackedRecord
from jaxarc.replay.run_curves import CurveTail
from jaxarc.tracking.event_tail import Place, ReadLine

__all__ = ["CurvePoints"]


class CurvePoints:
    """Read the points of a run's curves that a backend does not have.

    Rows are folded from the first one on, whatever was sent before: a point depends on those before it.

    Args:
        run_dir: the run's directory.
        places: the numbers of the points that come first, by source.
    """

    def __init__(self, run_dir: Path, places: Mapping[str, Place]):
        self._steps_dir = run_dir / "steps"
        self._first = {name: place.seq for name, place in places.items() if name.startswith("curves/")}
        self._tail = CurveTail(run_dir)
        self._listed: list[str] = []
        self._waiting: deque[TrackedRecord] = deque()
        self._is_finished = False

    def read(self, limit: int, *, has_ended: bool) -> Iterator[ReadLine]:
        """Yield points that are complete, at most so many.

        Args:
            limit: the most points.
            has_ended: whether nobody records any more: the points that are open are complete.
        """
        if not self._waiting and not self._is_finished and (self._has_new_segments() or has_ended):
            points = self._tail.read(has_ended=has_ended)
            self._waiting.extend(point for point in points if point.seq >= self._first.get(point.source, 0))
            self._is_finished = has_ended
        for _ in range(min(limit, len(self._waiting))):
            point = self._waiting.popleft()
            yield ReadLine(point.source, Place(0, point.seq + 1), point.timestamp_us, point)

    def _has_new_segments(self) -> bool:
        """Say whether segments came since the last call: looking for rows costs more than that."""
        try:
            listed = sorted(os.listdir(self._steps_dir))
        except OSError:
            return False
        known, self._listed = self._listed, listed
        return listed != known
