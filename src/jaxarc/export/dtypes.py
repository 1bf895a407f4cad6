"""Numbers that other formats have, equal to those that they lack."""

from __future__ import annotations

import numpy as np

__all__ = ["as_known_numbers"]


def as_known_numbers(values: np.ndarray) -> np.ndarray:
    """Return values in a dtype that every format has: as they are, where they have one.

    bfloat16 and float8 become float32, 4-bit integers become 8-bit ones, complex numbers pairs along a new
    last axis. Each of these holds all values of the other, so that they can be turned back.
    """
    if values.dtype.kind == "c":
        half = np.dtype(f"f{values.dtype.itemsize // 2}")
        return np.ascontiguousarray(values).view(half).reshape((*values.shape, 2))
    if values.dtype.name == "bfloat16":
        # The upper half of a float32; a conversion would lose which NaN it was.
        words = np.ascontiguousarray(values).view(np.uint16).astype(np.uint32) << 16
        return words.view(np.float32)
    if values.dtype.isbuiltin == 1:
        return values
    name = values.dtype.name
    return values.astype(np.float32 if "float" in name else np.uint8 if "uint" in name else np.int8)
