"""jaxarc doctor names copies of artifacts that are damaged or gone, and leaves alone what somebody logged."""

from __future__ import annotations

from pathlib import Path

import pytest

from jaxarc.replay import ReplaySystem
from jaxarc.storage import inspect_run, repair_run
from jaxarc.tracking.experiment_tracker import ExperimentTracker


def begun(root: Path) -> ExperimentTracker:
    """Begin to track a run below a folder."""
    return ExperimentTracker({"storage": {"base_output_dir": str(root)}}).start_run()


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """A run that keeps three copies and refers to two files."""
    with begun(tmp_path / "runs") as tracker:
        assert tracker.run_dir is not None
        for name in ("changed", "gone", "whole"):
            (tmp_path / name).write_text(name)
            tracker.log_artifact(tmp_path / name, name, "file")
        (tracker.run_dir / "notes").mkdir()
        for path in (tmp_path / "own.json", tracker.run_dir / "notes" / "odd.json"):
            path.write_text("// no JSON, and none of ours")
            tracker.log_artifact(path, path.stem, "file")
        tracker.add_artifact("far", "file", tmp_path / "whole")
    (tmp_path / "whole").write_text("only referred to")
    copies = {each.id: each.file for each in ReplaySystem(tracker.run_dir).artifacts()}
    copies["changed"].write_text("CHANGED")
    copies["gone"].unlink()
    return tracker.run_dir


def test_damaged_copies_are_named_and_a_repair_moves_them_aside(run_dir: Path) -> None:
    """A copy that changed and one that is gone are named; a file that is no JSON and was logged is whole."""
    found = inspect_run(run_dir)
    said = {file.path.rpartition("/")[2]: file for file in found.files if file.kind == "artifact"}
    states = {name: file.state for name, file in said.items()}
    assert states == {"changed": "damaged", "gone": "missing", "whole": "whole", "own.json": "whole"}
    assert "artifact changed v0" in said["changed"].problems[0]
    assert [file.path for file in found.files if file.path.endswith("odd.json")] == []

    repair_run(found)
    left = inspect_run(run_dir)
    assert left.is_whole
    assert sorted(line.split("/")[-1] for line in left.known_lost) == [
        "changed is missing",
        "gone is missing",
    ]
    assert (run_dir / "damaged" / said["changed"].path).read_text() == "CHANGED"
    assert (run_dir / "notes" / "odd.json").exists()


def test_what_is_logged_again_takes_the_place_of_a_damaged_copy(tmp_path: Path) -> None:
    """A digest is no promise: a copy that was damaged on disk gives way to one that is whole."""
    (tmp_path / "weights").write_text("right")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "part").write_text("right")
    (tmp_path / "other").write_text("right")
    with begun(tmp_path / "runs") as tracker:
        first = tracker.log_artifact(tmp_path / "weights", "weights", "file")
        folder = tracker.log_artifact(tmp_path / "folder", "folder", "folder")
        first.file.write_text("wrong")
        (folder.file / "part").write_text("wrong")
        second = tracker.log_artifact(tmp_path / "other", "other", "file")
        tracker.log_artifact(tmp_path / "folder", "folder", "folder")
        assert second.file == first.file
    assert tracker.run_dir is not None
    findings = ReplaySystem(tracker.run_dir).artifacts().verify("digest")
    assert {finding.artifact.id: finding.state for finding in findings} == dict.fromkeys(
        ("weights", "folder", "other"), "ok"
    )
    assert not list((tracker.run_dir / "artifacts" / "sha256").glob(".*"))
