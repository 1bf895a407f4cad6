"""NullBackend: takes everything and shows nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jaxarc.tracking.backend import RunInfo, TrackedRecord

__all__ = ["NullBackend"]


class NullBackend:
    """Show nothing, for measuring what feeding a backend costs. Nobody gets it without asking for it.

    Args:
        settings: nothing; every backend is made with its settings.
    """

    name = "null"

    def __init__(self, settings: Any = None):
        self._taken = 0

    def open(self, run: RunInfo) -> None:
        """Do nothing."""

    def write(self, records: Sequence[TrackedRecord]) -> None:
        """Count the records."""
        self._taken += len(records)

    def ticket(self) -> Mapping[str, Any]:
        """Return how many records were taken in this session."""
        return {"taken": self._taken}

    def close(self, status: str) -> None:
        """Do nothing."""
