"""jaxarc doctor says the truth about every damaged file, and a repair keeps what can be read."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from damage import flip, run_of_segments, truncate
from odd_run import leaves_by_path, record_odd_run
from typer.testing import CliRunner

import jaxarc
from jaxarc.cli.app import app
from jaxarc.errors import StorageError
from jaxarc.export import episode_parts
from jaxarc.replay import ReplaySystem
from jaxarc.storage import inspect_run, inspection, keep_segments_open, repair_run, segment_files
from jaxarc.storage.columns import group_at
from jaxarc.storage.compaction import compact

Contents = dict[int, dict[str, np.ndarray]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three segments of plain steps, and odd steps as HDF5 and as JSON."""
    root = tmp_path_factory.mktemp("runs")
    return {
        "plain": run_of_segments(root / "plain").run_dir,
        "hdf5": record_odd_run(root / "hdf5").run_dir,
        "json": record_odd_run(root / "json", logging={"format": "json"}).run_dir,
    }


@pytest.fixture
def copy(runs: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """Copies of them to damage, without an index that would hide damaged rows."""

    def of(name: str) -> Path:
        run_dir = tmp_path / name
        shutil.rmtree(run_dir, ignore_errors=True)
        shutil.copytree(runs[name], run_dir)
        (run_dir / "index.h5").unlink()
        return run_dir

    return of


@pytest.fixture(scope="module")
def true(runs: dict[str, Path]) -> dict[str, Contents]:
    """What the whole runs hold."""
    return {name: contents(run_dir) for name, run_dir in runs.items()}


@keep_segments_open()
def contents(run_dir: Path) -> Contents:
    """Return all that is stored of each episode."""
    run = ReplaySystem(run_dir)
    return {
        row.episode: leaves_by_path(episode_parts(run.load_episode(row.episode))) for row in run.episodes()
    }


def assert_same(found: Contents, expected: Contents) -> None:
    assert found.keys() == expected.keys()
    for number, leaves in found.items():
        assert leaves.keys() == expected[number].keys()
        for name, leaf in leaves.items():
            assert leaf.tobytes() == expected[number][name].tobytes()


def assert_part_of(run_dir: Path, expected: Contents) -> None:
    """Check that whatever is there is what was recorded, and that rows say how much of it there is."""
    run = ReplaySystem(run_dir)
    assert run.problems == () or all("run.json counted" in str(problem) for problem in run.problems)
    for row in run.episodes():
        episode = run.load_episode(row.episode)
        assert row.stored_steps == episode.num_stored_steps
        assert not row.complete or row.stored_steps == row.total_steps
        found, whole = leaves_by_path(episode_parts(episode)), expected[row.episode]
        if not found:
            continue
        steps = found["|step"]
        for name, leaf in found.items():
            if name.startswith(("|journal", "|keyframes", "|constants", "|next_observation")):
                continue
            assert leaf[: len(steps)].tobytes() == whole[name][steps].tobytes(), name


def damaged_files(run_dir: Path) -> set[str]:
    return {finding.path for finding in inspect_run(run_dir).damaged}


@pytest.mark.parametrize("name", ["plain", "hdf5", "json"])
def test_a_whole_run_is_whole(runs: dict[str, Path], name: str):
    """Every file is looked at."""
    found = inspect_run(runs[name])
    assert found.is_whole
    assert (found.damaged, found.lost) == ([], [])
    on_disk = {path.relative_to(runs[name]).as_posix() for path in runs[name].rglob("*") if path.is_file()}
    assert {finding.path for finding in found.files} == on_disk


def truth_about_a_cut(copy: Callable[[str], Path], true: dict[str, Contents], name: str, length: int) -> None:
    run_dir = copy(name)
    path = segment_files(run_dir)[0]
    path.write_bytes(path.read_bytes()[:length])
    found = inspect_run(run_dir)
    assert [finding.path for finding in found.damaged] == [f"steps/{path.name}"]
    repair_run(found)
    assert inspect_run(run_dir).is_whole
    assert (run_dir / "damaged" / "steps" / path.name).stat().st_size == length
    assert_part_of(run_dir, true[name])


def cuts(path: Path) -> range:
    return range(0, path.stat().st_size, 4096)


@pytest.mark.parametrize("name", ["plain", "hdf5", "json"])
def test_a_segment_cut_at_any_length_is_named_and_repaired(
    copy: Callable[[str], Path], true: dict[str, Contents], runs: dict[str, Path], name: str
):
    """Some of the lengths; what is left after the repair is what was recorded."""
    lengths = cuts(segment_files(runs[name])[0])
    for length in list(lengths)[:: max(1, len(lengths) // 3)]:
        truth_about_a_cut(copy, true, name, length)


@pytest.mark.long
@pytest.mark.parametrize("name", ["plain", "hdf5", "json"])
def test_a_segment_cut_at_every_four_kilobytes_is_named_and_repaired(
    copy: Callable[[str], Path], true: dict[str, Contents], runs: dict[str, Path], name: str
):
    """All of the lengths."""
    for length in cuts(segment_files(runs[name])[0]):
        truth_about_a_cut(copy, true, name, length)


def truth_about_flips(
    copy: Callable[[str], Path], true: dict[str, Contents], name: str, count: int, seed: int
) -> tuple[int, int]:
    """Flip one bit at a time; return how many were found, and how many were harmless."""
    run_dir = copy(name)
    path = segment_files(run_dir)[-1]
    original = path.read_bytes()
    rng = np.random.default_rng(seed)
    found_out = harmless = 0
    for position in rng.choice(len(original), count, replace=False).tolist():
        path.write_bytes(original)
        flip(path, position, 1 << int(rng.integers(0, 8)))
        found = inspect_run(run_dir)
        if found.is_whole:
            harmless += 1
            assert_same(contents(run_dir), true[name])
            continue
        found_out += 1
        assert f"steps/{path.name}" in {finding.path for finding in found.damaged}
        if found_out % 4 == 1:
            shutil.copytree(run_dir, run_dir.with_name("repaired"), dirs_exist_ok=False)
            repaired = run_dir.with_name("repaired")
            repair_run(inspect_run(repaired))
            assert inspect_run(repaired).is_whole
            assert_part_of(repaired, true[name])
            shutil.rmtree(repaired)
    return found_out, harmless


@pytest.mark.parametrize("name", ["plain", "hdf5", "json"])
def test_a_flipped_bit_is_found_or_changes_nothing(
    copy: Callable[[str], Path], true: dict[str, Contents], name: str
):
    """Doctor names the file, or every value is what it was."""
    found_out, harmless = truth_about_flips(copy, true, name, 7, seed=1)
    assert found_out > 0
    assert harmless == 0 or name != "json"


@pytest.mark.long
@pytest.mark.parametrize("name", ["plain", "hdf5", "json"])
def test_hundreds_of_flipped_bits_are_found_or_change_nothing(
    copy: Callable[[str], Path], true: dict[str, Contents], name: str
):
    """The same, for longer."""
    truth_about_flips(copy, true, name, 400, seed=2)


def test_a_damaged_leaf_costs_that_leaf_or_its_steps_and_no_row(
    copy: Callable[[str], Path], true: dict[str, Contents]
):
    """The rest of the steps is kept; rows say that they are not complete."""
    run_dir = copy("hdf5")
    (path,) = segment_files(run_dir)
    with h5py.File(path) as file:
        (steps,) = (group for group in group_at(file, "steps").values() if "observation" in group)
        at = steps["observation/board"].id.get_chunk_info(0).byte_offset
    flip(path, at + 20)
    found = inspect_run(run_dir)
    (finding,) = found.damaged
    assert "observation/board cannot be read" in finding.problems[0]
    assert "up to 12 steps of 3 episodes" in finding.problems[1]
    assert repair_run(found)[0].count("observation.board is left out") == 1
    run = ReplaySystem(run_dir)
    assert [row.complete for row in run.episodes()] == [False] * 3
    assert [row.stored_steps for row in run.episodes()] == [5, 5, 2]
    assert "board" not in run.load_episode(0).observation
    assert_part_of(run_dir, true["hdf5"])


def test_a_tuple_that_lost_a_leaf_goes_as_a_whole(copy: Callable[[str], Path]):
    """What stood second would stand first otherwise."""
    run_dir = copy("hdf5")
    (path,) = segment_files(run_dir)
    with h5py.File(path) as file:
        (steps,) = (group for group in group_at(file, "steps").values() if "observation" in group)
        at = steps["info/pair/0"].id.get_chunk_info(0).byte_offset
    flip(path, at + 20)
    (said, *_) = repair_run(inspect_run(run_dir))
    assert "info.pair[0] is left out" in said
    assert "info.pair[1] is left out" in said
    episode = ReplaySystem(run_dir).load_episode(0)
    assert list(episode.info) == ["empty"]
    assert "board" in episode.observation


def test_a_missing_segment_in_the_middle_is_named_with_what_was_in_it(copy: Callable[[str], Path]):
    """By the gap in the numbers of segments and of episodes; a repair takes note of it."""
    run_dir = copy("plain")
    segment_files(run_dir)[1].unlink()
    found = inspect_run(run_dir)
    (finding,) = found.damaged
    assert (finding.path, finding.state) == ("steps/p000-000002.h5", "missing")
    assert found.lost == ["the rows of 4 episodes are gone: 4-7"]
    assert ReplaySystem(run_dir).problems
    repair_run(found)
    assert ReplaySystem(run_dir).problems == ()
    after = inspect_run(run_dir)
    assert after.is_whole
    assert after.known_lost == ["the rows of 4 episodes are gone: 4-7", "steps/p000-000002.h5 is missing"]
    segment_files(run_dir)[0].unlink()
    assert inspect_run(run_dir).lost == ["the rows of 8 episodes are gone: 0-7"]
    assert ReplaySystem(run_dir).problems


def test_a_file_that_a_compaction_left_behind_replaces_the_damaged_one(
    copy: Callable[[str], Path], true: dict[str, Contents]
):
    """Nothing has to be salvaged where another file has everything."""
    run_dir = copy("plain")
    first = segment_files(run_dir)[0]
    merged = first.with_name("p000-000001.1.h5")
    shutil.copy(first, merged)
    assert [f.state for f in inspect_run(run_dir).files if f.path.endswith(first.name)] == ["harmless"]
    truncate(merged, 0.5)
    (done, *_) = repair_run(inspect_run(run_dir))
    assert "p000-000001.h5 hold what it held" in done
    assert_same(contents(run_dir), true["plain"])


def test_events_are_checked_line_by_line(copy: Callable[[str], Path]):
    """Garbage, a torn line and gaps are named; unknown fields and later versions are no damage."""
    run_dir = copy("plain")
    (path,) = (run_dir / "events").glob("*.jsonl")
    first, last = path.read_bytes().splitlines(keepends=True)
    newer = {**json.loads(last), "v": 99, "x": 1, "m": {"seq": 1, "ts": 0, "wid": "p000", "y": 2}}
    path.write_bytes(first + json.dumps(newer).encode() + b"\n")
    found = inspect_run(run_dir)
    assert found.is_whole
    (said,) = (f.problems for f in found.files if f.kind == "events")
    assert "newer jaxarc" in said[0]

    moved = json.loads(last)
    moved["m"]["seq"] = 4
    path.write_bytes(
        first + b"\xff\xfe garbage\n" + json.dumps(moved).encode() + b"\n" + last[: len(last) // 2]
    )
    found = inspect_run(run_dir)
    (finding,) = found.damaged
    assert [problem.split(":")[0] for problem in finding.problems] == [
        "line 2",
        "line 4",
        "its last line is torn",
    ]
    assert found.lost == [f"events of events/{path.name} are gone: number 1 to 3"]
    repair_run(found)
    assert inspect_run(run_dir).is_whole
    assert len(path.read_bytes().splitlines()) == 2


@pytest.mark.parametrize("damage", ["deleted", "cut", "foreign"])
def test_a_damaged_index_is_harmless(runs: dict[str, Path], tmp_path: Path, damage: str):
    """It is derived."""
    run_dir = Path(shutil.copytree(runs["plain"], tmp_path / "run"))
    index = run_dir / "index.h5"
    if damage == "deleted":
        index.unlink()
    elif damage == "cut":
        truncate(index, 0.3)
    else:
        index.write_text("no index")
    found = inspect_run(run_dir)
    assert found.is_whole
    assert [f.state for f in found.files if f.kind == "index"] == (
        [] if damage == "deleted" else ["harmless"]
    )


def test_run_file_documents_and_leftovers_are_looked_at(copy: Callable[[str], Path]):
    """Damaged ones are moved aside; what nothing reads is harmless."""
    run_dir = copy("plain")
    (run_dir / "run.json").write_text("{")
    (run_dir / "config" / "config.json").write_text("[1,")
    (run_dir / "steps" / ".p000-000009.h5.1.partial").write_bytes(b"x")
    (run_dir / "steps" / "notes.txt").write_bytes(b"x")
    found = inspect_run(run_dir)
    assert {f.path for f in found.damaged} == {"run.json", "config/config.json"}
    assert {f.path for f in found.files if f.state == "harmless"} == {
        "steps/.p000-000009.h5.1.partial",
        "steps/notes.txt",
    }
    repair_run(found)
    assert inspect_run(run_dir).is_whole
    assert ReplaySystem(run_dir).status == "LOST"
    assert (run_dir / "damaged" / "run.json").read_text() == "{"


KILLED = """
import os, signal, sys
import numpy as np
from jaxarc import Recorder

settings = {"storage": {"base_output_dir": sys.argv[1]}, "capture": {"level": "verbose"}}
recorder = Recorder(settings)
for number in range(3):
    episode = recorder.episode().__enter__()
    for step in range(5):
        episode.step(np.zeros(3), 1, 0.5, np.ones(3), number < 2 and step == 4, False)
    if number < 2:
        episode.__exit__(None, None, None)
recorder.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_run_is_whole_and_its_open_episode_survives_a_damaged_segment(tmp_path: Path):
    """It stays LOST; the row of what was open says that its steps are gone."""
    environment = {**os.environ, "PYTHONPATH": str(Path(jaxarc.__file__).parent.parent)}
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False, timeout=60, env=environment)
    run = jaxarc.open("latest", root=tmp_path)
    assert (run.status, len(run)) == ("LOST", 3)
    assert inspect_run(run.run_dir).is_whole
    (path,) = segment_files(run.run_dir)
    truncate(path, 0.2)
    found = inspect_run(run.run_dir)
    assert found.lost == [
        "rows of episodes are gone, 2 or more; their numbers are not known",
        "episode 0: 5 of 5 stored steps are gone",
    ]
    repair_run(found)
    after = ReplaySystem(run.run_dir)
    assert after.status == "LOST"
    assert inspect_run(run.run_dir).is_whole
    assert [(row.ended, row.stored_steps, row.complete) for row in after.episodes()] == [("cut", 0, False)]


def test_segments_that_are_merged_meanwhile_are_no_damage(
    copy: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
):
    """A file that was listed and is gone is looked for where its writer put it."""
    run_dir, check, merged = copy("plain"), inspection.check_segment, []

    def merges_first(path: Path, name: Any) -> Any:
        if not merged:
            merged.append(compact(run_dir, 0, segment_bytes=1 << 30, compression="zstd"))
        return check(path, name)

    monkeypatch.setattr(inspection, "check_segment", merges_first)
    found = inspect_run(run_dir)
    assert merged[0].removed
    assert (found.is_whole, found.lost) == (True, [])


def test_a_run_that_is_written_is_not_repaired(copy: Callable[[str], Path]):
    """Its writer would not know."""
    run_dir = copy("plain")
    truncate(segment_files(run_dir)[0], 0.5)
    content = {"status": "RUNNING", "pid": os.getpid(), "hostname": socket.gethostname()}
    (run_dir / "run.json").write_text(json.dumps(content))
    with pytest.raises(StorageError, match="still written"):
        repair_run(inspect_run(run_dir))


def test_the_command_says_it_in_words_and_by_its_exit_code(copy: Callable[[str], Path]):
    """0 for whole, 1 for damaged, 0 again after the repair; and as JSON."""
    run_dir = copy("plain")
    cli = CliRunner()
    assert cli.invoke(app, ["doctor", str(run_dir)]).exit_code == 0
    path = segment_files(run_dir)[0]
    path.write_bytes(b"nothing like a segment")
    done = cli.invoke(app, ["doctor", str(run_dir)])
    assert done.exit_code == 1
    assert f"steps/{path.name}" in done.stdout
    assert "lost: the rows of 4 episodes are gone: 0-3" in done.stdout
    said: dict[str, Any] = json.loads(cli.invoke(app, ["doctor", str(run_dir), "--json"]).stdout)
    assert (said["whole"], said["episodes"], said["lost"]) == (
        False,
        8,
        ["the rows of 4 episodes are gone: 0-3"],
    )
    done = cli.invoke(app, ["doctor", str(run_dir), "--repair"])
    assert done.exit_code == 0, done.stdout
    assert "nothing of it can be kept" in done.stdout
    assert ReplaySystem(run_dir).problems == ()
