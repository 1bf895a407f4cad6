"""One small loop, recorded in each of the three ways that take Steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from recording import light_step

from jaxarc import Recorder

NUM_STEPS = 12

Play = Callable[..., jax.Array]


def body(weight: Any, count: jax.Array) -> tuple[jax.Array, Any]:
    step = replace(light_step(count), reward=weight * count.astype(jnp.float32))
    return count + 1, step


def by_scan(recorder: Recorder, count: jax.Array, weight: Any = 1.0, **options: Any) -> jax.Array:
    """Record by recorder.scan."""

    def one(count: jax.Array, _: None) -> tuple[jax.Array, Any]:
        count, step = body(weight, count)
        return count, (step, step.reward)

    return recorder.scan(one, count, None, NUM_STEPS, **options)[1].sum()


def by_tap(recorder: Recorder, count: jax.Array, weight: Any = 1.0, **options: Any) -> jax.Array:
    """Record by a tap in a loop of the user's."""

    def one(count: jax.Array, _: None) -> tuple[jax.Array, Any]:
        count, step = body(weight, count)
        recorder.tap(step, **options)
        return count, step.reward

    return jax.lax.scan(one, count, None, NUM_STEPS)[1].sum()


def by_rollout(recorder: Recorder, count: jax.Array, weight: Any = 1.0, **options: Any) -> jax.Array:
    """Record stacked Steps after the loop."""
    steps = jax.lax.scan(lambda count, _: body(weight, count), count, None, NUM_STEPS)[1]
    recorder.record_rollout(steps, **options)
    return steps.reward.sum()


@pytest.fixture(params=[by_scan, by_tap, by_rollout], ids=["scan", "tap", "record_rollout"])
def play(request: pytest.FixtureRequest) -> Play:
    """Play ``NUM_STEPS`` of the counter from ``count``, scalar or [num_envs]; return the sum of rewards."""
    return request.param


@pytest.fixture
def num_callbacks(play: Play) -> int:
    """Callbacks that one call makes."""
    return NUM_STEPS if play is by_tap else 1
