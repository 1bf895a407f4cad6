"""Gates: a run is good enough, or not, and every doubt says no."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest
from experiment_runs import experiment_run

from jaxarc.errors import QueryError, RunNotFoundError
from jaxarc.records.experiment_events import DefineMetric, MetricBatch, Summary
from jaxarc.replay import ReplaySystem
from jaxarc.replay.baseline import set_baseline
from jaxarc.replay.gates import Gate, Tolerance

LOSS = [1.0, 0.5, 0.3, 0.4]


def opened(run_dir: Path, **said: Any) -> ReplaySystem:
    """Open a run that is made of this."""
    return ReplaySystem(experiment_run(run_dir, **said))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """A run with a loss that is declared, in training and validation, and odd metrics besides."""
    said = [
        DefineMetric(key="loss", direction="minimize"),
        DefineMetric(key="score", direction="maximize", summary="best"),
        DefineMetric(key="quiet", summary="none"),
        *(MetricBatch(metrics={"acc": v}, step=s, ctx={"phase": "val"}) for s, v in enumerate((0.1, 0.7))),
        *(MetricBatch(metrics={"acc": v}, step=s, ctx={"phase": "train"}) for s, v in enumerate((0.2, 0.9))),
        *(MetricBatch(metrics={"ret": m}, step=5, ctx={"member": m}) for m in range(3)),
        MetricBatch(metrics={"ret": 1.0}, step=5, ctx={"agg": "mean"}),
        Summary(values={"eval": 0.25, "words": "fine", "loss_said": math.nan}),
    ]
    metrics = {"loss": LOSS, "score": [1.0, 3.0, 2.0], "quiet": [7.0], "broken": [1.0, math.nan]}
    metrics |= {"endless": [math.inf], "text": ["abc"], "diverged": [0.1, math.nan]}
    metrics |= {"huge": [10**400], "nothing": [None]}
    folder = tmp_path_factory.mktemp("gates")
    return opened(folder / "exp" / "run", metrics=metrics, said=said)


@pytest.mark.parametrize(
    ("metric", "limits", "value"),
    [
        ("loss", {"max": 0.4}, 0.4),
        ("loss", {"max": 0.5, "min": 0.3}, 0.4),
        ("loss", {"max": 0.3, "of": "min"}, 0.3),
        ("score", {"min": 3}, 3.0),
        ("quiet", {"min": 7}, 7.0),
        ("acc[phase=val]", {"min": 0.7}, 0.7),
        ("acc (phase=train)", {"min": 0.9}, 0.9),
        ("ret", {"min": 1.0, "max": 1.0}, 1.0),
        ("ret[member=2]", {"min": 2}, 2.0),
        ("eval", {"max": 0.25}, 0.25),
    ],
)
def test_what_keeps_its_limits_passes(run: ReplaySystem, metric: str, limits: dict[str, Any], value: float):
    """Limits are inclusive; of several series the name, its context or the mean over members says which."""
    found = run.gate(metric, **limits)
    assert found
    assert found.checks[0].found.value == value


@pytest.mark.parametrize(
    ("metric", "limits", "why"),
    [
        ("loss", {"max": 0.39}, "0.4 is above 0.39"),
        ("loss", {"min": 0.41}, "0.4 is below 0.41"),
        ("losss", {"max": 10}, "no metric 'losss'; did you mean loss"),
        ("acc[phase=test]", {"max": 10}, "no metric"),
        ("broken", {"max": 10}, "nan is not finite"),
        ("broken", {"min": -10}, "nan is not finite"),
        ("endless", {"min": 0}, "inf is not finite"),
        ("loss_said", {"max": 1}, "nan is not finite"),
        ("text", {"max": 1}, "'abc' is no number"),
        ("huge", {"min": 0}, "is larger than what can be compared"),
        ("nothing", {"min": 0}, "nothing has no value"),
        ("words", {"max": 1}, "'fine' is no number"),
        ("diverged", {"max": 0.2, "of": "min"}, "diverged after its min"),
    ],
)
def test_every_doubt_fails(run: ReplaySystem, metric: str, limits: dict[str, Any], why: str):
    """Missing, NaN, infinite, no number, or over the limit: the reason is said."""
    found = run.gate(metric, **limits)
    assert not found
    assert why in str(found)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"metric": "loss"}, "has none"),
        ({"metric": []}, "a gate names a metric"),
        ({"metric": "acc", "max": 1}, r"acc means 2 series; say which: acc\[phase=val\]"),
        ({"metric": "loss", "max": "low"}, "must be a number"),
        ({"metric": "loss", "max": 0, "min": 1}, "min must be at most max"),
        ({"metric": "loss", "max": 1, "of": "lst"}, "did you mean last"),
        ({"metric": "loss", "max": 1, "direction": "min"}, "minimize or maximize"),
        ({"metric": "quiet", "max": 1, "of": "best"}, "which way quiet gets better"),
        ({"metric": "loss", "max": 1, "tolerance": "much"}, "tolerance must be a number"),
        ({"metric": "loss", "max": 1, "tolerance": -1}, "tolerance must be a number"),
    ],
)
def test_a_gate_that_asks_for_nothing_that_can_be_answered_is_a_mistake(
    run: ReplaySystem, asked: dict[str, Any], why: str
):
    """It raises, so that no pipeline takes it for an answer."""
    with pytest.raises(QueryError, match=why):
        run.gate(**asked)


@pytest.mark.parametrize("status", ["FAILED", "KILLED", "LOST", "RUNNING"])
def test_a_run_that_broke_passes_only_where_that_is_allowed(tmp_path: Path, status: str):
    """Whatever its metrics: a run that says RUNNING and that nobody writes is LOST."""
    run_dir = experiment_run(tmp_path / "run", metrics={"loss": LOSS}, status=status)
    os.utime(run_dir / "run.json", (0, 0))
    run = ReplaySystem(run_dir)
    found = run.gate("loss", max=1)
    assert not found.passed
    assert "--any-status" in str(found)
    assert run.gate("loss", max=1, any_status=True).passed


def test_a_baseline_is_as_good_as_it_is(run: ReplaySystem):
    """The declared direction says what worse is; the tolerance is a number or a share of the baseline."""
    folder = run.run_dir.parent
    better = opened(folder / "better", metrics={"loss": [0.2], "score": [5.0], "plain": [1.0]})
    assert not run.gate("loss", baseline=better)
    assert better.gate("loss", baseline=run)
    assert run.gate("loss", baseline=better, tolerance=0.2)
    assert not run.gate("loss", baseline=better, tolerance="99%")
    assert run.gate("loss", baseline=better, tolerance="100%")
    assert not run.gate("score", baseline="better")
    assert run.gate("score", baseline=better, direction="minimize")
    assert "no such metric" in str(run.gate("eval", baseline=better, direction="minimize"))
    with pytest.raises(QueryError, match="declare it while recording"):
        better.gate("plain", baseline=better)
    found = run.gate(["loss", Gate(metric="score", min=1)], baseline=better, max=1)
    assert [check.passed for check in found.checks] == [False, False]
    assert found.baseline == "better"


def test_a_baseline_has_a_name(run: ReplaySystem):
    """The name wins over the beginning of a run's name; one that is gone or was never set is told so."""
    folder = run.run_dir.parent
    good = opened(folder / "default-run", metrics={"loss": [0.1]})
    with pytest.raises(RunNotFoundError, match="no baseline"):
        run.gate("loss", baseline="baseline:paper")
    set_baseline(good, "paper", folder)
    set_baseline(run, root=folder)
    assert run.gate("loss", baseline="paper").baseline == "default-run"
    assert run.gate("loss", baseline="default").baseline == run.name
    assert run.gate("loss", baseline="baseline:paper").baseline == "default-run"
    with pytest.raises(RunNotFoundError, match="'papre' is no baseline"):
        run.gate("loss", baseline="papre")


def test_what_every_stream_has_needs_no_direction(tmp_path: Path):
    """Return and success rate are better the higher they are."""
    before = opened(tmp_path / "a", metrics={"train/episode_return_mean": [5.0]})
    after = opened(tmp_path / "b", metrics={"train/episode_return_mean": [4.0]})
    assert not after.gate("train/episode_return_mean", baseline=before)
    assert before.gate("train/episode_return_mean", baseline=after)


def test_a_damaged_event_file_is_told_and_its_valid_part_counts(tmp_path: Path):
    """What the file holds after the damage counts as well."""
    run_dir = experiment_run(tmp_path / "run", metrics={"loss": LOSS})
    path = run_dir / "events" / "p000-000001.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b"\x00torn\n", *lines[1:]]))
    found = ReplaySystem(run_dir).gate("loss", max=0.4)
    assert found.passed
    assert len(found.problems) == 1
    assert "damaged: " in str(found)


def test_tolerances_are_read_and_shown():
    """As people write them."""
    assert (Tolerance.of("5%").around(-2.0), str(Tolerance.of("5%"))) == (0.1, "5%")
    assert (Tolerance.of(0.25).around(7.0), str(Tolerance.of("0.25"))) == (0.25, "0.25")
