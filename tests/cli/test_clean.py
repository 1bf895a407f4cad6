"""``jaxarc clean`` says what goes before it goes, and leaves alone what is written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from chunks import flat_recording, layout_of
from segment_runs import contents, segmented_run
from typer.testing import CliRunner

from jaxarc.cli.app import app
from jaxarc.records.layout import FLAG_TERMINATED
from jaxarc.replay import ReplaySystem
from jaxarc.storage.cleanup import folder_bytes


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """A run that ended, with leftovers, and one that is written."""
    flags = np.zeros((1, 60), np.int32)
    flags[:, 4::5] = FLAG_TERMINATED
    played = flat_recording(flags, layout=layout_of())
    ended = segmented_run(tmp_path, played, range(0, 60, 15), [0], storage={"max_episodes_per_run": 12})
    ended.finish("FINISHED", {"episodes": 12})
    (ended.open() / "steps" / ".p000-000009.h5.1.partial").write_bytes(bytes(5000))
    written = segmented_run(tmp_path, played, range(0, 60, 15), [0])
    return [ended.open(), written.open()]


def clean(*arguments: object) -> str:
    done = CliRunner().invoke(app, ["clean", *map(str, arguments)], env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output
    return done.output


def test_a_dry_run_prints_what_would_go_and_changes_nothing(runs: list[Path]):
    """Then the same goes, and is printed."""
    root, before = runs[0].parent, contents(runs[0])
    size = folder_bytes(runs[0])
    said = clean(root, "--max-episodes", 5, "--policy", "oldest_first", "--dry-run")
    assert folder_bytes(runs[0]) == size
    assert contents(runs[0]) == before
    assert "would be freed" in said
    assert [line.split()[1:4] for line in said.splitlines() if line.startswith(runs[0].name)] == [
        ["7", "35", "1"]
    ]
    assert f"{runs[1].name}: is being written, left alone" in said
    said = clean(root, "--max-episodes", 5, "--policy", "oldest_first")
    assert " freed" in said
    assert [line.split()[1:4] for line in said.splitlines() if line.startswith(runs[0].name)] == [
        ["7", "35", "1"]
    ]
    assert len(ReplaySystem(runs[0]).episodes("stored_steps > 0")) == 5
    assert len(ReplaySystem(runs[1]).episodes("stored_steps > 0")) == 12
    assert not list((runs[0] / "steps").glob(".*"))
    after = contents(runs[0])
    assert sum(after[key] == before[key] for key in before) == 5


def test_without_options_a_run_is_held_to_what_it_was_told(runs: list[Path]):
    """Its own limit is kept already: only the leftovers go."""
    said = json.loads(clean(runs[0], "--json"))
    (run,) = said["runs"]
    assert run["episodes"] == []
    assert len(run["leftovers"]) == 1
    assert run["is_within_limits"]
    assert json.loads(clean(runs[0], "--json"))["runs"][0]["leftovers"] == []


def test_a_limit_that_cannot_be_is_refused_before_anything_goes(runs: list[Path]):
    """As the configuration would."""
    size = folder_bytes(runs[0])
    done = CliRunner().invoke(app, ["clean", str(runs[0]), "--policy", "newest_first"])
    assert done.exit_code != 0
    assert "storage.cleanup_policy" in str(done.exception)
    assert folder_bytes(runs[0]) == size
