"""The curves of a training run are those that a LogWrapper computes inside the program."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from example_runs import EXAMPLES
from recording import config, read

import jaxarc
from jaxarc.config.tensorboard import TensorBoardConfig
from jaxarc.replay.run_curves import CurveTail, curve_records
from jaxarc.tracking import sync_run
from jaxarc.tracking.tensorboard_backend import TensorBoardBackend

pytestmark = [
    pytest.mark.long,  # half a minute of compilation; test_recorder_curves.py has a small program
    pytest.mark.skipif(importlib.util.find_spec("optax") is None, reason="needs optax"),
]

NUM_SEEDS, NUM_UPDATES = 3, 6


class LogState(eqx.Module):
    """A state with the return and the length of its episode so far, and those of the last that ended."""

    env_state: Any
    episode_return: jax.Array
    episode_length: jax.Array
    returned_return: jax.Array
    returned_length: jax.Array
    returned: jax.Array

    def __getattr__(self, name: str) -> Any:
        return getattr(self.env_state, name)


class LogWrapper:
    """What people wrap their environments in to see returns, as gymnax and purejaxrl do it."""

    def __init__(self, env: Any):
        self._env = env
        self.shape = env.shape

    def reset(self, key: jax.Array) -> tuple[LogState, Any]:
        state, timestep = self._env.reset(key)
        zero = jnp.zeros(())
        return LogState(state, zero, zero, zero, zero, jnp.zeros((), bool)), timestep

    def step(self, state: LogState, action: Any) -> tuple[LogState, Any]:
        after, timestep = self._env.step(state.env_state, action)
        done = timestep.terminated | timestep.truncated
        new_return = state.episode_return + timestep.reward
        new_length = state.episode_length + 1
        logged = LogState(
            env_state=after,
            episode_return=new_return * ~done,
            episode_length=new_length * ~done,
            returned_return=jnp.where(done, new_return, state.returned_return),
            returned_length=jnp.where(done, new_length, state.returned_length),
            returned=done,
        )
        return logged, timestep


class Record:
    """A recorder that logs, besides, what the LogWrapper says of each update."""

    def __init__(self, recorder: jaxarc.Recorder):
        self._recorder = recorder
        self.log = recorder.log

    def scan(self, body: Any, state: LogState, xs: Any, *, update: Any) -> Any:
        def with_log(state: LogState, x: Any) -> Any:
            after, (step, seen) = body(state, x)
            return after, (step, (seen, after.returned_return, after.returned_length, after.returned))

        state, (seen, returns, lengths, ended) = self._recorder.scan(with_log, state, xs, update=update)
        known = jnp.maximum(ended.sum(), 1)
        said = {
            "wrapper_return": (returns * ended).sum() / known,
            "wrapper_most": jnp.where(ended, returns, -jnp.inf).max(),
            "wrapper_length": (lengths * ended).sum() / known,
            "wrapper_episodes": ended.sum(),
        }
        self._recorder.log(said, step=update)
        return state, seen


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> jaxarc.ReplaySystem:
    """A PPO run of three seeds in one compiled program, at the level that stores rows alone."""
    spec = importlib.util.spec_from_file_location("ppo", EXAMPLES / "ppo.py")
    assert spec is not None
    assert spec.loader is not None
    ppo = importlib.util.module_from_spec(spec)
    sys.modules["ppo"] = ppo
    spec.loader.exec_module(ppo)
    small = {"num_envs": 4, "num_steps": 16, "num_epochs": 1, "num_minibatches": 1, "width": 8}
    settings = ppo.Settings(num_updates=NUM_UPDATES, max_episode_steps=5, **small)
    with jaxarc.Recorder(
        config(tmp_path_factory.mktemp("ppo"), "minimal", logging={"trackers": ["tensorboard"]})
    ) as recorder:
        train = ppo.make_train(settings, LogWrapper(ppo.make_env(settings)), Record(recorder))
        quickly = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
        compiled = jax.jit(jax.vmap(train), compiler_options=quickly)
        jax.block_until_ready(compiled(jax.random.split(jax.random.key(0), NUM_SEEDS)))
    return read(recorder)


@pytest.mark.parametrize("member", range(NUM_SEEDS))
def test_each_seeds_curve_is_what_the_log_wrapper_says(run: jaxarc.ReplaySystem, member: int):
    """Mean and highest return, length and number of each update's episodes; the axis is the environment's."""
    pairs = {"return_mean": "return", "return_max": "most", "length_mean": "length"}
    names = {f"train/episode_{ours}": f"wrapper_{theirs}" for ours, theirs in pairs.items()}
    for ours, theirs in {**names, "train/episodes": "wrapper_episodes"}.items():
        curve, logged = run.metrics(ours, member=member), run.metrics(theirs, member=member)
        assert len(curve) == len(logged) == NUM_UPDATES
        np.testing.assert_allclose(curve.value, logged.value, rtol=1e-6)
    ends, at = np.arange(1, NUM_UPDATES + 1) * 4 * 16, run.metrics("train/episodes", member=member).step
    assert ((at > ends - 64) & (at <= ends)).all()


def test_the_mean_curve_is_that_of_the_members(run: jaxarc.ReplaySystem):
    """Curves and what was logged have the same mean over seeds."""
    curve, logged = (
        run.metrics("train/episode_return_mean", agg="mean"),
        run.metrics("wrapper_return", agg="mean"),
    )
    np.testing.assert_allclose(curve.value, logged.value, rtol=1e-6)


def test_the_curves_are_the_same_when_they_are_read_as_they_come(run: jaxarc.ReplaySystem):
    """What a backend is fed is what the run shows."""
    assert CurveTail(run.run_dir).read(has_ended=True) == curve_records(run)


def test_tensorboard_shows_live_what_it_shows_afterwards(run: jaxarc.ReplaySystem, tmp_path: Path):
    """Each scalar of each seed and of their mean: steps, times and values are those of the local record."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    settings = TensorBoardConfig(log_dir=str(tmp_path))
    assert sync_run(run.run_dir, TensorBoardBackend(settings)).refused == 0
    afterwards = tmp_path / run.run_dir.parent.name / run.run_dir.name
    for place in (*(f"member_{member}" for member in range(NUM_SEEDS)), "mean"):
        readers = [
            EventAccumulator(str(folder / place)).Reload()
            for folder in (run.run_dir / "tensorboard", afterwards)
        ]
        live, later = ({tag: reader.Scalars(tag) for tag in reader.Tags()["scalars"]} for reader in readers)
        assert live == later
        assert set(live) >= {"train/episode_return_mean", "train/success_rate", "train/entropy"}
        ctx: dict[str, Any] = {"agg": "mean"} if place == "mean" else {"member": int(place[-1])}
        for series in run.metrics(**ctx):
            tag = series.key if series.key.startswith("train/") else f"train/{series.key}"
            assert [scalar.step for scalar in live[tag]] == series.step.tolist()
            np.testing.assert_allclose([scalar.value for scalar in live[tag]], series.value, rtol=1e-6)
