"""Recorder: slots, streams, names, health, and what happens around its life."""

from __future__ import annotations

import json
import logging
import sys
import types
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from recording import config, counted, counts_by_lane, light_body, light_step, read

from jaxarc import Recorder, Step
from jaxarc.capture import SLOTS
from jaxarc.errors import CaptureError, RecorderClosedError, StorageError
from jaxarc.records.events import Event


def program(recorder: Recorder, **options: Any) -> Any:
    """Return a compiled program that records five steps of two counters."""
    return jax.jit(lambda c: recorder.scan(light_body, c, None, 5, **options)[0])


def test_two_recorders_at_once_have_slots_of_their_own(run_root: Path):
    """Each gets what programs traced with it send, and nothing else."""
    with Recorder(config(run_root)) as first, Recorder(config(run_root)) as second:
        assert (first.slot, second.slot) == (0, 1)
        program(first)(jnp.array([0]))
        program(second)(jnp.array([5]))
        assert first.run_dir != second.run_dir
    assert counts_by_lane(read(first)) == {(0, 0): [[0, 1, 2, 3, 4]]}
    assert counts_by_lane(read(second)) == {(0, 0): [[5, 6, 7, 8, 9]]}


def test_a_slot_that_is_taken_is_refused(run_root: Path):
    """The message names it; it can be asked for again when it is free."""
    with Recorder(config(run_root), slot=5) as first:
        with pytest.raises(CaptureError, match=r"slot 5 is held.*close it, or leave slot= out"):
            Recorder(config(run_root), slot=5)
        assert first.slot == 5
        program(first)(jnp.array([0]))
    with Recorder(config(run_root), slot=5) as second:
        assert second.slot == 5
    assert len(read(first)) == 1
    assert len(list((run_root / "default").iterdir())) == 2


def test_rows_for_a_closed_recorder_are_counted_and_named_once(
    run_root: Path, caplog: pytest.LogCaptureFixture
):
    """They are nobody's, until another Recorder takes the slot."""
    with Recorder(config(run_root)) as first:
        compiled = program(first)
        compiled(jnp.array([0]))
    before = SLOTS.orphaned_chunks
    for _ in range(3):
        compiled(jnp.array([0]))
    jax.effects_barrier()
    assert SLOTS.orphaned_chunks == before + 3
    said = [record.message for record in caplog.records if "slot 0, which is closed" in record.message]
    assert len(said) == 1
    with Recorder(config(run_root)) as second:
        compiled(jnp.array([5]))
        second.flush()
        assert second.health().orphaned_chunks == before + 3
    assert counts_by_lane(read(second)) == {(0, 0): [[5, 6, 7, 8, 9]]}
    assert counts_by_lane(read(first)) == {(0, 0): [[0, 1, 2, 3, 4]]}


def test_streams_have_levels_envs_and_rules_of_their_own(run_root: Path):
    """``train`` follows capture, ``eval`` has its own, ``quiet`` records nothing."""
    settings = config(
        run_root,
        "minimal",
        capture={
            "streams": {
                "eval": {"level": "full", "envs": [1]},
                "rare": {"level": "verbose", "keep": ["every_n:2"]},
                "quiet": {"level": "off"},
            }
        },
    )
    with Recorder(settings) as recorder:
        for stream in ("train", "eval", "rare", "quiet"):
            program(recorder, stream=stream)(jnp.array([0, 5]))
        recorder.flush()
        assert recorder.health().accepted_chunks == 3
    run = read(recorder)
    stored = {(row.stream, row.env_id): row.stored_steps for row in run.episodes(sort="episode")}
    assert stored == {
        ("train", 0): 0,
        ("train", 1): 0,
        ("eval", 0): 0,
        ("eval", 1): 5,
        ("rare", 0): 5,
        ("rare", 1): 0,
    }
    for stream in ("train", "eval", "rare"):
        rows = run.episodes(f"stream == '{stream}'", sort="uid")
        assert rows["start_step"].tolist() == [0, 0]
        assert rows["end_step"].tolist() == [10, 10]


