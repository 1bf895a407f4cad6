"""Commits that fail, documents that fail, and what is kept of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chunks import Recording, rows_of

from jaxarc.config import AsyncLoggerConfig, CaptureConfig
from jaxarc.errors import StorageError
from jaxarc.pipeline import Assembler, AsyncLogger, ChunkItem, EpisodeWriter, Readers
from jaxarc.records.layout import FLAG_ACTIVE, FLAG_TERMINATED
from jaxarc.records.steps import PendingSegment
from jaxarc.records.table import EpisodeTable


class Shelf:
    """A store in memory that refuses as many segments as it is told to."""

    def __init__(self, refuse: int = 0):
        self.refuse = refuse
        self.segments: list[PendingSegment] = []
        self.open = EpisodeTable.empty()
        self.beats = 0
        self.moves = 0

    def write_segment(self, pending: PendingSegment) -> Path:
        if self.refuse:
            self.refuse -= 1
            raise StorageError("the shelf is full")
        self.segments.append(PendingSegment(EpisodeTable(pending.episodes.columns), list(pending.blocks)))
        return Path("shelf")

    def write_open_rows(self, rows: EpisodeTable) -> None:
        self.open = rows

    def append_event(self, event: Any) -> None:
        raise AssertionError("no events here")

    def beat(self) -> None:
        self.beats += 1

    @property
    def rows(self) -> list[Any]:
        return [row for segment in self.segments for row in segment.episodes]

    def stored(self, uid: int) -> int:
        return sum(len(rows_of(block, uid)) for segment in self.segments for block in segment.blocks)


def counter_chunks(count: int) -> list[ChunkItem]:
    """Return chunks of two steps of one environment whose episodes are three steps long."""
    steps = 2 * count
    flags = np.full((1, 1, steps), FLAG_ACTIVE, np.int32)
    flags[..., 2::3] |= FLAG_TERMINATED
    plain = np.zeros((1, 1, steps), np.float32)
    recording = Recording(flags, plain, plain, np.zeros((1, 1, steps), np.int32), np.ones((1, steps), bool))
    return [ChunkItem(chunk) for chunk in recording.chunks(range(0, steps, 2), [0])]


def writer_on(shelf: Shelf, before_commit: Any = lambda _: None, segment_bytes: int = 10**9) -> EpisodeWriter:
    assembler = Assembler(CaptureConfig(level="verbose"), lambda _, values: [""] * len(values))
    return EpisodeWriter(assembler, shelf, segment_bytes, Readers(), before_commit)


def assert_rows_agree_with_steps(shelf: Shelf, num_episodes: int) -> None:
    assert [row.episode for row in shelf.rows] == list(range(num_episodes))
    for row in shelf.rows:
        if row.stored_steps:
            assert shelf.stored(row.uid) == row.stored_steps
        assert row.complete == (row.stored_steps == row.total_steps and row.ended != "cut")


def test_a_segment_that_fails_once_is_written_with_the_next():
    """Nothing is lost, numbers stay dense."""
    shelf = Shelf(refuse=1)
    writer = writer_on(shelf)
    items = counter_chunks(6)
    for item in items[:3]:
        writer.handle(item)
    with pytest.raises(StorageError):
        writer.commit()
    assert writer.rows_waiting == 2
    for item in items[3:]:
        writer.handle(item)
    writer.commit()
    writer.close()
    assert writer.rows_waiting == 0
    assert writer.persisted_episodes == 4
    assert writer.steps_given_up == 0
    assert_rows_agree_with_steps(shelf, 4)
    assert [row.stored_steps for row in shelf.rows] == [3] * 4


@pytest.mark.parametrize("refuse", [2, 3, 5])
def test_steps_that_fail_twice_are_given_up_and_rows_are_kept(refuse: int):
    """No row says that its steps are stored when a part of them was given up after an early commit."""
    shelf = Shelf(refuse=refuse)
    writer = writer_on(shelf)
    for item in counter_chunks(9):
        writer.handle(item)
        if shelf.refuse:
            with pytest.raises(StorageError):
                writer.commit()
        else:
            writer.commit()
    writer.close()
    assert writer.steps_given_up > 0
    assert_rows_agree_with_steps(shelf, 6)
    assert shelf.rows[0].stored_steps == 0
    assert shelf.rows[-1].stored_steps == 3


def test_a_document_that_fails_costs_no_step():
    """The segment is written, and the failure is reported."""

    def broken(_: EpisodeTable) -> None:
        raise KeyError("no such task")

    shelf = Shelf()
    writer = writer_on(shelf, broken)
    for item in counter_chunks(3):
        writer.handle(item)
    for _ in range(2):
        with pytest.raises(KeyError):
            writer.commit()
        for item in counter_chunks(3):
            writer.handle(item)
    assert writer.steps_given_up == 0
    assert all(row.stored_steps == 3 for row in shelf.rows)


def test_the_writer_asks_for_a_commit_when_a_segment_is_large_enough():
    """Without waiting for the interval: as soon as a finished episode is as large as a segment may be."""
    shelf = Shelf()
    writer = writer_on(shelf, segment_bytes=1)
    asked = []
    for item in counter_chunks(3):
        asked.append(writer.handle(item))
        if asked[-1]:
            writer.commit()
    assert asked.count(True) == 2
    assert [len(segment.episodes) for segment in shelf.segments if len(segment.episodes)] == [1, 1]
    assert not writer_on(shelf, segment_bytes=10**9).handle(counter_chunks(3)[0])


def test_an_idle_commit_writes_nothing_and_beats():
    """A running run that records nothing is still alive."""
    shelf = Shelf()
    writer = writer_on(shelf)
    writer.commit()
    writer.commit()
    assert (len(shelf.segments), shelf.beats) == (0, 2)


def test_damaged_rows_are_counted_logged_once_and_cost_no_row(caplog: pytest.LogCaptureFixture):
    """Two chunks whose rows are cut short: the queue goes on, and every episode has its row."""
    shelf = Shelf()
    writer = writer_on(shelf)
    queue = AsyncLogger(AsyncLoggerConfig(flush_interval=600.0), writer)
    for number, item in enumerate(counter_chunks(9)):
        if number in (0, 4):
            assert item.chunk._words is not None
            item.chunk._words = item.chunk._words[:-1]
        assert queue.submit(item)
    assert queue.close(20.0) is False
    assert (queue.counts.errors, queue.counts.failed_items) == (2, 2)
    assert "its rows are lost" in queue.counts.first_error
    assert len([record for record in caplog.records if "is lost (" in record.message]) == 1
    assert_rows_agree_with_steps(shelf, 6)
    assert [row.stored_steps for row in shelf.rows] == [0, 3, 0, 0, 3, 3]


def test_every_chunk_of_a_loop_that_fails_is_counted():
    """Two of three held-back chunks are cut short: the third is taken, and two are counted."""
    writer = writer_on(Shelf())
    chunks = [item.chunk for item in counter_chunks(3)]
    for chunk in chunks[:2]:
        assert chunk._words is not None
        chunk._words = chunk._words[:-1]
    writer.gather = lambda: iter(chunks)
    with pytest.raises(ValueError, match="rows are lost"):
        writer.commit()
    assert writer.failed_gathered == 2


def test_open_rows_wait_for_the_steps_that_they_speak_of():
    """They are written after their segment, once; with steps that are given up they say so."""
    shelf = Shelf(refuse=2)
    writer = writer_on(shelf)
    items = counter_chunks(4)
    writer.handle(items[0])
    for _ in range(2):
        with pytest.raises(StorageError):
            writer.commit()
        assert len(shelf.open) == 0
    writer.commit()
    assert (shelf.open["total_steps"].tolist(), shelf.open["stored_steps"].tolist()) == ([2], [0])
    shelf.open = EpisodeTable.empty()
    writer.commit()
    assert len(shelf.open) == 0
    for item in items[1:]:
        writer.handle(item)
    writer.commit()
    assert (shelf.open["total_steps"].tolist(), shelf.open["stored_steps"].tolist()) == ([2], [2])
    writer.close()
    assert len(shelf.open) == 0


def test_a_full_segment_is_written_without_open_rows():
    """They come with the next commit that is due, whether or not steps came since."""
    shelf = Shelf()
    writer = writer_on(shelf, segment_bytes=1)
    for item in counter_chunks(2):
        if writer.handle(item):
            writer.commit()
    assert len(shelf.segments) == 1
    assert len(shelf.open) == 0
    writer.commit()
    assert shelf.open["total_steps"].tolist() == [1]
