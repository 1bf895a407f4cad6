"""Damaged files of a run: what is broken is named, everything else reads."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from damage import flip, run_of_segments, truncate

import jaxarc
from jaxarc.errors import DamagedFileError, ReplayError
from jaxarc.replay import ReplaySystem
from jaxarc.storage import (
    RunIndex,
    build_index,
    keep_segments_open,
    load_index,
    read_events,
    segment_files,
    write_index,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three segments."""
    return run_of_segments(tmp_path_factory.mktemp("runs")).run_dir


@pytest.fixture
def run_dir(whole: Path, tmp_path: Path) -> Path:
    """A copy of it to damage."""
    return Path(shutil.copytree(whole, tmp_path / whole.name))


@keep_segments_open()
def contents(run: ReplaySystem) -> dict[int, list[list[int]]]:
    """Return what every episode holds, read in full."""
    return {
        row.episode: [
            run.load_episode(row.episode).observation["count"].tolist(),
            run.load_episode(row.episode).action.tolist(),
            run.load_episode(row.episode).reward.tolist(),
            run.load_episode(row.episode).metrics["half"].tolist(),
        ]
        for row in run.episodes()
    }


@pytest.mark.parametrize("keep", [0.0, 0.3, 0.99])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_truncated_segment_is_named_and_the_rest_reads(
    run_dir: Path, whole: Path, number: int, keep: float
):
    """The others keep their numbers and values."""
    damaged = segment_files(run_dir)[number]
    truncate(damaged, keep)
    run = jaxarc.open(run_dir)
    assert [problem.path for problem in run.problems] == [damaged, run_dir / "steps"]
    assert damaged.name in str(run.problems[0])
    expected = contents(jaxarc.open(whole))
    assert contents(run) == {episode: expected[episode] for episode in run.episodes()["episode"].tolist()}
    assert len(run) == 8


def test_flipped_bytes_are_never_read_as_data(run_dir: Path, whole: Path):
    """Whatever byte of a segment changes: the episode reads as it was, or says that it is damaged."""
    expected = contents(jaxarc.open(whole))
    path = segment_files(run_dir)[1]
    original = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    named: set[object] = set()
    for position in rng.choice(len(original), 25, replace=False).tolist():
        path.write_bytes(original)
        flip(path, position, int(rng.integers(1, 256)))
        try:
            run = ReplaySystem(run_dir)
            refused += bool(run.problems)
            for episode, values in contents(run).items():
                assert values == expected[episode]
        except DamagedFileError as error:
            named.add(error.path)
            refused += 1
    assert refused > 4
    assert named <= {path, run_dir / "steps"}


def test_a_missing_segment_costs_its_own_rows_only_and_is_noticed(run_dir: Path):
    """The index on disk is not believed once a segment is gone; run.json knows how many rows there were."""
    segment_files(run_dir)[0].unlink()
    run = jaxarc.open(run_dir)
    assert run.episodes()["episode"].tolist() == list(range(4, 12))
    (problem,) = run.problems
    assert "hold 8 episodes, run.json counted 12" in str(problem)
    for segment in segment_files(run_dir):
        segment.unlink()
    run.refresh()
    assert "hold 0 episodes, run.json counted 12" in str(run.problems[0])


def test_an_episode_that_lost_a_part_of_its_steps_says_so(run_dir: Path, monkeypatch: pytest.MonkeyPatch):
    """Its row may be in a segment that reads, its steps in one that does not."""
    monkeypatch.setattr(RunIndex, "stored_steps", lambda *_: [])
    run = jaxarc.open(run_dir)
    row = next(iter(run.episodes()))
    with pytest.raises(DamagedFileError, match=rf"episode {row.episode} has 5 stored steps, 0 can be read"):
        run.load_episode(row.episode)


@pytest.mark.parametrize("damage", ["deleted", "truncated", "emptied", "foreign", "old"])
def test_the_index_is_rebuilt_when_it_is_not_true(run_dir: Path, whole: Path, damage: str):
    """Derived files are never needed."""
    index = run_dir / "index.h5"
    if damage == "deleted":
        index.unlink()
    elif damage == "truncated":
        truncate(index, 0.5)
    elif damage == "emptied":
        index.write_bytes(b"")
    elif damage == "foreign":
        with h5py.File(index, "w") as file:
            file.attrs["format"] = "somebody else's"
    else:
        with h5py.File(index, "r+") as file:
            file.attrs["schema_version"] = 0
    rebuilt, true = load_index(run_dir), load_index(whole)
    assert rebuilt.segments == true.segments
    for name in true.episodes.columns:
        assert rebuilt.episodes[name].tolist() == true.episodes[name].tolist()
    assert contents(jaxarc.open(run_dir)) == contents(jaxarc.open(whole))


