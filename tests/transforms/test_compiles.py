"""How often JAX traces and compiles on behalf of a recorder, as counts."""

from __future__ import annotations

import functools
from pathlib import Path

import jax
import jax.numpy as jnp
from program_counts import counted_compiles
from recording import config, counted, counts_by_lane, light_body, light_step, read

from jaxarc import Recorder

NUM_STEPS = 12


def losses_of(recorder: Recorder) -> list[float]:
    return [event.payload["metrics"]["loss"] for event in read(recorder).events("metric_batch")]


def test_a_program_is_compiled_once_for_all_its_calls_and_for_all_recorders(run_root: Path, play):
    """The second call and the first under a new Recorder compile nothing; each run gets its own rows."""
    traced: list[int] = []

    with Recorder(config(run_root)) as first:

        @jax.jit
        def program(counts: jax.Array) -> jax.Array:
            traced.append(1)
            total = play(first, counts)
            first.log({"loss": total}, step=0)
            return total

        with counted_compiles() as compiles:
            program(jnp.arange(2)).block_until_ready()
        assert compiles
        starts = [jnp.arange(2) + 5, jnp.arange(2) + 10]
        with counted_compiles() as compiles:
            program(starts[0]).block_until_ready()
        assert compiles == []
    with counted_compiles() as compiles:
        with Recorder(config(run_root)) as second:
            program(starts[1]).block_until_ready()
        assert compiles == []
    assert len(traced) == 1
    firsts, seconds = counts_by_lane(read(first)), counts_by_lane(read(second))
    for env in range(2):
        assert [count for counts in firsts[0, env] for count in counts] == [
            *range(env, env + NUM_STEPS),
            *range(env + 5, env + 5 + NUM_STEPS),
        ]
        assert seconds[0, env] == counted(10 + env, NUM_STEPS)
    assert (len(losses_of(first)), len(losses_of(second))) == (2, 1)


def test_calls_outside_programs_compile_once_for_all_recorders(run_root: Path):
    """tap, record_rollout and log on arrays that are there: one program for each kind of argument."""
    step = light_step(jnp.arange(2))
    steps = jax.tree_util.tree_map(lambda leaf: jnp.stack([leaf] * 3), step)

    def call_each(recorder: Recorder) -> None:
        recorder.tap(step)
        recorder.record_rollout(steps)
        recorder.log({"loss": 1.0}, step=3)

    with Recorder(config(run_root)) as first:
        call_each(first)
        with counted_compiles() as compiles:
            call_each(first)
        assert compiles == []
    with counted_compiles() as compiles:
        with Recorder(config(run_root)) as second:
            call_each(second)
        assert compiles == []
    assert first.health().env_steps == 2 * second.health().env_steps == 16
    assert losses_of(first) == [1.0, 1.0]
    assert losses_of(second) == [1.0]


def test_a_recorder_as_an_argument_compiles_once_for_a_level(run_root: Path):
    """Two Recorders of the same level share a program; one of another level has its own, compiled once."""
    traced: list[str] = []

    @jax.jit
    def program(recorder: Recorder, counts: jax.Array) -> jax.Array:
        traced.append("traced")
        return recorder.scan(light_body, counts, None, NUM_STEPS)[0]

    stored = []
    for level in ("minimal", "verbose", "minimal", "verbose", "off", "off"):
        with Recorder(config(run_root, level)) as recorder:
            program(recorder, jnp.arange(2)).block_until_ready()
        stored.append((len(traced), recorder.health().stored_steps))
    assert stored == [(1, 0), (2, 24), (2, 0), (2, 24), (3, 0), (3, 0)]


def test_many_chunks_make_a_program_no_larger(run_root: Path):
    """The number of chunks is that of a loop's turns: what is compiled does not grow with it."""
    sizes = []
    with Recorder(config(run_root, "minimal", capture={"chunk_bytes": 1})) as recorder:
        for length in (3, 12):
            assert recorder.plan(light_body, jnp.arange(2), length=length).num_callbacks == length
            program = jax.jit(functools.partial(recorder.scan, light_body, length=length))
            sizes.append(len(program.lower(jnp.arange(2)).as_text().splitlines()))
    assert sizes[0] == sizes[1]
