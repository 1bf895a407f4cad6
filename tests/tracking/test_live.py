"""Backends that are fed while the run goes on: what they do costs nothing but their own copy."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tracked_runs import QUICK, Gate, small_config, tracked_run
from written_runs import an_experiment, write_run

from jaxarc.errors import RefusedRecordError, TrackingError
from jaxarc.recorded_run import RecordedRun
from jaxarc.replay import ReplaySystem
from jaxarc.tracking import MemoryBackend, TrackedRecord, sync_run
from jaxarc.tracking.live import LiveTracker, LiveTrackers


def what_is_recorded(run_dir: Path) -> list[Any]:
    """Return everything that a run says but for times and places."""
    run = ReplaySystem(run_dir)
    events = [(e.seq, e.type, repr(e.payload)) for e in run.events() if not e.type.startswith("run_")]
    rows = run.episodes()
    columns = {
        name: rows[name].tolist() for name in ("episode", "total_reward", "end_step", "ended", "stored_steps")
    }
    steps = [run.load_episode(n).observation.tobytes() for n in range(len(rows))]
    return [events, columns, steps, run.status, [str(problem) for problem in run.problems]]


def same_records(one: MemoryBackend, other: MemoryBackend) -> bool:
    """Say whether two backends were told the same."""
    return {key: repr(record) for key, record in one.records.items()} == {
        key: repr(record) for key, record in other.records.items()
    }


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What a run records that no backend is fed with."""
    return what_is_recorded(tracked_run(tmp_path_factory.mktemp("alone"))[0])


def test_live_is_what_a_sync_sends_afterwards(tmp_path: Path, alone: list[Any]) -> None:
    """Events and points of curves, by source and number; a sync of a run that was followed sends nothing."""
    live, after = MemoryBackend(), MemoryBackend()
    run_dir, run = tracked_run(
        tmp_path, [live], between=lambda run, step: run.queue.flush(5.0) and None if step % 7 == 0 else None
    )
    assert live.closed == "FINISHED"
    assert sync_run(run_dir, live).sent == 0
    (run_dir / "trackers" / "memory.json").unlink()
    sync_run(run_dir, after)
    assert same_records(live, after)
    assert any(source.startswith("curves/") for source, _ in live.records)
    assert live.record().series("train/episodes", member=0).value.sum() == 20
    assert what_is_recorded(run_dir) == alone
    health = run.health().trackers["memory"]
    assert (health.state, health.sent, health.behind_bytes) == ("ended", len(live.records), 0)


def test_a_backend_has_what_is_committed_while_the_run_goes_on(tmp_path: Path) -> None:
    """Nobody waits for the end."""
    memory = MemoryBackend()

    def look(run: RecordedRun, step: int) -> None:
        if step == 10:
            run.queue.flush(5.0)
            until = time.monotonic() + 10.0
            while len(memory.records) < 5 and time.monotonic() < until:
                time.sleep(0.01)
            assert memory.record().params == {"lr": 0.5}
            assert memory.run is not None
            assert memory.run.is_live

    tracked_run(tmp_path, [memory], between=look)


def breaking(word: str, times: int) -> Callable[[str, Any], None]:
    """Return what makes a backend raise so many times."""
    left = [times]

    def before(said: str, given: Any) -> None:
        if said == word and left[0]:
            left[0] -= 1
            raise ConnectionError("nobody answers")

    return before


@pytest.mark.parametrize(
    "word",
    [pytest.param("open", marks=pytest.mark.long), "write", pytest.param("close", marks=pytest.mark.long)],
)
def test_a_backend_that_is_down_for_a_while_has_everything_in_the_end(
    tmp_path: Path, alone: list[Any], word: str, caplog: pytest.LogCaptureFixture
) -> None:
    """At the start, in the middle or at the end: it is told once, and counted."""
    memory, never = MemoryBackend(before=breaking(word, 3)), MemoryBackend()
    with caplog.at_level(logging.WARNING, "jaxarc"):
        run_dir, run = tracked_run(tmp_path, [memory])
    assert what_is_recorded(run_dir) == alone
    health = run.health().trackers["memory"]
    assert (health.state, health.failures) == ("ended", 3)
    assert [record.message for record in caplog.records if "is asked again" in record.message] == [
        "tracking: memory failed and is asked again (ConnectionError: nobody answers); the run goes on"
    ]
    (run_dir / "trackers" / "memory.json").unlink()
    sync_run(run_dir, never)
    assert same_records(memory, never)


