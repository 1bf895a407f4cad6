"""Counts past 2^31 survive programs that know 32-bit integers only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from recording import config, read

from jaxarc import Recorder, Step
from jaxarc.errors import CaptureError


def steps_of(recorder: Recorder) -> list[Any]:
    """Return the steps of the logged metrics, in order."""
    return [event.payload["step"] for event in read(recorder).events("metric_batch")]


def test_a_step_past_32_bits_is_logged_as_it_is(run_root: Path):
    """Python integers of any size up to 2^63, and metrics that are large integers."""
    steps = [0, 7, 2**31 - 1, 2**31, 3_000_000_000, 2**33, 2**63 - 1]
    with Recorder(config(run_root)) as recorder:
        for step in steps:
            recorder.log({"loss": 1.0, "env_steps": 3_000_000_000}, step=step)
    assert steps_of(recorder) == steps
    batch = next(iter(read(recorder).events("metric_batch")))
    assert batch.payload["metrics"]["env_steps"] == 3_000_000_000


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint32])
def test_a_traced_step_of_any_integer_dtype_is_logged(run_root: Path, dtype: type):
    """The largest value of each dtype, from inside a program; no step is none."""
    largest = int(np.iinfo(dtype).max)
    with Recorder(config(run_root)) as recorder:
        jax.jit(lambda step: recorder.log({"a": 1.0}, step=step))(dtype(largest))
        jax.jit(lambda: recorder.log({"a": 1.0}))()
    assert steps_of(recorder) == [largest, None]


def test_a_traced_step_of_64_bits_is_logged(run_root: Path):
    """With jax_enable_x64 both halves cross."""
    with jax.enable_x64(True), Recorder(config(run_root)) as recorder:
        jax.jit(lambda step: recorder.log({"a": 1.0}, step=step))(jnp.int64(2**40 + 5))
    assert steps_of(recorder) == [2**40 + 5]


def test_an_update_past_32_bits_is_on_the_row(run_root: Path):
    """The row's update count is the one that was given."""
    with Recorder(config(run_root)) as recorder:
        recorder.tap(Step(reward=1.0, terminated=True), update=2**40 + 1)
        recorder.tap(Step(reward=1.0, terminated=True))
    assert [row.update for row in read(recorder).episodes()] == [2**40 + 1, -1]


@pytest.mark.parametrize(
    ("step", "words"),
    [(-1, "from 0"), (2**63, "from 0"), (1.5, "whole numbers"), (np.arange(2), r"shape \[2\]")],
)
def test_what_is_no_count_is_refused(run_root: Path, step: Any, words: str):
    """Negative, fractional and several steps, each with what a step is."""
    with Recorder(config(run_root)) as recorder, pytest.raises(CaptureError, match=rf"step=.*{words}"):
        recorder.log({"a": 1.0}, step=step)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda r: r.scan(lambda c, x: (c, x), 0), "neither xs nor length"),
        (lambda r: r.scan(lambda c, x: (c, x), 0, 3), "no axis|without axes"),
        (lambda r: r.scan(lambda c, x: c, 0, jnp.arange(3)), r"returns \(carry, \(step, y\)\)"),
        (lambda r: r.scan(lambda c, x: (c, x), 0, jnp.arange(3)), r"returns \(carry, \(step, y\)\).*array"),
        (lambda r: r.tap(Step(reward=jnp.zeros(0), terminated=jnp.zeros(0, bool))), "no environments"),
        (lambda r: r.log({"a": 1.0, 2: 3.0}), "named by text"),
    ],
)
def test_a_call_that_cannot_be_meant_is_answered_in_our_words(run_root: Path, call: Any, words: str):
    """No error of JAX's or Python's where ours can say what to give."""
    with Recorder(config(run_root)) as recorder, pytest.raises(CaptureError, match=words):
        call(recorder)
