"""Events on their way to the log: in their order, tried again where a write failed, and counted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from jaxarc.records.events import Event

__all__ = ["EventOutbox"]

_MOST_WAITING = 10_000
"""Events that wait at most for a log that takes none; the oldest are lost first, and counted."""


class EventOutbox:
    """Append events, and keep those that could not be appended for the next commit.

    Used by the writer thread alone.

    Args:
        append: appends one event to the log, or raises.

    Attributes:
        accepted: events that were put in.
        persisted: those that are durable.
        lost: those that were given up.
    """

    def __init__(self, append: Callable[[Event], None]):
        self._append = append
        self._waiting: deque[Event] = deque()
        self._appended = 0
        self.accepted = 0
        self.persisted = 0
        self.lost = 0

    @property
    def waiting(self) -> int:
        """Events that are not durable yet."""
        return self.accepted - self.persisted - self.lost

    def put(self, event: Event) -> None:
        """Append an event; behind one that failed it waits, so that they stay in order.

        Raises:
            Exception: what ``append`` raised; the event is kept.
        """
        self.accepted += 1
        self._waiting.append(event)
        if len(self._waiting) == 1:
            self.send()
        elif len(self._waiting) > _MOST_WAITING:
            self._waiting.popleft()
            self.lost += 1

    def send(self) -> None:
        """Append what waits.

        Raises:
            Exception: what ``append`` raised; that event and those behind it are kept.
        """
        while self._waiting:
            self._append(self._waiting[0])
            self._waiting.popleft()
            self._appended += 1

    def committed(self) -> int:
        """Hear that what was appended is durable; return how many events that are."""
        durable, self._appended = self._appended, 0
        self.persisted += durable
        return durable
