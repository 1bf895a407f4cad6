"""Comparing boards."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float32, Int8

__all__ = ["similarity"]


def similarity(board: Int8[Array, "height width"], target: Int8[Array, "height width"]) -> Float32[Array, ""]:
    """Return the share of the cells valid in either board that are valid and equal in both.

    Exactly 1.0 when the boards are equal, size included, and only then.
    """
    equal = (board == target) & (target >= 0)
    either = jnp.maximum(board, target) >= 0
    # Both counts in one pass: a board has at most 1024 cells, so the lower half cannot overflow.
    both = jnp.sum(either + (equal.astype(jnp.int32) << 16), dtype=jnp.int32)
    return (both >> 16).astype(jnp.float32) / jnp.maximum(both & 0xFFFF, 1).astype(jnp.float32)
