"""A feed hands every record over once, in order, whatever the backend does."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from written_runs import an_experiment, write_run

from jaxarc.errors import RefusedRecordError, StartOverError, TrackingError
from jaxarc.records.experiment_events import MetricBatch
from jaxarc.replay import ReplaySystem
from jaxarc.replay.experiment import ExperimentRecord
from jaxarc.storage.event_log import EventLog
from jaxarc.tracking import Feed, MemoryBackend, sync_run


def same_record(one: ExperimentRecord, other: ExperimentRecord) -> bool:
    """Say whether two records hold the same series, values, parameters and tags."""
    return (
        one.keys == other.keys
        and all(repr(one.of(key).value.tolist()) == repr(other.of(key).value.tolist()) for key in one.keys)
        and all(one.of(key).timestamp_us.tolist() == other.of(key).timestamp_us.tolist() for key in one.keys)
        and (one.params, one.tags, repr(one.summary)) == (other.params, other.tags, repr(other.summary))
    )


def losses(backend: MemoryBackend) -> list[float]:
    """Return the values of ``loss`` that a backend has."""
    return [
        record.said.metrics["loss"]
        for record in backend.records.values()
        if isinstance(record.said, MetricBatch) and "loss" in record.said.metrics
    ]


class Faults:
    """What a backend does wrong, call by call."""

    def __init__(self, *, refuses: Any = None, breaks_on: Any = None, breaks: int = 0, word: str = "write"):
        self.refuses, self.breaks_on, self.breaks, self.word = refuses, breaks_on, breaks, word
        self.calls = 0

    def __call__(self, word: str, given: Any) -> None:
        if word != self.word:
            return
        self.calls += 1
        if self.breaks:
            self.breaks -= 1
            raise ConnectionError("nobody answers")
        for record in given if word == "write" else ():
            value = getattr(record.said, "metrics", {}).get("loss")
            if value is not None and value == self.refuses:
                raise RefusedRecordError(f"no losses of {value}")
            if value is not None and value == self.breaks_on:
                raise ValueError(f"cannot show {value}")


def test_a_backend_that_is_fed_to_the_end_has_what_the_run_says(tmp_path: Path) -> None:
    """Params, series by context, summary and tags are those of the run's own record."""
    run_dir = write_run(tmp_path / "exp" / "a", an_experiment())
    memory = MemoryBackend()
    result = sync_run(run_dir, memory)
    assert same_record(memory.record(), ExperimentRecord(ReplaySystem(run_dir).events()))
    assert (result.sent, result.refused, result.problems) == (len(memory.records), 0, ())
    assert memory.closed == "FINISHED"
    assert memory.run is not None
    assert (memory.run.run_id, memory.run.experiment, memory.run.created_us) == ("a", "exp", 1760000000000000)


def test_a_second_time_nothing_is_sent_and_the_backend_is_not_even_opened(tmp_path: Path) -> None:
    """Where all is there nobody asks the backend."""
    run_dir = write_run(tmp_path / "a", an_experiment())
    memory = MemoryBackend()
    sync_run(run_dir, memory)
    before = (run_dir / "trackers" / "memory.json").read_bytes()
    assert sync_run(run_dir, memory).sent == 0
    assert (memory.times_opened, memory.repeated) == (1, 0)
    assert (run_dir / "trackers" / "memory.json").read_bytes() == before


def test_a_feed_goes_on_where_another_process_left_it(tmp_path: Path) -> None:
    """Cursor and ticket survive; nothing comes twice."""
    run_dir = write_run(tmp_path / "a", an_experiment())
    memory = MemoryBackend()
    with Feed(run_dir, memory) as feed:
        assert feed.advance(limit=4) > 0
    ticket = json.loads((run_dir / "trackers" / "memory.json").read_bytes())["ticket"]
    sync_run(run_dir, memory)
    assert memory.run is not None
    assert memory.run.ticket == ticket
    assert memory.repeated == 0
    assert same_record(memory.record(), ExperimentRecord(ReplaySystem(run_dir).events()))


def test_what_was_accepted_before_a_crash_comes_again_under_the_same_number(tmp_path: Path) -> None:
    """A backend knows it by source and number: the cursor is saved only after it accepted."""
    run_dir = write_run(tmp_path / "a", an_experiment())
    memory = MemoryBackend()
    feed = Feed(run_dir, memory)
    feed.cursor.save = lambda: (_ for _ in ()).throw(KeyboardInterrupt)  # the process dies here
    with pytest.raises(KeyboardInterrupt):
        feed.advance()
    feed.release()
    held = len(memory.records)
    sync_run(run_dir, memory)
    assert memory.repeated == held == len(memory.records)
    assert same_record(memory.record(), ExperimentRecord(ReplaySystem(run_dir).events()))


