"""recorder.scan takes what jax.lax.scan takes."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from recording import config, counted, counts_by_lane, light_body, light_step, read

from jaxarc import Recorder, Step


def counting(carry, x):
    """A body that counts on a dtype attribute, as bodies of lax.scan may."""
    total = carry.astype(jnp.float32) + x
    step = Step(reward=total, terminated=False, metrics={"total": total}, info={"carry": carry})
    return total, (step, total)


def test_a_python_number_in_the_carry_is_an_array_in_the_body(run_root: Path):
    """Weakly typed carries are promoted as in jax.lax.scan, and recorded in their final dtype."""
    with Recorder(config(run_root)) as recorder:
        carry, ys = recorder.scan(counting, 0, jnp.arange(1.0, 4.0))
    assert ys.tolist() == [1.0, 3.0, 6.0]
    assert carry == 6.0
    episode = read(recorder).load_episode(0)
    assert episode.reward.tolist() == [1.0, 3.0, 6.0]
    assert episode.info["carry"].tolist() == [0.0, 1.0, 3.0]
    assert episode.info["carry"].dtype == np.float32


@pytest.mark.parametrize("unroll", [1, 3, True])
@pytest.mark.parametrize("chunk_bytes", [1, 40, 256_000])
def test_unrolled_scans_record_the_same(run_root: Path, unroll: int | bool, chunk_bytes: int):
    """Whatever the unrolling and the chunk."""
    with Recorder(config(run_root, capture={"chunk_bytes": chunk_bytes})) as recorder:
        recorder.scan(counting, jnp.float32(0), jnp.arange(7.0), unroll=unroll)
    assert read(recorder).load_episode(0).reward.tolist() == np.cumsum(np.arange(7.0)).tolist()


def test_trees_typed_keys_and_length_work_as_in_lax_scan(run_root: Path):
    """xs may be any pytree with typed keys, or nothing with a length; zero steps record nothing."""

    def body(carry, x):
        draw = jax.random.uniform(x["key"])
        return carry, (Step(reward=draw, terminated=False, key=x["key"]), {"draw": draw, "key": x["key"]})

    xs = {"key": jax.random.split(jax.random.key(0), 5)}
    with Recorder(config(run_root, capture={"chunk_bytes": 50})) as recorder:
        _, ys = jax.jit(lambda xs: recorder.scan(body, 0, xs))(xs)
        recorder.scan(lambda c, _: (c, (Step(reward=1.0, terminated=True), c)), 0, None, 2)
        _, empty = recorder.scan(counting, jnp.float32(0), jnp.zeros((0,)))
    assert jax.random.key_data(ys["key"]).tolist() == jax.random.key_data(xs["key"]).tolist()
    assert empty.shape == (0,)
    run = read(recorder)
    assert run.episodes()["total_steps"].tolist() == [6, 1]
    first = run.load_episode(0)
    assert first.reward[:5].tolist() == ys["draw"].tolist()
    assert first.key.tolist() == jax.random.key_data(xs["key"]).tolist()


def test_the_body_is_traced_a_fixed_number_of_times(run_root: Path):
    """Many chunks cost no more traces than one."""
    traced = []

    def body(carry, x):
        traced.append(1)
        return carry, (Step(reward=x, terminated=False), x)

    counts = []
    for chunk_bytes in (8, 256_000):
        with Recorder(config(run_root, "minimal", capture={"chunk_bytes": chunk_bytes})) as recorder:
            traced.clear()
            recorder.scan(body, 0, jnp.arange(30.0))
            counts.append(len(traced))
    assert counts[0] == counts[1] <= 3


@pytest.mark.parametrize("num_steps", [5, 7, 11, 23])
def test_chunks_arrive_in_order_where_the_body_depends_on_nothing_before(run_root: Path, num_steps: int):
    """XLA may run independent callbacks in any order; a recorded rollout has no carry to hold them back."""
    counts = jnp.arange(num_steps)
    steps = jax.vmap(light_step)(counts)
    with Recorder(config(run_root)) as recorder:
        layout = recorder.plan(light_body, jnp.int32(0), length=1).layout
    assert layout is not None
    with Recorder(config(run_root, capture={"chunk_bytes": 3 * layout.row_bytes})) as recorder:
        jax.jit(recorder.record_rollout)(steps)
        recorder.flush()
        assert recorder.health().accepted_chunks == (1 if num_steps == 5 else -(-num_steps // 3))
    assert counts_by_lane(read(recorder)) == {(0, 0): counted(0, num_steps)}


def test_an_eager_scan_of_one_body_is_traced_once(run_root: Path):
    """Called again outside of a program it is not compiled again, as with jax.lax.scan."""
    traced = []

    def body(carry, x):
        traced.append(1)
        return carry + 1, (Step(reward=carry, terminated=False), x)

    with Recorder(config(run_root)) as recorder:
        recorder.scan(body, jnp.float32(0), None, 3)
        first = len(traced)
        recorder.scan(body, jnp.float32(5), None, jnp.int32(3))
        assert len(traced) == first
        recorder.scan(body, jnp.float32(5), None, 3, unroll=True)
        assert len(traced) > first
    assert read(recorder).load_episode(0).reward.tolist() == [0, 1, 2, 5, 6, 7, 5, 6, 7]


def test_a_recorder_is_an_argument_without_arrays(run_root: Path):
    """A jitted function that takes it is compiled again for another level only."""
    traced = []

    @jax.jit
    def play(recorder: Recorder, count: jax.Array) -> jax.Array:
        traced.append(1)
        return recorder.scan(light_body, count, None, 4)[0]

    for level in ("verbose", "verbose", "minimal"):
        with Recorder(config(run_root, level)) as recorder:
            assert not jax.tree_util.tree_leaves(recorder)
            jax.block_until_ready(play(recorder, jnp.arange(2)))
        assert read(recorder).episodes()["total_steps"].sum() == 8
    assert len(traced) == 2
