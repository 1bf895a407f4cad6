"""Events of an experiment: what is said comes back, whatever the values are."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxarc.errors import TrackingError
from jaxarc.records.events import Event, decode_event, encode_event
from jaxarc.records.experiment_events import (
    EXPERIMENT_EVENTS,
    Artifact,
    Checkpoint,
    MetricBatch,
    Param,
    read_experiment_event,
)
from jaxarc.records.run_status import ENDED_STATUSES, STATUSES, checked_transition

EXAMPLES = {
    "run_start": {
        "run_id": "a-1",
        "name": "a",
        "experiment": "ppo",
        "parent_run_id": None,
        "tags": {"x": None},
        "source": {"git_commit": None, "entrypoint": "train.py"},
        "env": {"python_version": "3.11", "devices": ["cpu:0"]},
    },
    "run_end": {
        "status": "FAILED",
        "error": {"type": "ValueError", "message": "no", "traceback": "…"},
        "duration_ms": 12,
    },
    "param": {"key": "optim.lr", "value": 3e-4, "nested_key": ["optim", "lr"]},
    "metric_batch": {"metrics": {"loss": 0.5}, "step": 3, "epoch": None, "ctx": {"phase": "train"}},
    "define_metric": {"key": "loss", "step_metric": "update", "direction": "minimize", "summary": "min"},
    "summary": {"values": {"eval/score": 0.9}},
    "tag": {"tags": {"baseline": None}, "removed": ["old"]},
    "artifact": {
        "path": "artifacts/a",
        "type": "dataset",
        "name": "a",
        "size": 3,
        "checksum": "",
        "meta": {},
    },
    "artifact_removed": {"name": "a", "path": "a.bin", "checksum": "sha256:00", "reason": "too old"},
    "checkpoint": {
        "step": 1,
        "epoch": None,
        "path": "checkpoints/1",
        "metrics": {"loss": 0.1},
        "is_best": True,
        "best_key": "loss",
        "meta": {},
    },
    "status": {"status": "RUNNING", "msg": "", "progress": {"cur": 1, "total": 9, "unit": "update"}},
    "log": {"level": "INFO", "msg": "begun", "logger": "ppo", "step": None, "fields": {"seed": 0}},
    "table": {"key": "board", "columns": ["a", "b"], "rows": [[1, "x"], [2, "y"]], "step": 4},
    "media": {"key": "film", "kind": "video", "path": "video/1.mp4", "caption": "", "step": 2, "meta": {}},
}


@pytest.mark.parametrize("kind", sorted(EXPERIMENT_EVENTS))
def test_every_type_comes_back_from_its_line_with_the_payload_it_was_written_with(kind):
    """Payload keys are the fields, in a line and back; keys of later versions are kept."""
    payload = {**EXAMPLES[kind], "later": [1, 2]}
    read = read_experiment_event(decode_event(encode_event(Event(kind, payload))))
    assert read is not None
    assert read == EXPERIMENT_EVENTS[kind].of(Event(kind, payload))
    assert dict(read.event().payload) == payload


@settings(max_examples=30)
@given(st.dictionaries(st.text(max_size=8), st.floats(), max_size=4), st.none() | st.integers(0, 2**62))
def test_metrics_of_any_name_and_number_survive(metrics, step):
    """NaN and infinities are values like others."""
    said = MetricBatch(metrics=metrics, step=step)
    back = read_experiment_event(decode_event(encode_event(said.event())))
    assert isinstance(back, MetricBatch)
    assert back.step == step
    assert list(back.metrics) == list(metrics)
    for key, value in metrics.items():
        assert back.metrics[key] == value or (math.isnan(value) and math.isnan(back.metrics[key]))


def test_a_single_metric_of_another_program_is_a_batch_of_one():
    """Both forms are read as one."""
    read = read_experiment_event(Event("metric", {"key": "loss", "value": 2.0, "step": 7, "ctx": {"a": 1}}))
    assert read == MetricBatch(metrics={"loss": 2.0}, step=7, ctx={"a": 1})
    with pytest.raises(ValueError, match="without 'value'"):
        read_experiment_event(Event("metric", {"key": "loss"}))


def test_what_lacks_its_heart_is_no_event_of_its_type():
    """A missing key is named with the payload."""
    with pytest.raises(ValueError, match="param without value"):
        read_experiment_event(Event("param", {"key": "lr"}))
    assert read_experiment_event(Event("tombstone", {})) is None


def test_what_may_be_left_out_has_a_default():
    """Small events stay small to write."""
    assert Param(key="lr", value=1).nested_key is None
    assert Checkpoint(path="c").metrics == {}
    assert Artifact(path="a", type="plot", name="a").checksum == ""


def test_statuses_follow_as_a_run_goes_and_nothing_follows_an_end():
    """The error names what could follow."""
    assert checked_transition("", "SCHEDULED") == "SCHEDULED"
    assert checked_transition("SCHEDULED", "RUNNING") == "RUNNING"
    assert checked_transition("RUNNING", "PAUSED") == "PAUSED"
    assert checked_transition("PAUSED", "RUNNING") == "RUNNING"
    with pytest.raises(TrackingError, match="PAUSED cannot become SCHEDULED; it can become RUNNING"):
        checked_transition("PAUSED", "SCHEDULED")
    with pytest.raises(TrackingError, match="got 'done'"):
        checked_transition("RUNNING", "done")
    for ended in ENDED_STATUSES:
        assert checked_transition(ended, ended) == ended
        for after in set(STATUSES) - {ended}:
            with pytest.raises(TrackingError, match="start a new run, or resume it"):
                checked_transition(ended, after)
