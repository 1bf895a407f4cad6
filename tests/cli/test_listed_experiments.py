"""``jaxarc ls --runs``: what runs say of themselves, in a table and as JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from command_line import typed_in
from experiment_runs import experiment_run


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs, of which one is lost and one has a torn event."""
    root = tmp_path_factory.mktemp("experiments")
    for number, status in enumerate(("FINISHED", "FAILED", "RUNNING")):
        run_dir = experiment_run(
            root / "exp" / f"run-{number}",
            params={"lr": 0.1 * number, "same": 1, "odd": "\x1b[31m<b>"},
            metrics={"train/loss": [float(number)]},
            tags={"sweep": None, "part": number},
            status=status,
            created=100.0 + number,
            hostname="elsewhere",
            heartbeat_s=0.0,
        )
        if number == 1:
            with (run_dir / "events" / "p000-000001.jsonl").open("ab") as file:
                file.write(b"torn")
        if number == 2:
            os.utime(run_dir / "run.json", (0, 0))
    return root


def test_runs_are_listed_with_what_they_say(root: Path) -> None:
    """Metrics, the parameters that differ, tags and status; what is lost or damaged is named."""
    lines = typed_in(root, "ls", root, "--runs").stdout.splitlines()
    assert lines[1].split() == ["run", "status", "train/loss", "lr", "tags", "started"]
    assert lines[3].split()[:4] == ["run-1", "FAILED", "1", "0.1"]
    assert lines[4].split()[:4] == ["run-2", "LOST", "2", "0.2"]
    assert lines[-1].startswith("damaged: run-1: ")
    narrow = typed_in(root, "ls", root, "--runs", COLUMNS="40").stdout
    assert "run-2" in narrow
    one = typed_in(root, "ls", root / "exp" / "run-0", "--runs").stdout
    assert "same" in one
    assert "\x1b" not in one


def test_runs_are_chosen_and_sorted(root: Path) -> None:
    """By bare names as well; what was asked about is shown first, and what is left out is said."""
    done = typed_in(root, "ls", root, "--runs", "--where", "lr < 0.15", "--sort", "-train/loss", "--limit", 1)
    lines = done.stdout.splitlines()
    assert lines[0] == f"1 of 3 runs below {root}"
    assert lines[1].split()[:4] == ["run", "status", "lr", "train/loss"]
    assert lines[2].split()[0] == "run-1"
    assert lines[3] == "… and 1 more; --limit shows them"
    without = typed_in(root, "ls", root, "--where", "train/loss > 0.5 and part < 2").stdout.splitlines()
    assert [line.split()[0] for line in without[2:]] == ["run-1"]
    chosen = typed_in(root, "ls", root, "--columns", "run,lr,train/loss", "--json").stdout
    assert json.loads(chosen)["runs"][1] == {"run": "run-1", "params.lr": 0.1, "metrics.train/loss": 1.0}
    wrong = typed_in(root, "ls", root, "--runs", "--where", "lrr < 1")
    assert (wrong.returncode, "params.lr" in wrong.stderr) == (2, True)
    assert typed_in(root, "ls", "latest", "--runs", "--root", root).returncode == 2


def test_one_document_holds_everything(root: Path) -> None:
    """With the values that were recorded."""
    said = json.loads(typed_in(root, "ls", root, "--runs", "--json", "--sort", "-lr").stdout)
    assert said["total"] == 3
    assert [run["run"] for run in said["runs"]] == ["run-2", "run-1", "run-0"]
    assert said["runs"][1]["params"] == {"lr": 0.1, "same": 1, "odd": "\x1b[31m<b>"}
    assert said["runs"][1]["metrics"] == {"train/loss": 1.0}
    assert said["runs"][1]["tags"] == {"sweep": None, "part": 1}
    assert len(said["runs"][1]["problems"]) == 1
    assert said["runs"][0]["status"] == "LOST"
