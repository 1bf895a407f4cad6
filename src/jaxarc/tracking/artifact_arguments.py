"""Arguments of the verbs for artifacts, checked, as they are read back from the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jaxarc.errors import TrackingError
from jaxarc.records.json_values import plain_value, restored_value
from jaxarc.records.name_patterns import fits

__all__ = ["declared_direction", "name_of", "names_of", "plain_values", "whole"]


def declared_direction(declared: Mapping[str, str | None], metric: str) -> str | None:
    """Return which way a metric gets better, by its name or by the longest pattern that it fits."""
    if metric in declared:
        return declared[metric]
    fitting = [pattern for pattern in declared if fits(metric, pattern)]
    return declared[max(fitting, key=len)] if fitting else None


def name_of(what: str, value: object) -> str:
    """Return a name that is a text and not empty."""
    if not isinstance(value, str) or not value.strip():
        raise TrackingError(f"{what} must be a text that is not empty, got {value!r}")
    return value


def names_of(what: str, values: Sequence[str]) -> list[str]:
    """Return names as a list; a text is one."""
    found = [values] if isinstance(values, str) else list(values or ())
    if what == "aliases" and "latest" in found:
        raise TrackingError("the alias latest is the newest version's by itself; give another one")
    return [name_of(what, value) for value in found]


def whole(what: str, value: object) -> int | None:
    """Return a step as Python's int, whatever library it is of."""
    if value is None:
        return None
    try:
        number = int(value)  # pyright: ignore[reportArgumentType]
        if number == value:
            return number
    except (TypeError, ValueError, OverflowError):
        pass
    raise TrackingError(f"{what} must be a whole number, got {value!r}")


def plain_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as they are read back from the record; what says nothing is left out."""
    kept = {str(key): value for key, value in values.items() if not _is_empty(value)}
    return restored_value(plain_value(kept))


def _is_empty(value: object) -> bool:
    return value is None or (isinstance(value, (str, list, dict)) and not value)
