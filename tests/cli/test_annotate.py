"""jaxarc pin and jaxarc note: what is kept, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from chunks import flat_recording, layout_of
from command_line import typed_in
from segment_runs import segmented_run

from jaxarc.records.layout import FLAG_TERMINATED
from jaxarc.replay import ReplaySystem


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve episodes of five steps."""
    flags = np.zeros((1, 60), np.int32)
    flags[:, 4::5] = FLAG_TERMINATED
    played = flat_recording(flags, layout=layout_of())
    store = segmented_run(tmp_path_factory.mktemp("runs"), played, range(0, 60, 15), [0])
    store.finish("FINISHED", {"episodes": 12})
    return store.open()


def test_pins_are_set_and_taken_away(run_dir: Path, tmp_path: Path):
    """Of numbers, names and ranges; a cleaning leaves what is pinned."""
    done = typed_in(tmp_path, "pin", run_dir, "3", "episode_0005", "7-9")
    assert done.stdout == f"5 episodes pinned in {run_dir.name}; 5 in all\n"
    done = typed_in(tmp_path, "pin", run_dir, "5", "9", "--remove")
    assert done.stdout == f"2 episodes unpinned in {run_dir.name}; 3 in all\n"
    assert ReplaySystem(run_dir).pinned() == [(0, 3), (0, 7), (0, 8)]
    done = typed_in(tmp_path, "clean", run_dir, "--max-episodes", "4", "--policy", "oldest_first")
    assert done.returncode == 0
    kept = ReplaySystem(run_dir).episodes("stored_steps > 0")["episode"].tolist()
    assert {3, 7, 8} <= set(kept)
    assert len(kept) == 4


def test_notes_are_written_printed_and_shown(run_dir: Path, tmp_path: Path):
    """Control characters of a note do not reach the terminal."""
    text = "red [bold]\x1b[31m <b>"
    for words in ([text, "--episode", "8", "--step", "2"], ["about the run"]):
        assert typed_in(tmp_path, "note", run_dir, *words).returncode == 0
    lines = typed_in(tmp_path, "note", run_dir).stdout.splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == [
        "episode 8, step 2: red [bold][31m <b>",
        "run: about the run",
    ]
    found = json.loads(typed_in(tmp_path, "note", run_dir, "--episode", "8", "--json").stdout)["notes"]
    assert [(note["episode"], note["step"], note["text"]) for note in found] == [(8, 2, text)]
    shown = typed_in(tmp_path, "show", run_dir, "8").stdout
    assert "step 2: red [bold][31m <b>" in shown
    run = typed_in(tmp_path, "show", run_dir).stdout
    assert "episode 8, step 2: red [bold][31m <b>" in run
    assert "run: about the run" in run


def test_pins_are_told_to_scripts_and_shown_of_a_run(run_dir: Path, tmp_path: Path):
    """What was changed, and all that are pinned now."""
    done = typed_in(tmp_path, "pin", run_dir, "10", "11", "--json")
    said = json.loads(done.stdout)
    assert said["pinned"] == ["10", "11"]
    assert {"10", "11"} <= set(said["all_pinned"])
    assert "10, 11" in typed_in(tmp_path, "show", run_dir).stdout
    said = json.loads(typed_in(tmp_path, "pin", run_dir, "10", "11", "--remove", "--json").stdout)
    assert said["unpinned"] == ["10", "11"]
    assert not {"10", "11"} & set(said["all_pinned"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pin", "99"], "has no episode 99; it has 0 to 11"),
        (["pin", "x"], "names no episode"),
        (["note", "text", "--step", "2"], "step 2 of which episode"),
        (["note", "text", "--episode", "2", "--step", "5"], "has steps 0 to 4"),
        (["note", " "], "a note has 1 to 10,000 characters"),
    ],
    ids=range(5),
)
def test_mistakes_are_one_line_and_exit_code_two(run_dir: Path, tmp_path: Path, words: list[str], said: str):
    """As they are everywhere."""
    done = typed_in(tmp_path, words[0], run_dir, *words[1:])
    assert done.returncode == 2
    assert said in done.stderr
