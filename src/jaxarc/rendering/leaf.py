"""Any value as an array that can be drawn; dtypes that NumPy cannot compute with become ones it can."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxarc.rendering.embedded import SvgImage

__all__ = ["as_leaf", "is_real"]


def as_leaf(value: Any) -> np.ndarray:
    """Return a value as an array; what NumPy makes none of becomes the name of its type.

    The small numbers of ml_dtypes (bfloat16, float8, int4 and their like) become float32, int8 or uint8.
    """
    if isinstance(value, SvgImage):
        array = np.empty((), object)
        array[()] = value
        return array
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):  # ragged lists, typed PRNG keys
        return np.array(type(value).__name__)
    if array.dtype.isbuiltin != 1 and array.dtype.names is None:
        name = array.dtype.name
        if name.startswith(("bfloat", "float")):
            return array.astype(np.float32)
        if name.startswith(("int", "uint")):
            return array.astype(np.uint8 if name.startswith("u") else np.int8)
    return array


def is_real(array: np.ndarray) -> bool:
    """Return whether an array holds booleans, integers or real numbers."""
    return array.dtype.kind in "biuf"
