"""Every step, row and event that was accepted is on disk, waits, was not kept, or is counted as lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chunks import Recording, layout_of, nameless, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxarc.config import AsyncLoggerConfig, CaptureConfig
from jaxarc.errors import StorageError
from jaxarc.pipeline import Assembler, AsyncLogger, ChunkItem, EpisodeWriter, Health, Readers
from jaxarc.records.events import Event
from jaxarc.records.layout import FLAG_ACTIVE, FLAG_TERMINATED
from jaxarc.records.steps import PendingSegment
from jaxarc.records.table import EpisodeTable


class Disk:
    """A store in memory that fails when it is told to."""

    moves = 0

    def __init__(self) -> None:
        self.fails = False
        self.segments: list[PendingSegment] = []
        self.open: EpisodeTable | None = None
        self.events: list[Event] = []

    def _fail(self) -> None:
        if self.fails:
            raise StorageError("the disk is full")

    def write_segment(self, pending: PendingSegment) -> Path:
        self._fail()
        table = EpisodeTable({name: values.copy() for name, values in pending.episodes.columns.items()})
        self.segments.append(PendingSegment(table, list(pending.blocks)))
        return Path("disk")

    def write_open_rows(self, rows: EpisodeTable) -> None:
        self._fail()
        self.open = rows

    def append_event(self, event: Event) -> None:
        self._fail()
        self.events.append(event)

    def beat(self) -> None:
        self._fail()

    @property
    def rows(self) -> list[Any]:
        return [row for segment in self.segments for row in segment.episodes]

    def steps_of(self, uid: int) -> int:
        """Count the steps of an episode in all segments, each once."""
        blocks = [block for segment in self.segments for block in segment.blocks]
        kinds = [block for block in blocks if block.layout.kind in ("steps", "journal")]
        return len({step for block in kinds for step in rows_of(block, uid)})


class Idle(AsyncLogger):
    """A queue without anybody behind it: its counts are all that is asked for."""

    def __init__(self) -> None:
        class Nothing:
            def handle(self, item: Any) -> bool:
                return False

            def commit(self) -> None: ...

            def close(self) -> None: ...

        super().__init__(AsyncLoggerConfig(), Nothing())
        self.close()


IDLE = Idle()


class Pipeline:
    """An assembler and a writer on a disk."""

    def __init__(self, **capture: Any):
        self.disk = Disk()
        self.assembler = Assembler(CaptureConfig(**capture), nameless)
        self.readers = Readers()
        self.writer = EpisodeWriter(self.assembler, self.disk, 10**9, self.readers, lambda _: None)
        self.seen = self.health()

    def health(self, *, has_ended: bool = False) -> Health:
        return Health.of(self.assembler, IDLE, self.writer, self.readers, has_ended=has_ended)

    def attempt(self, work: Any) -> None:
        """Do a part of the writer's work, whether or not the disk is full, and check the counts."""
        try:
            work()
        except StorageError:
            assert self.disk.fails
        self.check()

    def check(self, *, has_ended: bool = False) -> Health:
        """Check that everything is somewhere, and that what is on disk never gets less."""
        now = self.health(has_ended=has_ended)
        assert now.accepted_steps == (
            now.stored_steps + now.unkept_steps + now.dropped_steps + now.waiting_steps
        )
        assert now.episodes == now.persisted_episodes + now.waiting_episodes + now.lost_episodes
        assert now.accepted_events == now.persisted_events + now.waiting_events + now.lost_events
        assert now.persisted_episodes == len(self.disk.rows)
        assert now.stored_steps == sum(row.stored_steps for row in self.disk.rows)
        assert now.waiting_steps >= 0
        for kind in ("accepted", "stored", "unkept", "dropped"):
            assert getattr(now, f"{kind}_steps") >= getattr(self.seen, f"{kind}_steps")
        self.seen = now
        return now


