"""branch: the state before any step, from which other actions lead elsewhere, into a new run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pendulum
import pytest
from arc_run import TASK_IDS, record_arc_run
from pendulum import Pendulum
from remembered import episode_of, journal_of, keyframes_of, remember

import jaxarc
from jaxarc.errors import NotRecordedError, ReplayError
from jaxarc.replay import ReplaySystem
from jaxarc.replay.branching import branch

LIKE = jax.eval_shape(pendulum.reset, jax.random.key(0))
T = 30


@pytest.fixture(scope="module")
def played() -> tuple[Pendulum, Any, Any]:
    """States [T+1], actions and keys."""
    states, actions, keys, _ = pendulum.play(0, T)
    return states, actions, keys


def journalled(played: tuple[Pendulum, Any, Any], keyframes: list[int]) -> Any:
    states, actions, keys = played
    before = jax.tree.map(lambda leaf: leaf[:T], states)
    return episode_of(T, journal_of(before, actions, keys), keyframes_of(before, keyframes))


def same(found: Pendulum, states: Pendulum, step: int) -> None:
    for one, all_of_them in zip(jax.tree.leaves(found), jax.tree.leaves(states), strict=True):
        expected = all_of_them[step]
        if jnp.issubdtype(expected.dtype, jax.dtypes.prng_key):
            one, expected = jax.random.key_data(one), jax.random.key_data(expected)
        np.testing.assert_allclose(np.asarray(one), np.asarray(expected), rtol=1e-4)


@pytest.mark.parametrize(
    ("step", "origin"),
    [(0, "recorded"), (7, "simulated from step 0"), (8, "recorded"), (20, "simulated from step 16"), (T, "")],
)
def test_a_state_comes_from_the_last_keyframe_before_it(played: Any, step: int, origin: str):
    """Its class is that of the example, its key that of the step; after the last step there is none."""
    found = branch(journalled(played, [0, 8, 16]), step, pendulum.step, like=LIKE)
    assert isinstance(found.state, Pendulum)
    same(found.state, played[0], step)
    assert origin in found.origin
    assert found.step == step
    if step == T:
        assert found.key is None
    else:
        assert (jax.random.key_data(found.key) == jax.random.key_data(played[2][step])).all()
        after, _ = pendulum.step(found.state, played[1][step], found.key)
        same(after, played[0], step + 1)


def test_level_full_needs_no_environment(played: Any):
    """Every state is there; without an example it is dicts and tuples."""
    states, actions, _ = played
    before = jax.tree.map(lambda leaf: leaf[:T], states)
    episode = episode_of(T, remember("steps", range(T), {"state": before, "action": actions}))
    found = branch(episode, 17)
    assert int(found.state["time"]) == 17
    assert (found.key, found.origin) == (None, "recorded")
    same(branch(episode, 17, like=LIKE).state, states, 17)


def test_what_is_not_there_is_said_with_what_records_it(played: Any):
    """A step beyond the end, a state without an environment, an episode without states."""
    episode = journalled(played, [0, 8])
    for step in (31, -1, 2.5, True):
        with pytest.raises(ReplayError, match=rf"episode 7 has steps 0 to 30, got {step}"):
            branch(episode, step)
    with pytest.raises(NotRecordedError, match=r"those of steps 0, 8 were\); give env=.*capture\.level=full"):
        branch(episode, 9)
    with pytest.raises(NotRecordedError, match=r"capture\.journal=selected"):
        branch(episode_of(T), 3, pendulum.step, like=LIKE)
    with pytest.raises(ReplayError, match=r"state\.angle is"):
        branch(episode, 8, like={**vars(LIKE), "angle": jnp.zeros(3)})


def test_an_episode_goes_on_from_a_branch_with_other_actions_into_a_new_run(tmp_path: Path):
    """Which begins with the board of that step, and ends otherwise."""
    run = record_arc_run(tmp_path, level="verbose", journal="all")
    env = jaxarc.ArcEnv(jaxarc.load_tasks("arc-agi-1", "training", ids=TASK_IDS), max_episode_steps=8)
    (row, *_) = run.episodes("total_steps > 4")
    found = run.branch(row, 3, env)
    assert type(found.state).__name__ == "ArcEnvState"
    board = run.load_episode(row).observation[3]
    assert np.array_equal(found.state.working_grid, board)
    last = run.resimulate(row, env)
    assert np.array_equal(last.working_grid[3], board)
    step, state = jax.jit(env.step), found.state
    recorder = jaxarc.Recorder({"storage": {"base_output_dir": str(tmp_path / "new")}})
    with recorder, recorder.episode(task="branch") as episode:
        for colour in (1, 2):
            action = jaxarc.Action.from_bbox(colour, 0, 0, 1, 1)
            before, (state, timestep) = state, step(state, action)
            episode.step(
                before.working_grid,
                action.operation,
                timestep.reward,
                timestep.next_observation,
                timestep.terminated,
                timestep.truncated,
            )
    new = ReplaySystem(recorder.run_dir).load_episode(0)
    assert np.array_equal(new.observation[0], board)
    assert (new.observation[-1][:2, :2] == 2).all()
    assert len(new) == 2
