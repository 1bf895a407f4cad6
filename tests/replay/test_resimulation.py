"""resimulate: every state of an episode from its first state, its actions and its keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Never

import jax
import jax.numpy as jnp
import numpy as np
import pendulum
import pytest
import toy
from arc_run import TASK_IDS, record_arc_run
from pendulum import Pendulum
from remembered import episode_of, journal_of, keyframes_of, remember

import jaxarc
from jaxarc.errors import NotRecordedError, ReplayError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.replay.verify_run import verify_many

LIKE = jax.eval_shape(pendulum.reset, jax.random.key(0))


def upto(tree: Any, count: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[:count], tree)


def words(tree: Any) -> list[np.ndarray]:
    """The leaves as NumPy arrays, typed keys as their words."""
    return [
        np.asarray(jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf)
        for leaf in jax.tree.leaves(tree)
    ]


def recorded(num_steps: int = 20, seed: int = 0) -> tuple[EpisodeData, Pendulum]:
    """An episode with a journal and its start, and all of its states."""
    states, actions, keys, rewards = pendulum.play(seed, num_steps)
    before = upto(states, num_steps)
    sources = journal_of(before, actions, keys, rewards), keyframes_of(before, [0])
    return episode_of(num_steps, *sources), states


def test_every_state_comes_back_in_its_own_class():
    """Integers, masks and keys bit for bit, floats as near as two compiled programs are."""
    episode, states = recorded()
    found = jaxarc.resimulate(episode, pendulum.step, like=LIKE)
    assert isinstance(found, Pendulum)
    assert found.time.tolist() == list(range(21))
    assert jnp.issubdtype(found.key.dtype, jax.dtypes.prng_key)
    for again, once in zip(words(found), words(states), strict=True):
        if once.dtype == np.float32:
            np.testing.assert_allclose(again, once, rtol=1e-5)
        else:
            assert np.array_equal(again, once)
            assert again.dtype == once.dtype


def test_without_an_example_states_are_dicts_and_tuples():
    """As a recording holds them; typed keys are keys again, for the step needs them."""

    def step(state: dict[str, Any], action: jax.Array) -> dict[str, Any]:
        key, now = jax.random.split(state["key"])
        left, right = state["sides"]
        return {"key": key, "sides": (left + action, right + jax.random.randint(now, (), 0, 9))}

    states = [{"key": jax.random.key(5), "sides": (jnp.int16(3), jnp.int32(0))}]
    for action in range(4):
        states.append(step(states[-1], jnp.int16(action)))
    whole = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
    episode = episode_of(
        4, journal_of(upto(whole, 4), jnp.arange(4, dtype=jnp.int16)), keyframes_of(whole, [0])
    )
    found = jaxarc.resimulate(episode, step)
    assert list(found) == ["key", "sides"]
    for again, once in zip(words(found), words(whole), strict=True):
        assert np.array_equal(again, once)


def test_a_state_of_one_array_needs_no_example():
    """The simplest of all."""
    episode = episode_of(
        3,
        journal_of(jnp.arange(3, dtype=jnp.int32) * 2, jnp.ones(3)),
        keyframes_of(jnp.zeros(1, jnp.int32), [0]),
    )
    assert jaxarc.resimulate(episode, lambda state, action: state + 2).tolist() == [0, 2, 4, 6]


def test_a_named_tuple_is_a_state_and_not_a_tuple_that_begins_with_one():
    """step_fn may return the state alone, or a tuple that begins with it."""
    states = [toy.reset(jax.random.key(1))]
    for _ in range(3):
        states.append(toy.step(states[-1], jnp.int32(1))[0])
    whole = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
    actions = jnp.ones(3, jnp.int32)
    episode = episode_of(3, journal_of(upto(whole, 3), actions), keyframes_of(whole, [0]))
    for step in (toy.step, lambda state, action: toy.step(state, action)[0]):
        found = jaxarc.resimulate(episode, step, like=states[0])
        assert isinstance(found, toy.State)
        assert np.array_equal(found.position, whole.position)
        assert np.array_equal(found.played, whole.played)


def test_it_begins_with_the_state_that_level_full_recorded():
    """Without a journal, from the first recorded state."""
    states, actions, keys, _ = pendulum.play(2, 9)
    steps = remember("steps", range(9), {"state": upto(states, 9), "action": actions, "key": keys})
    found = jaxarc.resimulate(episode_of(9, steps), pendulum.step, like=LIKE)
    assert found.time.tolist() == list(range(10))
    assert np.array_equal(found.gusts["board"], states.gusts["board"])


def test_episodes_of_many_lengths_are_compiled_twice_at_most():
    """One program for a step function and a power of two of steps, at least sixteen."""
    traced = []

    def step(state: jax.Array, action: jax.Array) -> jax.Array:
        traced.append(1)
        return state + action

    for count in (1, 2, 7, 15, 16, 17, 30, 32):
        states = jnp.arange(count, dtype=jnp.int32)
        episode = episode_of(count, journal_of(states, jnp.ones(count, jnp.int32)), keyframes_of(states, [0]))
        assert jaxarc.resimulate(episode, step).tolist() == list(range(count + 1))
    assert 1 <= len(traced) <= 4


def test_the_step_of_an_episode_that_is_padded_runs_no_more_often_than_the_episode():
    """What lies behind the end of an episode is not simulated."""
    calls = []

    def step(state: jax.Array, action: jax.Array) -> jax.Array:
        jax.debug.callback(lambda at: calls.append(int(at)), state)
        return state + action

    states = jnp.arange(5, dtype=jnp.int32)
    jaxarc.resimulate(
        episode_of(5, journal_of(states, jnp.ones(5, jnp.int32)), keyframes_of(states, [0])), step
    )
    jax.effects_barrier()
    assert sorted(calls) == list(range(5))


def test_an_environment_brings_its_classes_and_its_true_last_state(tmp_path: Path):
    """ArcEnv and AutoReset need no example, and the last state is the one before the reset."""
    run = record_arc_run(tmp_path, level="full", num_steps=40)
    plain = jaxarc.ArcEnv(jaxarc.load_tasks("arc-agi-1", "training", ids=TASK_IDS), max_episode_steps=8)
    for env in (plain, jaxarc.AutoReset(plain)):
        for row in run.episodes("complete", limit=5):
            episode = run.load_episode(row.episode)
            states = jaxarc.resimulate(episode, env)
            assert type(states).__name__ == "ArcEnvState"
            np.testing.assert_array_equal(states.working_grid, episode.observation)
            assert states.step_count.tolist() == list(range(row.total_steps + 1))


def test_without_a_first_state_it_says_what_records_one():
    """A journal without its first keyframe, and steps without states."""
    states, actions, keys, _ = pendulum.play(0, 5)
    journal = journal_of(upto(states, 5), actions, keys)
    for sources in ((journal,), (journal, keyframes_of(states, [2]))):
        with pytest.raises(NotRecordedError, match=r"no state of its first step.*capture\.journal=selected"):
            jaxarc.resimulate(episode_of(5, *sources), pendulum.step, like=LIKE)


def test_a_gap_is_named_with_its_first_step():
    """Every action is needed."""
    states, actions, keys, _ = pendulum.play(0, 9)
    journal = journal_of(upto(states, 9), actions, keys)
    gap = journal.take(np.array([0, 1, 2, 5, 6, 8]))
    with pytest.raises(NotRecordedError, match=r"action of step 3 of episode 7 was not recorded, 3 of 9"):
        jaxarc.resimulate(episode_of(9, gap, keyframes_of(states, [0])), pendulum.step, like=LIKE)
    without = remember("journal", range(9), {"key": keys})
    with pytest.raises(NotRecordedError, match=r"action was not recorded.*Step\(action=…\)"):
        jaxarc.resimulate(episode_of(9, without, keyframes_of(states, [0])), pendulum.step, like=LIKE)


def test_a_step_that_needs_a_key_says_so_where_none_was_recorded():
    """And one whose third argument may be left out is called without it."""
    states = jnp.arange(3, dtype=jnp.int32)
    episode = episode_of(3, journal_of(states, jnp.ones(3, jnp.int32)), keyframes_of(states, [0]))

    def needs(state: jax.Array, action: jax.Array, key: jax.Array) -> jax.Array:
        return state + action + jax.random.randint(key, (), 0, 2)

    with pytest.raises(NotRecordedError, match=r"key was not recorded.*Step\(key=…\)"):
        jaxarc.resimulate(episode, needs)

    def can_do_without(state: jax.Array, action: jax.Array, key: Any = None) -> jax.Array:
        assert key is None
        return state + action

    assert jaxarc.resimulate(episode, can_do_without).tolist() == [0, 1, 2, 3]
    with pytest.raises(ReplayError, match=r"step_fn takes \(state\); it is called with \(state, action"):
        jaxarc.resimulate(episode, lambda state: state)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: {"angle": state["angle"]}, r"state\.velocity is in the recording and not in like"),
        (lambda state: {**state, "more": 0}, r"state\.more is in like and not in the recording"),
        (lambda state: {**state, "time": jnp.zeros(())}, r"state\.time is float32\[\] in like, .* int32\[\]"),
        (lambda state: {**state, "angle": jnp.zeros(4)}, r"state\.angle is float32\[4\] .*one environment"),
        (
            lambda state: {**state, "key": jnp.zeros(2, jnp.uint32)},
            r"state\.key is uint32\[2\].*typed PRNG key",
        ),
    ],
)
def test_an_example_that_does_not_fit_names_the_leaf(change: Any, words: str):
    """With its path, and both kinds."""
    like = change(vars(pendulum.reset(jax.random.key(0))))
    with pytest.raises(ReplayError, match=words):
        jaxarc.resimulate(recorded()[0], pendulum.step, like=like)


def test_an_action_gets_the_class_of_its_example():
    """As a state does."""

    def step(state: jax.Array, action: Pendulum) -> jax.Array:
        return state + action.time

    states = jnp.arange(3, dtype=jnp.int32)
    actions = pendulum.reset(jax.random.key(0)).__class__(*jnp.ones((6, 3), jnp.int32))
    episode = episode_of(3, journal_of(states, actions), keyframes_of(states, [0]))
    like = jax.tree.map(lambda leaf: leaf[0], actions)
    assert jaxarc.resimulate(episode, step, like_action=like).tolist() == [0, 1, 2, 3]
    with pytest.raises(
        ReplayError, match=r"episode 7: step_fn fails with AttributeError: .*like_action="
    ) as caught:
        jaxarc.resimulate(episode, step)
    assert isinstance(caught.value.__cause__, AttributeError)


@pytest.mark.parametrize("when", ["traced", "on the host"])
def test_a_step_that_raises_is_named_with_its_episode_and_its_error(when: str):
    """Whatever it raises, while it is traced or in a call to the host."""

    def broken(*_: object) -> Never:
        raise RuntimeError("the tank is empty")

    def step(state: jax.Array, action: jax.Array) -> jax.Array:
        if when == "traced":
            broken()
        return jax.pure_callback(broken, state, state, action)

    states = jnp.arange(3, dtype=jnp.int32)
    episode = episode_of(3, journal_of(states, states), keyframes_of(states, [0]))
    for ask in (
        jaxarc.resimulate,
        jaxarc.verify,
        lambda *given: list(verify_many([(7, lambda: given[0])], given[1])),
    ):
        with pytest.raises(ReplayError, match=r"^episode 7: step_fn fails with .*the tank is empty"):
            ask(episode, step)


def test_an_environment_whose_reset_raises_says_that_an_example_helps():
    """It is asked for the classes of a state."""

    class Broken:
        def reset(self, key: jax.Array) -> Never:
            raise RuntimeError("the tank is empty")

        def step(self, state: jax.Array, action: jax.Array) -> jax.Array:
            return state + action

    states = jnp.arange(3, dtype=jnp.int32)
    episode = episode_of(3, journal_of(states, jnp.ones_like(states)), keyframes_of(states, [0]))
    with pytest.raises(ReplayError, match=r"reset\(key\) .*RuntimeError: the tank is empty; like= gives one"):
        jaxarc.verify(episode, Broken())
    assert jaxarc.verify(episode, Broken(), like=states[0])


def test_a_step_that_returns_something_else_is_refused():
    """Another structure, another dtype: with what was expected."""
    episode, _ = recorded()
    with pytest.raises(ReplayError, match=r"step_fn returns .*, which is not the state that it was given"):
        jaxarc.resimulate(episode, lambda state, action, key: state.angle, like=LIKE)

    def widened(state: Pendulum, action: jax.Array, key: jax.Array) -> Pendulum:
        state, _ = pendulum.step(state, action, key)
        return jax.tree_util.tree_map(lambda x: x + 0.5 if x.dtype == jnp.int32 else x, state)

    with pytest.raises(ReplayError, match=r"returns state\.time as float32\[\], recorded was int32\[\]"):
        jaxarc.resimulate(episode, widened, like=LIKE)


def test_wide_states_need_wide_types():
    """A recording of 64-bit states is not cut to 32 bits in silence."""
    states = np.arange(3, dtype=np.int64)
    episode = episode_of(3, journal_of(states, np.ones(3, np.int32)), keyframes_of(states, [0]))
    with pytest.raises(ReplayError, match=r"state was recorded as int64.*JAX_ENABLE_X64=1"):
        jaxarc.resimulate(episode, lambda state, action: state + action)
    with jax.enable_x64(True):
        assert jaxarc.resimulate(episode, lambda state, action: state + action).tolist() == [0, 1, 2, 3]
