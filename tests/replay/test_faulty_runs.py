"""Run directories that lost a part, come from another time or another program: each says so in words."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

import jaxarc
from jaxarc.errors import EpisodeNotFoundError, RunNotFoundError
from jaxarc.replay import ReplaySystem
from jaxarc.storage import find_runs

Fault = Callable[[Path], None]


@pytest.fixture
def run_dir(arc_run: ReplaySystem, tmp_path: Path) -> Path:
    """A copy of a recorded run, to be damaged."""
    return Path(shutil.copytree(arc_run.run_dir, tmp_path / "run"))


def emptied(run_dir: Path) -> None:
    shutil.rmtree(run_dir)
    run_dir.mkdir()


def without(part: str) -> Fault:
    def fault(run_dir: Path) -> None:
        path = run_dir / part
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return fault


def without_its_first_segment(run_dir: Path) -> None:
    min((run_dir / "steps").iterdir()).unlink()


def with_a_run_file(**changed: object) -> Fault:
    def fault(run_dir: Path) -> None:
        path = run_dir / "run.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))

    return fault


def with_a_foreign_run_file(run_dir: Path) -> None:
    (run_dir / "run.json").write_text('{"name": "trial 7", "status": "ok", "lr": 0.1}')


def with_a_segment_of_tomorrow(run_dir: Path) -> None:
    with h5py.File(min((run_dir / "steps").iterdir()), "r+") as file:
        file.attrs["schema_version"] = 99


def with_an_index_of_tomorrow(run_dir: Path) -> None:
    with h5py.File(run_dir / "index.h5", "r+") as file:
        file.attrs["schema_version"] = 99


def with_events_of_tomorrow(run_dir: Path) -> None:
    for path in (run_dir / "events").iterdir():
        path.write_text(path.read_text().replace('{"v":1,', '{"v":99,"new":[],'))


def with_a_segment_of_somebody(run_dir: Path) -> None:
    with h5py.File(run_dir / "steps" / "p000-000099.h5", "w") as file:
        file["weights"] = np.zeros(3)


FAULTS: dict[str, tuple[Fault, str, bool, str]] = {
    # what happened, the status, whether the episodes can be read, what the problems say
    "no run.json": (without("run.json"), "LOST", True, r"run\.json: is gone, .* its episodes are not"),
    "no index": (without("index.h5"), "FINISHED", True, ""),
    "no segment": (without_its_first_segment, "FINISHED", False, r"hold 0 episodes, run\.json counted \d+"),
    "no steps": (without("steps"), "FINISHED", False, r"hold 0 episodes, run\.json counted \d+"),
    "no events": (without("events"), "FINISHED", True, "events: holds no event file: what was logged"),
    "no tasks": (without("tasks"), "FINISHED", True, ""),
    "no config": (without("config"), "FINISHED", True, ""),
    "run.json of tomorrow": (
        with_a_run_file(schema_version=99, status="FINISHED", more={}),
        "FINISHED",
        True,
        r"run\.json: is of schema 99, this jaxarc reads up to 1; update jaxarc-toolkit",
    ),
    "status of tomorrow": (with_a_run_file(status="PAUSED"), "LOST", True, ""),
    "segment of tomorrow": (
        with_a_segment_of_tomorrow,
        "FINISHED",
        False,
        "is a jaxarc-segment of schema 99, .* update jaxarc-toolkit",
    ),
    "index of tomorrow": (with_an_index_of_tomorrow, "FINISHED", True, ""),
    "events of tomorrow": (with_events_of_tomorrow, "FINISHED", True, ""),
    "run.json of somebody": (
        with_a_foreign_run_file,
        "LOST",
        True,
        r"run\.json: is no run file of jaxarc's: it has no schema_version",
    ),
    "segment of somebody": (
        with_a_segment_of_somebody,
        "FINISHED",
        True,
        r"p000-000099\.h5: is a foreign HDF5 file, no jaxarc-segment; .* move it elsewhere",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_run_that_lost_a_part_says_which_and_gives_the_rest(
    run_dir: Path, arc_run: ReplaySystem, name: str
):
    """It opens; its status, its text and its problems say what is wrong, and what is there is read."""
    fault, status, is_readable, says = FAULTS[name]
    fault(run_dir)
    run = jaxarc.open(run_dir)
    assert run.status == status
    said = "\n".join(map(str, run.problems))
    assert (f"problems={len(run.problems)}" in repr(run)) == bool(says)
    assert jaxarc.open(run_dir.name, root=run_dir.parent).run_dir == run_dir
    assert re.search(says, said) if says else said == ""
    if is_readable:
        assert len(run) == len(arc_run)
        for row in arc_run.episodes(limit=3):
            expected = arc_run.load_episode(row.episode).observation
            np.testing.assert_array_equal(run.load_episode(row.episode).observation, expected)
        lost = " that can be read; damaged: .*p000-000099" if "segment of" in name else "$"
        with pytest.raises(EpisodeNotFoundError, match=rf"has no episode 999; it has 0 to \d+{lost}"):
            run.load_episode(999)
    else:
        assert len(run.episodes("success")) == 0
        with pytest.raises(EpisodeNotFoundError, match=r"none that can be read; damaged: .*steps"):
            run.load_episode(0)
    list(run.events())


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, r"is no run: it is empty"),
        ({"notes.txt": "hello"}, r"is no run: it holds neither run\.json nor segments of steps$"),
        ({"weights.h5": "no HDF5"}, r"is no run: it holds neither run\.json nor segments of steps$"),
        ({"run.json": '{"lr": 0.1}'}, r"is no run: its run\.json is another program's"),
        (
            {"a/run.json": '{"schema_version": 1}'},
            r"nor segments of steps; .* lists the 1 below it",
        ),
    ],
    ids=["empty", "other files", "other data", "run.json of somebody", "folder of runs"],
)
def test_a_folder_that_is_no_run_says_what_it_is(tmp_path: Path, files: dict[str, str], says: str):
    """It is not opened as an empty run, by path or by name, and is in no list of runs."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    with pytest.raises(RunNotFoundError, match=says):
        jaxarc.open(folder)
    assert [path.name for path in find_runs(folder)] == (["a"] if "a/run.json" in files else [])


def test_a_name_in_the_working_directory_is_answered_for_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A folder without a slash, and a file, get words of their own: the name was not mistyped."""
    monkeypatch.chdir(tmp_path)
    Path("here").mkdir()
    Path("run.json").write_text('{"schema_version": 1}')
    with pytest.raises(RunNotFoundError, match="here is no run: it is empty; nor is a run of this name"):
        jaxarc.open("here", root=tmp_path / "runs")
    with pytest.raises(RunNotFoundError, match=r"run\.json is a file; a run is a directory"):
        jaxarc.open("run.json", root=tmp_path / "runs")


@pytest.mark.parametrize("content", ["[1, 2]", "{", "", "null"], ids=["list", "torn", "empty", "null"])
def test_a_run_file_that_is_no_object_opens_as_a_run_that_is_damaged(tmp_path: Path, content: str):
    """It may be all that is left of a run, so it is not passed over."""
    (tmp_path / "run.json").write_text(content)
    run = jaxarc.open(tmp_path)
    assert (run.status, len(run), len(run.problems)) == ("LOST", 0, 1)
    with pytest.raises(EpisodeNotFoundError, match=r"it has none that can be read; damaged: .*run\.json"):
        run.load_episode(0)
