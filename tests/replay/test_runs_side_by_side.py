"""What docs/tracking.md says of runs side by side is done as it is written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs" / "tracking.md"


def test_the_examples_of_the_documentation_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Lists, leaderboards, gates, baselines and alerts, one block after the other."""
    monkeypatch.chdir(tmp_path)
    section = DOCS.read_text().partition("## Runs side by side")[2].partition("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert len(blocks) == 3
    names: dict[str, Any] = {}
    for block in blocks:
        exec(block, names)
    assert names["best"].params == {"lr": 0.5}
    assert [each.run[:5] for each in names["board"]] == ["lr0.5", "lr0.1"]
    assert (tmp_path / "outputs" / "gate.png").read_bytes()[:4] == b"\x89PNG"
    assert names["best"].config_diff(names["runs"][0]).values[0].key == "lr"
