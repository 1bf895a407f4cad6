"""What is recorded while a program is differentiated: once, and without touching the derivative."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from recording import config, counted, counts_by_lane, light_step, read

from jaxarc import Recorder

NUM_STEPS = 12

TRANSFORMS: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "grad": jax.grad,
    "value_and_grad": lambda f: lambda w: jax.value_and_grad(f)(w)[1],
    "grad of remat": lambda f: jax.grad(jax.checkpoint(f)),
    "jacfwd": jax.jacfwd,
    "jvp": lambda f: lambda w: jax.jvp(f, (w,), (jnp.ones_like(w),))[1],
    "grad of linearized": lambda f: lambda w: jax.linearize(f, w)[1](jnp.ones_like(w)),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_steps_are_recorded_once_and_the_derivative_is_right(
    run_root: Path, play, num_callbacks: int, name: str
):
    """Under every kind of derivative, jitted."""
    with Recorder(config(run_root)) as recorder:
        loss = lambda weight: play(recorder, jnp.arange(2), weight)  # noqa: E731
        derivative = jax.jit(TRANSFORMS[name](loss))(1.0)
        recorder.flush()
        assert recorder.health().accepted_chunks == num_callbacks
    assert derivative == sum(sum(range(env, env + NUM_STEPS)) for env in range(2))
    assert counts_by_lane(read(recorder)) == {(0, env): counted(env, NUM_STEPS) for env in range(2)}


def test_vmap_of_grad_of_vmap(run_root: Path, play, num_callbacks: int):
    """Seeds around a derivative around environments."""
    with Recorder(config(run_root)) as recorder:

        def loss(weight: jax.Array, counts: jax.Array) -> jax.Array:
            return jax.vmap(lambda count: play(recorder, count, weight))(counts).sum()

        jax.jit(jax.vmap(jax.grad(loss)))(jnp.ones(2), jnp.arange(6).reshape(2, 3))
        recorder.flush()
        assert recorder.health().accepted_chunks == num_callbacks
    assert counts_by_lane(read(recorder)) == {
        (member, env): counted(3 * member + env, NUM_STEPS) for member in range(2) for env in range(3)
    }


def test_scan_of_a_checkpointed_body(run_root: Path):
    """A body under jax.checkpoint is run again for the derivative, and recorded once."""
    with Recorder(config(run_root)) as recorder:

        def loss(weight: jax.Array) -> jax.Array:
            @jax.checkpoint
            def body(carry: Any, _: None) -> Any:
                count, total = carry
                step = {"reward": weight * count.astype(jnp.float32)}
                return (count + 1, total + jnp.sin(step["reward"])), step

            def recorded(carry: Any, x: None) -> Any:
                count = carry[0]
                carry, _ = body(carry, x)
                return carry, (light_step(count), None)

            return recorder.scan(recorded, (jnp.int32(0), jnp.float32(0.0)), None, NUM_STEPS)[0][1]

        derivative = jax.jit(jax.grad(loss))(1.0)
    assert float(derivative) == pytest.approx(sum(n * math.cos(n) for n in range(NUM_STEPS)), rel=1e-4)
    assert counts_by_lane(read(recorder)) == {(0, 0): counted(0, NUM_STEPS)}


def test_log_in_a_loss(run_root: Path):
    """A loss that logs itself is logged once a call, whatever differentiates it."""
    with Recorder(config(run_root)) as recorder:

        def loss(weight: jax.Array) -> jax.Array:
            value = weight**2
            recorder.log({"loss": value}, step=0)
            return value

        assert jax.jit(jax.grad(loss))(3.0) == 6.0
        assert jax.grad(jax.checkpoint(loss))(3.0) == 6.0
    losses = [event.payload["metrics"]["loss"] for event in read(recorder).events("metric_batch")]
    assert losses == [9.0, 9.0]
