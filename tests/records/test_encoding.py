"""Values become words and octets and come back as they were, whatever their type."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxarc.capture.packing import _encode
from jaxarc.records.encoding import encode, encode_scalar, join_fields
from jaxarc.records.layout import Field

DTYPES = [
    *("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
    *("bfloat16", "float8_e4m3fn", "float8_e5m2", "int4", "uint4"),
]
REAL = [name for name in DTYPES if not name.startswith("complex")]


def random_values(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return values of every bit pattern that the dtype has."""
    rng = np.random.default_rng(seed)
    if name == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if name in ("int4", "uint4"):
        low, high = (-8, 8) if name == "int4" else (0, 16)
        return rng.integers(low, high, shape).astype(getattr(ml_dtypes, name))
    dtype = np.dtype(getattr(ml_dtypes, name, name))
    return rng.integers(0, 256, (*shape, dtype.itemsize), np.uint8).view(dtype).reshape(shape)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(DTYPES),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=11),
    st.integers(1, 5),
    st.integers(0, 2**32),
)
def test_every_value_comes_back_bit_for_bit(name: str, shape: tuple[int, ...], rows: int, seed: int) -> None:
    """``Field.decode`` undoes ``encode``: bits, halves, narrow integers, 64-bit and complex numbers."""
    values = random_values(name, (rows, *shape), seed)
    field = Field("observation", (), name, shape)
    packed = encode(field, values)
    assert packed.shape == (rows, field.num_words or field.num_octets)
    assert packed.dtype == (np.int32 if field.codec in ("words", "half") else np.int8)
    decoded = field.decode(packed)
    assert decoded.dtype == values.dtype
    assert decoded.shape == values.shape
    assert decoded.tobytes() == values.tobytes()


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(REAL), st.integers(1, 9), st.integers(0, 2**32))
def test_every_scalar_comes_back_bit_for_bit(name: str, rows: int, seed: int) -> None:
    """``Field.decode_scalar`` undoes ``encode_scalar``, which widens one-byte types."""
    values = random_values(name, (rows,), seed)
    field = Field("metrics", ("m",), name, ())
    packed = encode_scalar(field, values)
    assert packed.shape == (rows, field.num_scalar_words)
    assert packed.dtype == np.int32
    decoded = field.decode_scalar(packed)
    assert decoded.dtype == values.dtype
    assert decoded.tobytes() == values.tobytes()


@pytest.mark.parametrize("name", ["bool", "int16", "bfloat16", "float8_e5m2", "complex64"])
def test_a_program_packs_the_same_numbers(name: str) -> None:
    """The words and octets are those that ``capture.packing`` makes of the same values on a device."""
    values = random_values(name, (4, 3, 3), 7)
    field = Field("observation", (), name, (3, 3))
    packed = np.asarray(_encode(field, jnp.asarray(values), 1, widen=False))
    assert encode(field, values).tobytes() == packed.tobytes()
    if name != "complex64":
        scalar, values = Field("metrics", ("m",), name, ()), values[:, 0, 0]
        packed = np.asarray(_encode(scalar, jnp.asarray(values), 1, widen=True))
        assert encode_scalar(scalar, values).tolist() == packed.tolist()


def test_words_of_keys_come_back() -> None:
    """A typed key is recorded as its uint32 words."""
    words = np.asarray(jax.random.key_data(jax.random.split(jax.random.key(5), 3)))
    field = Field("key", (), "uint32", words.shape[1:], key_impl="fry")
    assert field.decode(encode(field, words)).tolist() == words.tolist()


def test_fields_are_joined_and_constants_stand_in_the_first_row() -> None:
    """Words and octets lie field after field; a constant that crosses at starts is in the first row alone."""
    fields = [
        Field("action", (), "int32", ()),
        Field("observation", (), "int8", (2,)),
        Field("episode", ("board",), "int8", (3,), sent="starts"),
    ]
    arrays = [
        np.array([5, 6], np.int32),
        np.array([[1, 2], [3, 4]], np.int8),
        np.array([[7, 8, 9]], np.int8),
    ]
    words, octets = join_fields(fields, arrays, 2)
    assert words.tolist() == [[5], [6]]
    assert octets[0].tolist() == [1, 2, 7, 8, 9]
    assert octets[1, :2].tolist() == [3, 4]
