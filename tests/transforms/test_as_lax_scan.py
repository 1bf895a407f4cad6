"""recorder.scan against jax.lax.scan: the same carry, outputs and derivatives, whatever is scanned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from child import run_child
from recording import config, read

from jaxarc import Recorder, Step
from jaxarc.errors import CaptureError

Body = Callable[[Any, Any], tuple[Any, Any]]

DTYPES = (
    "bool",
    "int4",
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "bfloat16",
    "float16",
    "float32",
)
DTYPES += ("float8_e4m3fn", "float8_e5m2", "complex64")
LENGTH = 7


@dataclass(frozen=True)
class Scan:
    """Arguments of a scan, and the Step of its body beside what it returns."""

    body: Body
    init: Any
    xs: Any = None
    length: int | None = None
    unroll: int | bool = 1


def counting(carry: Any, _: None) -> tuple[Any, Any]:
    count, total = carry["count"], carry["nested"][0]
    return {"count": count + 1, "nested": (total + count, None)}, (count * 2, {"total": total})


def of_every_dtype(carry: Any, x: jax.Array) -> tuple[Any, Any]:
    ys = {name: (x + carry["int32"]).astype(name) for name in DTYPES}
    return {name: ys[name] for name in carry}, ys


def of_keys(key: jax.Array, x: Any) -> tuple[Any, Any]:
    key, sub = jax.random.split(key)
    folded = jax.random.fold_in(x["keys"][0], x["count"])
    return key, {"sub": sub, "folded": folded, "draw": jax.random.bits(sub, (2,)), "old": x["old"]}


def without_outputs(carry: jax.Array, x: jax.Array) -> tuple[Any, Any]:
    return carry + x, None


def of_python_numbers(carry: Any, x: Any) -> tuple[Any, Any]:
    return (carry[0] + x, ~carry[1], carry[2]), (carry, ())


def matrices(carry: jax.Array, x: tuple[jax.Array, jax.Array]) -> tuple[Any, Any]:
    return carry @ x[0], (carry[0], x[1][None])


SCANS: dict[str, Scan] = {
    "a length and no xs": Scan(
        counting, {"count": jnp.int32(3), "nested": (jnp.int32(1), None)}, None, LENGTH
    ),
    "a length beside xs": Scan(without_outputs, jnp.int32(0), jnp.arange(LENGTH), LENGTH),
    "a Python carry": Scan(of_python_numbers, (0, True, 2.0), jnp.arange(LENGTH)),
    "numpy arrays": Scan(without_outputs, np.float32(1), np.arange(LENGTH, dtype=np.float32)),
    "every dtype": Scan(
        of_every_dtype, {name: jnp.zeros(3, name) for name in DTYPES}, jnp.arange(LENGTH)[:, None]
    ),
    "typed keys": Scan(
        of_keys,
        jax.random.key(1),
        {
            "keys": jax.random.split(jax.random.key(2), (LENGTH, 2)),
            "count": jnp.arange(LENGTH),
            "old": jax.vmap(jax.random.PRNGKey)(jnp.arange(LENGTH)),
        },
    ),
    "unrolled": Scan(matrices, jnp.eye(2), (jnp.ones((LENGTH, 2, 2)), jnp.arange(LENGTH)), unroll=3),
    "unrolled whole": Scan(matrices, jnp.eye(2), (jnp.ones((LENGTH, 2, 2)), jnp.arange(LENGTH)), unroll=True),
    "one step": Scan(matrices, jnp.eye(2), (jnp.ones((1, 2, 2)), jnp.arange(1))),
    "no step": Scan(matrices, jnp.eye(2), (jnp.ones((0, 2, 2)), jnp.arange(0))),
}


def recorded(body: Body) -> Body:
    """Let a body say what it went through: everything that it got and returned is in its Step."""

    def with_step(carry: Any, x: Any) -> tuple[Any, Any]:
        after, y = body(carry, x)
        step = Step(
            reward=1.0, terminated=False, observation=carry, info={"x": x, "y": y}, next_observation=after
        )
        return after, (step, y)

    return with_step


def bits(tree: Any) -> list[tuple[str, tuple[int, ...], bytes]]:
    """Return dtype, shape and bytes of every leaf; typed keys with their words."""
    found = []
    for leaf in jax.tree_util.tree_leaves(tree):
        name = str(jnp.asarray(leaf).dtype)
        if jnp.issubdtype(jnp.asarray(leaf).dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        found.append((name, np.shape(leaf), np.asarray(leaf).tobytes()))
    return found


@pytest.mark.parametrize("chunk_bytes", [1, 256_000])
@pytest.mark.parametrize("name", SCANS)
def test_the_carry_and_the_outputs_are_those_of_lax_scan(run_root: Path, name: str, chunk_bytes: int):
    """Structure, dtypes, shapes and bits, with a chunk for every step and with one for all of them."""
    scan = SCANS[name]
    arguments = (scan.init, scan.xs, scan.length)
    plain = jax.jit(lambda: jax.lax.scan(scan.body, *arguments, unroll=scan.unroll))()
    with Recorder(config(run_root, capture={"chunk_bytes": chunk_bytes})) as recorder:
        ours = jax.jit(lambda: recorder.scan(recorded(scan.body), *arguments, unroll=scan.unroll))()
    assert jax.tree_util.tree_structure(ours) == jax.tree_util.tree_structure(plain)
    assert bits(ours) == bits(plain)
    length = len(jax.tree_util.tree_leaves(scan.xs)[0]) if scan.length is None else scan.length
    assert read(recorder).episodes()["total_steps"].tolist() == [length] * (length > 0)
    if length:
        said = read(recorder).load_episode(0).info["y"] if jax.tree_util.tree_leaves(plain[1]) else ()
        assert [np.asarray(leaf).tobytes() for leaf in jax.tree_util.tree_leaves(said)] == [
            leaf for _, _, leaf in bits(plain[1])
        ]


def test_64_bit_numbers_cross_as_they_are(run_root: Path):
    """With jax_enable_x64 in a process of its own: outputs as lax.scan's, arrays read back bit for bit."""
    body = """
    import numpy as np
    from jaxarc import Step

    assert jnp.arange(2).dtype == jnp.int64

    def plain(carry, x):
        after = {"real": carry["real"] * 3 + x, "whole": carry["whole"] * 7 + 2**40}
        return after, (after, carry["whole"].astype(jnp.uint64), x + 1j)

    def body(carry, x):
        after, y = plain(carry, x)
        step = Step(
            observation=carry, next_observation=after, reward=carry["real"], terminated=False,
            metrics={"whole": carry["whole"]}, info=y, state=carry,
        )
        return after, (step, y)

    init, xs = {"real": jnp.float64(1) / 3, "whole": jnp.int64(5)}, jnp.linspace(0.0, 1.0, 9)
    with Recorder(config(ROOT, "full", capture={"chunk_bytes": 200})) as recorder:
        ours = jax.jit(lambda i, x: recorder.scan(body, i, x))(init, xs)
    expected = jax.jit(lambda i, x: jax.lax.scan(plain, i, x))(init, xs)
    for a, b in zip(jax.tree_util.tree_leaves(ours), jax.tree_util.tree_leaves(expected), strict=True):
        assert (a.dtype, a.tobytes()) == (b.dtype, b.tobytes())
    np.savez(ROOT + "/expected.npz", **{f"y{i}": y for i, y in enumerate(jax.tree_util.tree_leaves(ours[1]))})
    """
    code, errors, run = run_child(run_root, body, JAX_ENABLE_X64="1")
    assert code == 0, errors
    episode = run.load_episode(0)
    expected = dict(np.load(run_root / "expected.npz"))
    real, whole, unsigned, complex_ = (expected[f"y{n}"] for n in range(4))
    assert [array.dtype.name for array in (real, whole, unsigned, complex_)] == [
        "float64",
        "int64",
        "uint64",
        "complex128",
    ]
    after, unsigned_said, complex_said = episode.info
    for array, values in (
        (after["real"], real),
        (after["whole"], whole),
        (unsigned_said, unsigned),
        (complex_said, complex_),
        (episode.observation["real"][1:], real),
        (episode.observation["whole"][1:], whole),
        (episode.state["real"], episode.observation["real"][:-1]),
        (episode.reward, episode.observation["real"][:-1]),
        (episode.metrics["whole"], episode.observation["whole"][:-1]),
    ):
        assert (array.dtype, array.tobytes()) == (values.dtype, values.tobytes())


