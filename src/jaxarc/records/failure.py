"""What ended a run that failed: its type, its message and where it came from."""

from __future__ import annotations

import sys
import traceback

__all__ = ["failure", "failure_at_exit"]

_MOST_CHARACTERS = 20_000
"""Of a longer traceback the end is kept, which says what was raised."""


def failure(error: BaseException) -> dict[str, str]:
    """Return ``type``, ``message`` and ``traceback`` of what was raised."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - the message of an exception is its author's
        message = ""
    trace = "".join(traceback.format_exception(error))
    cut = trace if len(trace) <= _MOST_CHARACTERS else f"…{trace[-_MOST_CHARACTERS:]}"
    return {"type": name, "message": message[:_MOST_CHARACTERS], "traceback": cut}


def failure_at_exit() -> dict[str, str] | None:
    """Return what is being handled just now, or what ends the interpreter; None where that is nothing."""
    error = sys.exc_info()[1] or getattr(sys, "last_value", None)
    return None if error is None else failure(error)
