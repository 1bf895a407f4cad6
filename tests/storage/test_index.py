"""The index: what is asked for is read, what is new is added, and what is damaged is read elsewhere."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damage import flip

import jaxarc
from jaxarc.config import EpisodeConfig
from jaxarc.errors import DamagedFileError, EpisodeNotFoundError, NotRecordedError
from jaxarc.records.events import Event
from jaxarc.records.steps import PendingSegment
from jaxarc.records.table import EpisodeTable, encode_text
from jaxarc.replay import ReplaySystem
from jaxarc.storage import RunStore, build_index, index, load_index, segment_files, write_index
from jaxarc.storage.index_file import ColumnData, DamagedIndexError, IndexFile, write_index_file
from jaxarc.storage.segments import read_segment_tables


def rows(first: int, count: int, **columns: Any) -> EpisodeTable:
    """Return rows of finished episodes without steps."""
    table = EpisodeTable.empty()
    for name, column in table.columns.items():
        table.columns[name] = np.zeros(count, column.dtype)
    numbers = np.arange(first, first + count)
    text = {"stream": encode_text(["train"] * count), "ended": encode_text(["terminated"] * count)}
    reward = np.random.default_rng(first).normal(size=count)
    made = {**table.columns, "episode": numbers, "uid": numbers, "total_reward": reward, **text, **columns}
    return EpisodeTable(made)


def store_of(root: Path) -> RunStore:
    return RunStore(EpisodeConfig(base_output_dir=str(root), compression="none"), dict, 5.0)


def write_rows(store: RunStore, first: int, count: int, **columns: Any) -> None:
    store.write_segment(PendingSegment(rows(first, count, **columns), []))


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the segments that are opened for their tables."""
    opened: list[str] = []

    def read(path: Path) -> Any:
        opened.append(path.name)
        return read_segment_tables(path)

    monkeypatch.setattr(index, "read_segment_tables", read)
    return opened


def test_an_index_on_disk_is_read_and_only_new_segments_are_opened(tmp_path: Path, counted: list[str]):
    """And a refresh opens those alone that came since."""
    store = store_of(tmp_path)
    for segment in range(3):
        write_rows(store, 4 * segment, 4)
    run_dir = store.open()
    write_index(run_dir, build_index(run_dir))
    counted.clear()
    run = ReplaySystem(run_dir)
    assert (counted, len(run)) == ([], 12)
    write_rows(store, 12, 4)
    run.refresh()
    assert counted == ["p000-000004.h5"]
    write_rows(store, 16, 4)
    run.refresh()
    assert counted == ["p000-000004.h5", "p000-000005.h5"]
    assert run.episodes()["episode"].tolist() == list(range(20))
    assert [run.load_episode(number).episode for number in (0, 11, 12, 19)] == [0, 11, 12, 19]
    with pytest.raises(EpisodeNotFoundError, match="no episode 20; it has 0 to 19"):
        run.load_episode(20)


def test_a_question_reads_the_columns_that_it_names(tmp_path: Path):
    """Rows are taken from parts of columns, whatever the number of rows."""
    store = store_of(tmp_path)
    write_rows(store, 0, 40_000)
    run_dir = store.open()
    write_index(run_dir, build_index(run_dir))
    run = ReplaySystem(run_dir)
    file = run._index.file
    assert file is not None

    def columns_read() -> set[str]:
        # The checks of types that tests switch on look into a mapping's first entry.
        return {n for n in file.columns_read if n.startswith(("ep", "bl", "pl"))} - {"episodes/complete"}

    assert columns_read() == set()
    found = run.episodes("total_reward > 1 and not success", sort="-total_reward", limit=5)
    assert columns_read() == {"episodes/success", "episodes/total_reward"}
    assert [row.total_reward for row in found] == sorted(run.episodes()["total_reward"], reverse=True)[:5]
    whole, parts = columns_read(), file.parts_read
    assert run.load_episode(39_999).episode == 39_999
    # One part of each column: rows are found by their numbers, and none of the others is looked at.
    assert columns_read() == whole
    assert 0 < file.parts_read - parts <= len(found.columns) + 2


