"""NumPy trees: dicts, lists, tuples, named tuples and dataclasses of numbers and arrays, without JAX."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from jaxarc.errors import CaptureError
from jaxarc.records.layout import Field, PathKey, numpy_dtype

__all__ = ["NUMBERS", "AsArray", "as_array", "children", "leaf_of"]

AsArray = Callable[[Any], tuple[np.ndarray, str]]
"""Makes a NumPy array of something else; names the PRNG implementation where that was a typed key."""

NUMBERS = {bool: np.dtype(np.bool_), int: np.dtype(np.int64), float: np.dtype(np.float64)}
"""Python numbers, and the dtype that they have."""

_LARGEST_ITEM = {"f": 8, "c": 16}


def as_array(value: Any) -> tuple[np.ndarray, str]:
    """Make an array of a value; knows no typed PRNG keys."""
    return np.asarray(value), ""


def children(value: Any) -> Iterator[tuple[PathKey, Any]] | None:
    """Return the branches of a tree in JAX's order, each with its key; None for a leaf.

    Dicts are ordered by their keys (an OrderedDict as it is), named tuples and dataclasses have the names of
    their fields (those that Equinox calls static are left out), lists and tuples positions. None has no
    branches.
    """
    if value is None:
        return iter(())
    kind = type(value)
    if kind is np.ndarray or kind in NUMBERS:
        return None
    if kind is not dict and is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value) if not field.metadata.get("static")]
        return ((name, getattr(value, name)) for name in names)
    if isinstance(value, Mapping):
        try:
            keys = list(value) if isinstance(value, OrderedDict) else sorted(value)
        except TypeError as error:
            raise CaptureError(f"a dict has keys that cannot be ordered: {list(value)[:3]}") from error
        return ((str(key), value[key]) for key in keys)
    names = getattr(value, "_fields", None)
    if isinstance(value, tuple) and names is not None:
        return iter(zip(names, value, strict=True))
    return iter(enumerate(value)) if isinstance(value, (list, tuple)) else None


def leaf_of(
    role: str, path: tuple[PathKey, ...], value: Any, convert: AsArray = as_array
) -> tuple[Field, np.ndarray]:
    """Return the field that describes a leaf, and the leaf as an array.

    Dtypes stay as NumPy has them: 64-bit numbers stay 64-bit ones, a Python int is int64, a Python float
    float64.

    Args:
        role: the Step attribute that the leaf belongs to.
        path: its path below the attribute.
        value: any number or array.
        convert: makes an array of what NumPy does not know.

    Raises:
        CaptureError: it is no number and no array of numbers; the path is named.
    """
    where = Field(role, path, "", ()).name
    kind = type(value)
    if kind in NUMBERS:
        if kind is int and not -(2**63) <= value < 2**63:
            raise CaptureError(f"step.{where} is {value}, which is beyond 64 bits; record it as a float")
        return Field(role, path, NUMBERS[kind].name, ()), np.array(value, NUMBERS[kind])
    impl = ""
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
    elif isinstance(value, (str, bytes)) or not (hasattr(value, "__array__") or isinstance(value, complex)):
        raise CaptureError(
            f"step.{where} is a {kind.__name__}, which is no array; record numbers and arrays only"
        )
    else:
        try:
            array, impl = convert(value)
        except (TypeError, ValueError) as error:
            raise CaptureError(
                f"step.{where} is a {kind.__name__}, which is no array; record numbers and arrays only"
            ) from error
    dtype = array.dtype.newbyteorder("=")
    if not _is_number(dtype):
        raise CaptureError(
            f"step.{where} is an array of {array.dtype}; record numbers and arrays of numbers only"
        )
    return Field(role, path, dtype.name, array.shape, impl), array


def _is_number(dtype: np.dtype) -> bool:
    if dtype.kind in "OSUMm" or dtype.type is np.void:
        return False
    if dtype.itemsize > _LARGEST_ITEM.get(dtype.kind, 8):
        return False
    try:
        return numpy_dtype(dtype.name) == dtype
    except (AttributeError, TypeError):
        return False
