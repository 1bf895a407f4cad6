"""Finding the first number that is not finite, inside a compiled program."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int32

__all__ = ["Search", "first_non_finite", "is_watched"]

_LAST = 2**31 - 1


class Search(NamedTuple):
    """What a search found, as scalars.

    Attributes:
        any: whether there is something that is not finite.
        leaf: the position of its leaf.
        position: where it lies in the leaf, in C order.
        kind: 0 for NaN, 1 for infinity, 2 for minus infinity.
        total: how many numbers are not finite, at most 2^31 - 1.
        leaves: how many leaves hold such numbers.
    """

    any: Bool[Array, ""]
    leaf: Int32[Array, ""]
    position: Int32[Array, ""]
    kind: Int32[Array, ""]
    total: Int32[Array, ""]
    leaves: Int32[Array, ""]


def is_watched(array: Array | np.ndarray) -> bool:
    """Say whether an array can hold a number that is not finite."""
    return bool(array.size) and jnp.issubdtype(array.dtype, jnp.inexact)


def first_non_finite(arrays: Sequence[Array], has_steps: Sequence[bool]) -> Search:
    """Find the first number that is not finite.

    First is what has the smallest index along the axis of steps; among equals, and of what has no such axis,
    the earliest leaf counts, and in it the smallest position in C order. What has no axis of steps comes
    after what has one: parameters are computed from rollouts.

    Args:
        arrays: floating or complex arrays, none empty; at least one.
        has_steps: of each array, whether its first axis is that of steps.
    """
    counts, positions, steps, kinds = [], [], [], []
    for array, stepped in zip(arrays, has_steps, strict=True):
        flat = array.reshape(-1)
        bad = ~jnp.isfinite(flat)
        position = jnp.argmax(bad).astype(jnp.int32)
        count = jnp.sum(bad, dtype=jnp.int32)
        value = flat[position]
        real = value.real + value.imag if jnp.issubdtype(array.dtype, jnp.complexfloating) else value
        counts.append(count)
        positions.append(position)
        kinds.append(jnp.where(jnp.isnan(real), 0, jnp.where(real > 0, 1, 2)).astype(jnp.int32))
        step = position // prod(array.shape[1:]) if stepped else jnp.int32(_LAST - 1)
        steps.append(jnp.where(count > 0, step, _LAST).astype(jnp.int32))
    found = jnp.stack(counts)
    leaf = jnp.argmin(jnp.stack(steps)).astype(jnp.int32)
    about = jnp.sum(found.astype(jnp.float32))
    return Search(
        any=jnp.any(found > 0),
        leaf=leaf,
        position=jnp.stack(positions)[leaf],
        kind=jnp.stack(kinds)[leaf],
        total=jnp.where(about < 2.0**31, jnp.sum(found, dtype=jnp.int32), _LAST),
        leaves=jnp.sum(found > 0, dtype=jnp.int32),
    )
