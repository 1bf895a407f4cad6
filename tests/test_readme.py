"""The README's Python runs as it is written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import jaxarc

ROOT = Path(__file__).resolve().parent.parent


def test_the_readmes_thirty_lines_run_as_written(tmp_path: Path) -> None:
    """Copied into a file and run in an empty folder, they print episodes and leave a run with pictures."""
    section = (ROOT / "README.md").read_text().split("## Thirty lines")[1]
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert found is not None
    code = found.group(1)
    assert len([line for line in code.splitlines() if line.strip()]) <= 32
    script = tmp_path / "readme.py"
    script.write_text(code)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAXARC_")}
    done = subprocess.run(
        [sys.executable, script.name],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^\d+ [0-9a-f]{8} \d+ ", done.stdout, re.MULTILINE), done.stdout
    assert list(tmp_path.glob("outputs/episodes/default/*/episodes/*/summary.svg"))


def test_the_readmes_plain_loop_runs_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It leaves one episode that succeeded."""
    section = (ROOT / "README.md").read_text().split("### A plain Python loop")[1]
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert found is not None
    monkeypatch.chdir(tmp_path)
    exec(found.group(1), {"jaxarc": jaxarc})
    (row,) = jaxarc.open("latest").episodes()
    assert (row.task_id, row.success, row.total_steps) == ("corridor", True, 5)