def test_one_refused_record_costs_no_other(tmp_path: Path) -> None:
    """It is counted and named; what stands before and behind it arrives."""
    run_dir = write_run(tmp_path / "a", an_experiment())
    memory = MemoryBackend(before=Faults(refuses=0.5))
    result = sync_run(run_dir, memory)
    assert result.refused == 2  # one of each phase
    assert [refusal["error"] for refusal in result.refusals] == ["no losses of 0.5"] * 2
    assert sorted(set(losses(memory))) == [0.2, 0.25, 1 / 3, 1.0]
    assert sync_run(run_dir, memory).sent == 0


def test_a_record_at_which_a_backend_breaks_is_given_up_when_it_takes_the_next(tmp_path: Path) -> None:
    """A backend with a fault of its own does not stop the rest."""
    run_dir = write_run(tmp_path / "a", an_experiment())
    memory = MemoryBackend(before=Faults(breaks_on=1 / 3))
    result = sync_run(run_dir, memory, pause_s=0.001)
    assert result.refused == 2
    assert memory.closed == "FINISHED"
    assert sorted(set(losses(memory))) == [0.2, 0.25, 0.5, 1.0]
    assert (memory.repeated, result.sent) == (0, len(memory.records))  # what it took first is not sent again


def test_a_record_at_which_a_backend_breaks_may_stand_at_the_end_of_a_batch(tmp_path: Path) -> None:
    """What stands behind it is read for it."""
    run_dir = write_run(tmp_path / "a", an_experiment())
    memory = MemoryBackend(before=Faults(breaks_on=1 / 3))
    with Feed(run_dir, memory) as feed:
        for _ in range(100):
            try:
                if not feed.advance(limit=1):
                    break
            except ValueError:
                continue
    assert feed.cursor.refused == 2
    assert memory.record().summary["final"] == 0.2


@pytest.mark.parametrize("word", ["open", "write", "close"])
def test_a_backend_that_fails_for_a_while_gets_everything(tmp_path: Path, word: str) -> None:
    """It is asked again, and nothing is refused."""
    run_dir = write_run(tmp_path / "a", an_experiment())
    memory = MemoryBackend(before=Faults(breaks=4, word=word))
    assert sync_run(run_dir, memory, pause_s=0.001).refused == 0
    assert same_record(memory.record(), ExperimentRecord(ReplaySystem(run_dir).events()))


def test_a_backend_that_stays_down_is_an_error_that_says_how_to_go_on(tmp_path: Path) -> None:
    """The run is as it was; sending it again later sends it all."""
    run_dir = write_run(tmp_path / "a", an_experiment())
    down = MemoryBackend(before=Faults(breaks=1000))
    with pytest.raises(TrackingError, match=r"nobody answers.*jaxarc sync a --to memory"):
        sync_run(run_dir, down, pause_s=0.001)
    up = MemoryBackend()
    sync_run(run_dir, up)
    assert same_record(up.record(), ExperimentRecord(ReplaySystem(run_dir).events()))


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    """A running run is read as far as its lines are whole; of one that has ended half a line is reported."""
    run_dir = write_run(tmp_path / "a", an_experiment(), status="RUNNING")
    path = run_dir / "events" / "p000-000001.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    memory = MemoryBackend()
    with Feed(run_dir, memory, is_live=True) as feed:
        while feed.advance():
            pass
        assert not memory.record().statuses
        path.write_bytes(whole)
        while feed.advance():
            pass
        assert feed.problems == []
    assert len(memory.record().statuses) == 1
    path.write_bytes(whole + whole[:20])
    os.utime(run_dir / "run.json", (0, 0))
    result = sync_run(run_dir, memory)
    assert (result.status, len(result.problems)) == ("KILLED", 1)  # nobody writes it: it is LOST


def test_of_a_damaged_file_the_valid_lines_count(tmp_path: Path) -> None:
    """What is no event, or lacks what its type needs, is reported and nobody gets it."""
    run_dir = write_run(tmp_path / "a", an_experiment())
    path = run_dir / "events" / "p000-000001.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[5] = b"\x00\xff not json\n"
    lines[1] = lines[1].replace(b'"key"', b'"kez"')
    path.write_bytes(b"".join(lines))
    memory = MemoryBackend()
    assert len(sync_run(run_dir, memory).problems) == 2
    assert "lr" not in memory.record().params
    assert len(losses(memory)) == 9


