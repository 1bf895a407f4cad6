"""Masks as one 32-bit word per row: counting, bounding boxes and flood fill in a few word operations."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int32, UInt32

__all__ = ["Box", "bounding_box", "count", "flood", "pack", "unpack"]

Rows = UInt32[Array, " height"]


class Box(NamedTuple):
    """A rectangle of cells; all four sides are inside it. Meaningless when nothing is selected."""

    top: Int32[Array, ""]
    left: Int32[Array, ""]
    bottom: Int32[Array, ""]
    right: Int32[Array, ""]


def pack(mask: Bool[Array, "height width"]) -> Rows:
    """Pack each row of a mask into a word; column c is bit c, so the width may be 32 at most."""
    bits = jnp.uint32(1) << jnp.arange(mask.shape[-1], dtype=jnp.uint32)
    return jnp.sum(jnp.where(mask, bits, jnp.uint32(0)), axis=-1, dtype=jnp.uint32)


def unpack(rows: Rows, width: int) -> Bool[Array, "height width"]:
    """Undo `pack`."""
    return ((rows[:, None] >> jnp.arange(width, dtype=jnp.uint32)) & 1) != 0


def count(rows: Rows) -> Int32[Array, ""]:
    """Count the cells of a packed mask."""
    return jnp.sum(jax.lax.population_count(rows), dtype=jnp.uint32).astype(jnp.int32)


def _lowest(word: UInt32[Array, ""]) -> Int32[Array, ""]:
    return jax.lax.population_count((word & (~word + 1)) - 1).astype(jnp.int32)


def _highest(word: UInt32[Array, ""]) -> Int32[Array, ""]:
    return 31 - jax.lax.clz(word).astype(jnp.int32)


def bounding_box(rows: Rows) -> Box:
    """Return the smallest box around the cells of a packed mask of at most 32 rows."""
    row_bits = jnp.uint32(1) << jnp.arange(rows.shape[-1], dtype=jnp.uint32)
    used_rows = jnp.sum(jnp.where(rows != 0, row_bits, jnp.uint32(0)), dtype=jnp.uint32)
    used_columns = jax.lax.reduce(rows, jnp.uint32(0), jax.lax.bitwise_or, (0,))
    return Box(_lowest(used_rows), _lowest(used_columns), _highest(used_rows), _highest(used_columns))


def _spread_in_rows(cells: Rows, region: Rows) -> Rows:
    """Extend cells to the whole horizontal runs of the region that they touch."""
    left, right, to_left, to_right = cells, cells, region, region
    for shift in (1, 2, 4, 8, 16):
        left = left | (to_left & (left << shift))
        to_left = to_left & (to_left << shift)
        right = right | (to_right & (right >> shift))
        to_right = to_right & (to_right >> shift)
    return left | right


def flood(cells: Rows, region: Rows, grows: Bool[Array, ""]) -> Rows:
    """Return the cells, grown over the part of the region that is 4-connected to them.

    One turn of the loop extends the cells over whole horizontal runs and one row up and down; the loop ends
    when nothing grows. Under ``vmap`` it turns as often as the slowest lane needs, and not at all when no
    lane grows.

    Args:
        cells: where to start.
        region: cells that may be reached.
        grows: where False, the cells are returned as they are.
    """
    reachable = jnp.where(grows, region, jnp.uint32(0))

    def grow(carry: tuple[Rows, Bool[Array, ""]]) -> tuple[Rows, Bool[Array, ""]]:
        cells, _ = carry
        zero = jnp.zeros((1,), jnp.uint32)
        above = jnp.concatenate([zero, cells[:-1]])
        below = jnp.concatenate([cells[1:], zero])
        grown = cells | _spread_in_rows((cells | above | below) & reachable, reachable)
        return grown, jnp.any(grown != cells)

    grown, _ = jax.lax.while_loop(lambda carry: carry[1], grow, (cells, grows))
    return grown
