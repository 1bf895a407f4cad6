"""The device's hash of a state leaf is the one that is computed from the recording."""

from __future__ import annotations

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxarc.capture.hashing import leaf_hash
from jaxarc.records.hashing import leaf_hash as recorded_hash
from jaxarc.records.layout import numpy_dtype

DTYPES = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "float16", "bfloat16", "float32")
DTYPES += ("float8_e4m3fn", "complex64", "int4", "uint4", "int2", "uint2", "float4_e2m1fn")
SHAPES = ((), (1,), (5,), (30, 30), (0,), (3, 0), (2, 3, 4), (257,))


def random_leaves(dtype: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Leaves of any bits, NaN payloads and negative zeros included."""
    rng = np.random.default_rng(seed)
    kind = numpy_dtype(dtype)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype in ("int4", "uint4", "int2", "uint2", "float4_e2m1fn"):
        bits = 4 if "4" in dtype[:6] else 2
        low = 0 if dtype.startswith("uint") else -(2 ** (bits - 1))
        values = rng.integers(low, low + 2**bits, shape)
        return (values + 8).astype(np.uint8).view(kind) if "float" in dtype else values.astype(kind)
    return rng.integers(0, 256, (*shape, kind.itemsize)).astype(np.uint8).view(kind).reshape(shape)


@pytest.mark.parametrize("dtype", DTYPES)
def test_both_sides_agree_on_every_type_and_shape(dtype: str):
    """Scalars, boards, empty leaves; eagerly, jitted and vmapped."""
    stacks = [random_leaves(dtype, (2, 3, *shape)) for shape in SHAPES]
    expected = [recorded_hash(leaves, 2) for leaves in stacks]
    arrays = [jnp.asarray(leaves) for leaves in stacks]
    found = jax.jit(lambda xs: [leaf_hash(x, 2) for x in xs])(arrays)
    mapped = jax.jit(jax.vmap(lambda xs: [leaf_hash(x, 1) for x in xs]))(arrays)
    for shape, hashes, in_program, under_vmap in zip(SHAPES, expected, found, mapped, strict=True):
        assert in_program.dtype == jnp.uint32
        assert np.array_equal(in_program, hashes), shape
        assert np.array_equal(under_vmap, hashes), shape
    assert int(leaf_hash(arrays[3][1, 2], 0)) == int(expected[3][1, 2])


hash_one_leaf = jax.jit(lambda leaf: leaf_hash(leaf, 0))


@settings(max_examples=50, deadline=None)
@given(
    st.data(), st.sampled_from(("int8", "int16", "int32", "uint32")), st.sampled_from(((), (7,), (30, 30)))
)
def test_one_changed_bit_is_always_another_hash(data: st.DataObject, dtype: str, shape: tuple[int, ...]):
    """On the device as in the recording."""
    leaf = random_leaves(dtype, shape, data.draw(st.integers(0, 2**31)))
    octets = bytearray(leaf.tobytes())
    octets[data.draw(st.integers(0, len(octets) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    changed = np.frombuffer(bytes(octets), dtype).reshape(shape)
    assert int(hash_one_leaf(leaf)) != int(hash_one_leaf(changed))


def test_a_typed_key_hashes_as_its_words():
    """A PRNG key is recorded as its words."""
    keys = jax.random.split(jax.random.key(3), 4)
    words = np.asarray(jax.random.key_data(keys))
    assert np.array_equal(leaf_hash(keys, 1), recorded_hash(words, 1))


def test_derivatives_pass_by():
    """A hash of a float state does not disturb the gradient through the program."""

    def loss(x: jax.Array) -> jax.Array:
        return (x**2).sum() + 0.0 * leaf_hash(x, 0).astype(jnp.float32)

    assert np.array_equal(jax.grad(loss)(jnp.arange(3.0)), [0.0, 2.0, 4.0])


X64 = """
import jax
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp, numpy as np
from jaxarc.capture.hashing import leaf_hash
from jaxarc.records.hashing import leaf_hash as recorded_hash
rng = np.random.default_rng(0)
for dtype in ("int64", "uint64", "float64", "complex128", "int8", "float32"):
    for shape in ((), (3,), (0,), (9, 11)):
        size = np.dtype(dtype).itemsize
        leaves = rng.integers(0, 256, (4, *shape, size)).astype(np.uint8).view(dtype).reshape(4, *shape)
        found = jax.jit(lambda x: leaf_hash(x, 1))(jnp.asarray(leaves))
        assert found.dtype == jnp.uint32 and np.array_equal(found, recorded_hash(leaves, 1)), (dtype, shape)
print("equal")
"""


def test_both_sides_agree_on_64_bit_types():
    """With jax_enable_x64, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", X64], capture_output=True, text=True)
    assert done.stdout.strip() == "equal", done.stderr
