"""A Step that cannot be recorded is refused while tracing: the path, the value, the limit, the way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from recording import config

from jaxarc import Recorder, Step
from jaxarc.errors import CaptureError, RecorderClosedError

ONES = np.ones(4, np.float32)
FLAGS = np.zeros(4, bool)


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory):
    """One recorder for all refusals: none of them leaves a trace in it."""
    with Recorder(config(tmp_path_factory.mktemp("runs"), "full")) as recorder:
        yield recorder
        recorder.flush()
        health = recorder.health()
        assert (health.accepted_chunks, health.failed_chunks) == (0, 0)


def step(**fields: Any) -> Step:
    """Fill a Step with what its types forbid as well: users have no type checker at run time."""
    filled = Step(reward=ONES, terminated=FLAGS)
    for name, value in fields.items():
        object.__setattr__(filled, name, value)
    return filled


BAD_STEPS = {
    "missing reward": (step(reward=None), r"step\.reward is missing"),
    "missing terminated": (step(terminated=None), r"step\.terminated is missing"),
    "string reward": (step(reward="high"), r"step\.reward is a str.*numbers and arrays"),
    "matrix reward": (step(reward=np.ones((4, 2))), r"step\.reward has shape \[4, 2\].*\[num_envs\]"),
    "complex reward": (step(reward=np.ones(4, np.complex64)), r"step\.reward is complex64.*step\.info"),
    "wrong axis": (
        step(observation={"board": np.zeros((3, 2))}),
        r"step\.observation\.board has shape \[3, 2\], step\.reward has \[4\]",
    ),
    "wrong axis of a flag": (step(terminated=FLAGS[:1]), r"step\.terminated has shape \[1\], .* \[4\]"),
    "wrong axis of a metric": (step(metrics={"m": ONES[:3]}), r"step\.metrics\.m has shape \[3\], .*\[4\]"),
    "scalar among batches": (step(action=np.float32(1)), r"step\.action has shape \[\].*\[num_envs\]"),
    "flag with a shape": (step(mark=np.zeros((4, 2), bool)), r"step\.mark has shape \[2\].*one flag"),
    "vector metric": (step(metrics={"m": np.ones((4, 2))}), r"step\.metrics\.m has shape \[2\].*info="),
    "metrics no mapping": (step(metrics=ONES), r"step\.metrics is a \w+; give a mapping"),
    "complex metric": (step(metrics={"m": np.ones(4, np.complex64)}), r"step\.metrics\.m is complex64"),
    "float label": (step(labels={"task": ONES}), r"step\.labels\.task is float32, labels are integers"),
    "label env": (step(labels={"env": np.arange(4)}), r"step\.labels\.env.*'env_id'.*rename"),
    "label writer": (step(labels={"writer": np.arange(4)}), r"step\.labels\.writer.*rename"),
    "label like a metric": (step(labels={"m_last": np.arange(4)}), r"step\.labels\.m_last.*rename"),
    "label and its names": (
        step(labels={"pair": np.arange(4), "pair_id": np.arange(4)}),
        r"step\.labels\.pair .*'pair_id'.*rename",
    ),
    "string leaf": (step(info={"a": ["x"]}), r"step\.info\.a\[0\] is a str.*numbers and arrays"),
    "object leaf": (step(info=[object()]), r"step\.info\[0\] is a object"),
    "other next dtype": (
        step(observation=np.zeros((4, 2), np.int8), next_observation=np.zeros((4, 2), np.int32)),
        r"step\.next_observation is \('int32', \(2,\)\).*\('int8', \(2,\)\)",
    ),
    "other next shape": (
        step(observation={"a": np.zeros((4, 2))}, next_observation={"a": np.zeros((4, 3))}),
        r"step\.next_observation\.a is .*both need the same",
    ),
    "next without leaves": (
        step(observation=np.zeros((4, 2)), next_observation={}),
        r"step\.next_observation is absent",
    ),
    "next alone": (step(next_observation=np.zeros((4, 2))), r"step\.next_observation is .*there is absent"),
}


@pytest.mark.parametrize("name", BAD_STEPS)
def test_a_bad_step_is_refused_by_name(recorder: Recorder, name: str):
    """Outside jit by tap."""
    bad, message = BAD_STEPS[name]
    with pytest.raises(CaptureError, match=message):
        recorder.tap(bad)


@pytest.mark.parametrize(
    "name", ["missing reward", "wrong axis", "float label", "string leaf", "other next dtype"]
)
def test_scan_refuses_it_with_the_same_words(recorder: Recorder, name: str):
    """Inside jit by scan, where the leaves are tracers or closed over."""
    bad, message = BAD_STEPS[name]
    with pytest.raises(CaptureError, match=message):
        jax.jit(lambda: recorder.scan(lambda c, _: (c, (bad, c)), 0, None, 3))()


def test_a_body_that_returns_no_step_is_told_what_to_return(recorder: Recorder):
    """The shape of the body's result is in the message."""
    with pytest.raises(CaptureError, match=r"expected a jaxarc\.Step, got dict.*\(carry, \(step, y\)\)"):
        recorder.scan(lambda c, _: (c, ({"reward": 1.0}, c)), 0, None, 3)


