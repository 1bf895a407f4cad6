"""Curves of runs on disk: whole, while they are written, and over several attempts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from run_rows import make_rows, run_of_rows

from jaxarc.config import EpisodeConfig
from jaxarc.records.experiment_events import MetricBatch
from jaxarc.records.steps import PendingSegment
from jaxarc.records.table import EpisodeTable
from jaxarc.replay import ReplaySystem
from jaxarc.replay.curves import CurveFolder
from jaxarc.replay.run_curves import CurveTail, curve_records
from jaxarc.storage import RunStore
from jaxarc.storage.origins import ResumedRun


def test_a_run_that_is_written_gives_the_same_points_as_afterwards(tmp_path: Path):
    """Each commit completes some; the end gives the last ones; nothing comes twice."""
    rows = make_rows(900, update=np.arange(900) // 40)
    columns = {name: column for name, column in rows.columns.items() if name not in ("writer", "attempt")}
    store = RunStore(EpisodeConfig(base_output_dir=str(tmp_path)), dict, 0.0)
    run_dir = store.open()
    tail = CurveTail(run_dir)
    found = tail.read()
    assert found == []
    for start in range(0, 900, 300):
        part = EpisodeTable(columns).take(np.arange(start, start + 300))
        store.write_segment(PendingSegment(part, []))
        news = tail.read()
        assert news
        assert tail.read() == []
        found += news
    running = curve_records(ReplaySystem(run_dir))
    assert running == found  # what is not complete is nobody's yet
    store.finish("FINISHED", {"episodes": 900})
    found += tail.read(has_ended=True)
    assert tail.read(has_ended=True) == []
    assert found == curve_records(ReplaySystem(run_dir))
    whole = CurveFolder()
    assert found == whole.add(rows) + whole.finish()
    assert len(found) == 23
    again = CurveTail(run_dir)
    assert again.read(has_ended=True) == found


def test_a_resumed_run_goes_on_with_its_curves(tmp_path: Path):
    """What was recorded again is left out, so that the axis goes on; the context is the same."""
    run_dir = run_of_rows(tmp_path, make_rows(100), status="KILLED")
    step = int(make_rows(100)["end_step"][59])
    store = RunStore(EpisodeConfig(base_output_dir=str(tmp_path)), dict, 0.0, ResumedRun(run_dir, step))
    store.open()
    rows = make_rows(40, seed=1)
    later = {name: column for name, column in rows.columns.items() if name not in ("writer", "attempt")}
    later |= {name: later[name] + step for name in ("start_step", "end_step")}
    store.write_segment(PendingSegment(EpisodeTable(later), []))
    store.finish("FINISHED", {"episodes": 40})
    for points in (curve_records(ReplaySystem(run_dir)), CurveTail(run_dir).read(has_ended=True)):
        assert {point.source for point in points} == {"curves/p000/train/0", "curves/p001/train/0"}
        assert {str(point.event.payload["ctx"]) for point in points} == {"{'stream': 'train', 'member': 0}"}
        axis = [point.event.payload["step"] for point in points]
        assert axis == sorted(axis)
        assert sum(point.event.payload["metrics"]["train/episodes"] for point in points) == 100


def test_the_record_of_a_run_holds_its_curves(tmp_path: Path):
    """``curves`` has them alone; ``metrics``, ``record`` and ``summary`` beside what was logged."""
    rows = make_rows(120, member=np.arange(120) % 3, update=np.arange(120) // 30)
    logged = MetricBatch(metrics={"loss": 0.5}, step=1, ctx={"member": 0}).event()
    run = ReplaySystem(run_of_rows(tmp_path, rows, events=[logged]))
    series = run.metrics("train/episode_return_mean", member=1)
    mine = (rows["member"] == 1) & (rows["update"] == 2)
    assert series.value[2] == rows["total_reward"][mine].mean()
    assert series.step[2] == rows["end_step"][mine].max()
    mean = run.record().series("train/episode_return_mean", agg="mean")
    each = [run.record().series("train/episode_return_mean", member=member).value for member in range(3)]
    np.testing.assert_allclose(mean.value, np.mean(each, axis=0))
    assert len(run.curves()) == 4 * 8
    assert {each.key for each in run.curves(member=0)} >= {"train/success_rate", "train/env_steps_per_s"}
    assert run.metrics("loss", member=0).value.tolist() == [0.5]
    assert run.summary["train/episodes (agg=mean, stream=train)"] == 10.0
    assert run.params == {}
