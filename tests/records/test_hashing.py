"""Hashes of recorded leaves: what they are made of, and what never escapes them."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxarc.records.hashing import hash_weights, leaf_hash

DTYPES = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16")
DTYPES += ("float32", "float64", "complex64", "complex128")


def by_the_book(words: list[int]) -> int:
    """The formula of docs/format.md with Python's integers."""

    def mix(word: int) -> int:
        word ^= word >> 16
        word = word * 0x85EBCA6B % 2**32
        word ^= word >> 13
        word = word * 0xC2B2AE35 % 2**32
        return word ^ word >> 16

    total = sum(word * (mix(i + 1) | 1) for i, word in enumerate(words))
    return mix((total + len(words)) % 2**32)


@given(st.lists(st.integers(0, 2**32 - 1), max_size=40))
def test_the_hash_is_the_formula_of_the_format(words: list[int]):
    """Word by word, as anybody can compute it from docs/format.md."""
    assert int(leaf_hash(np.array(words, np.uint32), 0)) == by_the_book(words)


def test_narrow_elements_are_zero_extended_and_wide_ones_are_low_word_first():
    """What a word is: the raw bits of an element; wide elements give several, the low one first."""
    assert int(leaf_hash(np.array([-1, 2], np.int8), 0)) == by_the_book([255, 2])
    assert int(leaf_hash(np.array([True, False]), 0)) == by_the_book([1, 0])
    assert int(leaf_hash(np.array(-2, np.int16), 0)) == by_the_book([2**16 - 2])
    assert int(leaf_hash(np.array(5 + 7 * 2**32, np.int64), 0)) == by_the_book([5, 7])
    assert int(leaf_hash(np.array(1.0, np.float32), 0)) == by_the_book([0x3F800000])
    assert int(leaf_hash(np.array(1.0, ml_dtypes.bfloat16), 0)) == by_the_book([0x3F80])
    assert int(leaf_hash(np.array(-1, ml_dtypes.int4), 0)) == by_the_book([255])
    assert int(leaf_hash(np.zeros((0, 3), np.int8), 0)) == by_the_book([])


@given(st.data(), st.sampled_from(DTYPES), st.integers(1, 70))
def test_one_changed_bit_is_always_another_hash(data: st.DataObject, dtype: str, size: int):
    """In any element of any type, at any position: odd weights and a bijection let nothing through."""
    if dtype == "bool":
        values = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))
        changed = values.copy()
        changed[data.draw(st.integers(0, size - 1))] ^= True
    else:
        octets = size * np.dtype(dtype).itemsize
        raw = np.frombuffer(data.draw(st.binary(min_size=octets, max_size=octets)), np.uint8)
        flipped = raw.copy()
        flipped[data.draw(st.integers(0, octets - 1))] ^= np.uint8(1 << data.draw(st.integers(0, 7)))
        values, changed = raw.view(dtype), flipped.view(dtype)
    assert leaf_hash(values, 0) != leaf_hash(changed, 0)


@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 5))
def test_a_stack_of_leaves_hashes_as_each_leaf_does(first: int, second: int, size: int):
    """Leading axes stack leaves, none of them leaks into another's hash."""
    values = np.random.default_rng(0).integers(-100, 100, (first, second, size)).astype(np.int16)
    hashes = leaf_hash(values, 2)
    assert hashes.shape == (first, second)
    assert hashes.dtype == np.uint32
    for i in range(first):
        for j in range(second):
            assert hashes[i, j] == leaf_hash(values[i, j], 0)


def test_order_and_length_count():
    """Swapped elements and appended zeros are other leaves."""
    assert leaf_hash(np.array([1, 2], np.int8), 0) != leaf_hash(np.array([2, 1], np.int8), 0)
    assert leaf_hash(np.array([1], np.int8), 0) != leaf_hash(np.array([1, 0], np.int8), 0)


def test_weights_are_odd_and_cannot_be_changed_by_mistake():
    """They are shared by every caller."""
    weights = hash_weights(1000)
    assert (weights & 1).all()
    with pytest.raises(ValueError, match="read-only"):
        weights[0] = 2