def test_reverse_is_refused(recorder: Recorder):
    """Steps are recorded in the order in which they were played."""
    with pytest.raises(CaptureError, match=r"reverse.*scan forwards"):
        recorder.scan(lambda c, _: (c, (step(), c)), 0, None, 3, reverse=True)


def test_lengths_that_disagree_are_named(recorder: Recorder):
    """Both lengths are in the message."""
    with pytest.raises(CaptureError, match=r"lengths \[3, 4\]"):
        recorder.scan(lambda c, x: (c, (step(), c)), 0, jnp.ones(3), 4)


@pytest.mark.parametrize("argument", ["update", "continues"])
def test_one_value_for_the_whole_call(recorder: Recorder, argument: str):
    """``update`` and ``continues`` are scalars."""
    with pytest.raises(CaptureError, match=rf"{argument}= has shape \[4\]"):
        recorder.tap(step(), **{argument: np.ones(4, np.int32)})


def test_a_rollout_needs_a_time_axis(recorder: Recorder):
    """record_rollout with a single step says what to use instead."""
    single = Step(reward=1.0, terminated=False)
    with pytest.raises(CaptureError, match=r"leading axes \[time, num_envs\].*recorder\.tap"):
        recorder.record_rollout(single)


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ({}, "no metrics"),
        ({"loss": np.ones(3)}, r"loss has shape \[3\], metrics are scalars"),
        ({"loss": np.complex64(1)}, "loss is complex64"),
    ],
    ids=["none", "vector", "complex"],
)
def test_log_takes_real_scalars(recorder: Recorder, metrics: dict[str, Any], message: str):
    """A value that is none is named, with its shape or type."""
    with pytest.raises(CaptureError, match=message):
        recorder.log(metrics)


def test_env_ids_beyond_the_program_are_refused(run_root: Path):
    """With a leading axis and with one from vmap; the message names both numbers."""
    message = r"env 7, but the program steps 4 envs \(0\.\.3\)"
    with Recorder(config(run_root, capture={"envs": [1, 7]})) as recorder:
        with pytest.raises(CaptureError, match=message):
            recorder.tap(step(observation=ONES))
        with pytest.raises(CaptureError, match=message):
            jax.vmap(lambda r: recorder.tap(Step(reward=r, terminated=False)))(ONES)


def test_a_step_larger_than_the_queue_is_refused(run_root: Path):
    """The message names the bytes, the limit, the largest leaf and three ways out."""
    settings = config(run_root, capture={"chunk_bytes": 64}, pipeline={"queue_bytes": 2_000})
    with Recorder(settings) as recorder:
        message = (
            r"takes \d+ bytes \(the largest leaf is step\.info\.frame, \[30, 30\]\).*queue_bytes=2000.*"
            r"capture\.envs.*capture\.level.*pipeline\.queue_bytes"
        )
        with pytest.raises(CaptureError, match=message):
            recorder.tap(step(info={"frame": np.zeros((4, 30, 30), np.int8), "value": ONES}))


def test_a_closed_recorder_refuses_to_be_traced(run_root: Path):
    """Every way in says so."""
    with Recorder(config(run_root)) as recorder:
        pass
    for call in (
        lambda: recorder.tap(step()),
        lambda: recorder.log({"a": 1.0}),
        lambda: recorder.scan(lambda c, _: (c, (step(), c)), 0, None, 3),
        lambda: recorder.record_rollout(step()),
        lambda: recorder.flush(),
    ):
        with pytest.raises(RecorderClosedError, match="open a new"):
            call()