CAPTURES = st.fixed_dictionaries(
    {
        "level": st.sampled_from(["minimal", "standard", "verbose"]),
        "keep": st.sampled_from([["all"], ["success"], ["every_n:2"]]),
        "journal": st.sampled_from(["off", "selected", "all"]),
        "window": st.sampled_from([0, 2]),
        "key_steps": st.just(2),
        "assembler_bytes": st.sampled_from([1_000, 10**9]),
        "chunk_bytes": st.just(1_000),
    }
)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), capture=CAPTURES)
def test_everything_is_somewhere_at_every_moment(seed: int, capture: dict[str, Any]):
    """Random episodes, chunks that lost their rows, commits at any time, a disk that is full now and then."""
    rng = np.random.default_rng(seed)
    recording = Recording.random(rng, 2, 3, 30)
    recording.layout = layout_of(journal=capture["journal"])
    pipeline = Pipeline(envs=(0, 2), **capture)
    writer, disk = pipeline.writer, pipeline.disk
    borders = rng.choice(30, 8, replace=False).tolist()
    for number, chunk in enumerate(recording.chunks(borders, [0, 2])):
        disk.fails = bool(rng.random() < 0.3)
        item = ChunkItem(chunk)
        if rng.random() < 0.15:
            item.shed()
        pipeline.attempt(lambda item=item: writer.handle(item))
        event = Event("metric_batch", {"number": number})
        pipeline.attempt(lambda event=event: writer.events.put(event))
        if rng.random() < 0.4:
            pipeline.attempt(writer.commit)
    disk.fails = bool(rng.random() < 0.2)
    pipeline.attempt(writer.close)
    pipeline.attempt(writer.close)
    end = pipeline.check(has_ended=True)
    assert end.waiting_steps == end.waiting_episodes == end.waiting_events == 0
    for row in disk.rows:
        if row.stored_steps:
            assert disk.steps_of(row.uid) == row.stored_steps
    if not disk.fails:
        assert end.lost_episodes == end.lost_events == 0
        numbers = [event.payload["number"] for event in disk.events]
        assert numbers == sorted(numbers)
        assert len(numbers) == end.persisted_events == end.accepted_events
    else:
        assert end.lost_episodes == end.episodes - end.persisted_episodes


def counters(episodes: int, length: int) -> Recording:
    """Return one environment with some episodes of one length."""
    steps = episodes * length
    flags = np.full((1, 1, steps), FLAG_ACTIVE, np.int32)
    flags[..., length - 1 :: length] |= FLAG_TERMINATED
    plain = np.zeros((1, 1, steps), np.float32)
    return Recording(flags, plain, plain, np.zeros((1, 1, steps), np.int32), np.ones((1, steps), bool))


def test_an_episode_that_loses_a_part_loses_all_of_it_also_what_is_on_disk():
    """Its first steps went to disk early, its middle is shed: the row says that nothing is stored."""
    pipeline = Pipeline(level="verbose", envs=1)
    items = [ChunkItem(chunk) for chunk in counters(2, 10).chunks([4, 7], [0])]
    pipeline.attempt(lambda: pipeline.writer.handle(items[0]))
    pipeline.attempt(pipeline.writer.commit)
    assert pipeline.disk.open is not None
    assert pipeline.disk.open["stored_steps"].tolist() == [4]
    items[1].shed()
    for item in items[1:]:
        pipeline.attempt(lambda item=item: pipeline.writer.handle(item))
    pipeline.attempt(pipeline.writer.close)
    rows = pipeline.disk.rows
    assert [(row.total_steps, row.stored_steps, row.complete) for row in rows] == [
        (10, 0, False),
        (10, 10, True),
    ]
    health = pipeline.check(has_ended=True)
    assert (health.dropped_steps, health.dropped_episodes, health.stored_steps) == (10, 1, 10)
    assert health.losses == {"dropped_steps": 10, "dropped_episodes": 1}


def test_in_a_hurry_rows_come_first_and_of_the_steps_what_fits():
    """No time at all: every row, no step. Plenty: everything."""
    for seconds, stored in ((0.0, 0), (3600.0, 30)):
        pipeline = Pipeline(level="verbose", envs=1)
        for chunk in counters(3, 10).chunks([5, 12, 25], [0]):
            pipeline.writer.handle(ChunkItem(chunk))
        pipeline.writer.hurry(seconds)
        pipeline.attempt(pipeline.writer.close)
        health = pipeline.check(has_ended=True)
        assert [row.total_steps for row in pipeline.disk.rows] == [10, 10, 10]
        assert (health.stored_steps, health.dropped_steps) == (stored, 30 - stored)
        assert health.dropped_episodes == (0 if stored else 3)


def test_a_segment_in_a_hurry_holds_the_oldest_episodes_whole(caplog: pytest.LogCaptureFixture):
    """What does not fit loses its steps episode by episode, one that is open among them."""
    pipeline = Pipeline(level="verbose", envs=1)
    for chunk in counters(4, 10).chunks([5, 12, 25, 35], [0]):
        if chunk.lanes[0, 0, 1] < 35:
            pipeline.attempt(lambda chunk=chunk: pipeline.writer.handle(ChunkItem(chunk)))
    size = sum(stream.open_bytes for stream in pipeline.assembler._streams.values()) / 5
    pipeline.writer._written_bytes, pipeline.writer._written_s = 2 * 25 * (size + 8), 1.0
    pipeline.writer.hurry(1.0)
    pipeline.attempt(pipeline.writer.commit)
    assert "there is no time to write" in caplog.text
    stored = [row.stored_steps for row in pipeline.disk.rows]
    assert stored in ([10, 10, 0], [10, 0, 0])
    pipeline.attempt(pipeline.writer.close)
    health = pipeline.check(has_ended=True)
    assert [row.stored_steps for row in pipeline.disk.rows] == [*stored, 0]
    assert health.dropped_steps == 35 - sum(stored)
