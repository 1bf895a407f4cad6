"""A run that goes on in a new attempt: where it begins, what it writes, and when it may not."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from child import Child
from damage import truncate
from recording import config, light_body, read

import jaxarc
from jaxarc import Recorder, Step
from jaxarc.errors import RunNotFoundError, StorageError
from jaxarc.storage import origins, segment_files


def play(recorder: Recorder, steps: int, *, stream: str = "train") -> None:
    """Record so many steps of two environments, of which one ends its episode with every third step."""
    for step in range(steps):
        ends = np.array([step % 3 == 2, False])
        recorder.tap(Step(reward=np.ones(2, np.float32), terminated=ends), stream=stream)


@pytest.fixture(scope="module")
def killed_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a process that was killed: 94 environment steps on disk, of which 46 were saved."""
    child = Child(tmp_path_factory.mktemp("killed"), KILLED)
    run_dir = Path(child.heard())
    assert child.heard() == "46"
    assert child.heard() == "more"
    child.kill(signal.SIGKILL)
    child.ended()
    run = jaxarc.open(run_dir)
    assert run.status == "LOST"
    assert run.episodes()["end_step"].max() == 94
    return run_dir


@pytest.fixture
def killed(killed_once: Path, run_root: Path) -> Path:
    """A copy of that run."""
    return shutil.copytree(killed_once, run_root / "default" / killed_once.name)


@pytest.fixture
def settings(run_root: Path) -> dict[str, Any]:
    return config(run_root, "minimal")


@pytest.fixture
def first(settings: dict[str, Any]) -> Recorder:
    """A recorder that recorded twelve environment steps of ``train`` and four of ``eval``, and is closed."""
    with Recorder(settings) as recorder:
        play(recorder, 6)
        assert recorder.position() == {"train": 12}
        play(recorder, 2, stream="eval")
        assert recorder.position() == {"train": 12, "eval": 4}
    return recorder


def test_an_attempt_goes_on_in_the_same_directory_from_the_step_it_is_told(
    settings: dict[str, Any], first: Recorder
):
    """A new writer with the event ``resume``; env steps go on, episode numbers are the writer's own."""
    created = read(first).info["created"]
    with Recorder(settings, resume=first.run_dir, at_step=8) as second:
        assert second.run_dir == first.run_dir
        info = read(second).info
        assert (info["status"], info["attempt"], info["created"]) == ("RUNNING", 2, created)
        assert info["started"] > created
        assert second.position() == {"train": 8, "eval": 4}
        play(second, 3)
        play(second, 1, stream="eval")
        assert second.position() == {"train": 14, "eval": 6}
    run = read(second)
    assert (run.status, run.info["attempt"], run.problems) == ("FINISHED", 2, ())
    resume = next(iter(run.events("resume")))
    assert resume.writer == "p001"
    assert resume.payload == {"attempt": 2, "at_step": {"train": 8}, "writers": ["p000"]}
    rows = run.episodes("writer == 1", sort="episode")
    assert rows["episode"].tolist() == list(range(len(rows)))
    assert [(row.stream, row.start_step, row.end_step) for row in rows] == [
        ("train", 8, 14),
        ("train", 8, 14),
        ("eval", 4, 6),
        ("eval", 4, 6),
    ]
    stored = json.loads((run.run_dir / "config" / "config-002.json").read_bytes())
    assert stored == second.config.to_dict()


def test_an_attempt_without_a_step_goes_on_after_the_last_one(settings: dict[str, Any], first: Recorder):
    """Nothing is hidden; a run can be named as ``jaxarc.open`` names it, or be an open one."""
    for resume in ("latest", read(first)):
        with Recorder(settings, resume=resume) as recorder:
            play(recorder, 1)
    payloads = [event.payload for event in read(first).events("resume")]
    assert [payload["at_step"] for payload in payloads] == [{}, {}]
    assert payloads[1] == {"attempt": 3, "at_step": {}, "writers": ["p000", "p001"]}
    assert [row.start_step for row in read(first).episodes("writer > 0 and env_id == 0")] == [12, 14]


def test_streams_can_be_named(settings: dict[str, Any], first: Recorder):
    """What ``position`` returned goes back as it is; steps that a later attempt hid are gone."""
    with Recorder(settings, resume=first, at_step={"train": 4, "eval": np.int64(2)}) as recorder:
        play(recorder, 1)
        assert recorder.position() == {"train": 6, "eval": 2}
    with pytest.raises(StorageError, match=r"at_step 7 of stream train is beyond .* has on disk, 6 env"):
        Recorder(settings, resume=first, at_step=7)
    with Recorder(settings, resume=first, at_step=0) as recorder:
        assert recorder.position() == {"train": 0, "eval": 2}


def test_writers_that_join_a_later_attempt_go_on_from_the_same_step(
    settings: dict[str, Any], first: Recorder
):
    """An invitation to an earlier attempt holds no more."""
    with Recorder(settings, resume=first, at_step=4) as second:
        old = second.share()
        with Recorder(settings, join=old) as joined:
            play(joined, 1)
    rows = read(second).episodes("writer == 2")
    assert rows["start_step"].tolist() == [4, 4]
    assert read(second).info["episodes_by_writer"] == {"p001": 0, "p002": 2}
    with Recorder(settings, resume=first) as third:
        third.share()
        with pytest.raises(StorageError, match="or no longer"):
            Recorder(settings, join=old)