def test_a_file_that_became_shorter_is_read_anew_without_what_was_sent(tmp_path: Path) -> None:
    """A repaired event file has other offsets and the same numbers."""
    run_dir = write_run(tmp_path / "a", an_experiment(), status="RUNNING")
    path = run_dir / "events" / "p000-000001.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    memory = MemoryBackend()
    path.write_bytes(b"".join(lines[:-2]))
    with Feed(run_dir, memory, is_live=True) as feed:
        while feed.advance():
            pass
    path.write_bytes(b"".join([*lines[:1], *lines[-4:]]))
    sync_run(run_dir, memory)
    assert memory.repeated == 0
    assert memory.record().summary["final"] == 0.2


def test_writers_of_one_run_are_merged_in_the_order_of_their_time(tmp_path: Path) -> None:
    """Two processes write a run; a backend sees what they said as it came."""
    run_dir = write_run(tmp_path / "a", [MetricBatch(metrics={"loss": 1.0}, step=0)])
    write_run(run_dir, [MetricBatch(metrics={"loss": 2.0}, step=0)], writer="p001")
    late = EventLog(run_dir / "events" / "p002-000001.jsonl", "p002")
    late.append(MetricBatch(metrics={"loss": 3.0}, step=0).event())
    late.close()
    memory = MemoryBackend()
    sync_run(run_dir, memory)
    assert losses(memory) == [1.0, 2.0, 3.0]


def test_two_cannot_feed_one_backend_at_once(tmp_path: Path) -> None:
    """The second is told, and gets it when the first is done."""
    run_dir = write_run(tmp_path / "a", an_experiment())
    with Feed(run_dir, MemoryBackend()), pytest.raises(TrackingError, match="by another process"):
        sync_run(run_dir, MemoryBackend())
    assert sync_run(run_dir, MemoryBackend()).sent > 0


def test_a_backend_with_two_places_has_a_cursor_for_each(tmp_path: Path) -> None:
    """What was sent to one server is not on the other."""
    run_dir = write_run(tmp_path / "a", an_experiment())

    def there(target: str) -> MemoryBackend:
        backend = MemoryBackend()
        backend.target = target  # type: ignore[attr-defined]
        return backend

    first, second = there("http://one"), there("http://two")
    assert sync_run(run_dir, first).sent == sync_run(run_dir, second).sent > 0
    assert sync_run(run_dir, first).sent == sync_run(run_dir, second).sent == 0
    assert len(list((run_dir / "trackers").glob("memory*.json"))) == 2


@pytest.mark.parametrize("content", [b"", b"[]", b'{"v":1}', b'{"v":9}', b"\xff"])
def test_a_damaged_cursor_sends_everything_again(tmp_path: Path, content: bytes) -> None:
    """The backend knows what it has."""
    run_dir = write_run(tmp_path / "a", an_experiment())
    memory = MemoryBackend()
    sync_run(run_dir, memory)
    (run_dir / "trackers" / "memory.json").write_bytes(content)
    sync_run(run_dir, memory)
    assert memory.repeated == len(memory.records)


@pytest.mark.parametrize("word", ["open", "write"])
def test_a_backend_that_wants_all_again_gets_all_again(tmp_path: Path, word: str) -> None:
    """Events and points alike, and its ticket is forgotten."""
    run_dir = write_run(tmp_path / "a", an_experiment())
    wanted = [True]

    def before(said: str, given: Any) -> None:
        if said == word and memory.records and wanted:
            wanted.clear()
            memory.records.clear()
            raise StartOverError("written anew")

    memory = MemoryBackend(before=before)
    with Feed(run_dir, memory) as feed:
        feed.advance(limit=4)
    if word == "open":
        memory.run = None
    sync_run(run_dir, memory)
    assert not wanted
    assert same_record(memory.record(), ExperimentRecord(ReplaySystem(run_dir).events()))


def test_a_backend_that_always_wants_all_again_is_stopped(tmp_path: Path) -> None:
    """It is an error, not an endless loop."""

    def before(said: str, given: Any) -> None:
        if said == "write":
            raise StartOverError("again")

    run_dir = write_run(tmp_path / "a", an_experiment())
    with pytest.raises(TrackingError, match="from its beginning"):
        sync_run(run_dir, MemoryBackend(before=before), pause_s=0.001)