class Tasks(list[str]):
    """Names with a document each; counts how often one was asked for."""

    def __init__(self, names: list[str]):
        super().__init__(names)
        self.asked: list[int] = []

    def document(self, index: int) -> dict[str, Any]:
        self.asked.append(index)
        return {"number": index}


def labelled(tasks: list[int]) -> Step:
    """One finished episode of one step for each task."""
    return Step(
        reward=np.ones(len(tasks), np.float32),
        terminated=np.ones(len(tasks), bool),
        labels={"task": np.array(tasks, np.int32), "seed": np.array(tasks, np.int32) + 40},
    )


def test_names_fill_columns_and_documents_are_stored_once(run_root: Path):
    """Values beyond the names are shown as numbers, -1 as no name; labels without names stay numbers."""
    tasks = Tasks(["zero", "one", "two"])
    with Recorder(config(run_root)) as recorder:
        recorder.names(task=tasks)
        for _ in range(3):
            recorder.tap(labelled([1, 2, 7, -1]))
            recorder.flush()
    run = read(recorder)
    assert [row.task_id for row in run.episodes(sort="uid", limit=4)] == ["one", "two", "7", ""]
    assert [row.seed_id for row in run.episodes(limit=2)] == ["", ""]
    assert [row.seed for row in run.episodes("task_id == 'two'")] == [42, 42, 42]
    assert sorted(tasks.asked) == [1, 2]
    assert sorted(path.name for path in (run.run_dir / "tasks").iterdir()) == ["one.json", "two.json"]
    assert json.loads((run.run_dir / "tasks" / "two.json").read_bytes()) == {"number": 2}


def test_health_counts_what_happened(run_root: Path):
    """Steps, episodes, bytes; no loss where there was none."""
    with Recorder(config(run_root)) as recorder:
        for _ in range(4):
            program(recorder)(jnp.array([0, 5]))
        recorder.log({"loss": 1.0})
        assert recorder.flush()
        health = recorder.health()
    assert health.env_steps == 40
    assert health.episodes == health.persisted_episodes == health.kept_episodes == 8
    assert health.stored_steps == 40
    assert health.accepted_chunks == 5
    assert health.segments == 1
    assert health.segment_bytes == sum(p.stat().st_size for p in (read(recorder).run_dir / "steps").iterdir())
    assert (health.errors, health.first_error, health.losses) == (0, "", {})
    assert 0 < health.queue_bytes_max <= health.accepted_bytes
    assert health.queue_bytes == 0


@pytest.mark.parametrize(
    ("level", "words"),
    [
        ("off", "records nothing"),
        ("minimal", "no steps"),
        ("standard", "key steps of 64 envs (keep: all)"),
        ("verbose", "every step of 64 envs (keep: all)"),
        ("full", "steps and states of 64 envs (keep: all)"),
    ],
)
def test_the_level_is_announced(run_root: Path, caplog: pytest.LogCaptureFixture, level: str, words: str):
    """In one sentence, when the recorder opens."""
    caplog.set_level(logging.INFO, "jaxarc")
    with Recorder(config(run_root, level)) as recorder:
        said = recorder.announcement()
    assert f"level {level}" in said
    assert said in [record.message for record in caplog.records]
    assert words in said


def test_closing_twice_and_calls_after_it(run_root: Path):
    """The second close does nothing; everything else says that it is closed."""
    recorder = Recorder(config(run_root))
    program(recorder)(jnp.array([0]))
    recorder.close("FAILED")
    recorder.close()
    assert read(recorder).status == "FAILED"
    assert "closed" in repr(recorder)
    for call in (
        recorder.flush,
        lambda: recorder.log({"a": 1.0}),
        lambda: recorder.tap(light_step(jnp.int32(0))),
    ):
        with pytest.raises(RecorderClosedError, match="open a new"):
            call()
    assert recorder.health().episodes == 1