def test_a_segment_that_was_rewritten_replaces_what_the_index_says_of_it(tmp_path: Path, counted: list[str]):
    """The rest of the index is used, and rows stay in their order."""
    store = store_of(tmp_path)
    for segment in range(4):
        write_rows(store, 4 * segment, 4)
    run_dir = store.open()
    write_index(run_dir, build_index(run_dir))
    other = store_of(tmp_path / "other")
    write_rows(other, 0, 4)
    write_rows(other, 4, 4, total_steps=np.arange(4))
    shutil.copy(segment_files(other.open())[1], run_dir / "steps" / "p000-000002.1.h5")
    counted.clear()
    found = load_index(run_dir)
    assert counted == ["p000-000002.1.h5"]
    assert found.segments == ["p000-000001.h5", "p000-000002.1.h5", "p000-000003.h5", "p000-000004.h5"]
    assert found.episodes["episode"].tolist() == list(range(16))
    assert found.episodes["total_steps"].tolist() == [0] * 4 + [0, 1, 2, 3] + [0] * 8
    row = found.row(0, 7)
    assert row is not None
    assert row.total_steps == 3
    write_index(run_dir, found)
    counted.clear()
    again = load_index(run_dir)
    assert (counted, again.segments) == ([], found.segments)
    for name in found.episodes.columns:
        assert again.episodes[name].tolist() == found.episodes[name].tolist()


def test_rows_of_several_writers_are_in_order_whatever_came_when(tmp_path: Path):
    """By writer and number; each has its own numbers, and names with the writer load."""
    store = store_of(tmp_path)
    write_rows(store, 0, 3)
    run_dir = store.open()
    first = segment_files(run_dir)[0]
    shutil.copy(first, run_dir / "steps" / "p001-000001.h5")
    write_index(run_dir, build_index(run_dir))
    write_rows(store, 3, 2)
    run = ReplaySystem(run_dir)
    assert run.episodes()["writer"].tolist() == [0] * 5 + [1] * 3
    assert run.episodes()["episode"].tolist() == [0, 1, 2, 3, 4, 0, 1, 2]
    for name, expected in [
        ("p001-episode_0002", (1, 2)),
        ("episode_0004", (0, 4)),
        ("p000-episode_0001", (0, 1)),
    ]:
        row = run.load_episode(name).row
        assert (row.writer, row.episode) == expected
    assert run.load_episode("2", writer=1).row.writer == 1
    with pytest.raises(EpisodeNotFoundError, match="no episode 3 of writer p001; it has 0 to 2"):
        run.load_episode(3, writer=1)
    with pytest.raises(EpisodeNotFoundError, match="names no episode"):
        run.load_episode("../1")


def test_every_byte_of_an_index_may_flip(tmp_path: Path):
    """Whatever is read of it is as it was written, or comes from the segments."""
    store = store_of(tmp_path)
    write_rows(store, 0, 30)
    write_rows(store, 30, 30)
    run_dir = store.open()
    write_index(run_dir, build_index(run_dir))
    path = run_dir / "index.h5"
    original = path.read_bytes()
    true = {name: column.tolist() for name, column in build_index(run_dir).episodes.columns.items()}
    rng = np.random.default_rng(0)
    rescued = 0
    for position in rng.choice(len(original), 30, replace=False).tolist():
        path.write_bytes(original)
        flip(path, position, int(rng.integers(1, 256)))
        damaged = path.read_bytes()
        found = load_index(run_dir)
        for name, column in true.items():
            assert found.episodes[name].tolist() == column
        row = found.row(0, 59)
        assert row is not None
        assert row.uid == 59
        rescued += found.file is None or path.read_bytes() != damaged
    assert rescued > 10