def test_a_backend_that_stays_down_is_given_up_loudly_and_sync_sends_the_rest(
    tmp_path: Path, alone: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The run is whole, the words say how to go on, and afterwards everything is there."""
    down = MemoryBackend(before=breaking("write", 10**6))

    def wait_until_given_up(run: RecordedRun, step: int) -> None:
        until = time.monotonic() + 20.0
        while step == 5 and run.health().trackers["memory"].state != "given up":
            assert time.monotonic() < until
            time.sleep(0.02)

    with caplog.at_level(logging.WARNING, "jaxarc"):
        run_dir, run = tracked_run(tmp_path, [down], between=wait_until_given_up, give_up_s=0.1)
    assert what_is_recorded(run_dir) == alone
    [given_up] = [record.message for record in caplog.records if "given up" in record.message]
    assert f"jaxarc sync {run_dir.name} --to memory sends the rest" in given_up
    assert "given up, 0 records sent" in str(run.health())
    up = MemoryBackend()
    assert sync_run(run_dir, up).sent == len(up.records) > 20


def test_a_backend_that_hangs_holds_nothing_but_its_own_thread(
    tmp_path: Path, alone: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The run ends when the time for its trackers is over; another backend has everything."""
    gate = Gate()
    hanging, well = MemoryBackend(before=gate), MemoryBackend()
    well.name = "well"
    began = time.monotonic()
    with caplog.at_level(logging.WARNING, "jaxarc"):
        run_dir, run = tracked_run(tmp_path, [hanging, well], close_s=0.5)
    assert gate.reached.is_set()
    assert time.monotonic() - began < 30.0  # and not the minute for which the backend hangs
    assert what_is_recorded(run_dir) == alone
    assert run.health().trackers["memory"].waits_s > 0.0
    assert (well.closed, run.health().trackers["well"].state) == ("FINISHED", "ended")
    assert any("memory does not have all of run" in record.message for record in caplog.records)
    gate.opened.set()


@pytest.mark.long
def test_a_slow_backend_slows_nobody(tmp_path: Path, alone: list[Any]) -> None:
    """Nothing in the run waits for it, and what it does not have in time comes with a sync."""
    slow = MemoryBackend(before=lambda word, given: time.sleep(0.3))
    run_dir, _ = tracked_run(tmp_path, [slow], close_s=0.1)
    assert what_is_recorded(run_dir) == alone
    until = time.monotonic() + 20.0
    while not slow.closed and time.monotonic() < until:
        time.sleep(0.05)
        with suppress(TrackingError):  # its thread has it until its last call returns
            sync_run(run_dir, slow)
    assert slow.closed == "FINISHED"
    assert slow.record().series("loss").value.tolist() == [1 / (step + 1) for step in range(20)]


@pytest.mark.long
def test_one_row_that_is_refused_costs_no_other(
    tmp_path: Path, alone: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """It is counted, told at the end, and the local record has it."""

    def refuse(word: str, given: Any) -> None:
        for record in given if word == "write" else ():
            if getattr(record.said, "metrics", {}).get("loss") == 0.25:
                raise RefusedRecordError("no quarters")

    memory = MemoryBackend(before=refuse)
    with caplog.at_level(logging.WARNING, "jaxarc"):
        run_dir, run = tracked_run(tmp_path, [memory])
    assert what_is_recorded(run_dir) == alone
    assert run.health().trackers["memory"].refused == 1
    assert any("refused 1 records" in m and "no quarters" in m for m in caplog.messages)
    assert len(memory.record().series("loss")) == 19


def test_a_run_that_keeps_nothing_opens_no_backend(tmp_path: Path) -> None:
    """No run directory, no tracker run."""
    memory = MemoryBackend()
    run = RecordedRun(small_config(tmp_path))
    LiveTrackers(run, [memory], 5.0)
    run.begin_close()
    run.close("FINISHED")
    assert (memory.times_opened, list(tmp_path.iterdir())) == (0, [])


def test_a_training_compiles_to_the_same_results_whatever_its_tracker_does(tmp_path: Path) -> None:
    """Results and records are the same bytes with no tracker, and with a sound one beside one that hangs."""
    import jax
    import jax.numpy as jnp

    from jaxarc import Recorder

    def train(name: str, backends: list[MemoryBackend]) -> tuple[bytes, list[Any]]:
        config = {
            "storage": {"base_output_dir": str(tmp_path / name)},
            "logging": {"close_timeout": 0.2},
            "pipeline": {"flush_interval": 0.1},
        }
        with Recorder(config, backends=backends) as recorder:

            @jax.jit
            def update(weights: jax.Array, step: jax.Array) -> jax.Array:
                new = weights * 0.9 + jnp.sin(weights)
                recorder.log({"loss": (new**2).sum()}, step=step)
                return new

            weights = jnp.arange(4.0)
            for step in range(10):
                weights = update(weights, jnp.asarray(step))
        assert recorder.run_dir is not None
        run = ReplaySystem(recorder.run_dir)
        assert run.status == "FINISHED"
        said = [(e.type, repr(e.payload)) for e in run.events() if not e.type.startswith("run_")]
        return weights.tobytes(), said

    gate = Gate()
    memory, hanging = MemoryBackend(), MemoryBackend(before=gate)
    hanging.name = "hanging"
    results = train("none", []), train("both", [memory, hanging])
    gate.opened.set()
    assert results[0] == results[1]
    assert len(memory.record().series("loss", member=0)) == 10


def test_ctrl_c_while_the_end_waits_for_a_tracker_ends_the_waiting(tmp_path: Path) -> None:
    """The hurry may begin at any time: nobody sits out the rest of ``logging.close_timeout``."""
    gate = Gate()
    run = RecordedRun(small_config(tmp_path))
    run.store.open()
    trackers = LiveTrackers(run, [MemoryBackend(before=gate)], 500.0, **QUICK)
    assert gate.reached.wait(30.0)
    asked = []

    def is_hurried() -> bool:
        asked.append(True)
        return len(asked) > 3

    trackers.close("FINISHED", is_hurried=is_hurried)  # returns, or the test never ends
    assert len(asked) == 4
    gate.opened.set()
    run.begin_close()
    run.trackers = None
    run.close("FINISHED")


class Remembering(MemoryBackend):
    """A backend that keeps what it was given of every run."""

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.given: dict[str, list[tuple[str, int]]] = {}

    def write(self, records: Sequence[TrackedRecord]) -> None:
        """Keep records, by run."""
        super().write(records)
        assert self.run is not None
        self.given.setdefault(self.run.run_id, []).extend((each.source, each.seq) for each in records)


def test_a_run_that_goes_on_in_another_directory_is_followed_though_the_old_one_cannot_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """That it takes no cursor any more is no fault of the backend, which has all of both, once."""
    gate = Gate()
    backend = Remembering(before=gate)
    where = [write_run(tmp_path / "old", an_experiment(), status="RUNNING")]
    with caplog.at_level(logging.WARNING, "jaxarc"):
        tracker = LiveTracker(backend, lambda: where[0], **QUICK)
        tracker.events_committed()
        assert gate.reached.wait(30.0)
        shutil.rmtree(where[0] / "trackers")
        (where[0] / "trackers").write_text("no folder any more")
        where[0] = write_run(tmp_path / "new", an_experiment(3))
        gate.opened.set()
        tracker.close("FINISHED")
        tracker.wait(30.0)
    assert not tracker.is_at_work
    assert (tracker.health().state, tracker.health().failures, backend.closed) == ("ended", 0, "FINISHED")
    assert {run: (len(given), len(set(given))) for run, given in backend.given.items()} == {
        "old": (18, 18),
        "new": (14, 14),
    }
    [told] = [record.message for record in caplog.records if "cannot be noted" in record.message]
    assert told.endswith("it is sent on")