def test_a_run_says_what_it_is(run_root: Path):
    """run.json names configuration, versions, devices and counts."""
    with Recorder(config(run_root)) as recorder:
        assert read(recorder).status == "RUNNING"
        program(recorder)(jnp.array([0]))
    info = read(recorder).info
    assert info["status"] == "FINISHED"
    assert info["run_id"] == recorder.run_dir.name if recorder.run_dir else None
    assert (info["episodes"], info["env_steps"], info["losses"], info["errors"]) == (1, 5, {}, 0)
    assert info["versions"]["jax"] == jax.__version__
    assert len(info["devices"]) == jax.device_count()
    assert info["config_hash"] == recorder.config.hash
    stored = json.loads((read(recorder).run_dir / "config" / "config.json").read_bytes())
    assert stored == recorder.config.to_dict()


def test_metrics_logged_outside_programs_are_events(run_root: Path):
    """Python numbers, NumPy and NaN; with and without a step; in the order of the calls."""
    with Recorder(config(run_root)) as recorder:
        recorder.log({"a": 1, "b": 2.5})
        recorder.log({"a": np.float32("nan")}, step=7, stream="eval")
        recorder.log({"flag": True, "half": jnp.bfloat16(0.5)}, step=np.int64(8))
        recorder.log({"tokens": 2**40})
    found = [event.payload for event in read(recorder).events("metric_batch")]
    assert found[0]["metrics"] == {"a": 1, "b": 2.5}
    assert found[0]["step"] is None
    assert np.isnan(found[1]["metrics"]["a"])
    assert (found[1]["step"], found[1]["ctx"]) == (7, {"stream": "eval", "member": 0})
    assert (found[2]["metrics"], found[2]["step"]) == ({"flag": True, "half": 0.5}, 8)
    assert found[3]["metrics"] == {"tokens": 2.0**40}
    health = recorder.health()
    assert health.coerced == {"integer beyond 32 bits stored as a float": 1}
    assert (health.accepted_events, health.persisted_events) == (4, 4)


def test_values_of_events_that_became_text_are_counted(run_root: Path):
    """What has no JSON form does not raise; health says how many there were."""
    with Recorder(config(run_root)) as recorder:
        assert recorder.health().coerced == {}
        recorder._run.store.append_event(Event("note", {"odd": object(), "even": np.float32(2)}))
        assert recorder.health().coerced == {"of an event to text": 1}
    assert recorder.health().coerced == {"of an event to text": 1}
    assert next(iter(read(recorder).events("note"))).payload["even"] == 2.0


def test_drop_steps_loses_steps_only_and_says_how_many(run_root: Path):
    """A writer that is held up: every row is there, what lost its steps says so."""
    settings = config(
        run_root,
        capture={"chunk_bytes": 1_000},
        pipeline={"queue_bytes": 1_700, "overflow": "drop_steps", "flush_interval": 600.0},
    )
    with Recorder(settings) as recorder:
        hold = recorder._run.store._lock
        handle = recorder._run.writer.handle

        def held(item: Any) -> None:
            with hold:
                handle(item)

        recorder._run.writer.handle = held  # type: ignore[method-assign]
        hold.acquire()
        compiled = program(recorder)
        for n in range(12):
            compiled(jnp.array([10 * n, 10 * n + 5]))
        jax.effects_barrier()
        hold.release()
        recorder.flush()
        health = recorder.health()
    assert health.losses["dropped_steps"] == 5 * health.losses["dropped_episodes"] > 0
    run = read(recorder)
    shedding = [event.payload for event in run.events("shedding")]
    assert [(payload["kind"], payload["on"]) for payload in shedding] == [
        ("overflow", True),
        ("overflow", False),
    ]
    assert shedding[0]["shed_bytes"] > 0
    assert len(run) == 24
    lost = run.episodes("stored_steps == 0")
    assert len(lost) == health.dropped_episodes
    assert not lost["complete"].any()
    assert (lost["total_steps"] == 5).all()
    for row in run.episodes("stored_steps > 0"):
        assert row.complete
        assert run.load_episode(row.episode).observation["count"].tolist() == [
            *range(int(row.half_first * 2), int(row.half_first * 2) + 6)
        ]


