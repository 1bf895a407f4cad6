"""The status of a run, and what may follow what."""

from __future__ import annotations

from jaxarc.errors import TrackingError

__all__ = ["ENDED_STATUSES", "STATUSES", "checked_transition"]

STATUSES = ("SCHEDULED", "RUNNING", "PAUSED", "FINISHED", "FAILED", "KILLED")
"""What a run says of itself. A reader derives LOST where nobody writes a run that says RUNNING or PAUSED."""

ENDED_STATUSES = ("FINISHED", "FAILED", "KILLED")
"""What nothing follows, but a new attempt."""

_FOLLOWING: dict[str, tuple[str, ...]] = {
    "": ("SCHEDULED", "RUNNING"),
    "SCHEDULED": ("RUNNING", "FAILED", "KILLED"),
    "RUNNING": ("PAUSED", *ENDED_STATUSES),
    "PAUSED": ("RUNNING", *ENDED_STATUSES),
    **dict.fromkeys(ENDED_STATUSES, ()),
}


def checked_transition(before: str, after: str) -> str:
    """Return the status that follows, once it was seen that it may.

    Args:
        before: the status so far; empty for a run that has none yet.
        after: the new one; the same again is no transition, and fine.

    Raises:
        TrackingError: there is no such status, or it cannot follow.
    """
    if after not in STATUSES:
        raise TrackingError(f"status must be one of {', '.join(STATUSES)}, got {after!r}")
    if after == before:
        return after
    allowed = _FOLLOWING.get(before, ())
    if after not in allowed:
        way_out = f"it can become {', '.join(allowed)}" if allowed else "start a new run, or resume it"
        raise TrackingError(f"a run that is {before or 'not started'} cannot become {after}; {way_out}")
    return after
