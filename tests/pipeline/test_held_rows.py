"""Rows in memory: what is held is counted, and dead rows do not stay."""

from __future__ import annotations

import numpy as np
import pytest
from chunks import flat_recording, nameless, words_of
from hypothesis import given
from hypothesis import strategies as st

from jaxarc.config import CaptureConfig
from jaxarc.pipeline import Assembler, held_rows
from jaxarc.pipeline.held_rows import HeldRows
from jaxarc.pipeline.pieces import Piece, is_among
from jaxarc.records.field_rows import FieldRows, on_its_own
from jaxarc.records.layout import FLAG_MARK, FLAG_TERMINATED, Field, Layout

LAYOUT = Layout("steps", "train", "steps", (), (), (Field("action", (), "int32", ()),))


def piece(uid: list[int], count: list[int], first_step: int = 0) -> Piece:
    """Return runs of rows whose one word is ``1000 * uid + step``, with a dead row before each run."""
    counts = np.array(count)
    first = np.cumsum(counts + 1) - counts
    words = np.full((int(counts.sum()) + len(counts), 1), -1, np.int32)
    for owner, start, size in zip(uid, first, counts, strict=True):
        words[start : start + size, 0] = 1000 * owner + first_step + np.arange(size)
    offset = np.full(len(counts), first_step)
    rows = FieldRows(words.reshape(-1), np.arange(len(words)), 0, 1)
    return Piece(LAYOUT, False, words, [rows], 2 * words.nbytes, np.array(uid), first, counts, offset)


@given(
    runs=st.lists(
        st.tuples(st.integers(0, 5), st.integers(1, 4)), min_size=1, max_size=6, unique_by=lambda r: r[0]
    ),
    wanted=st.sets(st.integers(0, 5)),
    data=st.data(),
)
def test_taken_rows_are_those_of_the_episodes_in_their_order(runs, wanted, data):
    """Over several chunks, whatever else lies between, and after some were forgotten."""
    held = HeldRows()
    order = data.draw(st.permutations([0, 10, 20]))
    for start in order:
        held.add(piece([uid for uid, _ in runs], [count for _, count in runs], start))
    forgotten = data.draw(st.sets(st.integers(0, 5)))
    held.keep_only(np.array(sorted(set(range(6)) - forgotten), np.int64))
    expected = {
        uid: [1000 * uid + start + step for start in sorted(order) for step in range(count)]
        for uid, count in sorted(runs)
        if uid in wanted and uid not in forgotten
    }
    found: dict[int, list[int]] = {}
    for part in held.take(np.array(sorted(wanted), np.int64)):
        block = part.block
        words = words_of(block)
        owner = np.repeat(block.uid, block.count)
        assert (words[:, 0] == 1000 * owner + block.steps).all()
        for uid in block.uid.tolist():
            found[uid] = words[owner == uid, 0].tolist()
    assert list(found.items()) == list(expected.items())
    assert not held.take(np.array(sorted(wanted), np.int64))


@given(st.lists(st.integers(0, 9)), st.sets(st.integers(0, 9)))
def test_is_among_is_membership(values, known):
    """Of an ascending array."""
    expected = [value in known for value in values]
    assert is_among(np.array(values, np.int64), np.array(sorted(known), np.int64)).tolist() == expected


def test_a_small_view_of_a_large_array_is_copied():
    """And nothing else is."""
    large = np.zeros((100, 4), np.int32)
    assert np.shares_memory(on_its_own(large[1:]), large)
    assert np.shares_memory(on_its_own(large.reshape(-1)), large)
    assert not np.shares_memory(on_its_own(large[:50]), large)


def test_an_open_episode_keeps_no_more_of_its_chunks_than_twice_its_steps(monkeypatch: pytest.MonkeyPatch):
    """One environment goes on and on, while the others end episodes that no rule keeps."""
    monkeypatch.setattr(held_rows, "_DEAD_BYTES", 0)
    flags = np.full((8, 200), FLAG_TERMINATED)
    flags[3] = 0
    assembler = Assembler(CaptureConfig(level="verbose", envs=tuple(range(8)), keep=["success"]), nameless)
    for chunk in flat_recording(flags).chunks(range(0, 200, 10), range(8)):
        assembler.ingest(chunk)
        held = assembler._streams["train", False].held
        assert 0 < assembler.open_bytes <= held.row_bytes <= 2 * assembler.open_bytes
    assert assembler.pending_bytes > 0
    assembler.close_open()
    assert not assembler.take(early=False).blocks
    assert assembler.open_bytes == 0


@given(data=st.data(), forgotten=st.sets(st.integers(0, 2)))
def test_joined_pieces_hold_the_same_rows(data: st.DataObject, forgotten: set[int]):
    """Whatever was forgotten before they were joined, and however large the pieces are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held_rows, "_MOST_FRESH", data.draw(st.integers(1, 7)))
        patch.setattr(held_rows, "_SMALL_BYTES", data.draw(st.sampled_from([1, 40, 10_000])))
        held = HeldRows()
        for start in range(0, 40, 4):
            held.add(piece([2, 0, 1], [4, 3, 2], start))
            if start == 20:
                held.keep_only(np.array(sorted({0, 1, 2} - forgotten), np.int64))
    [part] = held.take(np.arange(3))
    block = part.block
    assert held.row_bytes == held.nbytes == 0
    expected = [
        1000 * uid + start + step
        for uid, count in enumerate([3, 2, 4])
        for start in range(24 if uid in forgotten else 0, 40, 4)
        for step in range(count)
    ]
    assert words_of(block)[:, 0].tolist() == expected
    assert block.scalars[:, 0].tolist() == expected


def test_a_step_at_a_time_lies_in_few_pieces(monkeypatch: pytest.MonkeyPatch):
    """Taps of four environments whose episodes do not end: what is held is little more than their rows."""
    monkeypatch.setattr(held_rows, "_SMALL_BYTES", 8_000)
    config = CaptureConfig(level="standard", envs=4)
    num_steps = 1_000
    assembler = Assembler(config, nameless)
    flags = np.zeros((4, num_steps))
    flags[:, ::200] = FLAG_MARK
    held = None
    for chunk in flat_recording(flags).chunks(range(num_steps), range(4)):
        assembler.ingest(chunk)
        held = assembler._streams["train", False].held
        assert held.num_pieces <= 256 + held.row_bytes // 8_000 + 1
        assert held.nbytes >= held.row_bytes + 1_000 * held.num_pieces
    assert held is not None
    assert held.row_bytes == assembler.open_bytes == 4 * num_steps * 20
    assembler.close_open()
    assert assembler.take(early=False).episodes["stored_steps"].tolist() == [6] * 4
