"""Compaction: fewer and smaller files that say what the many said."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from chunks import Recording, layout_of
from hypothesis import given, settings
from hypothesis import strategies as st
from segment_runs import contents, segmented_run

from jaxarc.replay import ReplaySystem
from jaxarc.storage import compaction, segment_files, segment_merge
from jaxarc.storage.columns import group_at, read_column
from jaxarc.storage.compaction import CompactionResult, compact, compaction_steps
from jaxarc.storage.segments import read_segment_tables

LARGE = {"segment_bytes": 32_000_000, "compression": "zstd"}


def recording(seed: int, members: int = 2, envs: int = 3, steps: int = 40, **layout: Any) -> Recording:
    made = Recording.random(np.random.default_rng(seed), members, envs, steps)
    made.layout = layout_of(**layout)
    return made


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of some segments whose episodes lie in several of them, with a journal beside the steps."""
    played = recording(0, 1, 2, 18, next_observation=True, journal="selected")
    root = tmp_path_factory.mktemp("runs")
    store = segmented_run(root, played, range(0, 18, 3), [1], journal="selected")
    return store.open()


@pytest.fixture
def run_dir(whole: Path, tmp_path: Path) -> Path:
    """A copy of it to work on."""
    return Path(shutil.copytree(whole, tmp_path / whole.name))


def names(run_dir: Path) -> list[str]:
    """Return the files in the folder of segments."""
    return sorted(path.name for path in (run_dir / "steps").iterdir())


def stored_uids(run_dir: Path) -> set[int]:
    """Return the episodes of which segments hold steps."""
    return {uid for path in segment_files(run_dir) for uid in read_segment_tables(path).blocks.uid.tolist()}


def test_small_segments_become_one_and_every_episode_reads_the_same(run_dir: Path):
    """Rows, steps, journal, hashes and keyframes, bit for bit; the file's name says what it holds."""
    before, count = contents(run_dir), len(segment_files(run_dir))
    assert count > 5
    result = compact(run_dir, 0, **LARGE, ended=True)
    assert names(run_dir) == [f"p000-000001-{count:06d}.h5"]
    assert contents(run_dir) == before
    assert len(result.removed) == count
    assert result.bytes_after == segment_files(run_dir)[0].stat().st_size < result.bytes_before
    assert compact(run_dir, 0, **LARGE, ended=True) == CompactionResult(
        bytes_before=result.bytes_after, bytes_after=result.bytes_after
    )


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(1, 2), st.integers(1, 2), st.integers(2, 15)),
    borders=st.lists(st.integers(1, 14), max_size=5),
    room=st.sampled_from([1, 200_000, 400_000, 10**9]),
    piece=st.sampled_from([40, 8 * 1024 * 1024]),
    program=st.sampled_from([{}, {"next_observation": True}, {"journal": "selected"}]),
    data=st.data(),
)
def test_any_run_reads_the_same_whatever_is_merged_with_what(
    tmp_path_factory: pytest.TempPathFactory, seed, shape, borders, room, piece, program, data
):
    """Random episodes, cut anywhere, merged in files of any size, copied in pieces of any size; some lose
    their steps, and only those."""
    played = recording(seed, *shape, **program)
    selected = sorted(data.draw(st.sets(st.integers(0, shape[1] - 1), min_size=1)))
    journal = program.get("journal", "off")
    store = segmented_run(tmp_path_factory.mktemp("r"), played, borders, selected, journal=journal)
    run_dir = store.open()
    before = contents(run_dir)
    table = ReplaySystem(run_dir).episodes()
    lost = data.draw(st.sets(st.sampled_from(table["uid"].tolist()), max_size=4))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segment_merge, "_PIECE_BYTES", piece)
        compact(run_dir, 0, segment_bytes=room, compression="zstd", dropped=np.array(sorted(lost), np.int64))
    after = contents(run_dir)
    assert after.keys() == before.keys()
    for row in table:
        key = (0, int(row.episode))
        if row.uid not in lost:
            assert after[key] == before[key]
            continue
        assert {name for name in after[key] if not name.startswith("row/")} == set()
        changed = {name for name in after[key] if after[key][name] != before[key][name]}
        assert changed <= {"row/stored_steps", "row/complete"}
        assert (after[key]["row/stored_steps"], after[key]["row/complete"]) == ("0", "False")
    assert not stored_uids(run_dir) & lost


def test_at_every_moment_of_a_compaction_the_run_reads_the_same(run_dir: Path):
    """Stopped after any change of the disk, what is there is whole, and the next compaction ends it."""
    before = contents(run_dir)
    result = CompactionResult()
    moments = 0
    for _ in compaction_steps(run_dir, 0, result, segment_bytes=10**6, compression="zstd", ended=True):
        assert contents(run_dir) == before
        moments += 1
    assert moments == len(result.written) + len(result.removed) > 5


def test_rows_lose_their_steps_before_the_steps_go(run_dir: Path):
    """A reader never meets a row whose steps should be there and are not."""
    table = ReplaySystem(run_dir).episodes("stored_steps > 3")
    uids = table["uid"][:2]
    result = CompactionResult()
    for _ in compaction_steps(run_dir, 0, result, segment_bytes=1, compression="zstd", dropped=uids):
        contents(run_dir)  # loads every episode whose row says that it has steps
    assert len(result.written) >= 2
    assert all(".1.h5" in name for name in result.written)
    assert not stored_uids(run_dir) & set(uids.tolist())


