"""jaxarc verify: the run brings its environment, or --env names one; the exit code is the verdict."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from arc_run import record_arc_run
from command_line import typed_in
from typer.testing import CliRunner, Result

from jaxarc import Recorder, Step
from jaxarc.cli.app import app
from jaxarc.errors import ReplayError
from jaxarc.replay import ReplaySystem

ENVS = """
import jax.numpy as jnp
import jaxarc
from arc_run import TASK_IDS

tasks = jaxarc.load_tasks("arc-agi-1", "training", ids=TASK_IDS)
made = jaxarc.ArcEnv(tasks, max_episode_steps=8)

def make_env():
    return made

def make_env_of(run):
    assert run.name
    return jaxarc.AutoReset(made)

def dearer():
    return jaxarc.ArcEnv(tasks, max_episode_steps=8, step_penalty=-0.5)

def nothing():
    return 3

def fails():
    raise RuntimeError("no display")

number = 3
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """Episodes of real tasks, each with its journal."""
    return record_arc_run(tmp_path_factory.mktemp("runs"), level="minimal", journal="all")


@pytest.fixture(autouse=True)
def user_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current directory holds the user's module."""
    (tmp_path / "verified_envs.py").write_text(ENVS)
    (tmp_path / "broken_envs.py").write_text("1 +")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))


def verify(run: ReplaySystem, *words: str) -> Result:
    return CliRunner().invoke(app, ["verify", str(run.run_dir), *words])


def test_a_run_of_tasks_brings_its_environment(run: ReplaySystem):
    """What its program alone knows is left out, and said to be."""
    result = verify(run)
    assert result.exit_code == 0, result.output
    assert f"{len(run)} of {len(run)} episodes confirmed" in result.stdout
    assert "rewards and truncation were not compared" in result.stdout


def test_a_run_of_jaxarc_rollout_is_compared_with_its_rewards(tmp_path: Path):
    """Its configuration says what they are."""
    words = (
        "env.task_ids=[25d8a9c8]",
        "env.num_envs=2",
        "env.max_episode_steps=4",
        "env.step_penalty=-0.25",
        "rollout.num_steps=8",
        "capture.level=minimal",
        "capture.journal=all",
    )
    assert typed_in(tmp_path, "rollout", *words).returncode == 0
    done = typed_in(tmp_path, "verify", "latest", "--json", "0", "2-3")
    found = json.loads(done.stdout)
    assert (done.returncode, found["note"], found["failed"]) == (0, "", [])
    assert (found["ok"], found["episodes"], found["confirmed"]) == (True, 3, 3)


@pytest.mark.parametrize("name", ["make_env", "make_env_of", "made", "dearer"])
def test_an_environment_is_named_by_its_module(run: ReplaySystem, name: str):
    """A function that makes it, with the run or without, or the environment itself."""
    result = verify(run, "--env", f"verified_envs:{name}", "0", "1")
    assert result.exit_code == (1 if name == "dearer" else 0), result.output
    if name == "dearer":
        assert "episode 0: differs from step 0 of" in result.stdout
        assert "reward: recorded " in result.stdout
        assert "0 of 2 episodes confirmed" in result.stdout


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("verified_envs", "takes module:factory, such as --env my_envs:make_env"),
        ("nowhere:make_env", "module nowhere cannot be imported"),
        ("broken_envs:make_env", "module broken_envs cannot be imported .*SyntaxError"),
        ("verified_envs:make_evn", "has no make_evn; did you mean make_env"),
        ("verified_envs:number", "is a int; name an environment"),
        ("verified_envs:nothing", "returned a int; it returns an environment"),
        ("verified_envs:fails", "raised RuntimeError: no display when it was called"),
    ],
)
def test_a_name_that_makes_no_environment_says_why(run: ReplaySystem, name: str, words: str):
    """In one message, with what was looked for."""
    result = verify(run, "--env", name)
    assert isinstance(result.exception, ReplayError)
    with pytest.raises(ReplayError, match=words):
        raise result.exception


def test_episodes_that_cannot_be_simulated_are_counted_by_reason_and_confirm_nothing(tmp_path: Path):
    """Exit code 1; a run of another environment asks for --env."""
    steps = Step(
        reward=np.ones(6, np.float32),
        terminated=np.arange(6) % 2 == 1,
        state={"x": np.arange(6, dtype=np.int32)},
        action=np.ones(6, np.int32),
    )
    for level in ("full", "minimal"):
        with Recorder(
            {"capture": {"level": level}, "storage": {"base_output_dir": str(tmp_path)}}
        ) as recorder:
            recorder.record_rollout(steps)
        run = ReplaySystem(recorder.run_dir)
        result = verify(run)
        assert isinstance(result.exception, ReplayError)
        told = "another environment than ArcEnv" if level == "full" else "holds no state to simulate from"
        assert told in str(result.exception)
    (Path.cwd() / "counts.py").write_text("def step(state, action):\n    return state\n")
    result = verify(run, "--env", "counts:step")
    assert result.exit_code == 1
    assert "left out: 3 episodes (0, 1, 2): episode 0 holds no state of its first step" in result.stdout
    assert "no episode could be verified, 3 episodes left out" in result.stdout
