"""What is recorded while a program is differentiated: once, and without touching the derivative."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from recording import config, counted, counts_by_lane, light_step, read

from jaxarc import Recorder

NUM_STEPS = 12


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
