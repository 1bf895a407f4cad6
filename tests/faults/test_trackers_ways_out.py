"""A tracked run whose process is killed, interrupted, forked or fails says truly how it ended.

The processes need no JAX: none of them imports it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import jaxarc
from jaxarc.config import AsyncLoggerConfig, Config, EpisodeConfig
from jaxarc.tracking.experiment_tracker import ExperimentTracker

BEGIN = """
import os, signal, sys, time
from jaxarc.config import AsyncLoggerConfig, Config, EpisodeConfig
from jaxarc.errors import TrackingError
from jaxarc.tracking.experiment_tracker import ExperimentTracker

config = Config(
    storage=EpisodeConfig(base_output_dir=sys.argv[1]), pipeline=AsyncLoggerConfig(flush_interval=0.05)
)
tracker = ExperimentTracker(config)
"""
WAYS = {
    "SIGKILL": (
        """
        tracker.start_run(params={"lr": 1})
        tracker.log_metrics({"loss": 1.0}, step=0)
        tracker.flush()
        os.kill(os.getpid(), signal.SIGKILL)
        """,
        "LOST",
    ),
    "SIGTERM": (
        """
        tracker.start_run(params={"lr": 1})
        tracker.log_metrics({"loss": 1.0}, step=0)
        os.kill(os.getpid(), signal.SIGTERM)
        """,
        "KILLED",
    ),
    "Ctrl-C": (
        """
        with tracker.start_run(params={"lr": 1}):
            tracker.log_metrics({"loss": 1.0}, step=0)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(30)
        """,
        "KILLED",
    ),
    "an exception outside of a block": (
        """
        tracker.start_run(params={"lr": 1})
        tracker.log_metrics({"loss": 1.0}, step=0)
        raise ValueError("no way on")
        """,
        "FAILED",
    ),
    "the end of the program, and a child by fork": (
        """
        tracker.start_run(params={"lr": 1})
        tracker.log_metrics({"loss": 1.0}, step=0)
        if os.fork() == 0:
            try:
                tracker.log_metrics({"of the child": 1.0})
            except TrackingError as error:
                os._exit(0 if "forked" in str(error) else 1)
            os._exit(1)
        assert os.wait()[1] == 0
        """,
        "FINISHED",
    ),
}


def run_program(folder: Path, program: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a program that tracks below a folder."""
    return subprocess.run(
        [sys.executable, "-c", BEGIN + textwrap.dedent(program), str(folder)],
        capture_output=True,
        timeout=60,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.fixture(scope="module", params=list(WAYS))
def ended(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """A run whose process ended in one of these ways, with the status that it should have."""
    program, status = WAYS[request.param]
    folder = tmp_path_factory.mktemp("runs")
    done = run_program(folder, program)
    if status == "KILLED" and b"ValueError" not in done.stderr:
        assert done.returncode in (-signal.SIGTERM, -signal.SIGINT), done.stderr
    return jaxarc.open("latest", folder), status


def test_the_status_is_true_and_what_was_said_is_there(ended):
    """Whatever ended the process, what it logged before stands, and the status says what happened."""
    run, status = ended
    assert run.status == run.experiment_status == status
    assert run.params == {"lr": 1}
    assert run.metrics("loss").value.tolist() == [1]
    assert not run.record().problems
    ends = run.record().ends
    assert [end.status for _, end in ends] == ([] if status == "LOST" else [status])
    if status == "FAILED":
        assert (ends[0][1].error["type"], ends[0][1].error["message"]) == ("ValueError", "no way on")
        assert 'raise ValueError("no way on")' not in (ends[0][1].error["message"])
    elif ends:
        assert ends[0][1].error is None


def test_a_process_that_was_invited_says_what_it_has_to_say_in_the_same_run(tmp_path: Path):
    """Two processes write one run, each a file of its own; the child's end is not the run's."""
    config = Config(
        storage=EpisodeConfig(base_output_dir=str(tmp_path)), pipeline=AsyncLoggerConfig(flush_interval=0.05)
    )
    with ExperimentTracker(config).start_run("both", params={"lr": 1}) as tracker:
        invitation = tracker.share()
        tracker.log_metrics({"loss": 1.0}, step=0, phase="train")
        program = """
        with tracker.start_run("ignored", params={"lr": 2}):
            tracker.log_metrics({"loss": 2.0}, step=0, phase="eval")
            tracker.log_summary({"score": 3})
            raise RuntimeError("of the child")
        """
        done = run_program(tmp_path, program, JAXARC_RUN=invitation)
        assert b"of the child" in done.stderr
        assert jaxarc.open(tracker.run_dir).status == "RUNNING"
        tracker.log_metrics({"loss": 4.0}, step=1, phase="train")
    assert "JAXARC_RUN" not in os.environ
    run = jaxarc.open(tracker.run_dir)
    assert run.status == run.record().status == "FINISHED"
    assert run.metrics("loss", phase="train").value.tolist() == [1, 4]
    assert run.metrics("loss", phase="eval").value.tolist() == [2]
    assert run.params == {"lr": 2}
    assert run.record().conflicts == {"lr": [1, 2]}
    assert len(list((run.run_dir / "events").iterdir())) == 2


def test_a_damaged_event_file_costs_its_damaged_lines_and_no_more(tmp_path: Path):
    """The valid part counts, and each line that cannot be read is named."""
    with ExperimentTracker(Config(storage=EpisodeConfig(base_output_dir=str(tmp_path)))) as tracker:
        for step in range(10):
            tracker.log_metrics({"loss": float(step)}, step=step)
        tracker.log_params({"lr": 1})
    assert tracker.run_dir is not None
    [path] = (tracker.run_dir / "events").iterdir()
    lines = path.read_bytes().splitlines(keepends=True)
    lines[3] = lines[3].replace(b'"t":"metric_batch"', b'"t":metric_batch\xff')
    lines[5] = lines[5].replace(b'"metrics":{', b'"metrics":[').replace(b'},"step"', b'],"step"')
    lines[6] = lines[6].replace(b'"step":5', b'"step":"five"')
    lines[-1] = lines[-1][:40]
    path.write_bytes(b"".join(lines))
    run = jaxarc.open(tracker.run_dir)
    assert run.metrics("loss").value.tolist() == [0, 1, 3, 6, 7, 8, 9]
    assert run.params == {"lr": 1}
    problems = run.record().problems
    assert len(problems) == 4
    assert sum("p000-000001.jsonl: line" in problem for problem in problems) >= 3
    assert run.status == "FINISHED"
