"""Runs as rows: what their files say, and what takes opening them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from damage import run_of_segments

from jaxarc.replay import run_list
from jaxarc.replay.query import sort_order, where_mask
from jaxarc.replay.run_list import run_table


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve episodes."""
    return run_of_segments(tmp_path_factory.mktemp("runs")).run_dir


def test_runs_are_asked_about_like_episodes(run_dir: Path, tmp_path: Path):
    """Returns and rates are those of the episodes that ended; runs are opened for them alone."""
    other = tmp_path / "default" / "other"
    shutil.copytree(run_dir, other)
    table = run_table([run_dir, other])
    assert table.text("status") == ["FINISHED", "FINISHED"]
    assert table["episodes"].tolist() == [12, 12]
    assert table["best_return"].tolist() == [160.0, 160.0]
    assert where_mask("run == 'other' and success_rate <= 1 and episodes > 3", table).tolist() == [
        False,
        True,
    ]
    assert sort_order("-run", table, 1).tolist() in ([0], [1])
    assert table.to_dicts(["run", "level"])[1] == {"run": "other", "level": "verbose"}


def test_only_what_the_files_do_not_say_opens_runs(run_dir: Path, monkeypatch: pytest.MonkeyPatch):
    """A list of thousands of runs is quick."""
    monkeypatch.setattr(run_list, "_counted", lambda _: pytest.fail("the run was opened"))
    table = run_table([run_dir])
    assert where_mask("episodes > 3 and status == 'FINISHED' and created > 0", table).all()


def test_runs_that_say_less_are_counted_or_not_known(run_dir: Path, tmp_path: Path):
    """A run that goes on is opened to be counted; of a damaged file the rest is not known."""
    lost, damaged = tmp_path / "lost", tmp_path / "damaged"
    for folder in (lost, damaged):
        shutil.copytree(run_dir, folder)
    info = json.loads((lost / "run.json").read_text())
    info = {
        key: value
        for key, value in info.items()
        if key not in ("episodes", "successes", "env_steps", "created")
    }
    (lost / "run.json").write_text(json.dumps(info))
    (damaged / "run.json").write_text("{")
    table = run_table([lost, damaged])
    assert table.text("status")[1] == "damaged"
    assert table["episodes"].tolist() == [12, 12]
    assert table["env_steps"].tolist() == [-1, -1]
    assert np.isnan(table["created"]).all()
