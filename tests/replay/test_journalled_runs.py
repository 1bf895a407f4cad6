"""Runs that were recorded with a journal: they replay, and a bit that changed on disk is found."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import jax
import jax.numpy as jnp
import numpy as np
import pendulum
import pytest
from arc_run import TASK_IDS, record_arc_run
from pendulum import Pendulum
from recording import config, read

import jaxarc
from jaxarc import Recorder, Step
from jaxarc.errors import NotRecordedError
from jaxarc.replay import ReplaySystem
from jaxarc.storage.columns import group_at, read_column

LIKE = jax.eval_shape(pendulum.reset, jax.random.key(0))
LENGTH = 12
ARC_LEAVES = (
    "working_grid",
    "working_grid_mask",
    "input_grid",
    "input_grid_mask",
    "target_grid",
    "target_grid_mask",
    "selected",
    "clipboard",
    "step_count",
    "allowed_operations_mask",
    "key",
    "task_idx",
    "pair_idx",
)


def swing(state: Pendulum, key: jax.Array) -> tuple[Pendulum, Step]:
    """Play one step of one pendulum at random, and begin anew after twelve."""
    choose, blow, again = jax.random.split(key, 3)
    action = jax.random.randint(choose, (), -1, 2, jnp.int32)
    after, reward = pendulum.step(state, action, blow)
    done = after.time >= LENGTH
    step = Step(
        action=action,
        key=blow,
        state=state,
        observation=state.angle,
        reward=reward,
        terminated=done,
        metrics={"velocity": after.velocity},
    )
    fresh = pendulum.reset(again)
    return jax.tree.map(lambda new, old: jnp.where(done, new, old), fresh, after), step


def told_again(state: Pendulum, action: jax.Array, out: Any) -> Step:
    """Describe a step as ``swing`` does."""
    after, reward = out
    return Step(
        observation=state.angle,
        reward=reward,
        terminated=after.time >= LENGTH,
        metrics={"velocity": after.velocity},
    )


def record_pendulums(root: Path, level: str, journal: str, num_steps: int = 40) -> ReplaySystem:
    """Record three pendulums, of which the first two are selected."""
    capture = {"envs": [0, 1], "journal": journal, "keyframe_steps": 16}
    with Recorder(config(root, level, capture=capture)) as recorder:

        def body(states: Pendulum, keys: jax.Array) -> Any:
            states, steps = jax.vmap(swing)(states, keys)
            return states, (steps, ())

        states = jax.vmap(pendulum.reset)(jax.random.split(jax.random.key(1), 3))
        keys = jax.random.split(jax.random.key(2), (num_steps, 3))
        jax.jit(lambda s, k: recorder.scan(body, s, k))(states, keys)
    assert recorder.health().errors == 0, recorder.health().first_error
    return read(recorder)


@pytest.mark.parametrize("journal", ["selected", "all"])
@pytest.mark.parametrize("level", ["minimal", "standard", "verbose", "full"])
def test_episodes_of_every_level_are_confirmed(run_root: Path, level: str, journal: str):
    """Of the selected environments, or of all: every step, by hash, keyframe and reward."""
    run = record_pendulums(run_root, level, journal)
    report = run.verify_all(pendulum.step, like=LIKE, describe=told_again)
    assert report, str(report)
    envs = {"selected": 2, "all": 3}[journal]
    assert len(report) == 4 * envs  # three whole episodes and a cut one
    assert len(report.left_out) == 4 * (3 - envs)
    for found in report:
        assert found.compared["reward"] == found.compared["metrics"] == found.total_steps
        assert found.compared["hash"] == found.total_steps - 1
        assert level == "full" or "state" not in found.compared
    evidence = {evidence for found in report for evidence in found.compared}
    assert ("state" if level == "full" else "keyframe") in evidence
    (whole, *_) = run.episodes("env_id == 0 and complete")
    episode = run.load_episode(whole.episode)
    states = jaxarc.resimulate(episode, pendulum.step, like=LIKE)
    assert states.time.tolist() == list(range(LENGTH + 1))
    if level == "minimal":
        with pytest.raises(NotRecordedError, match="resimulate"):
            _ = episode.observation
    elif level != "standard":
        np.testing.assert_allclose(episode.observation, states.angle[:LENGTH], rtol=1e-4)


def test_a_changed_environment_is_found_in_every_episode(run_root: Path):
    """The verdict on a run counts the episodes, and names steps and leaves of each."""
    run = record_pendulums(run_root, "verbose", "all")

    def other(state: Pendulum, action: jax.Array, key: jax.Array) -> tuple[Pendulum, jax.Array]:
        after, reward = pendulum.step(state, action, key)
        return jax.tree.map(lambda x: x + 1 if x.dtype == jnp.uint16 else x, after), reward

    report = run.verify_all(other, where="total_steps == 12", like=LIKE)
    assert not report
    assert len(report.failed) == len(report) == 9
    assert {(found.step, found.path) for found in report} == {(1, "state.gusts.total")}
    assert str(report).startswith(
        "9 episodes, 108 steps re-simulated: 9 differ\nepisode 0: differs from step 1"
    )


def test_a_run_without_a_journal_says_so_and_is_not_confirmed(run_root: Path):
    """Nothing that could be re-simulated is no success."""
    run = record_pendulums(run_root, "verbose", "off")
    report = run.verify_all(pendulum.step, like=LIKE)
    assert not report
    assert len(report) == 0
    assert "episodes left out: episode 0 holds no state of its first step" in str(report)
    with pytest.raises(NotRecordedError, match=r"capture\.journal=selected"):
        run.verify(0, pendulum.step, like=LIKE)


def test_floats_that_only_their_hashes_tell_of_are_confirmed_bit_for_bit_or_not_at_all(run_root: Path):
    """An episode shorter than from one keyframe to the next has one: where it starts."""
    with Recorder(config(run_root, "minimal", capture={"journal": "all"})) as recorder:

        def body(state: dict[str, jax.Array], now: jax.Array) -> Any:
            step = Step(state=state, action=now, reward=0.0, terminated=now == 30)
            return {"f": state["f"] + 0.5}, (step, ())

        recorder.scan(body, {"f": jnp.float32(0)}, jnp.arange(32))
    run = read(recorder)
    sound = run.verify(0, lambda state, action: {"f": state["f"] + 0.5})
    assert sound
    assert "31 steps re-simulated, nothing differs (hash at 30 steps; floats bit for bit)" in str(sound)
    report = run.verify_all(lambda state, action: {"f": state["f"] * 0 - 1e6})
    assert not report
    assert (report.failed, [found.episode for found in report.unproven]) == ((), [0])
    assert str(report).startswith("1 episodes, 31 steps re-simulated: 1 unproven\nepisode 0: 31 steps")
    assert "state.f: hashes differ from step 1 on and no later value was recorded" in str(report)
    assert list(report.left_out) == [(0, 1)]  # one step, that led to nothing recorded


def test_the_only_success_of_a_thousand_environments_is_kept_and_replays(run_root: Path):
    """Four of 1024 are selected, the success is planted in environment 777: the journal has it whole."""
    num_envs, num_steps, lucky = 1024, 24, 777

    def step(state: dict[str, jax.Array], action: jax.Array, key: jax.Array) -> dict[str, jax.Array]:
        luck = jax.random.randint(key, (), 0, 1000)
        return {**state, "time": state["time"] + 1, "sum": state["sum"] * 3 + luck + action}

    def body(states: dict[str, jax.Array], keys: jax.Array) -> Any:
        def one(state: dict[str, jax.Array], key: jax.Array) -> Any:
            action = jax.random.randint(jax.random.fold_in(key, 1), (), 0, 5)
            after = step(state, action, key)
            done = after["time"] == 8
            success = done & (state["env"] == lucky) & (state["round"] == 1)
            record = Step(
                state=state, action=action, key=key, reward=after["sum"] % 7, terminated=done, success=success
            )
            fresh = {**after, "time": jnp.int32(0), "round": state["round"] + 1}
            return jax.tree.map(lambda new, old: jnp.where(done, new, old), fresh, after), record

        after, steps = jax.vmap(one)(states, keys)
        return after, (steps, states["sum"])

    capture = {"envs": 4, "journal": "all", "keep": "success"}
    with Recorder(config(run_root, "standard", capture=capture)) as recorder:
        zeros = jnp.zeros(num_envs, jnp.int32)
        states = {"env": jnp.arange(num_envs), "time": zeros, "round": zeros, "sum": zeros}
        keys = jax.random.split(jax.random.key(0), (num_steps, num_envs))
        _, sums = jax.jit(lambda s, k: recorder.scan(body, s, k))(states, keys)
    run = read(recorder)
    assert len(run) == 3 * num_envs
    (kept,) = run.episodes("stored_steps > 0")
    assert (kept.env_id, kept.total_steps, kept.stored_steps, kept.success) == (lucky, 8, 8, True)
    report = run.verify(kept.episode, step)
    assert report, str(report)
    assert report.compared["hash"] == 7
    found = jaxarc.resimulate(run.load_episode(kept.episode), step)
    assert found["sum"][:8].tolist() == np.asarray(sums)[8:16, lucky].tolist()


@pytest.fixture(scope="module")
def arc_run(tmp_path_factory: pytest.TempPathFactory) -> ReplaySystem:
    """Episodes of ARC with their states and hashes."""
    root = tmp_path_factory.mktemp("arc")
    return record_arc_run(root, level="full", journal="selected", num_steps=30)


@pytest.fixture(scope="module")
def arc_env() -> Any:
    """The environment that played them."""
    tasks = jaxarc.load_tasks("arc-agi-1", "training", ids=TASK_IDS)
    return jaxarc.AutoReset(jaxarc.ArcEnv(tasks, max_episode_steps=8))


def test_recorded_tasks_are_played_again_as_they_were(arc_run: ReplaySystem, arc_env: Any):
    """Boards, masks, clipboards, keys, rewards and results of real ARC tasks, the last result included."""
    report = arc_run.verify_all(arc_env)
    assert report, str(report)
    assert len(report) == len(arc_run)
    assert {"state", "hash", "observation", "next_observation", "success"} <= set(report.episodes[0].compared)


def test_tasks_of_which_only_the_journal_was_stored_are_confirmed(tmp_path: Path, arc_env: Any):
    """The similarity of their states is a float."""
    report = record_arc_run(tmp_path, level="minimal", journal="all").verify_all(arc_env)
    assert report, str(report)
    assert len(report) > 2
    assert all(found.floats_exact or found.last_float_step for found in report)


def test_another_reward_is_found_where_no_state_shows_it(arc_run: ReplaySystem, arc_env: Any):
    """Even of the last action."""
    dearer = jaxarc.ArcEnv(
        arc_env.tasks, max_episode_steps=8, success_bonus=9.0, wrong_submission_penalty=-3.0
    )
    for row in arc_run.episodes("ended == 'terminated'", limit=3):
        report = arc_run.verify(row.episode, dearer)
        assert (report.step, report.path) == (row.total_steps - 1, "reward")


@pytest.mark.parametrize("leaf", ARC_LEAVES)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_bit_that_changed_on_disk_is_found(
    arc_run: ReplaySystem, arc_env: Any, tmp_path: Path, leaf: str, at: int
):
    """In every integer leaf of a stored state, in a copy of the run."""
    copy = tmp_path / "copy"
    shutil.copytree(arc_run.run_dir, copy)
    (row, *_) = arc_run.episodes("total_steps > 3")
    (path,) = (copy / "steps").glob("*.h5")
    with h5py.File(path, "r+") as file:
        for name in group_at(file, "steps"):
            group = group_at(file, f"steps/{name}")
            if json.loads(str(group.attrs["layout"]))["kind"] != "steps":
                continue
            block = np.flatnonzero(read_column(group, "blocks/uid") == row.uid)[0]
            place = read_column(group, "blocks/row")[block] + at
            dataset = group[f"state/{leaf}"]
            assert isinstance(dataset, h5py.Dataset)
            octets = np.atleast_1d(dataset[place]).reshape(-1).view(np.uint8)
            octets[at % octets.size] ^= np.uint8(0x80 >> at)
            dataset[place] = octets.view(dataset.dtype).reshape(dataset.shape[1:])
    report = jaxarc.open(copy).verify(row.episode, arc_env)
    assert not report
    assert (report.step, report.path) == (at, f"state.{leaf}")
    assert jaxarc.open(arc_run.run_dir).verify(row.episode, arc_env)
