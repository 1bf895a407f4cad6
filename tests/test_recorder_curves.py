"""Curves that nobody logged are what a LogWrapper computes inside a program that is vmapped over seeds."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from recording import config, read

from jaxarc import Recorder, ReplaySystem, Step

NUM_SEEDS, NUM_UPDATES, NUM_STEPS, NUM_ENVS = 3, 4, 16, 5


def train(recorder: Recorder, rewards: jax.Array, ends: jax.Array) -> jax.Array:
    """Play episodes of these rewards [updates steps envs]; log what a LogWrapper says of those that ended."""

    def body(played: Any, now: Any) -> Any:
        reward, ended = now
        returned, length = played[0] + reward, played[1] + 1
        step = Step(
            observation=jnp.zeros((NUM_ENVS, 1), jnp.int8),
            action=jnp.zeros(NUM_ENVS, jnp.int8),
            reward=reward,
            terminated=ended,
            truncated=jnp.zeros(NUM_ENVS, bool),
        )
        return (returned * ~ended, length * ~ended), (step, (returned, length, ended))

    def update(played: Any, now: Any) -> Any:
        index, *xs = now
        played, (returns, lengths, ended) = recorder.scan(body, played, tuple(xs), update=index)
        said = {
            "return_mean": returns.mean(where=ended),
            "return_std": returns.std(where=ended),
            "return_max": returns.max(where=ended, initial=-jnp.inf),
            "return_min": returns.min(where=ended, initial=jnp.inf),
            "length_mean": lengths.mean(where=ended),
            "episodes": ended.sum(),
        }
        recorder.log(said, step=index)
        return played, None

    start = (jnp.zeros(NUM_ENVS), jnp.zeros(NUM_ENVS, jnp.int32))
    return jax.lax.scan(update, start, (jnp.arange(NUM_UPDATES), rewards, ends))[0][0]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """Three seeds in one program."""
    shape = (NUM_SEEDS, NUM_UPDATES, NUM_STEPS, NUM_ENVS)
    random = np.random.default_rng(0)
    rewards, ends = random.normal(size=shape).astype(np.float32), random.random(shape) < 0.3
    quickly = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
    with Recorder(config(tmp_path_factory.mktemp("curves"), "minimal")) as recorder:
        program = jax.jit(jax.vmap(lambda *xs: train(recorder, *xs)), compiler_options=quickly)
        jax.block_until_ready(program(rewards, ends))
    return read(recorder)


@pytest.mark.parametrize("ctx", [{"member": 0}, {"member": 2}, {"agg": "mean"}], ids=str)
def test_a_curve_is_what_the_log_wrapper_says(run: ReplaySystem, ctx: dict[str, Any]) -> None:
    """Of each seed and of their mean; the axis is the environment's and never goes back."""
    for name in ("return_mean", "return_std", "return_max", "return_min", "length_mean", "episodes"):
        ours = "train/episodes" if name == "episodes" else f"train/episode_{name}"
        curve, logged = run.metrics(ours, **ctx), run.metrics(name, **ctx)
        assert len(curve) == len(logged) == NUM_UPDATES
        np.testing.assert_allclose(curve.value, logged.value, rtol=1e-5, atol=1e-6)
        ends = np.arange(1, NUM_UPDATES + 1) * NUM_STEPS * NUM_ENVS
        assert ((curve.step > ends - NUM_STEPS * NUM_ENVS) & (curve.step <= ends)).all()
