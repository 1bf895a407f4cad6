"""Arrays on meshes with explicit axes, where an operation has to say how its result is sharded."""

from __future__ import annotations

from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import tree_util
from jax.sharding import AxisType, PartitionSpec
from jaxtyping import Array, PyTree

__all__ = ["replicated", "taken"]

T = TypeVar("T", bound=PyTree)


def _is_explicit(array: Array) -> bool:
    """Say whether the array's type carries a sharding over explicit axes."""
    sharding = getattr(jax.typeof(array), "sharding", None)
    mesh = getattr(sharding, "mesh", None)
    return mesh is not None and not mesh.empty and AxisType.Explicit in mesh.axis_types


def taken(array: Array, ids: tuple[int, ...], axis: int) -> Array:
    """Return some entries along an axis."""
    index = np.asarray(ids, np.int32)
    if _is_explicit(array):
        where = (slice(None),) * axis + (index,)
        return array.at[where].get(out_sharding=PartitionSpec())
    return jnp.take(array, jnp.asarray(index), axis=axis)


def replicated(tree: T) -> T:
    """Return arrays that every device holds whole, where their types say otherwise."""

    def whole(array: Array) -> Array:
        return jax.sharding.reshard(array, PartitionSpec()) if _is_explicit(array) else array

    return tree_util.tree_map(whole, tree)