def test_an_index_that_cannot_be_rescued_says_what_to_do(tmp_path: Path):
    """Both it and a segment that it covers are damaged."""
    store = store_of(tmp_path)
    write_rows(store, 0, 30_000)
    run_dir = store.open()
    write_index(run_dir, build_index(run_dir))
    flip(run_dir / "index.h5", (run_dir / "index.h5").stat().st_size // 2)
    segment = segment_files(run_dir)[0]
    segment.write_bytes(bytes(segment.stat().st_size))
    table = ReplaySystem(run_dir).episodes()
    with pytest.raises(DamagedFileError, match=r"index\.h5: is damaged, and so is a segment .*remove it"):
        [table[name] for name in table.columns]


def test_a_reader_keeps_what_it_opened_when_the_index_is_replaced(tmp_path: Path):
    """Columns that it reads later are those of the index that it began with."""
    store = store_of(tmp_path)
    write_rows(store, 0, 10)
    run_dir = store.open()
    write_index(run_dir, build_index(run_dir))
    table = ReplaySystem(run_dir).episodes()
    write_rows(store, 10, 10)
    write_index(run_dir, build_index(run_dir))
    assert table["total_reward"].tolist() == rows(0, 10)["total_reward"].tolist()
    assert len(ReplaySystem(run_dir)) == 20


def test_a_run_that_goes_on_writes_its_index_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """When as many segments are outside as a quarter of those inside, on a thread of its own."""
    monkeypatch.setattr(index, "_MANY_SEGMENTS", 4)
    store = store_of(tmp_path)
    refresh = store._index_refresh
    inside = []
    threads: set[str] = set()
    plain = load_index

    def watched(run_dir: Path) -> Any:
        threads.add(threading.current_thread().name)
        return plain(run_dir)

    monkeypatch.setattr("jaxarc.storage.index_refresh.load_index", watched)
    for segment in range(40):
        before = refresh.written
        write_rows(store, segment, 1)
        refresh.finish()
        if refresh.written > before:
            inside.append(segment + 1)
    assert inside == [4, 8, 12, 16, 20, 25, 31, 38]
    assert threads == {"jaxarc-index"}
    found = plain(store.open())
    assert (found.segments_outside, len(found.episodes)) == (2, 40)


def test_a_reader_writes_the_index_of_a_run_that_was_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The next one opens no segment; of a run that is written it writes nothing."""
    monkeypatch.setattr(index, "_MANY_SEGMENTS", 4)
    store = store_of(tmp_path)
    store._index_refresh.segment_written = lambda run_dir: None  # type: ignore[method-assign]
    for segment in range(4):
        write_rows(store, segment, 1)
    run_dir = store.open()
    assert len(ReplaySystem(run_dir)) == 4
    before = {path.name for path in run_dir.iterdir()}
    content = json.loads((run_dir / "run.json").read_bytes())
    (run_dir / "run.json").write_text(json.dumps({**content, "status": "KILLED"}))
    assert len(ReplaySystem(run_dir)) == 4
    assert {path.name for path in run_dir.iterdir()} - before == {"index.h5"}
    assert load_index(run_dir).segments_outside == 0


def test_steps_that_retention_dropped_are_named_so(tmp_path: Path):
    """The row stays; asking for its arrays tells which rule dropped them."""
    store = store_of(tmp_path)
    write_rows(store, 0, 2)
    store.append_event(
        Event("tombstone", {"episodes": [[0, 1]], "policy": "oldest_first", "reason": "max_storage_gb"})
    )
    run = ReplaySystem(store.open())
    with pytest.raises(NotRecordedError, match=r"dropped by retention \(oldest_first: max_storage_gb\)"):
        _ = run.load_episode(1).observation
    with pytest.raises(NotRecordedError, match=r"capture\.envs"):
        _ = run.load_episode(0).observation


@pytest.mark.parametrize("pieces", [[0], [1], [3, 0, 5], [20_000, 1], [8_192, 8_192]])
def test_columns_of_any_length_read_back_whole_and_in_part(tmp_path: Path, pieces: list[int]):
    """They may come in pieces of any length."""
    total = sum(pieces)
    values = np.random.default_rng(0).normal(size=total)
    borders = np.cumsum(pieces)[:-1]
    path = tmp_path / "index.h5"
    write_index_file(
        path,
        {
            "a/x": ColumnData(values.dtype, total, lambda: np.split(values, borders)),
            "a/y": ColumnData.of(encode_text(["word"] * total)),
        },
    )
    file = IndexFile(path)
    assert file.names("a") == ["x", "y"]
    np.testing.assert_array_equal(file.read("a/x"), values)
    at = np.random.default_rng(1).integers(0, max(total, 1), min(total, 7))
    np.testing.assert_array_equal(file.read_at("a/x", at), values[at])
    with pytest.raises(DamagedIndexError, match="no column a/z"):
        file.read("a/z")


def test_an_index_is_a_plain_hdf5_file(tmp_path: Path):
    """Whoever has h5py reads it without us."""
    import h5py

    store = store_of(tmp_path)
    write_rows(store, 0, 9)
    run_dir = store.open()
    write_index(run_dir, build_index(run_dir))
    with h5py.File(run_dir / "index.h5") as file:
        dataset: Any = file["episodes/total_reward"]
        assert dataset[()].tolist() == jaxarc.open(run_dir).episodes()["total_reward"].tolist()
        assert (dataset.chunks, dataset.compression) == (None, None)
