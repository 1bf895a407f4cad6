"""LocalTracker: the guide's examples, and what its model got wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from omegaconf import OmegaConf

import jaxarc
from jaxarc.config import Config, EpisodeConfig
from jaxarc.errors import StorageError, TrackingError
from jaxarc.tracking.experiment_tracker import ExperimentTracker
from jaxarc.tracking.local_tracker import LocalTracker
from jaxarc.tracking.memory_backend import MemoryBackend

ID = "20241201-120000-my_experiment"


@pytest.fixture
def guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the files that the guide names."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "checkpoints/model_best.pth",
        "metrics/final_metrics.json",
        "results/visualizations/training_curves.png",
    ):
        path = tmp_path / "outputs/experiments/exp-001" / name
        path.parent.mkdir(parents=True)
        path.write_text(name)
    return tmp_path


def test_the_guide_runs_as_it_is_written(guide: Path, capsys: pytest.CaptureFixture[str]):
    """Every example of the guide, in its order, with this package's name for the class."""
    # Initialization
    config_dict = {
        "training": {"epochs": 100, "batch_size": 16, "learning_rate": 0.001},
        "model": {"_target_": "src.model.UNet"},
    }
    config = OmegaConf.create(config_dict)
    tracker = jaxarc.LocalTracker(
        experiment_dir=Path("outputs/experiments/20241201-120000-my_experiment"),
        experiment_id="20241201-120000-my_experiment",
        experiment_name="my_experiment",
        config=config,
        auto_save=True,
    )
    # Experiment lifecycle management
    tracker.start_experiment()
    tracker.update_training_progress(
        current_epoch=5,
        total_epochs=100,
        best_metrics={"iou": 0.85, "dice": 0.90},
        training_time_seconds=3600.0,
    )
    tracker.complete_experiment()
    try:
        tracker.complete_experiment()
    except Exception as e:
        tracker.fail_experiment(f"Training failed: {e}")
    # Artifact association
    tracker.add_artifact(
        artifact_id="model-best",
        artifact_type="checkpoint",
        file_path="outputs/experiments/exp-001/checkpoints/model_best.pth",
        description="Best model checkpoint based on validation IoU",
        tags=["best", "model", "checkpoint"],
    )
    tracker.add_artifact(
        artifact_id="metrics-final",
        artifact_type="metrics",
        file_path="outputs/experiments/exp-001/metrics/final_metrics.json",
        description="Final training and validation metrics",
        tags=["metrics", "final"],
    )
    tracker.add_artifact(
        artifact_id="viz-training",
        artifact_type="visualization",
        file_path="outputs/experiments/exp-001/results/visualizations/training_curves.png",
        description="Training loss and metric curves",
        tags=["visualization", "training"],
    )
    # Metadata access and management
    metadata = tracker.get_metadata()
    print(f"Experiment: {metadata.experiment_name}")
    print(f"Status: {metadata.status}")
    print(f"Best IoU: {metadata.best_metrics.get('iou', 'N/A')}")
    metadata_dict = tracker.get_metadata_dict()
    tracker.update_description("Improved U-Net with attention mechanism")
    tracker.add_tags(["attention", "improved"])
    tracker.remove_tags(["old_tag"])
    summary = tracker.get_experiment_summary()
    print(f"Artifact count: {summary['artifact_count']}")
    print(f"Training time: {summary['training_time_seconds']} seconds")
    # Artifact retrieval
    checkpoints = tracker.get_artifacts_by_type("checkpoint")
    visualizations = tracker.get_artifacts_by_type("visualization")

    assert capsys.readouterr().out.splitlines() == [
        "Experiment: my_experiment",
        "Status: FINISHED",
        "Best IoU: 0.85",
        "Artifact count: 3",
        "Training time: 3600.0 seconds",
    ]
    assert json.loads(json.dumps(metadata_dict))["params"]["training.learning_rate"] == 0.001
    assert [len(checkpoints), len(visualizations)] == [1, 1]
    assert checkpoints[0].description == "Best model checkpoint based on validation IoU"
    assert set(checkpoints[0].tags) == {"best", "model", "checkpoint"}
    assert (summary["description"], summary["tags"]) == (
        "Improved U-Net with attention mechanism",
        ["attention", "improved"],
    )
    run = jaxarc.open(f"outputs/experiments/{ID}")
    assert (run.name, run.status, run.info["run_id"], run.info["attempt"]) == (ID, "FINISHED", ID, 1)
    assert run.params["model._target_"] == "src.model.UNet"


def test_a_failure_has_its_message_and_its_traceback(tmp_path: Path):
    """fail_experiment in an except block keeps where the error came from."""
    tracker = LocalTracker(tmp_path / "a", config={"lr": 1})
    tracker.start_experiment()
    try:
        raise ValueError("shapes differ")
    except Exception as e:
        tracker.fail_experiment(f"Training failed: {e}")
    error = tracker.get_metadata().error
    assert error is not None
    assert (error["type"], error["message"]) == ("ValueError", "Training failed: shapes differ")
    assert "raise ValueError" in error["traceback"]
    with pytest.raises(TrackingError, match="FAILED cannot become FINISHED"):
        tracker.complete_experiment()


