"""Readers of committed records: told of every commit, each at its own pace, none in the writer's way."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxarc.records.table import EpisodeTable

__all__ = ["CommittedReader", "EventReader", "ReaderLag", "Readers"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReaderLag:
    """How far a reader is behind what is committed.

    Attributes:
        episodes: committed episodes that it has still to deal with.
        seconds: since when the oldest of them is committed.
    """

    episodes: int = 0
    seconds: float = 0.0


class CommittedReader(Protocol):
    """A reader of committed records. It must return at once: what it does with them is its own time."""

    @property
    def name(self) -> str:
        """What ``health()`` calls it."""
        ...

    @property
    def lag(self) -> ReaderLag:
        """What it heard of and has not dealt with."""
        ...

    def committed(self, episodes: EpisodeTable) -> None:
        """Hear of episodes whose rows and steps are on disk now."""
        ...


@runtime_checkable
class EventReader(Protocol):
    """A reader that hears of events, too."""

    def events_committed(self) -> None:
        """Hear that events are on disk now; it must return at once."""
        ...


class Readers:
    """The readers of one run. One that raises is switched off: neither the writer nor the others feel it.

    Attributes:
        errors: readers that were switched off.
        first_error: traceback of the first.
    """

    def __init__(self) -> None:
        self._readers: dict[str, CommittedReader] = {}
        self._off: set[str] = set()
        self.errors = 0
        self.first_error = ""

    def add(self, reader: CommittedReader) -> None:
        """Let a reader hear of every commit from now on; a name that is taken gets a number."""
        name, number = reader.name, 2
        while name in self._readers:
            name, number = f"{reader.name} {number}", number + 1
        self._readers[name] = reader

    def tell(self, episodes: EpisodeTable) -> None:
        """Tell every reader of episodes that are on disk now."""
        self._each(lambda reader: reader.committed(episodes))

    def tell_of_events(self) -> None:
        """Tell the readers that want to know it that events are on disk now."""
        self._each(lambda reader: reader.events_committed() if isinstance(reader, EventReader) else None)

    def _each(self, tell: Callable[[CommittedReader], None]) -> None:
        for name, reader in tuple(self._readers.items()):
            if name in self._off:
                continue
            try:
                tell(reader)
            except Exception as error:  # noqa: BLE001 - the edge of a reader: it is off, the run goes on
                self._off.add(name)
                self.errors += 1
                self.first_error = self.first_error or "".join(traceback.format_exception(error))
                logger.error("recording: reader %s failed and is switched off (%s)", name, error)

    def lags(self) -> dict[str, ReaderLag]:
        """Return how far each reader is behind, by name; those that are switched off are left out."""
        return {name: reader.lag for name, reader in tuple(self._readers.items()) if name not in self._off}