def test_a_compaction_that_was_interrupted_is_ended_by_the_next(run_dir: Path):
    """Superseded files are passed over, and their name is not used again."""
    before = contents(run_dir)
    result = CompactionResult()
    next(compaction_steps(run_dir, 0, result, **LARGE))
    left = names(run_dir)
    assert len(segment_files(run_dir)) == 1 < len(left)
    uids = ReplaySystem(run_dir).episodes("stored_steps > 0")["uid"][:1]
    compact(run_dir, 0, **LARGE, dropped=uids)
    assert names(run_dir) == [result.written[0].replace(".h5", ".1.h5")]
    after = contents(run_dir)
    assert [key for key in before if after[key] != before[key]] == [
        (0, int(row.episode)) for row in ReplaySystem(run_dir).episodes(f"uid == {uids[0]}")
    ]


def test_large_segments_stay_and_part_the_small_ones(run_dir: Path):
    """Only what is small moves; a segment that cannot be read stays for those who repair."""
    files = segment_files(run_dir)
    damaged = files[3]
    content = damaged.read_bytes()
    damaged.write_bytes(content[:2000])
    result = compact(run_dir, 0, **LARGE, ended=True)
    assert [problem.path for problem in result.problems] == [damaged]
    assert names(run_dir) == [
        "p000-000001-000003.h5",
        damaged.name,
        f"p000-000005-{len(files):06d}.h5",
    ]
    damaged.write_bytes(content)
    assert len(ReplaySystem(run_dir)) == len(ReplaySystem(run_dir).episodes())
    largest = max(path.stat().st_size for path in segment_files(run_dir))
    room = compaction.SMALL_SHARE * largest
    assert len(compact(run_dir, 0, segment_bytes=room, compression="zstd").written) <= 1
    assert len(compact(run_dir, 0, **LARGE).written) == 1


def test_steps_of_nobody_go_at_the_end_and_not_before(tmp_path: Path):
    """Steps of open episodes wait for their rows; once nobody writes, what no row claims is no use."""
    played = recording(3, 1, 2, 12)
    store = segmented_run(tmp_path, played, range(0, 12, 4), [0, 1], ends=False)
    run_dir = store.open()
    before = contents(run_dir)
    ended = {int(row.uid) for row in ReplaySystem(run_dir).episodes("ended != 'running'")}
    waiting = stored_uids(run_dir) - ended
    assert waiting
    compact(run_dir, 0, **LARGE)
    assert contents(run_dir) == before
    compact(run_dir, 0, **LARGE, ended=True, dropped=np.array(min(ended)))
    assert stored_uids(run_dir) >= waiting
    (run_dir / "open" / "p000.h5").unlink()
    compact(run_dir, 0, **LARGE, ended=True, dropped=np.array(max(ended)))
    assert not stored_uids(run_dir) & waiting
    assert stored_uids(run_dir) == ended - {min(ended), max(ended)}


def test_what_a_later_version_added_is_kept(run_dir: Path):
    """Unknown groups, datasets and attributes stay where they are, and keep their file from being merged."""
    files = segment_files(run_dir)
    with h5py.File(files[2], "r+") as file:
        file.attrs["later"] = 5
        file["later/table"] = np.arange(7)
        layout: Any = next(iter(group_at(file, "steps").values()))
        layout["later"] = np.arange(3)
        uids = layout["blocks/uid"][()]
    before = contents(run_dir)
    compact(run_dir, 0, **LARGE)
    assert files[2].name in names(run_dir)
    assert contents(run_dir) == before
    compact(run_dir, 0, **LARGE, dropped=uids)
    kept = run_dir / "steps" / files[2].name.replace(".h5", ".1.h5")
    with h5py.File(kept) as file:
        assert file.attrs["later"] == 5
        assert read_column(file, "later/table").tolist() == list(range(7))
        layout: Any = next(group for group in group_at(file, "steps").values() if "later" in group)
        assert layout["later"][()].tolist() == [0, 1, 2]
    after = ReplaySystem(run_dir).episodes()
    gone = after.take(np.isin(after["uid"], uids))
    assert len(gone)
    assert not gone["stored_steps"].any()
    contents(run_dir)


KILLED = """
import sys
from pathlib import Path
from jaxarc.storage.columns import group_at, read_column
from jaxarc.storage.compaction import CompactionResult, compaction_steps

steps = compaction_steps(
    Path(sys.argv[1]), 0, CompactionResult(), segment_bytes=1_500_000, compression="zstd", ended=True
)
for change in steps:
    print(change, flush=True)
"""


@pytest.mark.parametrize("moment", [1, 3])
def test_a_compaction_that_is_killed_leaves_a_run_that_reads_the_same(run_dir: Path, moment: int):
    """SIGKILL after some change of the disk, wherever the process is by then."""
    before = contents(run_dir)
    with subprocess.Popen([sys.executable, "-c", KILLED, str(run_dir)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        for _ in range(moment):
            assert child.stdout.readline()
        child.kill()
    assert contents(run_dir) == before
    compact(run_dir, 0, **LARGE, ended=True)
    assert contents(run_dir) == before
