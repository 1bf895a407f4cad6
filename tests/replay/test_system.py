"""Runs read back: episodes, what was not recorded, and runs that are still being written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import jax.numpy as jnp
import numpy as np
import pytest
from damage import run_of_segments
from recording import config, light_body, light_step, read

import jaxarc
from jaxarc import Recorder, Step
from jaxarc.errors import EpisodeNotFoundError, NotRecordedError, RunNotFoundError
from jaxarc.replay import ReplaySystem
from jaxarc.storage import keep_segments_open


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """Twelve episodes of two environments."""
    return run_of_segments(tmp_path_factory.mktemp("runs"))


def test_episodes_are_filtered_sorted_and_limited(run: ReplaySystem):
    """In this order."""
    assert len(run) == len(list(run)) == 12
    table = run.episodes("env_id == 1", sort="-total_reward", limit=2)
    assert [row.total_reward for row in table] == [160.0, 135.0]
    assert run.episodes(limit=0)["episode"].tolist() == []
    assert len(run.episodes(limit=99)) == 12
    assert run.episodes("total_steps > 99", sort="episode")["episode"].tolist() == []


def test_an_episode_carries_its_row_and_its_arrays(run: ReplaySystem):
    """Columns as attributes, arrays when they are asked for."""
    episode = run.load_episode(3)
    assert (episode.episode, episode.ended, len(episode)) == (3, "terminated", 5)
    assert episode.complete
    assert episode.contiguous
    assert not episode.mark.any()
    assert not episode.truncated.any()
    assert "total_steps=5" in repr(episode)
    assert episode.has("observation")
    assert not episode.has("state")
    with pytest.raises(AttributeError, match="no column 'nonsense'"):
        _ = episode.nonsense


@pytest.mark.parametrize("number", [-1, 12, 10**9])
def test_an_episode_that_is_not_there_says_what_is(run: ReplaySystem, number: int):
    """The message names the run and its range."""
    with pytest.raises(EpisodeNotFoundError, match=rf"{run.name} has no episode {number}; it has 0 to 11"):
        run.load_episode(number)
    with pytest.raises(EpisodeNotFoundError, match="it has none"):
        run.load_episode(0, writer=7)


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ("state", r"state was not recorded in episode 0; capture\.level=full records it"),
        ("info", r"info was not recorded in episode 0; give it to the Step: Step\(info=…\)"),
        ("key", r"key was not recorded.*Step\(key=…\)"),
        ("constants", r"episode was not recorded.*Step\(episode=…\)"),
    ],
)
def test_what_was_not_recorded_is_named_with_the_way_out(run: ReplaySystem, role: str, words: str):
    """Never zeros."""
    with pytest.raises(NotRecordedError, match=words):
        getattr(run.load_episode(0), role)


def test_a_step_without_observations_has_none(run_root: Path):
    """Observation, next observation and action each say so."""
    with Recorder(config(run_root)) as recorder:
        recorder.tap(Step(reward=1.0, terminated=False, info=2.0))
        recorder.tap(Step(reward=1.0, terminated=True, observation=jnp.ones(2)))
    run = read(recorder)
    for role in ("action", "next_observation"):
        with pytest.raises(NotRecordedError, match=rf"{role} was not recorded"):
            getattr(run.load_episode(0), role)


@pytest.mark.parametrize("role", ["observation", "action", "reward", "metrics", "next_observation", "info"])
def test_an_episode_without_steps_says_why(run_root: Path, role: str):
    """Three causes, each with its key."""
    with Recorder(config(run_root, capture={"envs": [0]})) as recorder:
        recorder.scan(light_body, jnp.arange(2), None, 9)
    run = read(recorder)
    (first, *_) = run.episodes("env_id == 1")
    words = r"no stored steps.*\(capture\.envs\).*\(capture\.keep\).*\(capture\.level\)"
    with pytest.raises(NotRecordedError, match=words):
        getattr(run.load_episode(first.episode), role)
    assert run.load_episode(first.episode).step.tolist() == []


def test_a_run_that_is_being_written_is_read_on(run_root: Path):
    """Opened while it runs; refresh brings what was committed since, numbers stay."""
    with Recorder(config(run_root)) as recorder:
        run = read(recorder)
        assert (run.status, len(run)) == ("RUNNING", 0)
        assert run.episodes()["episode"].tolist() == []
        seen: dict[int, Any] = {}
        for round_ in range(3):
            for time in range(7):
                recorder.tap(light_step(jnp.array([7 * round_ + time])))
            assert recorder.flush()
            before = len(run)
            assert before == len(run.episodes())
            run.refresh()
            ended = run.episodes("ended != 'running'")
            assert len(ended) == (7 * round_ + 7) // 5
            for row in ended:
                assert seen.setdefault(row.episode, dict(row)) == dict(row)
                assert run.load_episode(row.episode).complete
            (going_on,) = run.episodes("ended == 'running'")
            assert going_on.episode == len(ended)
            assert going_on.total_steps == (7 * round_ + 7) % 5
            assert len(run.load_episode(going_on.episode).observation["count"]) == going_on.total_steps + 1
    run.refresh()
    assert run.status == "FINISHED"
    assert run.episodes()["ended"].tolist() == [b"terminated"] * 4 + [b"cut"]


def test_segments_stay_open_only_while_many_episodes_are_read(run: ReplaySystem):
    """One handle a segment, none afterwards, and the same arrays."""

    def num_open() -> int:
        return h5py.h5f.get_obj_count(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE)

    before = num_open()
    apart = [run.load_episode(i).observation["count"].tolist() for i in range(12)]
    assert num_open() == before
    with keep_segments_open():
        together = [run.load_episode(i).observation["count"].tolist() for i in range(12)]
        with keep_segments_open():
            assert run.load_episode(3).action.tolist()
        assert num_open() == before + 3
    assert num_open() == before
    assert together == apart


def test_open_finds_runs_by_name_and_environment(run: ReplaySystem, monkeypatch: pytest.MonkeyPatch):
    """The root is an argument, or JAXARC_OUTPUT_DIR; a path needs none."""
    root = run.run_dir.parent.parent
    assert jaxarc.open(run.run_dir).name == run.name
    assert jaxarc.open("latest", root=root).name == run.name
    assert jaxarc.open(run.name[:12], root=root).name == run.name
    monkeypatch.setenv("JAXARC_OUTPUT_DIR", str(root))
    assert jaxarc.open().run_dir == run.run_dir
    with pytest.raises(RunNotFoundError, match=r"holds 1 run"):
        jaxarc.open("latest~1")


def test_documents_of_tasks_read_back(run_root: Path):
    """By the id of the task, whatever characters it is made of."""

    class Tasks(list[str]):
        def document(self, index: int) -> dict[str, Any]:
            return {"number": index}

    names = Tasks(["../../evil", "a/b"])
    with Recorder(config(run_root)) as recorder:
        recorder.names(task=names)
        for task in range(2):
            recorder.tap(Step(reward=1.0, terminated=True, labels={"task": np.int32(task)}))
    run = read(recorder)
    assert [row.task_id for row in run.episodes()] == names
    assert [run.task(name) for name in names] == [{"number": 0}, {"number": 1}]
    assert run.task("missing") is None
    assert run.task("../run") is None
    outside = [path for path in run_root.rglob("*evil*") if run.run_dir / "tasks" not in path.parents]
    assert outside == []


def test_reading_needs_no_jax(run: ReplaySystem):
    """A reader's process never imports it."""
    code = (
        "import sys, jaxarc; run = jaxarc.open(sys.argv[1]); e = run.load_episode(0);"
        "print(e.observation['count'].tolist(), 'jax' in sys.modules)"
    )
    source = str(Path(jaxarc.__file__).parent.parent)
    said = subprocess.run(
        [sys.executable, "-c", code, str(run.run_dir)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": source},
    )
    assert said.stdout.strip() == "[0, 1, 2, 3, 4, 5] False"
