"""Counts that may pass 2^31, in programs that know 32-bit integers only."""

from __future__ import annotations

import operator
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Int32

from jaxarc.errors import CaptureError

__all__ = ["WholeNumber", "fits_program", "whole_number"]

_LARGEST = 2**63 - 1


class WholeNumber(NamedTuple):
    """A 64-bit count as two words, so that it survives without ``jax_enable_x64``."""

    low: Int32[Array, ""] | np.int32
    high: Int32[Array, ""] | np.int32


def whole_number(name: str, value: ArrayLike | WholeNumber | None) -> WholeNumber | None:
    """Split a count into two words; Python integers before a program could cut them off.

    Args:
        name: what the caller calls it, for errors.
        value: a whole number from 0 on, which may be traced; or None.

    Raises:
        CaptureError: it is no whole number, negative, past 2^63, or not one value.
    """
    if value is None or isinstance(value, WholeNumber):
        return value
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        number = operator.index(value)
        if not 0 <= number <= _LARGEST:
            raise CaptureError(f"{name}= counts from 0 to 2^63 - 1, got {number}")
        low, high = np.array([number & 0xFFFFFFFF, number >> 32], np.uint32).view(np.int32)
        return WholeNumber(low, high)
    if jnp.ndim(value):
        raise CaptureError(
            f"{name}= has shape {list(jnp.shape(value))}, it is one value for the whole call; "
            "under vmap give each member its own"
        )
    array = jnp.asarray(value)
    if not jnp.issubdtype(array.dtype, jnp.integer):
        raise CaptureError(
            f"{name}= is {array.dtype}, it counts in whole numbers; cast it: {name}.astype(int)"
        )
    if array.dtype.itemsize < 8 and jnp.issubdtype(array.dtype, jnp.unsignedinteger):
        return WholeNumber(array.astype(jnp.uint32).astype(jnp.int32), jnp.zeros((), jnp.int32))
    if array.dtype.itemsize < 8:
        return WholeNumber(array.astype(jnp.int32), array.astype(jnp.int32) >> 31)
    return WholeNumber(
        (array & 0xFFFFFFFF).astype(jnp.uint32).astype(jnp.int32), (array >> 32).astype(jnp.int32)
    )


def fits_program(value: ArrayLike) -> ArrayLike:
    """Return a metric's value as a program can take it: a Python integer beyond 32 bits becomes a float."""
    if isinstance(value, int) and not -(2**31) <= value < 2**31:
        return float(value)
    return value