def test_a_stale_index_is_not_believed(run_dir: Path):
    """A segment that came later is there."""
    last = segment_files(run_dir)[-1]
    kept = last.read_bytes()
    last.unlink()
    write_index(run_dir, build_index(run_dir))
    assert len(load_index(run_dir).episodes) == 8
    last.write_bytes(kept)
    assert len(load_index(run_dir).episodes) == 12


def test_a_segment_of_a_newer_schema_is_refused_in_words(run_dir: Path):
    """The message names the file, both versions and what to do."""
    path = segment_files(run_dir)[0]
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = 99
    run = jaxarc.open(run_dir)
    assert len(run) == 8
    assert str(run.problems[0]).startswith(str(path))
    assert "schema 99" in str(run.problems[0])
    assert "update jaxarc-toolkit" in str(run.problems[0])


def test_a_foreign_file_among_the_segments_is_named(run_dir: Path):
    """Any HDF5 file can be copied there."""
    with h5py.File(run_dir / "steps" / "p000-000009.h5", "w") as file:
        file["x"] = 1
    (run_dir / "steps" / "p000-000010.h5").write_text("no HDF5 at all")
    (run_dir / "steps" / ".p000-000011.h5.123.partial").write_text("never finished")
    run = jaxarc.open(run_dir)
    assert [problem.path.name for problem in run.problems] == ["p000-000009.h5", "p000-000010.h5"]
    assert len(run) == 12


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff", b"[" * 100_000], ids=lambda c: repr(c[:8]))
def test_a_damaged_run_file_is_named_and_the_episodes_read(run_dir: Path, whole: Path, content: bytes):
    """run.json is derived: damaged it is a problem with its path, and costs no episode."""
    (run_dir / "run.json").write_bytes(content)
    run = jaxarc.open(run_dir)
    assert [problem.path for problem in run.problems] == [run_dir / "run.json"]
    assert run.status == "LOST"
    assert contents(run) == contents(jaxarc.open(whole))
    shutil.copy(whole / "run.json", run_dir)
    run.refresh()
    assert (run.status, run.problems) == ("FINISHED", ())


@pytest.mark.parametrize(
    "content",
    [b"{}", b'{"status": "RUNNING", "pid": "x", "heartbeat_s": null, "created": []}'],
    ids=["empty", "odd"],
)
def test_a_run_file_of_odd_values_still_opens(run_dir: Path, content: bytes):
    """What it says is derived; the segments are the truth."""
    (run_dir / "run.json").write_bytes(content)
    run = jaxarc.open(run_dir)
    assert run.status in ("LOST", "RUNNING")
    assert len(run) == 12
    assert jaxarc.open("latest", root=run_dir.parent).run_dir == run_dir.resolve()


def test_a_run_without_its_run_file_reads_as_lost(run_dir: Path):
    """Everything that was recorded is there."""
    (run_dir / "run.json").unlink()
    run = jaxarc.open(run_dir)
    assert run.status == "LOST"
    assert len(run) == 12


def test_garbage_in_the_event_log_costs_its_own_lines(run_dir: Path):
    """Torn, binary and foreign lines are passed over and reported with their number."""
    path = next((run_dir / "events").glob("*.jsonl"))
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines) == 2
    torn = lines[1][: len(lines[1]) // 2]
    path.write_bytes(lines[0] + b"\xff\xfe garbage\n" + b'{"t": "foreign"}\n\n' + lines[1] + torn)
    problems: list[DamagedFileError] = []
    events = list(read_events(path, problems))
    assert [event.type for event in events] == ["run_start", "run_end"]
    assert [str(problem).split(": ")[1] for problem in problems] == ["line 2", "line 3", "line 6"]
    assert [event.type for event in jaxarc.open(run_dir).events()] == ["run_start", "run_end"]


def test_errors_of_reading_are_replay_errors(run_dir: Path):
    """One class to catch."""
    assert issubclass(DamagedFileError, ReplayError)
    run = jaxarc.open(run_dir)
    truncate(segment_files(run_dir)[0], 0.5)
    with pytest.raises(ReplayError):
        run.load_episode(0)
