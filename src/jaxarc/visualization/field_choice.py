"""Which arrays of a state are drawn: all with two axes, those that are named, or what a function makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from jaxarc.errors import CaptureError, RenderError, closest
from jaxarc.records.trees import children

__all__ = ["FieldChoice", "chosen_fields"]

FieldChoice = Sequence[str] | Mapping[str, "str | Callable[[Any], Any]"] | Callable[[Any], Any] | None
"""Paths, names with paths or functions, one function that returns arrays by name, or None for all."""

_MAX_FIELDS = 8
_MAX_DEPTH = 16


def chosen_fields(state: Any, choice: FieldChoice) -> dict[str, np.ndarray]:
    """Return the fields to draw of a state, by name: real numbers, [rows columns] each.

    Args:
        state: a tree of dicts, lists, tuples and dataclasses, or one array.
        choice: what is drawn; of all there are the first eight.

    Raises:
        RenderError: something that was asked for is not there, or is no field; what there is is named.
    """
    if choice is None:
        found = {name: leaf for name, leaf in _leaves(state) if _is_field(leaf)}
        return {name: _field(name, leaf) for name, leaf in list(found.items())[:_MAX_FIELDS]}
    if callable(choice):
        made = choice(state)
        made = made if isinstance(made, Mapping) else {"field": made}
        return {str(name): _field(str(name), value) for name, value in made.items()}
    named = choice if isinstance(choice, Mapping) else {path: path for path in choice}
    return {
        name: _field(name, how(state) if callable(how) else _at(state, how)) for name, how in named.items()
    }


def _leaves(tree: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    try:
        below = children(tree) if depth < _MAX_DEPTH else None
    except CaptureError:  # a dict whose keys have no order has no fields of ours
        return
    if below is None:
        yield path or "state", tree
        return
    for key, value in below:
        yield from _leaves(value, f"{path}.{key}" if path else str(key), depth + 1)


def _at(state: Any, path: str) -> Any:
    leaves = dict(_leaves(state))
    if path not in leaves:
        there = ", ".join(name for name, leaf in leaves.items() if _is_field(leaf)) or "no field"
        raise RenderError(f"the state has no {path!r}; it has {there}{closest(path, leaves)}")
    return leaves[path]


def _is_field(leaf: Any) -> bool:
    """Say whether a leaf is a field, by its shape and dtype alone."""
    shape, dtype = getattr(leaf, "shape", None), getattr(leaf, "dtype", None)
    return (
        isinstance(shape, tuple)
        and len(shape) == 2
        and 0 not in shape
        and max(shape) > 1
        and isinstance(dtype, np.dtype)  # no typed PRNG keys
        and dtype.kind not in "OSUMmc"
        and dtype.fields is None
        and hasattr(leaf, "__array__")
    )


def _field(name: str, value: Any) -> np.ndarray:
    """Return a value as a field; this is where it comes from the device."""
    array = np.asarray(value)
    if array.ndim != 2 or not array.size:
        raise RenderError(
            f"field {name!r} has shape {array.shape}, a heat map has two axes; choose a slice with a "
            f"function: {{{name!r}: lambda state: ...}}"
        )
    if array.dtype.kind in "OSUMmc":
        raise RenderError(
            f"field {name!r} is of {array.dtype}, a heat map is of real numbers; give a part of it"
        )
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    return array if array.dtype.kind in "iuf" else array.astype(np.float32)  # bfloat16 and the like