DERIVATIVES: dict[str, Callable[..., Callable[..., Any]]] = {
    "grad": jax.grad,
    "jacfwd": jax.jacfwd,
    "jacrev": jax.jacrev,
    "hessian": jax.hessian,
    "grad of remat": lambda f: jax.grad(jax.checkpoint(f)),
}


@pytest.mark.parametrize("name", DERIVATIVES)
def test_derivatives_are_those_of_lax_scan(run_root: Path, name: str):
    """By the first carry, by xs and by what the body closes over; the Step has no part in them."""

    def loss(scan: Callable[..., Any], weights: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        start, xs, scale = weights

        def body(carry: jax.Array, x: jax.Array) -> tuple[jax.Array, Any]:
            after = jnp.tanh(carry * scale + x)
            y = after * x
            if scan is jax.lax.scan:
                return after, y
            step = Step(observation=carry, reward=y.sum(), terminated=False, metrics={"y": y[0]}, info=after)
            return after, (step, y)

        carry, ys = scan(body, start, xs)
        return jnp.sum(carry**2) + jnp.sum(ys**3)

    weights = (jnp.array([0.3, -0.2]), jnp.linspace(-1, 1, 2 * LENGTH).reshape(LENGTH, 2), jnp.float32(0.7))
    with Recorder(config(run_root, capture={"chunk_bytes": 60})) as recorder:
        ours = jax.jit(DERIVATIVES[name](lambda w: loss(recorder.scan, w)))(weights)
        plain = jax.jit(DERIVATIVES[name](lambda w: loss(jax.lax.scan, w)))(weights)
    for a, b in zip(jax.tree_util.tree_leaves(ours), jax.tree_util.tree_leaves(plain), strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    assert read(recorder).episodes()["total_steps"].tolist() == [LENGTH]


def test_what_cannot_be_taken_is_refused_before_anything_is_compiled(run_root: Path):
    """Tracing is enough: the path of the leaf, its size, the limit, and what to change."""

    def body(carry: jax.Array, x: jax.Array) -> tuple[jax.Array, Any]:
        frame = jnp.zeros((64, 64), jnp.float32) + x
        return carry, (Step(reward=x, terminated=False, info={"camera": [frame]}), x)

    settings = config(run_root, capture={"chunk_bytes": 64}, pipeline={"queue_bytes": 9_000})
    with Recorder(settings) as recorder:
        message = (
            r"takes 16\d{3} bytes .*step\.info\.camera\[0\], \[64, 64\].*queue_bytes=9000.*capture\.envs"
        )
        with pytest.raises(CaptureError, match=message):
            jax.eval_shape(lambda xs: recorder.scan(body, 0, xs), jnp.arange(3.0))
        with pytest.raises(CaptureError, match=r"reverse.*scan forwards"):
            jax.eval_shape(lambda xs: recorder.scan(body, 0, xs, reverse=True), jnp.arange(3.0))
