"""What a caller hands over: references where it cannot change them, copies where it could."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from jaxarc.errors import TrackingError
from jaxarc.records.trees import as_array

__all__ = ["as_mapping", "flat", "held", "held_items", "param_items", "step_of"]

_UNCHANGING = frozenset({float, int, bool, str, type(None), bytes, complex})


def held(value: Any) -> Any:
    """Return a value as it is now: containers and NumPy arrays are copied, the rest is referred to.

    Nothing is converted: numbers of JAX stay on their device until the writer asks for them.
    """
    if type(value) in _UNCHANGING:
        return value
    if isinstance(value, Mapping):
        return {key: held(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [held(item) for item in value]
    if hasattr(value, "__array_interface__") and getattr(value, "shape", ()) != ():
        return value.copy() if hasattr(value, "copy") else as_array(value)[0]
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray, memoryview)):
        return [held(item) for item in value]  # such as a ListConfig
    return value


def held_items(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping's items as they are now; the quick way for one of plain numbers.

    Raises:
        TrackingError: it is no mapping.
    """
    if not isinstance(values, Mapping):
        raise TrackingError(f"give a mapping from names to values, got a {type(values).__name__}")
    return {key: value if type(value) in _UNCHANGING else held(value) for key, value in values.items()}


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested mappings as one, names joined by ``/``."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found.update({f"{key}/{below}": item for below, item in flat(value).items()})
        else:
            found[str(key)] = value
    return found


def as_mapping(values: Any, what: str) -> Mapping[str, Any]:
    """Return a configuration of any kind as a mapping: a dict, a DictConfig, a dataclass, a namespace.

    Raises:
        TrackingError: it is none of them.
    """
    if isinstance(values, Mapping):
        return values
    if is_dataclass(values) and not isinstance(values, type):
        return {each.name: getattr(values, each.name) for each in fields(values)}
    if hasattr(values, "__dict__") and not callable(values) and vars(values):
        return vars(values)
    raise TrackingError(
        f"{what} must be a mapping, a DictConfig, a dataclass or a namespace, got a {type(values).__name__}"
    )


def param_items(params: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the levels of each name, and the value, of nested parameters; an empty mapping is a value."""
    for key, value in as_mapping(params, "params").items():
        levels = (*above, str(key))
        below = value if isinstance(value, Mapping) else None
        if below is None and is_dataclass(value) and not isinstance(value, type):
            below = as_mapping(value, "params")
        if below:
            yield from param_items(below, levels)
        else:
            yield levels, held(value)


def step_of(name: str, step: Any) -> Any:
    """Return a step as it was given.

    Raises:
        TrackingError: it is no number.
    """
    if step is None or type(step) is int:
        return step
    if (hasattr(step, "__index__") or hasattr(step, "__float__")) and getattr(step, "shape", ()) == ():
        return step
    raise TrackingError(f"{name} must be one number or None, got {step!r:.80}")
