"""Level off is the program without us: proven on the lowered text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest
import toy
from recording import batched_body, config, keys, single_body, start_states

from jaxarc import Recorder, Step


def plain_body(states: toy.State, step_keys: jax.Array) -> tuple[toy.State, jax.Array]:
    """The toy loop of somebody who never heard of us."""

    def one(state: toy.State, key: jax.Array) -> tuple[toy.State, jax.Array]:
        following, timestep = toy.step(state, toy.policy(key))
        return following, timestep.reward

    return jax.vmap(one)(states, step_keys)


def plain_single(state: toy.State, key: jax.Array) -> tuple[toy.State, jax.Array]:
    following, timestep = toy.step(state, toy.policy(key))
    return following, timestep.reward


def lowered(function: Callable[..., Any], *arguments: Any) -> str:
    """Return the StableHLO text; every function gets the same name."""

    def program(*args: Any) -> Any:
        return function(*args)

    return jax.jit(program).lower(*arguments).as_text()


@pytest.fixture
def off(run_root: Path):
    """A recorder at level off."""
    with Recorder(config(run_root, "off")) as recorder:
        yield recorder


def arguments() -> tuple[toy.State, jax.Array]:
    reset_keys, action_keys = keys(0, 6, 3)
    return start_states(reset_keys), action_keys


def test_scan_lowers_to_jax_lax_scan(off: Recorder):
    """Same StableHLO, to the letter."""
    states, step_keys = arguments()
    ours = lowered(lambda s, k: off.scan(batched_body, s, k), states, step_keys)
    assert ours == lowered(lambda s, k: jax.lax.scan(plain_body, s, k), states, step_keys)


def test_scan_under_vmap_and_grad_lowers_to_the_same(off: Recorder):
    """No custom_vmap is left in a vmapped or differentiated program either."""
    states, step_keys = arguments()
    ours = lowered(jax.vmap(lambda s, k: off.scan(single_body, s, k), in_axes=(0, 1)), states, step_keys)
    plain = lowered(
        jax.vmap(lambda s, k: jax.lax.scan(plain_single, s, k), in_axes=(0, 1)), states, step_keys
    )
    assert ours == plain

    def loss(scan: Callable[..., Any], with_step: bool) -> Callable[[jax.Array], jax.Array]:
        def body(carry: jax.Array, x: jax.Array) -> tuple[jax.Array, Any]:
            carry = jnp.tanh(carry * x)
            step = Step(reward=carry, terminated=False)
            return carry, ((step, carry) if with_step else carry)

        return jax.grad(lambda w: scan(body, w, jnp.arange(1.0, 5.0))[1].sum())

    assert lowered(loss(off.scan, True), 0.5) == lowered(loss(jax.lax.scan, False), 0.5)


def test_tap_log_and_record_rollout_leave_nothing(off: Recorder):
    """A body that calls them lowers to the body without the calls."""

    def ours(x: jax.Array) -> jax.Array:
        step = Step(reward=x, terminated=x > 0)
        off.tap(step)
        off.log({"x": x.sum()}, step=3)
        off.record_rollout(jax.tree_util.tree_map(lambda leaf: leaf[None], step))
        return x * 2

    assert lowered(ours, jnp.ones(3)) == lowered(lambda x: x * 2, jnp.ones(3))


def test_the_text_differs_where_something_is_recorded(run_root: Path):
    """The comparison above can fail: at minimal the texts differ."""
    states, step_keys = arguments()
    with Recorder(config(run_root, "minimal")) as recorder:
        ours = lowered(lambda s, k: recorder.scan(batched_body, s, k), states, step_keys)
    assert "callback" in ours
    assert ours != lowered(lambda s, k: jax.lax.scan(plain_body, s, k), states, step_keys)


def test_off_leaves_no_directory(off: Recorder, run_root: Path):
    """Nothing is recorded, so nothing is on disk."""
    states, step_keys = arguments()
    jax.jit(lambda s, k: off.scan(batched_body, s, k))(states, step_keys)
    off.log({"loss": 1.0})
    assert off.flush()
    off.close()
    assert off.run_dir is None
    assert list(run_root.iterdir()) == []
    assert off.health().accepted_chunks == 0


def test_a_stream_can_be_off_alone(run_root: Path):
    """A program of a stream at off lowers to nothing of ours, though the recorder records others."""
    states, step_keys = arguments()
    with Recorder(config(run_root, capture={"streams": {"quiet": {"level": "off"}}})) as recorder:
        ours = lowered(lambda s, k: recorder.scan(batched_body, s, k, stream="quiet"), states, step_keys)
        assert ours == lowered(lambda s, k: jax.lax.scan(plain_body, s, k), states, step_keys)
