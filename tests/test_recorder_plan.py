"""recorder.plan: how much disk a run will take, on real ARC tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from arc_run import TASK_IDS
from recording import config, light_body

import jaxarc
from jaxarc import Recorder


def test_the_plan_predicts_the_disk_by_what_was_written_so_far(run_root: Path):
    """After two calls it knows what four more will take, within 30 %; before any it guesses, and says so."""
    tasks = jaxarc.load_tasks("arc-agi-1", "training", ids=TASK_IDS)
    env = jaxarc.AutoReset(jaxarc.ArcEnv(tasks, max_episode_steps=20))
    policy = jaxarc.make_policy("painter")

    def body(carry: Any, _: Any) -> Any:
        state, key = carry
        key, now = jax.random.split(key)
        action = jax.vmap(policy)(jax.random.split(now, 8), state)
        after, timestep = jax.vmap(env.step)(state, action)
        return (after, key), (jaxarc.arc_step(state, action, timestep), None)

    with Recorder(config(run_root, capture={"envs": 4})) as recorder:
        play = jax.jit(lambda carry: recorder.scan(body, carry, length=200)[0])
        state, _ = jax.jit(jax.vmap(env.reset))(jax.random.split(jax.random.key(1), 8))
        carry = (state, jax.random.key(0))
        assumed = recorder.plan(body, carry, length=200)
        for _ in range(2):
            carry = play(carry)
            assert recorder.flush()
        planned = recorder.plan(body, carry, length=200)
        before = recorder.health()
        for _ in range(4):
            carry = play(carry)
            assert recorder.flush()
        after = recorder.health()
    took = (after.segment_bytes - before.segment_bytes) / (after.env_steps - before.env_steps)
    assert (assumed.disk_basis, planned.disk_basis) == ("assumed", "measured")
    assert planned.disk_bytes_per_env_step == pytest.approx(took, rel=0.3)
    assert planned.disk_bytes_per_hour(100.0) == pytest.approx(360_000.0 * took, rel=0.3)
    assert 0.2 * took < assumed.disk_bytes_per_env_step < 5 * took


def test_streams_that_share_segments_are_told_apart(run_root: Path):
    """Each by the part of the bytes that is its own; one that was not recorded yet is a guess."""
    streams = {"capture": {"streams": {"eval": {"level": "minimal"}}}}
    with Recorder(config(run_root, **streams)) as recorder:
        for stream in ("train", "eval"):
            recorder.scan(light_body, jnp.arange(8), length=500, stream=stream)
        recorder.flush()
        plans = {
            stream: recorder.plan(light_body, jnp.arange(8), length=500, stream=stream)
            for stream in ("train", "eval", "later")
        }
        health = recorder.health()
    assert [plan.disk_basis for plan in plans.values()] == ["measured", "measured", "assumed"]
    per_step = {stream: plan.disk_bytes_per_env_step for stream, plan in plans.items()}
    assert per_step["train"] > per_step["eval"] > 0
    assert 4_000 * (per_step["train"] + per_step["eval"]) == pytest.approx(health.segment_bytes)


def test_at_off_there_is_nothing_to_predict(run_root: Path):
    """No bytes an hour."""
    with Recorder(config(run_root, "off")) as recorder:
        plan = recorder.plan(light_body, jnp.arange(2), length=4)
    assert (plan.disk_bytes_per_hour(1e6), plan.disk_basis) == (0.0, "")
