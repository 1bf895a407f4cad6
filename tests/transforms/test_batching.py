"""What is recorded under jit, vmap and nested loops, and how many callbacks it takes."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from recording import config, counted, counts_by_lane, light_step, read

from jaxarc import Recorder

NUM_STEPS = 12


@pytest.fixture
def recorder(run_root: Path):
    """A recorder of every step."""
    with Recorder(config(run_root)) as recorder:
        yield recorder


def arrived(recorder: Recorder) -> int:
    assert recorder.flush()
    health = recorder.health()
    assert health.failed_chunks == 0
    return health.accepted_chunks


def lanes_of(recorder: Recorder) -> dict[tuple[int, int], list[list[int]]]:
    recorder.close()
    return counts_by_lane(read(recorder))


@pytest.mark.parametrize("jitted", [True, False], ids=["jit", "eager"])
@pytest.mark.parametrize("batch", ["none", "leading", "vmap"])
def test_environments(recorder: Recorder, play, num_callbacks: int, batch: str, jitted: bool):
    """One environment, a leading axis, or the innermost vmap: a callback is a chunk of all of them."""
    call = lambda count: play(recorder, count)  # noqa: E731
    call = jax.vmap(call) if batch == "vmap" else call
    (jax.jit(call) if jitted else call)(jnp.int32(0) if batch == "none" else jnp.arange(3))
    assert arrived(recorder) == num_callbacks
    envs = 1 if batch == "none" else 3
    assert lanes_of(recorder) == {(0, env): counted(env, NUM_STEPS) for env in range(envs)}


@pytest.mark.parametrize("batch", ["leading", "vmap"])
def test_members_are_the_vmapped_axes_around(recorder: Recorder, play, num_callbacks: int, batch: str):
    """Two axes of members around the environments, numbered row-major; still one callback a chunk."""
    call = lambda count: play(recorder, count)  # noqa: E731
    call = jax.vmap(call) if batch == "vmap" else call
    starts = jnp.arange(2 * 3 * 2).reshape(2, 3, 2)
    jax.jit(jax.vmap(jax.vmap(call)))(starts)
    assert arrived(recorder) == num_callbacks
    assert lanes_of(recorder) == {
        (3 * outer + inner, env): counted(int(starts[outer, inner, env]), NUM_STEPS)
        for outer in range(2)
        for inner in range(3)
        for env in range(2)
    }


def test_vmap_in_axes_and_unbatched_counts(recorder: Recorder, play):
    """Environments on another axis, and members that differ in nothing that is recorded but the update."""
    call = jax.vmap(lambda count, update: play(recorder, count, update=update), in_axes=(None, 0))
    jax.jit(call)(jnp.arange(2), jnp.arange(3))
    lanes = lanes_of(recorder)
    assert lanes == {(member, env): counted(env, NUM_STEPS) for member in range(3) for env in range(2)}
    for row in read(recorder).episodes():
        assert row.update == row.member


def test_a_scan_around(recorder: Recorder, play, num_callbacks: int):
    """Updates in a scan, with a traced update count, under vmap: episodes go on over its borders."""

    def train(count: jax.Array) -> jax.Array:
        def update(count: jax.Array, index: jax.Array) -> tuple[jax.Array, jax.Array]:
            return count + NUM_STEPS, play(recorder, count, update=index)

        return jax.lax.scan(update, count, jnp.arange(3))[1]

    jax.jit(jax.vmap(train))(jnp.arange(4).reshape(2, 2))
    assert arrived(recorder) == 3 * num_callbacks
    assert lanes_of(recorder) == {
        (member, env): counted(2 * member + env, 3 * NUM_STEPS) for member in range(2) for env in range(2)
    }


def test_a_fori_loop_around(recorder: Recorder, play, num_callbacks: int):
    """A loop without stacked outputs."""

    @jax.jit
    def train(count: jax.Array) -> jax.Array:
        return jax.lax.fori_loop(0, 3, lambda _, c: c + NUM_STEPS + 0 * play(recorder, c).astype(int), count)

    train(jnp.arange(2))
    assert arrived(recorder) == 3 * num_callbacks
    assert lanes_of(recorder) == {(0, env): counted(env, 3 * NUM_STEPS) for env in range(2)}


@pytest.mark.parametrize("batch", ["leading", "vmap"])
def test_a_while_loop_records_no_ghosts(recorder: Recorder, batch: str):
    """Under vmap a finished lane repeats its last step; ``active`` keeps it out."""

    def roll(start: jax.Array) -> jax.Array:
        def one(count: jax.Array) -> jax.Array:
            going = count < 7
            recorder.tap(replace(light_step(count), active=going))
            return jnp.where(going, count + 1, count)

        return jax.lax.while_loop(lambda count: jnp.any(count < 7), one, start)

    starts = jnp.array([0, 4, 6])
    jax.jit(jax.vmap(roll) if batch == "vmap" else roll)(starts)
    assert arrived(recorder) == 7
    assert lanes_of(recorder) == {(0, env): counted(s, 7 - s) for env, s in enumerate([0, 4, 6])}


def test_steps_that_nobody_wants_make_no_callback(recorder: Recorder):
    """Where no row is active the gate stays shut."""

    @jax.jit
    def roll(counts: jax.Array) -> None:
        def one(count: jax.Array, time: jax.Array) -> tuple[jax.Array, None]:
            recorder.tap(replace(light_step(count), active=jnp.full(2, time % 4 == 0)))
            return count + 1, None

        jax.lax.scan(one, counts, jnp.arange(12))

    roll(jnp.arange(2))
    assert arrived(recorder) == 3
    recorder.close()
    assert read(recorder).episodes()["total_steps"].sum() == 6


def test_continues_false_passes_a_gate_that_is_shut(recorder: Recorder):
    """A fresh call ends what is open, though none of its own rows is active."""

    @jax.jit
    def roll(counts: jax.Array, active: jax.Array, go_on: jax.Array) -> None:
        recorder.tap(replace(light_step(counts), active=active), continues=go_on)

    yes, no = jnp.ones(1, bool), jnp.zeros(1, bool)
    roll(jnp.array([0]), yes, False)
    roll(jnp.array([1]), no, False)
    roll(jnp.array([2]), yes, True)
    assert lanes_of(recorder) == {(0, 0): [[0], [2]]}


@pytest.mark.parametrize("jitted", [True, False], ids=["jit", "eager"])
def test_log_under_vmap_is_a_series_a_member(recorder: Recorder, jitted: bool):
    """One callback for all members; a value that is not batched is everybody's."""

    def train(x: jax.Array) -> None:
        recorder.log({"x": x, "shared": 3}, step=jnp.int32(x) * 10)

    call = jax.vmap(jax.vmap(train))
    (jax.jit(call) if jitted else call)(jnp.arange(6.0).reshape(2, 3))
    assert arrived(recorder) == 1
    found = [
        (event.payload["ctx"]["member"], event.payload["step"], event.payload["metrics"])
        for event in read(recorder).events("metric_batch")
    ]
    assert found == [(n, 10 * n, {"x": float(n), "shared": 3}) for n in range(6)]


def test_eight_threads_record_streams_of_their_own(recorder: Recorder, play):
    """Programs that several threads dispatch at once keep apart by stream."""
    programs = [jax.jit(lambda c, n=n: play(recorder, c, stream=f"s{n}")) for n in range(8)]
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            programs[number](jnp.arange(2) + number).block_until_ready()
            jax.effects_barrier()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.close()
    assert not failures
    run_ = read(recorder)
    for number in range(8):
        for env in range(2):
            rows = run_.episodes(f"stream == 's{number}' and env_id == {env}", sort="uid")
            steps = [run_.load_episode(row.episode).observation["count"].tolist()[:-1] for row in rows]
            assert steps == counted(number + env, NUM_STEPS)
