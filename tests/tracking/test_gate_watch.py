"""GateWatch: a metric that falls behind is told while the run goes on, once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from experiment_runs import experiment_run

from jaxarc.config import load_config
from jaxarc.errors import ConfigError
from jaxarc.records.events import Event
from jaxarc.records.experiment_events import DefineMetric
from jaxarc.replay import ReplaySystem
from jaxarc.replay.baseline import set_baseline
from jaxarc.replay.gates import Gate
from jaxarc.tracking import Feed, GateWatch, MemoryBackend

LOWER = DefineMetric(key="loss", direction="minimize")


def alerts(run_dir: Path) -> list[Event]:
    """Return what the watch wrote into a run."""
    return list(ReplaySystem(run_dir).events("log"))


def run_of(root: Path, name: str, losses: Sequence[Any], **more: Any) -> Path:
    """Make a run whose loss is at steps 0, 10, 20, …"""
    return experiment_run(root / "exp" / name, metrics={"loss": losses}, said=[LOWER], **more)


def watched(run_dir: Path, *gates: Gate, **options: Any) -> list[str]:
    """Feed a watch with a run; return its messages."""
    with Feed(run_dir, GateWatch(gates, **options)) as feed:
        feed.finish("FINISHED")
    return [event.payload["msg"] for event in alerts(run_dir)]


def test_a_metric_behind_the_baseline_at_the_same_step_is_told_once(tmp_path: Path):
    """Not because the baseline ended better than this run begins, nor for a value or two."""
    baseline = run_of(tmp_path, "good", [1.0, 0.5, 0.25, 0.2, 0.1])
    even = run_of(tmp_path, "even", [1.0, 0.5, 0.25])
    assert watched(even, Gate(metric="loss"), baseline=str(baseline)) == []
    slow = run_of(tmp_path, "slow", [1.0, 0.6, 0.5, 0.4, 0.4, 0.3, 0.05, 0.3, 0.3])
    said = watched(slow, Gate(metric="loss"), baseline="good")
    assert said[0] == "loss: 0.4 is worse than the baseline's 0.2"
    assert "good enough again" in said[1]
    assert len(said) == 2
    event = alerts(slow)[0]
    assert (event.payload["step"], event.payload["fields"]["alert"]) == (30, True)
    near = run_of(tmp_path, "near", [1.0, 0.6, 0.5, 0.4, 0.4, 0.3])
    assert watched(near, Gate(metric="loss", tolerance="300%"), baseline="good") == []


def test_what_was_told_is_not_told_again(tmp_path: Path):
    """Neither by a second watch that goes on, nor by one that lost its place."""
    run_dir = run_of(tmp_path, "run", [1.0, 2.0, 3.0])
    gate = Gate(metric="loss", max=0.5)
    first = watched(run_dir, gate, patience=1)
    assert first == ["loss: 1 is above 0.5"]
    assert watched(run_dir, gate, patience=1) == first
    (run_dir / "trackers" / "gates.json").unlink()
    assert watched(run_dir, gate, patience=1) == first


def test_a_value_that_is_no_number_is_told_at_once(tmp_path: Path):
    """Whatever the limit."""
    run_dir = run_of(tmp_path, "run", [0.1, math.nan, 0.1, "high", math.inf, 0.1])
    said = watched(run_dir, Gate(metric="loss", min=-9), patience=9)
    assert [msg for msg in said if "again" not in msg] == [
        "loss: nan is not finite",
        "loss: 'high' is no number",
    ]


def test_what_cannot_be_compared_is_told(tmp_path: Path):
    """A baseline that is not there, a direction that nobody declared; limits are watched all the same."""
    run_dir = experiment_run(tmp_path / "exp" / "run", metrics={"x": [1.0, 2.0]})
    said = watched(run_dir, Gate(metric="x", max=1.5), baseline="default", patience=1)
    assert "nothing is compared with the baseline 'default'" in said[0]
    assert said[1:] == ["x: 2 is above 1.5"]
    other = experiment_run(tmp_path / "exp" / "other", metrics={"x": [1.0, 2.0]})
    set_baseline(ReplaySystem(run_dir), root=tmp_path / "exp")
    assert "nobody declared" in watched(other, Gate(metric="x"), baseline="default")[0]


def test_the_configuration_makes_one(tmp_path: Path):
    """A tracker of a live run: the alert is in its record, and other backends see it."""
    import jaxarc
    from jaxarc.tracking.experiment_tracker import ExperimentTracker

    config = load_config(
        [
            f"storage.base_output_dir={tmp_path}",
            "+logging.gates.loss.max=0.5",
            "+logging.gates.loss.patience=2",
        ]
    )
    memory = MemoryBackend()
    with ExperimentTracker(config, backends=[memory]) as tracker:
        for step in range(4):
            tracker.log_metrics({"loss": 1.0 + step}, step=step)
    assert tracker.run_dir is not None
    (log,) = jaxarc.open(tracker.run_dir).record().logs
    assert (log.msg, log.step) == ("loss: 2 is above 0.5", 1)
    assert log.fields["alert"]


@pytest.mark.parametrize(
    ("override", "why"),
    [
        ("+logging.gates.loss=3", "logging.gates.loss: must be a mapping"),
        ("+logging.gates.loss.patience=2", "must have a max, a min or a baseline"),
        ("+logging.gates.loss={max: 1, min: 2}", "min must be at most max"),
        ("+logging.gates.loss.tolerance=much", "logging.gates.loss.tolerance: must be a number from 0"),
        ("+logging.gates.loss.mx=1", "logging.gates.loss"),
    ],
)
def test_a_wrong_gate_is_refused_with_its_key(override: str, why: str):
    """All at once, before anything is recorded."""
    with pytest.raises(ConfigError, match=why):
        load_config([override])