def test_strict_raises_at_close_whatever_was_lost(run_root: Path, caplog: pytest.LogCaptureFixture):
    """Steps that were shed count too, with their number; inside a failing block its own error comes first."""
    settings = config(run_root, capture={"budget": 1e-12}, pipeline={"strict": True})
    recorder = Recorder(settings)
    program(recorder)(jnp.array([0]))
    with pytest.raises(StorageError, match=r"lost something: dropped_steps 5, dropped_episodes 1"):
        recorder.close()
    assert read(recorder).status == "FINISHED"
    failing = Recorder(settings)
    program(failing)(jnp.array([0]))
    assert failing.__exit__(ZeroDivisionError, ZeroDivisionError(), None) is None
    assert "dropped_steps 5" in caplog.text
    with Recorder(config(run_root, pipeline={"strict": True})) as healthy:
        program(healthy)(jnp.array([0]))


def test_a_notebook_cell_that_runs_twice_closes_its_first_recorder(
    run_root: Path, monkeypatch: pytest.MonkeyPatch
):
    """In a kernel the second takes the slot of the first, so the compiled program goes on into a new run."""
    kernel = types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: kernel))
    first = Recorder(config(run_root))
    compiled = program(first)
    compiled(jnp.array([0]))
    second = Recorder(config(run_root))
    assert (first.slot, second.slot) == (0, 0)
    assert read(first).status == "FINISHED"
    compiled(jnp.array([5]))
    beside = Recorder(config(run_root), slot=1)
    assert read(second).status == "RUNNING"
    beside.close()
    second.close()
    assert counts_by_lane(read(first)) == {(0, 0): [[0, 1, 2, 3, 4]]}
    assert counts_by_lane(read(second)) == {(0, 0): [[5, 6, 7, 8, 9]]}


def test_performance_says_what_recording_cost(run_root: Path):
    """Of a jitted call: callbacks and waiting; the report has bytes and the writer's time beside them."""
    with Recorder(config(run_root)) as recorder:
        play = recorder.performance.measure_step_impact(program(recorder))
        for _ in range(3):
            play(jnp.array([0]))
        recorder.flush()
        report = recorder.performance.get_performance_report()
        health = recorder.health()
    assert report["calls"]["count"] == 3
    assert 0 < report["calls"]["recording_s"] <= report["callback_s"] + report["blocked_s"]
    assert report["callback_s"] == pytest.approx(health.callback_s)
    assert report["write_s"] > 0
    assert (report["accepted_bytes"], report["dropped_steps"]) == (health.accepted_bytes, 0)
    assert report["share_limit"] == 0.05


def test_shedding_by_the_budget_is_an_event(run_root: Path):
    """When it begins; nothing more while it lasts."""
    with Recorder(config(run_root, capture={"budget": 1e-12})) as recorder:
        for _ in range(3):
            program(recorder)(jnp.array([0]))
    (event,) = read(recorder).events("shedding")
    assert (event.payload["kind"], event.payload["on"], event.payload["share"]) == ("budget", True, 1e-12)
    assert event.payload["spent_s"] > 0
    assert event.payload["passed_s"] > 0


def test_episodes_of_a_closing_recorder_end_as_cut(run_root: Path):
    """What is open is stored with the steps that it has."""
    with Recorder(config(run_root)) as recorder:
        jax.jit(lambda c: recorder.scan(light_body, c, None, 7))(jnp.array([0]))
    assert counts_by_lane(read(recorder)) == {(0, 0): counted(0, 7)}
    assert [row.ended for row in read(recorder).episodes()] == ["terminated", "cut"]