def test_statuses_follow_each_other_as_they_may(tmp_path: Path):
    """What was not started makes no progress; what is finished is not started again."""
    tracker = LocalTracker(tmp_path / "a", auto_save=False)
    assert tracker.get_metadata().status == "SCHEDULED"
    with pytest.raises(TrackingError, match="start_experiment first"):
        tracker.update_training_progress(1)
    with pytest.raises(TrackingError, match="SCHEDULED cannot become FINISHED"):
        tracker.complete_experiment()
    tracker.start_experiment()
    tracker.pause_experiment("the machine is needed")
    assert tracker.get_metadata().status == "PAUSED"
    tracker.start_experiment()
    tracker.complete_experiment()
    with pytest.raises(TrackingError, match="name another directory"):
        tracker.start_experiment()
    with pytest.raises(TrackingError, match="name another directory"):
        LocalTracker(tmp_path / "a").start_experiment()


def test_an_experiment_that_failed_goes_on_in_its_directory_with_all_that_it_said(tmp_path: Path):
    """A second process does not discard history: it is a new attempt at the same run."""
    with suppress(ZeroDivisionError), LocalTracker(tmp_path / "a", config={"lr": 1}) as tracker:
        tracker.add_tags(["first"])
        tracker.log_metrics({"loss": 1 / 0})
    again = LocalTracker(tmp_path / "a", config={"lr": 2})
    assert again.get_metadata().status == "FAILED"
    again.start_experiment()
    again.update_training_progress(3, 10)
    assert again.get_metadata().status == "RUNNING"
    again.complete_experiment()
    found = again.get_metadata()
    assert (found.status, found.tags, found.params, found.current_epoch) == (
        "FINISHED", ["first"], {"lr": 2}, 3
    )  # fmt: skip
    run = jaxarc.open(tmp_path / "a")
    assert run.info["attempt"] == 2
    assert run.record().conflicts == {"lr": [1, 2]}


def test_what_lies_in_the_directory_stays_and_a_run_of_others_is_refused(tmp_path: Path):
    """The directory is the user's; a run.json of another program is not overwritten."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "weights.pt").write_text("w")
    LocalTracker(tmp_path / "a").start_experiment()
    assert (tmp_path / "a" / "weights.pt").read_text() == "w"
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "run.json").write_text('{"owner": "somebody"}')
    with pytest.raises(StorageError, match="no run file of jaxarc's"):
        LocalTracker(tmp_path / "b")
    assert (tmp_path / "b" / "run.json").read_text() == '{"owner": "somebody"}'


def test_a_run_of_a_tracker_takes_tags_and_words_afterwards(tmp_path: Path):
    """LocalTracker opens any run: what is said after its end is added, and its status stays."""
    with ExperimentTracker(Config(storage=EpisodeConfig(base_output_dir=str(tmp_path)))) as first:
        first.log_metrics({"loss": 1.0})
    assert first.run_dir is not None
    late = LocalTracker(first.run_dir)
    late.add_tags(["published"])
    late.log_metrics({"loss": 2.0})
    late.alert("read this")
    assert late.save()
    run = jaxarc.open(first.run_dir)
    assert (run.status, run.tags) == ("FINISHED", {"published": None})
    assert run.metrics("loss").value.tolist() == [1, 2]
    assert [log.msg for log in run.record().logs] == ["read this"]


PROGRAM = """
import sys
from jaxarc.tracking.local_tracker import LocalTracker
tracker = LocalTracker(sys.argv[1])
tracker.start_experiment()
for step in range(50):
    tracker.log_metrics({"loss": step}, step=step, ctx={"process": sys.argv[2]})
print("said", flush=True)
if sys.argv[2] == "a":
    sys.stdin.read()
    tracker.complete_experiment()
"""


def test_two_processes_in_one_directory_overwrite_nothing_of_each_other(tmp_path: Path):
    """Each has an event file of its own, and the one that owns the run says how it ended."""
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "a")]
    with subprocess.Popen([*command, "a"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdin is not None
        assert owner.stdout.readline() == b"said\n"
        subprocess.run([*command, "b"], check=True, capture_output=True, timeout=60)
        assert jaxarc.open(tmp_path / "a").status == "RUNNING"
        owner.stdin.close()
        owner.wait(60)
    run = jaxarc.open(tmp_path / "a")
    assert run.status == "FINISHED"
    assert [len(run.metrics("loss", process=name)) for name in "ab"] == [50, 50]


def test_an_experiment_that_nobody_completed_was_killed(tmp_path: Path):
    """A process that ends without a word leaves no RUNNING behind, and says why."""
    program = PROGRAM.partition('if sys.argv[2] == "a"')[0]
    command = [sys.executable, "-c", program, str(tmp_path / "a"), "x"]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    run = jaxarc.open(tmp_path / "a")
    assert run.status == "KILLED"
    assert run.record().statuses[-1][1].msg == "the process ended without complete_experiment"


def test_a_backend_shows_the_experiment_while_it_goes_on_and_how_it_ended(tmp_path: Path):
    """The directory's run is fed like any other."""
    memory = MemoryBackend()
    with LocalTracker(
        tmp_path / "a", experiment_name="shown", config={"lr": 1}, backends=[memory]
    ) as tracker:
        tracker.log_metrics({"loss": 0.5}, step=1)
    assert memory.run is not None
    assert (memory.run.name, memory.closed) == ("shown", "FINISHED")
    assert memory.record().params == {"lr": 1}
    assert memory.record().series("loss").value.tolist() == [0.5]
