"""What went through the queue."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field

__all__ = ["AsyncLoggerCounts"]


@dataclass
class AsyncLoggerCounts:
    """What went through the queue.

    Attributes:
        accepted_items: items that were queued.
        accepted_bytes: bytes of those.
        handled_items: items that the writer took.
        failed_items: items that it took and could not use, or not all of; what was in them is lost.
        shed_items: items that lost their steps to make room.
        shed_bytes: bytes of those steps.
        refused_items: items that came after close, or in a forked child.
        blocked_s: seconds that callers waited for room.
        submit_s: seconds that callers spent in ``submit``, waiting left out.
        handle_s: seconds that the writer worked.
        queue_bytes_now, queue_bytes_max: bytes that wait now, and at most.
        errors: writes that failed.
        errors_by_kind: those by the name of the exception.
        first_error: traceback of the first of them.
        first_errors: traceback of the first of each kind.
    """

    accepted_items: int = 0
    accepted_bytes: int = 0
    handled_items: int = 0
    failed_items: int = 0
    shed_items: int = 0
    shed_bytes: int = 0
    refused_items: int = 0
    blocked_s: float = 0.0
    submit_s: float = 0.0
    handle_s: float = 0.0
    queue_bytes_now: int = 0
    queue_bytes_max: int = 0
    errors: int = 0
    errors_by_kind: dict[str, int] = field(default_factory=dict)
    first_error: str = ""
    first_errors: dict[str, str] = field(default_factory=dict)

    def add_error(self, error: BaseException) -> None:
        """Count what failed; of each kind the first traceback is kept."""
        kind = type(error).__name__
        self.errors += 1
        self.errors_by_kind[kind] = self.errors_by_kind.get(kind, 0) + 1
        if kind not in self.first_errors:
            self.first_errors[kind] = "".join(traceback.format_exception(error))
        self.first_error = self.first_error or self.first_errors[kind]
