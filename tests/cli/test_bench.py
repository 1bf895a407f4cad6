"""``jaxarc bench`` as people type it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jaxarc.bench import Effort, Workload
from jaxarc.bench.workloads import cart_pole_game, scan_workload
from jaxarc.cli import bench
from jaxarc.cli.app import app

TINY = scan_workload("arc-64", "Tiny, 2 envs", cart_pole_game, 2, 4)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Workload:
    """Let a quick run be over in seconds: one tiny workload, two pairs, no child processes."""
    monkeypatch.setattr(bench, "QUICK", {"arc-64": TINY})
    effort = Effort(num_pairs=2, batch_s=0.0, warm_s=0.0, num_compiles=1, control=False)
    monkeypatch.setattr(bench, "QUICK_EFFORT", effort)
    monkeypatch.setattr(bench, "QUICK_CACHE_CASES", ())
    return TINY


def run(*arguments: str):
    """Run ``jaxarc bench``."""
    return CliRunner().invoke(app, ["bench", *arguments])


def test_a_quick_run_prints_tables_and_writes_a_report(tiny: Workload, tmp_path: Path) -> None:
    """The report can be printed as Markdown."""
    out = tmp_path / "results" / "overhead.json"
    done = run("--quick", "--pairs", "3", "--out", str(out))
    assert done.exit_code == 0, done.output
    for words in (tiny.title, "same program", "Targets", "Measured", "written to"):
        assert words in done.stdout
    assert max(map(len, done.stdout.splitlines()[:-1])) <= 100
    document = json.loads(out.read_text())
    assert document["settings"]["num_pairs"] == 3
    shown = run("--markdown", str(out))
    assert shown.exit_code == 0
    assert "| off | same program |" in shown.stdout


def test_training_programs_that_are_not_there_are_left_out_aloud(tiny: Workload, tmp_path: Path) -> None:
    """What could be measured is."""
    only = ("--only", "arc-64", "--only", "ppo-arc")
    done = run("--quick", *only, "--examples", str(tmp_path))
    assert done.exit_code == 0, done.output
    assert "Left out" in done.stdout
    assert "ppo-arc: there is no ppo.py" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--only", "arc-46"), "arc-64"),
        (("--pairs", "0"), "--pairs"),
        (("--out", "."), "folder"),
        (("--quick", "--out", "/proc/nothing/overhead.json"), "cannot"),
    ],
)
def test_a_mistake_is_found_before_anything_is_measured(arguments: tuple[str, ...], words: str) -> None:
    """Exit code 2, and the way out."""
    done = run(*arguments)
    assert done.exit_code == 2
    assert words in done.stderr
