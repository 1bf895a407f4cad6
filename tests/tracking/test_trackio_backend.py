"""Trackio shows a run: its real store, read back with Trackio's own reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from written_runs import an_experiment, write_run

from jaxarc.config import TrackioConfig
from jaxarc.records.events import Event
from jaxarc.records.experiment_events import ExperimentEvent, Log, MetricBatch, Param
from jaxarc.replay import ReplaySystem
from jaxarc.tracking import Feed, sync_run
from jaxarc.tracking.trackio_backend import TrackioBackend

pytestmark = pytest.mark.long  # importing Trackio takes seconds


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Trackio's store in a folder of the test's own."""
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import trackio.sqlite_storage as storage
    import trackio.utils as utils

    for module in (storage, utils):
        monkeypatch.setattr(module, "TRACKIO_DIR", tmp_path / "trackio")
    return storage.SQLiteStorage


def rows_of(store: Any, project: str, run: str, key: str) -> list[tuple[int, float]]:
    """Return steps and values of a metric."""
    return [(row["step"], row[key]) for row in store.get_logs(project, run) if key in row]


def test_trackio_agrees_with_the_local_record_and_nothing_is_doubled(store: Any, tmp_path: Path) -> None:
    """Values, steps, times, params, tags and alerts; without its cursor it is all sent again, once."""
    said = [*an_experiment(), Log(level="WARNING", msg="slow", logger="loop", step=3)]
    run_dir = write_run(tmp_path / "exp" / "a", said)
    assert sync_run(run_dir, TrackioBackend()).refused == 0
    (run_dir / "trackers" / "trackio.json").unlink()
    sync_run(run_dir, TrackioBackend())
    record = ReplaySystem(run_dir).record()
    for phase in ("train", "validation"):
        series = record.series("loss", phase=phase)
        expected = list(zip(series.step.tolist(), series.value.tolist(), strict=True))
        assert rows_of(store, "exp", "a", f"{phase}/loss") == expected
    config = store.get_run_config("exp", "a")
    expected_config = {"lr": 0.01, "net.width": 64, "tag/kind": "test", "summary/final": 0.2}
    assert {**expected_config, "status": "FINISHED"}.items() <= config.items()
    assert [alert["title"] for alert in store.get_alerts("exp")] == ["slow"]
    assert len(store.get_runs("exp")) == 1


def test_members_are_runs_of_a_group(store: Any, tmp_path: Path) -> None:
    """Also where the first member's numbers came before it was known that there are more."""
    whose: tuple[tuple[float, dict[str, Any]], ...]
    whose = ((0.0, {"member": 0}), (10.0, {"member": 1}), (5.0, {"agg": "mean"}))
    said: list[ExperimentEvent | Event] = [Param(key="lr", value=0.1)]
    said += [
        MetricBatch(metrics={"loss": step + shift}, step=step, ctx=ctx)
        for step in range(3)
        for shift, ctx in whose
    ]
    run_dir = write_run(tmp_path / "e", said)
    with Feed(run_dir, TrackioBackend(TrackioConfig(project="members"))) as feed:
        while feed.advance(1):
            pass
        feed.finish("FINISHED")
    found = {
        run: [value for _, value in rows_of(store, "members", run, "loss")]
        for run in ("e", "e member 0", "e member 1")
    }
    assert found == {"e": [5.0, 6.0, 7.0], "e member 0": [0.0, 1.0, 2.0], "e member 1": [10.0, 11.0, 12.0]}
    configs = [store.get_run_config("members", run) for run in found]
    assert [config["_Group"] for config in configs] == ["e"] * 3
    assert [config["lr"] for config in configs] == [0.1] * 3
