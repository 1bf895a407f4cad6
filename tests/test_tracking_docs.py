"""The Python of docs/tracking.md about the record, and the README's about it, runs as it is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import jaxarc

ROOT = Path(__file__).resolve().parent.parent
SECTIONS = (
    *("Track a run", "Read it back", "Statuses and failures", "Params, metrics and their contexts"),
    "LocalTracker: an experiment in a directory of yours",
    "Weights & Biases",
)


def code_of(path: str, title: str) -> str:
    """Return the Python of a section."""
    section = (ROOT / path).read_text().split(f"## {title}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert blocks, title
    return "\n".join(blocks)


def test_the_sections_about_the_record_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """What a comment says is printed is what is printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    for name in ("CACHE", "CONFIG", "DATA", "ARTIFACT"):
        monkeypatch.setenv(f"WANDB_{name}_DIR", str(tmp_path / "wandb_home"))
    names: dict[str, object] = {}
    for title in SECTIONS:
        exec(code_of("docs/tracking.md", title), names)
    printed = capsys.readouterr().out
    assert "{'optim.lr': 0.0003, 'seed': 0}\n" in printed
    assert "Series('loss', phase='train', 10 values, last=0.1)\n" in printed
    assert "FAILED the loss is NaN\n" in printed
    assert "2 [2. 1. 0.]\n" in printed
    assert "{'loss (phase=train)': 1.0, 'loss (phase=val)': 0.0}\n" in printed
    assert "FINISHED {'iou': 0.85}\n" in printed


def test_the_section_about_diagnostics_finds_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """The place of the first number that is not finite is the one in the comment; the plots are there."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(code_of("docs/tracking.md", "Diagnostics"), names)
    printed = capsys.readouterr().out
    assert "obs[0] is nan at member 1, update 1, step 0, env 0; 100 numbers in 3 leaves\n" in printed
    assert "\n1 1 0 0 obs [0]\n" in printed
    assert len(list(tmp_path.rglob("diagnostics/*.svg"))) == 2


def test_the_readmes_section_runs_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """It tracks a run and reads it back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JAXARC_OUTPUT_DIR", raising=False)
    exec(code_of("README.md", "Keep the experiment"), {"jaxarc": jaxarc})
    assert capsys.readouterr().out == (
        "FINISHED {'lr': 0.0003} Series('loss', phase='train', 10 values, last=0.1)\n"
    )
