"""A process with a tracker that hangs ends as any other, and what it recorded is sent afterwards."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jaxarc.replay import ReplaySystem
from jaxarc.tracking import MemoryBackend, sync_run

PROGRAM = """
import sys, time
from jaxarc.config import Config
from jaxarc.tracking import MemoryBackend
from jaxarc.tracking.experiment_tracker import ExperimentTracker

def hang(word, given):
    if word == "write" and len(given) and any(r.said.TYPE == "metric_batch" for r in given):
        time.sleep(1000)

config = {"storage": {"base_output_dir": sys.argv[1]}, "logging": {"close_timeout": 0.3},
          "pipeline": {"flush_interval": 0.1}}
tracker = ExperimentTracker(Config.from_dict(config), backends=[MemoryBackend(before=hang)])
tracker.start_run("run", params={"lr": 0.1})
for step in range(50):
    tracker.log_metrics({"loss": 1.0 / (step + 1)}, step=step)
while tracker.health().trackers["memory"].waits_s < 0.1:
    time.sleep(0.01)
print("logged", flush=True)
if sys.argv[2] == "waits":
    try:
        time.sleep(1000)
    except KeyboardInterrupt as error:
        tracker.end_run("KILLED")
        raise
"""


@pytest.mark.parametrize(
    ("way", "number", "status"),
    [
        pytest.param("goes", None, "FINISHED", id="end of the program"),
        pytest.param("waits", signal.SIGINT, "KILLED", id="Ctrl-C"),
        pytest.param("waits", signal.SIGKILL, "RUNNING", id="SIGKILL", marks=pytest.mark.long),
    ],
)
def test_a_tracker_that_hangs_does_not_hold_the_process(
    tmp_path: Path, way: str, number: signal.Signals | None, status: str
) -> None:
    """It is gone in seconds, not in the thousand for which the backend hangs, and nothing is lost."""
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path), way],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "logged\n"
    if number is not None:
        time.sleep(0.3)  # a commit
        child.send_signal(number)
    _, told = child.communicate(timeout=120)
    [run_file] = tmp_path.rglob("run.json")
    run_dir = run_file.parent
    run = ReplaySystem(run_dir)
    assert run.info["status"] == status
    assert len(run.metrics("loss")) == 50
    if status != "RUNNING":
        assert f"jaxarc sync {run_dir.name} --to memory sends the rest" in told
    memory = MemoryBackend()
    sync_run(run_dir, memory)
    assert memory.record().series("loss").value.tolist() == run.metrics("loss").value.tolist()
    assert memory.closed == ("KILLED" if status == "RUNNING" else status)