@pytest.mark.parametrize(
    ("at_step", "words"),
    [
        (13, "at_step 13 of stream train is beyond .* 12 environment steps; .*position"),
        ({"rare": 1}, "at_step 1 of stream rare is beyond .* 0 environment"),
        (-1, "at_step of stream train must be a whole number from 0, got -1"),
        (2.5, "whole number from 0, got 2.5"),
        (True, "whole number from 0, got True"),
    ],
)
def test_a_step_that_is_not_there_is_refused(
    settings: dict[str, Any], first: Recorder, at_step: Any, words: str
):
    """And leaves the run as it was."""
    with pytest.raises(StorageError, match=words):
        Recorder(settings, resume=first, at_step=at_step)
    assert read(first).status == "FINISHED"
    assert len(list((read(first).run_dir / "events").iterdir())) == 1


def test_a_number_needs_a_stream_that_it_is_for(settings: dict[str, Any]):
    """The only one, whatever its name is; with several, ``train``."""
    with Recorder(settings) as recorder:
        play(recorder, 3, stream="actor")
    with Recorder(settings, resume=recorder, at_step=2) as second:
        assert second.position() == {"actor": 2}
        play(second, 1, stream="critic")
    with pytest.raises(StorageError, match=r"has actor, critic; give at_step=\{'actor': 2\}"):
        Recorder(settings, resume=recorder, at_step=2)


def test_a_run_that_cannot_go_on_is_refused_in_words(settings: dict[str, Any], first: Recorder):
    """One that is written, one that is damaged, one that is not there; a step without a run."""
    with (
        Recorder(settings) as running,
        pytest.raises(StorageError, match=rf"process {os.getpid()} on .* still"),
    ):
        Recorder(settings, resume=running.run_dir)
    with pytest.raises(StorageError, match=r"at_step=3 says where a run goes on; say which one with resume="):
        Recorder(settings, at_step=3)
    with pytest.raises(RunNotFoundError, match="no run 'nowhere'"):
        Recorder(settings, resume="nowhere")
    run_file = read(first).run_dir / "run.json"
    whole = run_file.read_bytes()
    run_file.write_bytes(whole[:-20])
    with pytest.raises(StorageError, match=r"damaged run is not resumed.*jaxarc doctor"):
        Recorder(settings, resume=first)
    run_file.write_bytes(whole)
    truncate(segment_files(read(first).run_dir)[0], 0.5)
    with pytest.raises(
        StorageError, match=r"damaged run is not resumed.*p000-000001.*jaxarc doctor .* --repair"
    ):
        Recorder(settings, resume=first)


def test_two_that_resume_a_run_at_once_are_not_both_let_in(
    settings: dict[str, Any], first: Recorder, monkeypatch: pytest.MonkeyPatch
):
    """Whoever takes the next writer's name second is refused."""
    plan = origins.plan_attempt

    def overtaken(run_dir: Path, at_step: Any) -> Any:
        planned = plan(run_dir, at_step)
        monkeypatch.setattr(origins, "plan_attempt", plan)
        Recorder(settings, resume=run_dir).close()
        return planned

    monkeypatch.setattr(origins, "plan_attempt", overtaken)
    with pytest.raises(StorageError, match="another process resumes this run just now"):
        Recorder(settings, resume=first)
    assert read(first).info["attempt"] == 2


def test_another_configuration_may_go_on_and_is_named(
    run_root: Path, first: Recorder, caplog: pytest.LogCaptureFixture
):
    """Both stay with the run."""
    with Recorder(config(run_root, "verbose"), resume=first) as second:
        assert read(second).info["config_hash"] == second.config.hash != first.config.hash
    said = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert first.config.hash in said[0].message
    assert {path.name for path in (read(first).run_dir / "config").iterdir()} == {
        "config.json",
        "config-002.json",
    }


KILLED = """
recorder = Recorder(config(ROOT, pipeline={"flush_interval": 600.0}))
play(recorder, 0, 23)
say(recorder.run_dir)
say(recorder.position()["train"])
rollout = None
play(recorder, 23, 24)
assert recorder.flush()
rollout = None
play(recorder, 50, 7)
say("more")
time.sleep(600)
"""


@pytest.mark.parametrize("saved", [46, 40, 14, 0])
def test_a_job_that_was_killed_has_each_environment_step_once(killed: Path, saved: int):
    """From the step of a checkpoint, or before it: what two attempts recorded is there once."""
    with Recorder(config(killed.parent.parent), resume=killed, at_step=saved) as recorder:
        rollout = jax.jit(lambda c: recorder.scan(light_body, c, None, 40 - saved // 2))
        rollout(jnp.array([0, 5]) + saved // 2)
    run = jaxarc.open(killed)
    assert (run.status, run.problems) == ("FINISHED", ())
    found: dict[int, list[int]] = {0: [], 1: []}
    env_steps: dict[int, list[int]] = {0: [], 1: []}
    for row in run.episodes(sort="start_step"):
        episode = run.load_episode(row.episode, writer=row.writer)
        assert row.total_steps == len(episode.reward) == row.stored_steps
        found[row.env_id] += episode.observation["count"][: row.total_steps].tolist()
        env_steps[row.env_id] += range(int(row.start_step), int(row.end_step), 2)
    assert found == {0: list(range(40)), 1: list(range(5, 45))}
    assert env_steps == {0: list(range(0, 80, 2)), 1: list(range(0, 80, 2))}
    assert {row.ended for row in run.episodes("writer == 0")} <= {"terminated", "cut"}


def test_what_a_killed_attempt_left_open_is_cut_while_the_next_one_runs(killed: Path):
    """Its rows count, for nothing is hidden; but nobody goes on with them."""
    with Recorder(config(killed.parent.parent), resume=killed):
        run = jaxarc.open(killed)
        assert run.status == "RUNNING"
        assert set(run.episodes("end_step == 94")["ended"].tolist()) == {b"cut"}
