"""MLflow shows a run: a real SQLite store, read back with MLflow's own client."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tracked_runs import tracked_run
from written_runs import CREATED, an_experiment, write_run

from jaxarc.config import MlflowConfig
from jaxarc.records.events import Event
from jaxarc.records.experiment_events import (
    Artifact,
    ExperimentEvent,
    Media,
    MetricBatch,
    Param,
    RunEnd,
    RunStart,
    Table,
)
from jaxarc.replay import ReplaySystem
from jaxarc.tracking import Feed, sync_run
from jaxarc.tracking.mlflow_backend import MlflowBackend
from jaxarc.tracking.syncing import SyncResult

# SQLAlchemy 2.1 tells MLflow of what it will have to change.
pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")

LARGEST = 1.7976931348623157e308


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with an SQLite store; its tables are made once."""
    folder = tmp_path_factory.mktemp("mlflow")
    patch = pytest.MonkeyPatch()
    patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    patch.delenv("MLFLOW_TRACKING_URI", raising=False)
    patch.delenv("MLFLOW_RUN_ID", raising=False)
    patch.chdir(folder)
    yield folder
    patch.undo()


def uri_of(store: Path) -> str:
    """Return how MLflow opens the store."""
    return f"sqlite:///{store / 'mlflow.db'}"


def backend_of(store: Path, experiment: str, **settings: Any) -> MlflowBackend:
    """Return a backend that writes to the store."""
    return MlflowBackend(MlflowConfig(tracking_uri=uri_of(store), experiment=experiment, **settings))


