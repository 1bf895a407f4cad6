"""How many callbacks a rollout makes is known before it runs, and has nothing to do with num_envs."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recording import config, counted, counts_by_lane, light_body, read

from jaxarc import Recorder
from jaxarc.capture.chunks import chunk_length


@pytest.mark.parametrize("num_envs", [1, 3, 64])
@pytest.mark.parametrize("level", ["minimal", "full"])
def test_callbacks_do_not_depend_on_num_envs(run_root: Path, num_envs: int, level: str):
    """The same rollout at any width makes the planned number of callbacks."""
    counts = jnp.arange(num_envs)
    with Recorder(config(run_root, level)) as recorder:
        plan = recorder.plan(light_body, counts, length=12)
        jax.jit(lambda c: recorder.scan(light_body, c, length=12))(counts)
        recorder.flush()
        assert recorder.health().accepted_chunks == plan.num_callbacks == 1
        jax.jit(jax.vmap(lambda c: recorder.scan(light_body, c, length=12)))(counts)
        recorder.flush()
        assert recorder.health().accepted_chunks == 2
    assert plan.num_envs == num_envs


@pytest.mark.parametrize(("num_steps", "chunk_steps"), [(12, 3), (13, 4), (7, 6), (5, 1), (17, 7)])
def test_the_plan_counts_chunks_and_bytes(run_root: Path, num_steps: int, chunk_steps: int):
    """Callbacks and bytes of a chunked scan are what the plan says, a remainder included."""
    counts = jnp.arange(2)
    with Recorder(config(run_root)) as recorder:
        whole = recorder.plan(light_body, counts, length=num_steps)
        assert whole.layout is not None
        step_bytes, row_bytes = whole.step_bytes, 2 * whole.layout.row_bytes
    with Recorder(config(run_root, capture={"chunk_bytes": chunk_steps * row_bytes})) as recorder:
        plan = recorder.plan(light_body, counts, length=num_steps)
        jax.jit(lambda c: recorder.scan(light_body, c, length=num_steps))(counts)
        recorder.flush()
        health = recorder.health()
    assert health.accepted_chunks == plan.num_callbacks == -(-num_steps // plan.steps_per_chunk)
    assert health.accepted_bytes == plan.bytes_to_host == num_steps * step_bytes
    assert plan.steps_per_chunk <= (chunk_steps if num_steps != 7 else 7)
    assert counts_by_lane(read(recorder)) == {(0, e): counted(e, num_steps) for e in range(2)}


def test_planning_runs_nothing(run_root: Path):
    """plan() traces; no chunk arrives, and at off there is nothing to plan."""
    with Recorder(config(run_root)) as recorder:
        recorder.plan(light_body, jnp.arange(2), length=4)
        recorder.flush()
        assert recorder.health().accepted_chunks == 0
    with Recorder(config(run_root, "off")) as recorder:
        plan = recorder.plan(light_body, jnp.arange(2), length=4)
    assert (plan.num_callbacks, plan.bytes_to_host, plan.layout) == (0, 0, None)


@given(length=st.integers(1, 5_000), room=st.integers(0, 10_000))
def test_a_chunk_is_a_divisor_where_one_is_near(length: int, room: int):
    """A remainder only where divisors are under half, and never after a single chunk."""
    size = chunk_length(length, room)
    fits = max(1, min(length, room))
    divisors = [k for k in range(1, fits + 1) if length % k == 0]
    if 2 * divisors[-1] >= fits:
        assert size == divisors[-1]
    elif length >= 2 * fits:
        assert size == fits
    else:
        assert size == length < 2 * fits


@pytest.mark.parametrize("level", ["minimal", "verbose"])
def test_the_number_of_callbacks_is_the_same_for_four_environments_and_for_a_thousand(
    run_root: Path, level: str
):
    """What bounds a chunk is the steps of the selected environments, and they are four each time."""
    with Recorder(config(run_root, level, capture={"envs": 4, "chunk_bytes": 100_000})) as recorder:
        plans = [recorder.plan(light_body, jnp.arange(n), length=2_000) for n in (4, 64)]
        wide = recorder.plan(light_body, jnp.arange(1024), length=100)
        narrow = recorder.plan(light_body, jnp.arange(4), length=100)
    assert plans[0].num_callbacks == plans[1].num_callbacks
    assert wide.num_callbacks == narrow.num_callbacks
