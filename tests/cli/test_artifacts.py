"""``jaxarc artifacts``: the files of an experiment on the terminal, as JSON, and verified."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from command_line import typed_in

from jaxarc.replay import ReplaySystem
from jaxarc.tracking.experiment_tracker import ExperimentTracker
from jaxarc.visualization import report_page


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """A run with a data set, checkpoints of which one went, a missing file and an odd name."""
    folder = tmp_path_factory.mktemp("artifacts")
    with ExperimentTracker({"storage": {"base_output_dir": str(folder / "runs")}}).start_run(
        "files"
    ) as tracker:
        (folder / "data.bin").write_bytes(bytes(1500))
        tracker.log_artifact(folder / "data.bin", "tasks", "dataset", tags=["train"], description="400 tasks")
        tracker.keep_checkpoints(1, best=1, metric="score", direction="maximize")
        for step, score in enumerate([3.0, 1.0, 2.0]):
            path = folder / f"{step}.ckpt"
            path.write_text(f"weights {step}")
            tracker.log_checkpoint(path, step=step, metrics={"score": score}, lineage="tasks")
        tracker.log_artifact(folder / "2.ckpt", "<odd>\x1b[31m", "model", lineage="checkpoint:best")
        tracker.add_artifact("report", "metrics", folder / "nothing.json")
        assert tracker.run_dir is not None
        return ReplaySystem(tracker.run_dir)


def test_every_version_is_a_line(run: ReplaySystem) -> None:
    """Id, version, aliases, type, size and step; what went is named, and no text acts on the terminal."""
    done = typed_in(run.run_dir.parent, "artifacts", run.run_dir)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert lines[0] == [f"{run.name}:", "6", "versions"]
    assert [*lines[3][:2], lines[3][3]] == ["checkpoint", "v0", "best"]
    assert lines[4][-1:] == ["removed"]
    assert "\x1b" not in done.stdout
    assert "<odd>" in done.stdout


def test_verifying_says_what_is_broken_by_the_exit_code(run: ReplaySystem) -> None:
    """A missing file is a fault, a checkpoint that retention removed is none."""
    done = typed_in(run.run_dir.parent, "artifacts", run.run_dir, "--verify", "digest")
    assert done.returncode == 1
    assert "4 of 6 versions as logged, 1 removed, 1 missing" in done.stdout
    sound = typed_in(run.run_dir.parent, "artifacts", run.run_dir, "--type", "checkpoint", "--verify", "size")
    assert (sound.returncode, "2 of 3 versions as logged, 1 removed" in sound.stdout) == (0, True)


def test_one_artifact_is_told_in_full(run: ReplaySystem) -> None:
    """Where its file is, what is known of it, and what it was made from, however far back."""
    done = typed_in(run.run_dir.parent, "artifacts", run.run_dir, "<odd>\x1b[31m", "--verify", "exists")
    version = run.artifacts().get("<odd>\x1b[31m")
    assert str(version.file) in done.stdout.replace("\n", "")
    best, data = run.artifacts().get("best"), run.artifacts().get("tasks")
    assert f"made from  checkpoint ({best.version[:12]})" in done.stdout
    assert f"before that  tasks v0 ({data.version[:12]})" in done.stdout
    assert "verified  ok" in done.stdout
    described = typed_in(run.run_dir.parent, "artifacts", run.run_dir, "tasks")
    assert "400 tasks" in described.stdout
    assert "1,500 bytes" in described.stdout


def test_as_json_everything_is_there(run: ReplaySystem) -> None:
    """One document: every version with its file, digest, metrics, lineage and what verifying found."""
    done = typed_in(run.run_dir.parent, "artifacts", run.run_dir, "--json", "--verify", "digest")
    said = json.loads(done.stdout)
    assert (done.returncode, said["ok"], said["verified"]) == (1, False, "digest")
    states = [(each["id"], each["number"], each["state"]) for each in said["artifacts"]]
    assert states[:3] == [("tasks", 0, "ok"), ("checkpoint", 0, "ok"), ("checkpoint", 1, "removed")]
    assert said["artifacts"][1]["metrics"] == {"score": 3.0}
    assert Path(said["artifacts"][0]["file"]).read_bytes() == bytes(1500)


def test_what_is_not_there_is_said(run: ReplaySystem) -> None:
    """An unknown artifact, level or type; the closest is named."""
    unknown = typed_in(run.run_dir.parent, "artifacts", run.run_dir, "taks")
    assert (unknown.returncode, "did you mean tasks" in unknown.stderr) == (2, True)
    level = typed_in(run.run_dir.parent, "artifacts", run.run_dir, "--verify", "sha")
    assert "level must be one of exists, size, digest" in level.stderr
    empty = typed_in(run.run_dir.parent, "artifacts", run.run_dir, "--type", "film")
    assert (empty.returncode, "no artifacts of type film" in empty.stdout) == (0, True)


def test_the_glance_of_a_run_counts_its_artifacts(run: ReplaySystem) -> None:
    """By type, with what went and what the copies take."""
    done = typed_in(run.run_dir.parent, "show", run.run_dir)
    assert (
        "artifacts  checkpoint 2, dataset 1, metrics 1, model 1; 1 removed; copies of 1.5 kB" in done.stdout
    )


def test_the_report_of_a_run_has_its_artifacts_as_text_and_links(run: ReplaySystem) -> None:
    """Current versions first, links to files of the run alone, odd names as text, and what is missing."""
    page = report_page(run)
    section = page[page.index("<h2>Artifacts and checkpoints</h2>") :]
    version = run.artifacts().get("checkpoint:best")
    assert f'href="../{version.path}"' in section
    assert "&lt;odd&gt;" in section
    assert "<odd>" not in page
    assert '<span class="lost">missing</span>' in section
    assert section.index("older version") > section.index("<strong>best</strong>")
    assert "removed" in section[section.index("older version") :]
    links = re.findall(r'href="([^"]+)"', section)
    assert all((run.run_dir / "report" / unquote(link)).resolve().exists() for link in links)