def runs_of(store: Path, experiment: str) -> list[Any]:
    """Return the runs of an experiment."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=uri_of(store))
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    return list(client.search_runs([found.experiment_id]))


def history(store: Path, run: Any, key: str) -> list[tuple[int, float, int]]:
    """Return steps, values and times of a metric."""
    from mlflow.tracking import MlflowClient

    found = MlflowClient(tracking_uri=uri_of(store)).get_metric_history(run.info.run_id, key)
    return sorted((each.step, each.value, each.timestamp) for each in found)


def sent(run_dir: Path, backend: MlflowBackend) -> SyncResult:
    """Send a run."""
    return sync_run(run_dir, backend, pause_s=0.001)


def test_mlflow_agrees_with_the_local_record(store: Path, tmp_path: Path) -> None:
    """Values, steps and times of each series; params, tags, status and the run's own times."""
    said = [
        *an_experiment(),
        RunEnd(status="FAILED", error={"type": "ValueError", "message": "no", "traceback": "…"}),
    ]
    run_dir = write_run(tmp_path / "exp" / "a", said, status="FAILED")
    assert sent(run_dir, backend_of(store, "agrees")).refused == 0
    [run] = runs_of(store, "agrees")
    record = ReplaySystem(run_dir).record()
    for phase in ("train", "validation"):
        series = record.series("loss", phase=phase)
        expected = zip(series.step, series.value, series.timestamp_us // 1000, strict=True)
        assert history(store, run, f"{phase}/loss") == [tuple(each) for each in expected]
    assert math.isnan(history(store, run, "odd")[0][1])
    assert history(store, run, "large")[0][1] == LARGEST  # what an SQL store keeps for an infinity
    assert history(store, run, "summary/final")[0][1] == 0.2
    assert run.data.params == {"lr": "0.01", "net.width": "64"}
    expected_tags = {
        "kind": "test",
        "good": "",
        "word": "high",
        "error/type": "ValueError",
        "jaxarc.run_id": "a",
    }
    assert expected_tags.items() <= run.data.tags.items()
    assert run.data.tags["status"] == "RUNNING on its way 5 5 steps"
    assert (run.info.run_name, run.info.status) == ("a", "FAILED")
    assert run.info.start_time == CREATED * 1000
    assert run.info.end_time == list(ReplaySystem(run_dir).events())[-1].timestamp_us // 1000


def test_sent_again_nothing_changes_with_or_without_its_cursor(store: Path, tmp_path: Path) -> None:
    """MLflow itself says what it has: after a lost cursor, and after a batch whose cursor was not saved."""
    run_dir = write_run(tmp_path / "b", an_experiment())
    sent(run_dir, backend_of(store, "again"))
    [before] = runs_of(store, "again")
    assert sent(run_dir, backend_of(store, "again")).sent == 0
    (run_dir / "trackers" / "mlflow.json").unlink()
    sent(run_dir, backend_of(store, "again"))
    [after] = runs_of(store, "again")
    assert repr(before.data.to_dictionary()) == repr(after.data.to_dictionary())  # NaN is among it
    assert before.info.status == after.info.status
    assert len(history(store, after, "train/loss")) == 5


def test_a_parameter_that_changes_keeps_its_first_value_and_a_tag_has_the_last(
    store: Path, tmp_path: Path
) -> None:
    """MLflow lets no parameter change; the local record says the last, and so does the tag."""
    run_dir = write_run(
        tmp_path / "c", [Param(key="lr", value=1), Param(key="lr", value=1), Param(key="n", value=[1])]
    )
    backend = backend_of(store, "params")
    with Feed(run_dir, backend, is_live=True) as feed:
        feed.advance()
        log = run_dir / "events" / "p000-000001.jsonl"
        more = write_run(tmp_path / "more" / "c", [Param(key="x", value=0)] * 3 + [Param(key="lr", value=2)])
        log.write_bytes(
            log.read_bytes() + (more / "events" / log.name).read_bytes().splitlines(keepends=True)[-1]
        )
        feed.finish("FINISHED")
        assert feed.cursor.refused == 0
    [run] = runs_of(store, "params")
    assert run.data.params == {"lr": "1", "n": "[1]"}
    assert run.data.tags["param/lr"] == "2"


def test_what_mlflow_cannot_take_is_refused_by_name_and_costs_nothing_else(
    store: Path, tmp_path: Path
) -> None:
    """A step beyond 64 bits or none, a picture that is gone; odd names are mended, long ones told apart."""
    no_steps: list[Any] = [math.nan, [1, 2]]
    said: list[ExperimentEvent | Event] = [
        MetricBatch(metrics={"loss": 1.0}, step=2**70),
        Media(key="m", kind="image", path="gone.png"),
        MetricBatch(metrics={"<b>/../x🙂": 2.0, "k" * 300: 3.0, "k" * 299 + "j": 4.0, "n": 10**400}, step=1),
        MetricBatch(metrics={"loss": 5.0}, step=2),
        MetricBatch(metrics={"<b>/../x🙂": 2.0, "k" * 300: 3.0, "k" * 299 + "j": 4.0, "list": [1]}, step=3),
        *(MetricBatch(metrics={"loss": 6.0}, step=step) for step in no_steps),
    ]
    run_dir = write_run(tmp_path / "d", said)
    result = sent(run_dir, backend_of(store, "refused"))
    assert [refusal["seq"] for refusal in result.refusals] == [0, 1, 2, 5, 6]
    [run] = runs_of(store, "refused")
    assert sorted(run.data.metrics.values()) == [2.0, 3.0, 4.0, 5.0]
    assert "_b_/x_" in run.data.metrics
    assert run.data.tags["list"] == "[1]"


def test_an_attempt_that_goes_on_shows_no_error_of_the_one_before(store: Path, tmp_path: Path) -> None:
    """The run is FINISHED, and says nothing else."""
    error = {"type": "ValueError", "message": "no", "traceback": "…"}
    run_dir = write_run(tmp_path / "again", [RunStart(run_id="again"), RunEnd(status="FAILED", error=error)])
    with Feed(run_dir, backend_of(store, "attempts")) as feed:
        assert feed.advance() == 2
        assert runs_of(store, "attempts")[0].data.tags["error/type"] == "ValueError"
        write_run(run_dir, [RunStart(run_id="again"), RunEnd(status="FINISHED")], writer="p001")
        feed.finish("FINISHED")
    [run] = runs_of(store, "attempts")
    assert not [tag for tag in run.data.tags if tag.startswith("error/")]


def of_members(num_steps: int) -> list[ExperimentEvent | Event]:
    """Return a loss of two members and their mean."""
    return [
        Param(key="lr", value=0.1),
        *(
            MetricBatch(
                metrics={"loss": float(step + 10 * member)}, step=step, ctx={"stream": "t", "member": member}
            )
            for step in range(num_steps)
            for member in (0, 1)
        ),
        *(
            MetricBatch(metrics={"loss": float(step + 5)}, step=step, ctx={"stream": "t", "agg": "mean"})
            for step in range(num_steps)
        ),
    ]


@pytest.mark.parametrize("limit", [1, 1000])
def test_members_are_child_runs_and_the_parent_has_their_mean(
    store: Path, tmp_path: Path, limit: int
) -> None:
    """Also where the first member's numbers came before it was known that there are more."""
    run_dir = write_run(tmp_path / "e", of_members(3))
    name = f"members {limit}"
    with Feed(run_dir, backend_of(store, name)) as feed:
        while feed.advance(limit):
            pass
        feed.finish("FINISHED")
    runs = runs_of(store, name)
    [parent] = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = sorted(
        (run for run in runs if "mlflow.parentRunId" in run.data.tags),
        key=lambda run: run.data.tags["jaxarc.member"],
    )
    assert [run.info.run_name for run in children] == ["e member 0", "e member 1"]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    found = [[value for _, value, _ in history(store, run, "t/loss")] for run in (parent, *children)]
    assert found == [[5.0, 6.0, 7.0], [0.0, 1.0, 2.0], [10.0, 11.0, 12.0]]
    assert [run.data.params for run in runs] == [{"lr": "0.1"}] * 3
    assert [run.info.status for run in runs] == ["FINISHED"] * 3


def test_a_run_that_is_active_is_joined_and_goes_on(store: Path, tmp_path: Path) -> None:
    """Its owner ends it; a later sync goes on in it and leaves its status alone, too.

    A second run of ours that joins it is there beside the first one.
    """
    import mlflow

    mlflow.set_tracking_uri(uri_of(store))
    try:
        mlflow.set_experiment("joined")
        with mlflow.start_run(run_name="mine") as active:
            run_dir, _ = tracked_run(tmp_path, [backend_of(store, "joined")], num_steps=3)
            mlflow.log_metric("own", 1.0)
            [run] = runs_of(store, "joined")
            assert (run.info.run_id, run.info.status) == (active.info.run_id, "RUNNING")
            tracked_run(tmp_path / "second", [backend_of(store, "joined")], num_steps=2)
        assert sent(run_dir, backend_of(store, "joined")).sent == 0
        [run] = runs_of(store, "joined")
        assert (run.info.run_name, run.info.status) == ("mine", "FINISHED")
        assert (run.data.params["lr"], run.data.metrics["own"]) == ("0.5", 1.0)
        assert [step for step, _, _ in history(store, run, "loss")] == [0, 0, 1, 1, 2]
    finally:
        mlflow.set_tracking_uri(None)


def test_pictures_tables_and_artifacts_are_files_within_the_budget(store: Path, tmp_path: Path) -> None:
    """A picture is uploaded, one beyond the budget is refused; of an artifact its place, or the file too.

    A file out of the run is never copied, whatever the run says.
    """
    (tmp_path / "secret.bin").write_bytes(b"secret")
    run_dir = tmp_path / "f"
    (run_dir / "media").mkdir(parents=True)
    (run_dir / "media" / "a.svg").write_text("<svg/>")
    (run_dir / "media" / "b.svg").write_text("<svg/>" * 1000)
    (run_dir / "model.bin").write_bytes(b"weights")
    write_run(
        run_dir,
        [
            Media(key="eval/board", kind="image", path="media/a.svg", step=1),
            Media(key="eval/board", kind="image", path="media/b.svg", step=2),
            Media(key="out", kind="image", path="../g/x.svg"),
            Table(key="best", columns=["a", "b"], rows=[[1, "x"]]),
            Artifact(path="model.bin", type="model", name="policy", size=7, checksum="sha256:0"),
            Artifact(path=str(tmp_path / "secret.bin"), type="model", name="outside"),
            Artifact(path="s3://bucket/weights.bin", type="model", name="bucket"),
            Artifact(path="../secret.bin", type="model", name="up"),
        ],
    )
    backend = backend_of(store, "files", log_artifacts=True)
    backend.upload_bytes = 100
    result = sent(run_dir, backend)
    errors = [str(refusal["error"]) for refusal in result.refusals]
    assert len(errors) == 3
    assert "beyond the upload budget" in errors[0]
    assert all("outside the run" in error for error in errors[1:])
    [run] = runs_of(store, "files")
    folder = Path(run.info.artifact_uri.removeprefix("file://"))
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert there == {
        "config.json",
        "environment.json",
        "media/eval_board/a.svg",
        "tables/best.json",
        "artifacts/model/policy-4.json",
        "artifacts/model/model.bin",
        "artifacts/model/outside-5.json",
        "artifacts/model/bucket-6.json",
        "artifacts/model/up-7.json",
    }


def test_a_run_that_was_deleted_in_mlflow_is_sent_anew(store: Path, tmp_path: Path) -> None:
    """Where there is more to send; what is there no more is no place to go on."""
    from mlflow.tracking import MlflowClient

    run_dir = write_run(tmp_path / "h", an_experiment(), status="RUNNING")
    with Feed(run_dir, backend_of(store, "deleted"), is_live=True) as feed:
        feed.advance(limit=5)
    [first] = runs_of(store, "deleted")
    MlflowClient(tracking_uri=uri_of(store)).delete_run(first.info.run_id)
    sent(run_dir, backend_of(store, "deleted"))
    [second] = runs_of(store, "deleted")
    assert second.info.run_id != first.info.run_id
    assert len(history(store, second, "train/loss")) == 5


def test_live_is_what_sync_sends(store: Path, tmp_path: Path) -> None:
    """Curves, metrics and params of a run that was followed, and of the same run that was sent."""
    run_dir, run = tracked_run(tmp_path, [backend_of(store, "live")])
    assert run.health().trackers["mlflow"].refused == 0
    assert sent(run_dir, backend_of(store, "live")).sent == 0
    (run_dir / "trackers" / "mlflow.json").unlink()
    sent(run_dir, backend_of(store, "after"))
    [live], [after] = runs_of(store, "live"), runs_of(store, "after")
    assert live.data.params == after.data.params
    assert set(live.data.metrics) == set(after.data.metrics) >= {"loss", "train/episode_return_mean"}
    for key in live.data.metrics:
        assert history(store, live, key) == history(store, after, key)


@pytest.mark.long
def test_a_store_of_files_is_sent_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps what it is given as often as it is given; what it has is asked of it."""
    from mlflow.tracking import MlflowClient

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    uri = (tmp_path / "files").as_uri()
    run_dir = write_run(tmp_path / "a", an_experiment())
    backend = MlflowBackend(MlflowConfig(tracking_uri=uri, experiment="files"))
    feed = Feed(run_dir, backend)
    feed.cursor.save = lambda: (_ for _ in ()).throw(KeyboardInterrupt)  # the process dies here
    with pytest.raises(KeyboardInterrupt):
        feed.advance()
    feed.release()
    client = MlflowClient(tracking_uri=uri)
    [run] = client.search_runs([client.get_experiment_by_name("files").experiment_id])
    client.delete_tag(run.info.run_id, "jaxarc.sent")
    sent(run_dir, MlflowBackend(MlflowConfig(tracking_uri=uri, experiment="files")))
    assert len(client.get_metric_history(run.info.run_id, "train/loss")) == 5
    assert math.isinf(client.get_metric_history(run.info.run_id, "large")[0].value)
