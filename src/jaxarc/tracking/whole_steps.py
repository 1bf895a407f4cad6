"""Steps as backends take them that know whole numbers alone."""

from __future__ import annotations

from typing import Any

from jaxarc.errors import RefusedRecordError

__all__ = ["LARGEST_STEP", "whole_step"]

LARGEST_STEP = 2**63 - 1


def whole_step(step: Any, what: str) -> int:
    """Return a step as a whole number.

    Args:
        step: what was given, which may be anything that a number was made of.
        what: whose step it is.

    Raises:
        RefusedRecordError: it is no number, not finite, or beyond 64 bits.
    """
    try:
        whole = int(step)
    except (TypeError, ValueError, OverflowError):
        raise RefusedRecordError(f"the step of {what} is no whole number: {step!r:.80}") from None
    if abs(whole) > LARGEST_STEP:
        raise RefusedRecordError(f"the step of {what} is too large: {step!r:.80}")
    return whole
