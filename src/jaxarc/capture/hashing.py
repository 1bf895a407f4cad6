"""The hash of a state leaf, inside a program; ``records.hashing`` says what it is and what it promises."""

from __future__ import annotations

from math import prod

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Shaped, UInt32

from jaxarc.records.hashing import NARROW_INTEGERS, hash_weights

__all__ = ["leaf_hash"]

_DOT_WORDS = 64


def leaf_hash(array: Shaped[Array, "*lead_and_shape"], lead: int) -> UInt32[Array, "*lead_axes"]:
    """Return one uint32 for every leaf of a stack of leaves, as ``records.hashing.leaf_hash`` does.

    Works under every transform. Costs 0.15 to 0.5 ns a byte on one CPU core.

    Args:
        array: the leaves, of any number type, typed PRNG keys included.
        lead: how many leading axes stack leaves (0: the array is one leaf).

    Returns:
        uint32 with the shape of the leading axes.
    """
    words = _words(lax.stop_gradient(array))
    shape = words.shape[lead:]
    num_words = prod(shape)
    weights = hash_weights(num_words).reshape(shape)
    axes = tuple(range(lead, words.ndim))
    if num_words > _DOT_WORDS:
        # XLA CPU runs a dot product over widened bytes in half the time of a fused multiply and sum.
        total = lax.dot_general(words, weights, ((axes, tuple(range(len(shape)))), ((), ())))
    else:
        total = jnp.sum(words * weights, axes, dtype=jnp.uint32)
    return _mix(total + np.uint32(num_words))


def _mix(words: Array) -> Array:
    words = words ^ (words >> 16)
    words = words * np.uint32(0x85EBCA6B)
    words = words ^ (words >> 13)
    words = words * np.uint32(0xC2B2AE35)
    return words ^ (words >> 16)


def _words(array: Array) -> Array:
    if jnp.issubdtype(array.dtype, jax.dtypes.prng_key):
        array = jax.random.key_data(array)
    name, itemsize = array.dtype.name, array.dtype.itemsize
    if name == "bool":
        return array.astype(jnp.uint32)
    if name in NARROW_INTEGERS:
        array = array.astype(jnp.int8)
    elif name == "float4_e2m1fn":
        return lax.bitcast_convert_type(array, jnp.uint4).astype(jnp.uint32)
    elif array.dtype.kind == "c":
        array, itemsize = jnp.stack([array.real, array.imag], axis=-1), itemsize // 2
    narrow = {1: jnp.uint8, 2: jnp.uint16}.get(itemsize)
    if narrow is None:
        return lax.bitcast_convert_type(array, jnp.uint32)
    return lax.bitcast_convert_type(array, narrow).astype(jnp.uint32)
