"""The hash of a state leaf, for what was recorded; ``capture.hashing`` computes the same on the device.

A leaf is read as words ``x``: elements of up to 32 bits are zero-extended, wider ones are two or four words,
low ones first, in C order. With odd weights ``w[i] = fmix32(i + 1) | 1`` its hash is
``fmix32(sum(x[i] * w[i]) + n)`` modulo 2^32, where fmix32 is the finaliser of MurmurHash3 (Austin Appleby,
public domain). Odd weights are invertible and fmix32 is a bijection: a leaf that differs in one word has
another hash, always.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod

import numpy as np
from jaxtyping import Shaped, UInt32

__all__ = ["NARROW_INTEGERS", "hash_weights", "leaf_hash"]

NARROW_INTEGERS = ("int4", "uint4", "int2", "uint2")


def _mix(words: np.ndarray) -> np.ndarray:
    words = words ^ (words >> np.uint32(16))
    words = words * np.uint32(0x85EBCA6B)
    words = words ^ (words >> np.uint32(13))
    words = words * np.uint32(0xC2B2AE35)
    return words ^ (words >> np.uint32(16))


@lru_cache(maxsize=64)
def hash_weights(num_words: int) -> np.ndarray:
    """Return the weight of each word of a leaf that has so many, uint32[num_words]; read-only."""
    weights = _mix(np.arange(1, num_words + 1, dtype=np.uint32)) | np.uint32(1)
    weights.flags.writeable = False
    return weights


def _words(array: np.ndarray) -> np.ndarray:
    name, itemsize = array.dtype.name, array.dtype.itemsize
    if name in NARROW_INTEGERS:
        array, itemsize = array.astype(np.int8), 1
    array = np.ascontiguousarray(array)
    if itemsize <= 2:
        return array.view(f"u{itemsize}").astype(np.uint32)
    return array.reshape(*array.shape, 1).view("<u4")


def leaf_hash(array: Shaped[np.ndarray, "*lead_and_shape"], lead: int) -> UInt32[np.ndarray, "*lead_axes"]:
    """Return one uint32 for every leaf of a stack of leaves.

    Args:
        array: the leaves, of any number type; PRNG keys as their uint32 words.
        lead: how many leading axes stack leaves (0: the array is one leaf).

    Returns:
        uint32 with the shape of the leading axes.
    """
    shape = array.shape[:lead]
    words = (
        _words(np.asarray(array)).reshape(prod(shape), -1) if array.size else np.zeros((prod(shape), 0), "u4")
    )
    num_words = words.shape[1]
    return _mix(words @ hash_weights(num_words) + np.uint32(num_words)).reshape(shape)
