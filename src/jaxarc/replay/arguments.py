"""What people give to a question, checked: whole numbers within limits, names in any kind of text."""

from __future__ import annotations

import operator
from typing import Any, overload

from jaxarc.errors import JaxArcError, QueryError

__all__ = ["as_text", "checked_limit", "whole_number"]


def whole_number(
    name: str,
    value: Any,
    *,
    least: int = 0,
    most: int | None = None,
    hint: str = "",
    error: type[JaxArcError] = QueryError,
) -> int:
    """Return a whole number as Python's own; NumPy's are taken as well.

    Args:
        name: what the argument is called.
        value: what was given.
        least, most: its limits; None where it has no upper one.
        hint: what the message adds.
        error: the kind of error.

    Raises:
        JaxArcError: it is no whole number, or out of its limits; of the class ``error``.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or number < least or (most is not None and number > most):
        limits = f"at least {least:,}" if most is None else f"{least:,} to {most:,}"
        raise error(f"{name} must be a whole number, {limits}, got {value!r}{f'; {hint}' if hint else ''}")
    return number


@overload
def checked_limit(limit: int, *, least: int = 0, error: type[JaxArcError] = QueryError) -> int: ...
@overload
def checked_limit(
    limit: int | None, *, least: int = 0, error: type[JaxArcError] = QueryError
) -> int | None: ...
def checked_limit(limit: int | None, *, least: int = 0, error: type[JaxArcError] = QueryError) -> int | None:
    """Return how many rows are wanted at most; None for all.

    Raises:
        JaxArcError: it is no whole number, or below ``least``; of the class ``error``.
    """
    return (
        None
        if limit is None
        else whole_number("limit", limit, least=least, hint="None takes all", error=error)
    )


def as_text(name: str, value: Any) -> str:
    """Return a name as text, as it stands in a column too: ``run.tasks()["task_id"][0]`` is bytes.

    Raises:
        QueryError: it is no text.
    """
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if not isinstance(value, str):
        raise QueryError(f"{name} takes text, got {value!r}")
    return str(value)  # NumPy's text is Python's, but writes itself otherwise
