"""What the device packs, the host unpacks: every dtype and shape, bit for bit."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jaxarc import Step
from jaxarc.capture import CaptureSpec
from jaxarc.capture.flatten import FlatStep, flatten_step
from jaxarc.capture.packing import Packed, pack_steps, select_rows
from jaxarc.records.layout import Field

BITS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64, 16: np.uint64}
NATIVE = [
    "bool",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "float16",
    "bfloat16",
    "float32",
    "complex64",
    "float8_e4m3fn",
    "float8_e5m2",
    "int4",
    "uint4",
]
WIDE = ["int64", "uint64", "float64", "complex128"]
SCALARS = [name for name in NATIVE + WIDE if not name.startswith("complex")]

few = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
shapes = st.sampled_from([(), (0,), (1,), (9,), (3, 5), (2, 0, 3)])


def dtype_of(name: str) -> np.dtype:
    return np.dtype(getattr(ml_dtypes, name)) if hasattr(ml_dtypes, name) else np.dtype(name)


def values_of(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Every bit pattern of the dtype is as likely as any other, NaNs included."""
    rng = np.random.default_rng(seed)
    if name == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if name in ("int4", "uint4"):
        low = -8 if name == "int4" else 0
        return rng.integers(low, low + 16, shape).astype(np.int8).astype(dtype_of(name))
    dtype = dtype_of(name)
    raw = rng.integers(0, 256, (*shape, dtype.itemsize), dtype=np.uint8)
    return raw.view(dtype).reshape(shape)


def same_bits(actual: np.ndarray, expected: np.ndarray) -> bool:
    return (
        actual.dtype == expected.dtype
        and actual.shape == expected.shape
        and actual.tobytes() == expected.tobytes()
    )


def spec(program: str) -> CaptureSpec:
    return CaptureSpec(0, "train", program, envs=1000, chunk_bytes=1000, max_step_bytes=1000)


def pack_step(flat: FlatStep, env_ids: tuple[int, ...]) -> Packed:
    """Pack a chunk of one step, and take the axis of the steps away."""
    raw = jax.tree_util.tree_map(lambda leaf: leaf[None], select_rows(flat, env_ids))
    packed = pack_steps(flat.layout, raw, 1 if flat.num_envs is None else 2, env_ids, None)
    return jax.tree_util.tree_map(lambda leaf: leaf[0], packed)


def row(flat: FlatStep, packed: Packed, index: int) -> np.ndarray:
    """Decode a field of the rows."""
    assert packed.rows is not None
    return flat.layout.decode_row(index, np.asarray(packed.rows.words), np.asarray(packed.rows.octets))


def round_trip(name: str, values: np.ndarray, lead: int) -> np.ndarray:
    """Send ``values`` through a Step's info, as one leaf between two others."""
    shape = values.shape[:lead]
    step = Step(
        reward=jnp.zeros(shape),
        terminated=jnp.zeros(shape, bool),
        info=[jnp.ones((*shape, 3), bool), jnp.asarray(values), jnp.ones((*shape, 2), jnp.int32)],
    )
    flat = flatten_step(step, spec("steps"))
    packed = pack_step(flat, tuple(range(shape[0])) if shape else ())
    index = next(i for i, f in enumerate(flat.layout.rows) if f.path == (1,))
    assert flat.layout.rows[index].dtype == name
    assert flat.layout.rows[2].size == 2
    return row(flat, packed, index)


@pytest.mark.parametrize("name", NATIVE)
@few
@given(shape=shapes, num_envs=st.sampled_from([0, 2]), seed=st.integers(0, 2**32 - 1))
def test_a_row_leaf_comes_back_bit_for_bit(name: str, shape: tuple[int, ...], num_envs: int, seed: int):
    """Any shape, scalars and empty ones included, with and without an environment axis."""
    lead = (num_envs,) if num_envs else ()
    values = values_of(name, (*lead, *shape), seed)
    assert same_bits(round_trip(name, values, len(lead)), values)


@pytest.mark.parametrize("name", WIDE)
def test_a_64_bit_row_leaf_comes_back_bit_for_bit(name: str):
    """With 64-bit types switched on, they cross as pairs of words."""
    with jax.enable_x64(True):
        for seed, shape in enumerate([(), (0,), (1,), (7,), (2, 3)]):
            values = values_of(name, (2, *shape), seed)
            assert same_bits(round_trip(name, values, 1), values)


@pytest.mark.parametrize("name", SCALARS)
def test_a_scalar_comes_back_bit_for_bit(name: str):
    """Rewards and metrics of any real dtype cross as words, for one environment and for several."""
    with jax.enable_x64(name in WIDE):
        for seed, shape in enumerate([(), (1,), (5,)]):
            values = values_of(name, shape, seed)
            step = Step(
                reward=jnp.asarray(values),
                terminated=jnp.ones(shape, bool),
                metrics={"a": jnp.asarray(values), "b": jnp.arange(int(np.prod(shape))).reshape(shape)},
            )
            flat = flatten_step(step, spec("scalars"))
            scalars = np.asarray(pack_step(flat, ()).scalars)
            assert scalars.shape == (*shape, flat.layout.num_scalar_words)
            assert same_bits(flat.layout.decode_scalar(0, scalars), values)
            assert same_bits(flat.layout.decode_scalar(1, scalars), values)


@pytest.mark.parametrize("impl", ["threefry2x32", "rbg"])
def test_typed_keys_cross_as_their_words(impl: str):
    """A typed PRNG key is recorded as uint32 words and the name of its implementation."""
    keys = jax.random.split(jax.random.key(3, impl=impl), 4)
    step = Step(reward=jnp.zeros(4), terminated=jnp.zeros(4, bool), key=keys)
    flat = flatten_step(step, spec("steps"))
    field = flat.layout.rows[0]
    assert (field.role, field.dtype) == ("key", "uint32")
    assert field.key_impl == impl
    packed = pack_step(flat, (0, 1, 2, 3))
    words = row(flat, packed, 0)
    assert same_bits(words, np.asarray(jax.random.key_data(keys)))


@pytest.mark.parametrize("size", [1, 7, 8, 9, 63, 900])
def test_masks_take_one_bit_a_cell(size: int):
    """A mask of any size is packed to whole octets, and nothing of its neighbour leaks in."""
    field = Field("info", (), "bool", (size,))
    assert field.num_octets == -(-size // 8)
    assert field.num_words == 0
    values = values_of("bool", (2, size), size)
    assert same_bits(round_trip("bool", values, 1), values)


@given(envs=st.sets(st.integers(0, 6), min_size=1))
@few
def test_only_the_selected_environments_cross(envs: set[int]):
    """Rows of the selected environments are gathered in ascending order; scalars of all cross."""
    ids = tuple(sorted(envs))
    values = np.arange(7 * 3, dtype=np.int16).reshape(7, 3)
    step = Step(reward=jnp.arange(7.0), terminated=jnp.zeros(7, bool), observation=jnp.asarray(values))
    flat = flatten_step(step, spec("steps"))
    packed = pack_step(flat, ids)
    assert packed.scalars.shape[0] == 7
    assert packed.rows.words.shape[0] == len(ids)
    decoded = row(flat, packed, 0)
    assert same_bits(decoded, values[list(ids)])
