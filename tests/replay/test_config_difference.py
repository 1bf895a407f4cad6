"""What two runs were told, side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import typed_in
from experiment_runs import experiment_run

from jaxarc.replay import ReplaySystem


@pytest.fixture
def pair(tmp_path: Path) -> tuple[ReplaySystem, ReplaySystem]:
    """Two runs that differ in each part."""
    first = experiment_run(
        tmp_path / "exp" / "first",
        params={"lr": 1, "flag": 1, "net": {"width": 3, "act": "relu"}, "old": None, "nan": float("nan")},
        versions={"jax": "0.8"},
        git={"commit": "a"},
    )
    second = experiment_run(
        tmp_path / "exp" / "second",
        params={"lr": 1.0, "flag": True, "net": {"width": 4, "act": "relu"}, "new": 2, "nan": float("nan")},
        versions={"jax": "0.8"},
        git=None,
    )
    for run_dir, level in ((first, "full"), (second, "off")):
        (run_dir / "config").mkdir()
        config = {"capture": {"level": level, "envs": [0, 1]}}
        (run_dir / "config" / "config.json").write_text(json.dumps(config))
    return ReplaySystem(first), ReplaySystem(second)


def test_what_differs_is_named_with_both_values(pair: tuple[ReplaySystem, ReplaySystem]):
    """1 equals 1.0 and not True, NaN equals NaN; what only one has is told apart from None."""
    found = pair[0].config_diff(pair[1])
    assert {(each.part, each.key): (each.a, each.b) for each in found} == {
        ("params", "flag"): (1, True),
        ("params", "net.width"): (3, 4),
        ("params", "old"): (None, None),
        ("params", "new"): (None, 2),
        ("config", "capture.level"): ("full", "off"),
        ("environment", "git.commit"): ("a", None),
        ("environment", "git"): (None, None),
    }
    assert "net.width      3 → 4" in str(found)
    assert "old            None → not there" in str(found)
    assert "<td>net.width</td>" in found._repr_html_()
    assert not pair[0].config_diff(pair[0])
    assert pair[0].config_diff("second").to_dict() == found.to_dict()


def test_the_command_says_so_by_its_exit_code(pair: tuple[ReplaySystem, ReplaySystem], tmp_path: Path):
    """1 where runs differ, 0 where they do not, 2 for a run that is not there."""
    done = typed_in(tmp_path, "diff", "--config", "first", "second", "--root", tmp_path)
    assert done.returncode == 1
    assert ["params", "net.width", "3", "4"] in [line.split() for line in done.stdout.splitlines()]
    said = json.loads(
        typed_in(tmp_path, "diff", "--config", pair[0].run_dir, pair[1].run_dir, "--json").stdout
    )
    assert {"part": "params", "key": "new", "b": 2} in said["different"]
    same = typed_in(tmp_path, "diff", "--config", "first", "first", "--root", tmp_path)
    assert (same.returncode, "equal" in same.stdout) == (0, True)
    assert typed_in(tmp_path, "diff", "--config", "first", "third", "--root", tmp_path).returncode == 2
