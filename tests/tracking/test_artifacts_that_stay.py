"""Cleaning a run, processes that die and processes that write at once: what the record names stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jaxarc.config import EpisodeConfig
from jaxarc.replay import ReplaySystem
from jaxarc.storage import clean_run
from jaxarc.tracking.experiment_tracker import ExperimentTracker


@pytest.fixture
def run(tmp_path: Path) -> ReplaySystem:
    """An ended run with copies, one of which retention gave up, and a directory that holds odd names."""
    config = {"storage": {"base_output_dir": str(tmp_path / "runs")}}
    with ExperimentTracker(config).start_run() as tracker:
        tracker.keep_checkpoints(1)
        for step in range(3):
            (tmp_path / "model.ckpt").write_text(f"weights {step}")
            tracker.log_checkpoint(tmp_path / "model.ckpt", step=step)
        (tmp_path / "tree").mkdir()
        (tmp_path / "tree" / "shard.partial").write_text("not ours to judge")
        tracker.log_artifact(tmp_path / "tree")
        assert tracker.run_dir is not None
        (tracker.run_dir / "states").mkdir(exist_ok=True)
        (tracker.run_dir / "states" / "own.partial").write_text("named by the record")
        tracker.log_artifact(tracker.run_dir / "states" / "own.partial")
    return ReplaySystem(tracker.run_dir)


def copies(run: ReplaySystem) -> list[Path]:
    """Return the copies that lie in a run."""
    return sorted((run.run_dir / "artifacts" / "sha256").glob("*/*/*"))


def orphan(run: ReplaySystem) -> Path:
    """Put a copy into a run whose event never was written, and one that was never finished."""
    folder = run.run_dir / "artifacts" / "sha256"
    (folder / ".0123456789abcdef.partial").mkdir()
    (folder / ".0123456789abcdef.partial" / "model.ckpt").write_text("half")
    lost = folder / "00" / ("00" * 32) / "lost.ckpt"
    lost.parent.mkdir(parents=True)
    lost.write_text("lost")
    return lost


def test_cleaning_keeps_what_the_record_names(run: ReplaySystem) -> None:
    """Copies without an event and unfinished ones go; names that end like unfinished ones are no reason."""
    lost = orphan(run)
    tight = EpisodeConfig(max_storage_gb=1e-9)
    before = copies(run)
    would_go = clean_run(run.run_dir, tight, dry_run=True).leftovers
    assert [path.name for path in would_go] == [".0123456789abcdef.partial", "lost.ckpt"]
    assert copies(run) == before
    clean_run(run.run_dir, tight)
    assert not lost.parent.parent.exists()
    assert not list((run.run_dir / "artifacts" / "sha256").glob(".*"))
    found = run.artifacts().verify("digest")
    assert [finding.state for finding in found] == ["removed", "removed", "ok", "ok", "ok"]


@pytest.mark.parametrize("damage", ["a damaged line", "no events"])
def test_copies_stay_where_the_log_may_have_named_them(run: ReplaySystem, damage: str) -> None:
    """A line that cannot be read may name any of them."""
    lost = orphan(run)
    (events,) = (run.run_dir / "events").glob("p*.jsonl")
    if damage == "no events":
        events.unlink()
    else:
        events.write_bytes(events.read_bytes() + b'{"v":1,"t":"artif\n')
    clean_run(run.run_dir, EpisodeConfig())
    assert lost.exists()


CHILD = """
import os, sys, signal
from pathlib import Path
from jaxarc.tracking.experiment_tracker import ExperimentTracker
what, root, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
tracker = ExperimentTracker({"storage": {"base_output_dir": str(root)}}).start_run()
for index in range(8):
    path = folder / f"{os.getpid()}-{index}.bin"
    path.write_text(f"content {index % 3}")
    tracker.log_artifact(path, "common", type="from a process")
if what == "killed":
    tracker.flush(20)
    (folder / "big.bin").write_bytes(bytes(range(256)) * 40_000)
    print(tracker.run_dir, flush=True)
    while True:
        tracker.log_artifact(folder / "big.bin")
        (folder / "big.bin").open("r+b").write(os.urandom(8))
tracker.end_run()
"""


def child(what: str, root: Path, folder: Path, **environment: str) -> subprocess.Popen[str]:
    """Start a process that logs artifacts; it imports no JAX."""
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, what, str(root), str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def test_two_processes_add_to_one_run_at_once(tmp_path: Path) -> None:
    """Each has its own events, equal contents share one copy, and nobody's is half."""
    config = {"storage": {"base_output_dir": str(tmp_path / "runs")}}
    with ExperimentTracker(config).start_run() as tracker:
        other = child("joins", tmp_path / "runs", tmp_path, JAXARC_RUN=tracker.share())
        assert tracker.run_dir is not None
        while other.poll() is None and not list(tracker.run_dir.glob("events/p001-*.jsonl")):
            time.sleep(0.01)
        for index in range(8):
            path = tmp_path / f"own-{index}.bin"
            path.write_text(f"content {index % 3}")
            tracker.log_artifact(path, "common", type="from a process")
        other.communicate(timeout=20)
    assert other.returncode == 0
    assert tracker.run_dir is not None
    run = ReplaySystem(tracker.run_dir)
    assert {event.writer for event in run.events("artifact")} == {"p000", "p001"}
    assert [each.number for each in run.artifacts().versions("common")] == [0, 1, 2]
    assert len(copies(run)) == 3
    assert {finding.state for finding in run.artifacts().verify("digest")} == {"ok"}


def test_a_process_that_is_killed_leaves_whole_artifacts(tmp_path: Path) -> None:
    """After SIGKILL in the middle of copies, what the record names is there to the byte."""
    killed = child("killed", tmp_path / "runs", tmp_path)
    assert killed.stdout is not None
    run_dir = Path(killed.stdout.readline().strip())
    killed.send_signal(signal.SIGKILL)
    killed.wait(20)
    killed.stdout.close()
    found = ReplaySystem(run_dir).artifacts()
    assert [each.number for each in found.versions("common")] == [0, 1, 2]
    assert {finding.state for finding in found.verify("digest")} == {"ok"}
    assert json.loads((run_dir / "run.json").read_bytes())["status"] == "RUNNING"
