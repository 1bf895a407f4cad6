"""What is recorded under jit, vmap and nested loops, and how many callbacks it takes."""

from __future__ import annotations

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


def test_vmap_in_axes_and_unbatched_counts(recorder: Recorder, play):
    """Environments on another axis, and members that differ in nothing that is recorded but the update."""
    call = jax.vmap(lambda count, update: play(recorder, count, update=update), in_axes=(None, 0))
    jax.jit(call)(jnp.arange(2), jnp.arange(3))
    lanes = lanes_of(recorder)
    assert lanes == {(member, env): counted(env, NUM_STEPS) for member in range(3) for env in range(2)}
    for row in read(recorder).episodes():
        assert row.update == row.member


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
