"""verify: whatever an environment does otherwise is found, at its first step and by its leaf."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import FrozenInstanceError, replace
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pendulum
import pytest
from pendulum import Pendulum
from remembered import RememberedSteps, episode_of, journal_of, keyframes_of, remember

import jaxarc
from jaxarc import Step
from jaxarc.errors import NotRecordedError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.replay import Verification

T = 30
LIKE = jax.eval_shape(pendulum.reset, jax.random.key(0))
INTEGERS = ("time", "gusts.board", "gusts.total", "seen", "key")


def recording(
    num_steps: int = T, seed: int = 0, step: Any = pendulum.step, every: int = 8
) -> tuple[RememberedSteps, RememberedSteps]:
    """A journal and its keyframes."""
    states, actions, keys, rewards = pendulum.play(seed, num_steps, step)
    before = jax.tree.map(lambda leaf: leaf[:num_steps], states)
    return journal_of(before, actions, keys, rewards), keyframes_of(before, range(0, num_steps, every))


@cache
def sound() -> tuple[RememberedSteps, RememberedSteps]:
    """The recording of the pendulum as it is."""
    return recording()


def check(*sources: RememberedSteps, num_steps: int = T, **options: Any) -> Verification:
    options.setdefault("like", LIKE)
    return jaxarc.verify(episode_of(num_steps, *sources), pendulum.step, **options)


def flip_bit(bit: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that flips one bit of a value (of a boolean, its only one)."""

    def flipped(value: np.ndarray) -> np.ndarray:
        array = np.array(value)
        if array.dtype == bool:
            flat = array.reshape(-1)
            flat[bit % flat.size] ^= True
            return array
        octets = array.reshape(-1).view(np.uint8)
        octets[bit // 8 % octets.size] ^= np.uint8(1 << bit % 8)
        return array

    return flipped


def with_flip(leaf: str, at: int, bit: int) -> Any:
    """Return the pendulum's step with a bit of one leaf flipped in what step ``at`` returns."""

    def flipped(value: jax.Array, now: jax.Array) -> jax.Array:
        if value.dtype == bool:
            flat = value.reshape(-1)
            return jnp.where(
                now, flat.at[bit % flat.size].set(~flat[bit % flat.size]).reshape(value.shape), value
            )
        flat = value.reshape(-1)
        width = 8 * flat.dtype.itemsize
        one = jnp.asarray(1, flat.dtype) << (bit % width)
        element = bit // width % flat.size
        return jnp.where(now, flat.at[element].set(flat[element] ^ one).reshape(value.shape), value)

    def step(state: Pendulum, action: jax.Array, key: jax.Array) -> tuple[Pendulum, jax.Array]:
        now = state.time == at
        after, reward = pendulum.step(state, action, key)
        name, _, below = leaf.partition(".")
        if below:
            gusts = {**after.gusts, below: flipped(after.gusts[below], now)}
            return replace(after, gusts=gusts), reward
        value = getattr(after, name)
        if name == "key":
            words = flipped(jax.random.key_data(value), now)
            return replace(after, key=jax.random.wrap_key_data(words)), reward
        return replace(after, **{name: flipped(value, now)}), reward

    return step


def test_a_sound_episode_is_confirmed_and_says_what_was_compared():
    """True, with the number of steps behind every kind of evidence; where it starts is no evidence."""
    report = check(*sound())
    assert report
    assert report.ok
    assert (report.step, report.path, report.differences) == (None, None, ())
    assert report.compared == {"keyframe": 3, "hash": T - 1}
    assert (report.unproven, report.floats_exact, report.last_float_step) == ((), True, None)
    assert (report.total_steps, report.num_leaves, report.differing_steps) == (T, 7, 0)
    assert str(report).startswith(
        "episode 7: 30 steps re-simulated, nothing differs (keyframe at 3 steps; hash"
    )
    with pytest.raises(FrozenInstanceError):
        report.episode = 1  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("leaf", INTEGERS)
@pytest.mark.parametrize("at", [0, 7, 15, T - 2])
def test_a_bit_that_a_step_flips_is_found_in_the_state_that_it_returns(leaf: str, at: int):
    """In every integer leaf, by its hash, whether or not the step is a keyframe."""
    report = check(*recording(step=with_flip(leaf, at, 5 * at + 3)))
    assert not report
    assert report.step == at + 1
    assert report.path == f"state.{leaf}"
    assert [difference.path for difference in report.differences] == [report.path]


@pytest.mark.parametrize("leaf", INTEGERS)
@pytest.mark.parametrize("at", [0, 1, 16, T - 1])
def test_a_bit_of_a_recorded_hash_is_found(leaf: str, at: int):
    """At the very step, in the first and the last as well."""
    journal, keyframes = sound()
    report = check(journal.changed(f"state_hash.{leaf}", at, flip_bit(3 * at)), keyframes)
    assert (report.step, report.path, report.differing_steps) == (at, f"state.{leaf}", 1)
    assert report.differences[0].evidence == "hash"
    assert f"episode 7: differs from step {at} of 30 on, at 1 steps" in str(report)
    assert f"state.{leaf}: its recorded hash is 0x" in str(report)


@pytest.mark.parametrize("leaf", INTEGERS)
@pytest.mark.parametrize("at", [0, 8, 24])
def test_a_bit_of_a_keyframe_is_found_with_both_values(leaf: str, at: int):
    """The first keyframe is where re-simulation begins: its hash gives it away."""
    journal, keyframes = sound()
    report = check(journal, keyframes.changed(f"state.{leaf}", at, flip_bit(at + 1)))
    assert (report.step, report.path) == (at, f"state.{leaf}")
    if at:
        assert report.differences[0].evidence == "keyframe"
        assert report.differing_steps == 1
    elif leaf == "time":
        assert report.differing_steps == T


@pytest.mark.parametrize("leaf", INTEGERS)
@pytest.mark.parametrize("at", [1, 13, T - 1])
def test_a_bit_of_a_state_of_level_full_is_found(leaf: str, at: int):
    """Without a journal, by the values of every step."""
    states, actions, keys, rewards = pendulum.play(0, T)
    before = jax.tree.map(lambda value: value[:T], states)
    steps = remember("steps", range(T), {"state": before, "action": actions, "key": keys}, rewards)
    assert check(steps).compared == {"state": T - 1}
    report = check(steps.changed(f"state.{leaf}", at, flip_bit(at)))
    assert (report.step, report.path, report.differing_steps) == (at, f"state.{leaf}", 1)
    (difference,) = report.differences
    assert difference.num_elements == 1
    values = difference.recorded[difference.index], difference.resimulated[difference.index]
    assert f"recorded {values[0]!s}, re-simulated {values[1]!s}" in str(report)


def test_several_leaves_of_the_first_step_are_all_named_in_the_order_of_the_tree():
    """Later steps are counted, and say no more than that."""
    journal, keyframes = sound()
    for leaf, at in (("seen", 9), ("time", 9), ("gusts.total", 9), ("gusts.board", 11), ("key", 20)):
        journal = journal.changed(f"state_hash.{leaf}", at, flip_bit(4))
    report = check(journal, keyframes)
    assert [found.path for found in report.differences] == ["state.time", "state.gusts.total", "state.seen"]
    assert (report.step, report.differing_steps) == (9, 3)
    assert str(report).count("\n") == 3


@pytest.mark.parametrize("num_steps", [T, 400])
def test_floats_that_another_program_rounds_otherwise_raise_no_alarm(num_steps: int):
    """Not over hundreds of steps either, for they are taken up again at keyframes; and it is said."""
    journal, keyframes = recording(num_steps, step=pendulum.step_in_another_order)
    report = check(journal, keyframes, num_steps=num_steps)
    assert report, str(report)
    assert report.floats_exact is False
    last = (num_steps - 1) // 8 * 8
    assert report.last_float_step == last
    assert f"; floats within 1e-05 + 0.0001 of their size, the last at step {last})" in str(report)
    exact = check(journal, keyframes, num_steps=num_steps, rtol=0.0, atol=0.0)
    assert exact.rtol == 0.0


def test_floats_without_a_later_value_are_not_confirmed_by_other_hashes():
    """Rounded otherwise or completely wrong: it can't be told, and how to record more is."""
    journal, keyframes = recording(step=pendulum.step_in_another_order, every=T)
    report = check(journal, keyframes)
    assert not report
    assert (report.differences, report.step, report.differing_steps) == ((), None, 0)
    assert [leaf.path for leaf in report.unproven] == ["state.angle", "state.velocity"]
    assert report.compared == {"hash": T - 1}
    first = min(leaf.step for leaf in report.unproven)
    assert 1 <= first < T - 1
    assert f"hashes differ from step {first} on and no later value was recorded to compare with\n" in str(
        report
    )
    assert "\n  record more keyframes (capture.keyframe_steps=16)" in str(report)
    assert check(*recording(every=T)).floats_exact is True
    assert check(*recording(step=pendulum.step_in_another_order, every=16))


def moved(how: str) -> Callable[[dict[str, jax.Array], jax.Array], tuple[dict[str, jax.Array], jax.Array]]:
    """Return a step that moves a float; its result is nearly the same, or wrong."""

    def step(state: dict[str, jax.Array], action: jax.Array) -> tuple[dict[str, jax.Array], jax.Array]:
        after = {
            "one way": state["f"] * 0.7 + action,
            "another": (action * 3 + state["f"] * 2.1) / 3,
            "wrong": state["f"] * 0 - 1e6,
        }[how]
        return {"f": after}, after

    return step


def travel(num_steps: int = 31, keyframes: Sequence[int] = (0,)) -> EpisodeData:
    """Return an episode of that step, whose rewards are the floats that it moved to."""
    actions = jnp.linspace(0.1, 0.9, num_steps)
    _, (states, rewards) = jax.lax.scan(
        lambda state, action: (
            moved("one way")(state, action)[0],
            (state, moved("one way")(state, action)[1]),
        ),
        {"f": jnp.float32(1)},
        actions,
    )
    journal = journal_of(states, actions, rewards=rewards)
    return episode_of(num_steps, journal, keyframes_of(states, keyframes))


def moved_to(state: Any, action: Any, out: Any) -> Step:
    """Describe a step by the float that it moved to."""
    return Step(reward=out[1], terminated=False)


def moved_from(state: Any, action: Any, out: Any) -> Step:
    """Describe a step by nothing that the float shows in."""
    return Step(terminated=False)


def test_completely_wrong_floats_of_an_episode_with_one_keyframe_are_not_confirmed():
    """Where the simulation starts, nothing has gone wrong yet."""
    report = jaxarc.verify(travel(), moved("wrong"))
    assert not report
    assert report.compared == {}
    assert [(leaf.path, leaf.step) for leaf in report.unproven] == [("state.f", 1)]
    assert "state.f: hashes differ from step 1 on and no later value was recorded" in str(report)
    assert "(nothing else was compared)" in str(report)
    same = jaxarc.verify(travel(), moved("one way"))
    assert (bool(same), same.compared, same.floats_exact) == (True, {"hash": 30}, True)
    assert "floats bit for bit" in str(same)
    found = jaxarc.verify(travel(keyframes=(0, 20)), moved("wrong"))
    assert (found.step, found.path, found.unproven) == (20, "state.f", ())


def test_a_value_before_the_first_other_hash_confirms_nothing_after_it():
    """The float goes wrong behind the only keyframe."""

    def step(state: dict[str, jax.Array], action: jax.Array) -> dict[str, jax.Array]:
        after, _ = moved("one way")(state, action)
        return {"f": jnp.where(action > 0.7, -1e6, after["f"])}

    report = jaxarc.verify(travel(keyframes=(0, 8)), step)
    assert not report
    (leaf,) = report.unproven
    assert leaf.step > 20
    assert report.compared == {"keyframe": 1}


def test_a_part_of_the_steps_that_hashes_show_to_be_the_leaf_is_a_value_of_it():
    """Rewards that are the float after the step; a described part that is another thing proves nothing."""
    report = jaxarc.verify(travel(), moved("another"), describe=moved_to)
    assert report, str(report)
    assert (report.floats_exact, report.last_float_step) == (False, 30)
    assert not jaxarc.verify(travel(), moved("another"), describe=moved_from)
    rewards = travel().journal.sources.scalars("reward")[()]

    def well_told(state: Any, action: jax.Array, out: Any) -> Step:
        place = jnp.round((action - 0.1) * 37.5).astype(int)
        return Step(reward=jnp.asarray(rewards)[place], terminated=False)

    report = jaxarc.verify(travel(), moved("wrong"), describe=well_told)
    assert (report.differences, report.compared["reward"]) == ((), 31)
    assert [leaf.path for leaf in report.unproven] == ["state.f"]


def test_an_episode_of_one_step_is_confirmed_only_by_what_its_step_says():
    """No state that it led to was recorded."""
    journal, keyframes = recording(1)
    report = check(journal, keyframes, num_steps=1)
    assert not report
    assert str(report).startswith("episode 7: 1 steps re-simulated, nothing that they led to was recorded")
    assert check(
        journal, keyframes, num_steps=1, describe=lambda s, a, out: Step(reward=out[1], terminated=False)
    )


def test_floats_that_differ_by_more_than_the_tolerance_are_found_at_a_keyframe():
    """A pendulum that is one percent heavier; a wider tolerance lets it pass."""

    def heavier(state: Pendulum, action: jax.Array, key: jax.Array) -> tuple[Pendulum, jax.Array]:
        after, reward = pendulum.step(state, action, key)
        return replace(after, velocity=after.velocity * 1.01), reward

    journal, keyframes = recording(step=heavier)
    report = check(journal, keyframes)
    assert (report.step, report.path) == (8, "state.angle")
    assert [found.path for found in report.differences] == ["state.angle", "state.velocity"]
    assert report.differences[0].evidence == "keyframe"
    assert "keyframe " in str(report)
    assert check(journal, keyframes, rtol=10.0, atol=10.0)


def test_what_describe_says_of_the_steps_is_compared_as_well():
    """The result of the last action, which no later state shows, is found by the reward."""

    def describe(state: Pendulum, action: jax.Array, out: Any) -> Step:
        return Step(reward=out[1], terminated=False)

    journal, keyframes = sound()
    assert check(journal, keyframes, describe=describe).compared["reward"] == T
    rewards = journal.rewards.copy()
    rewards[T - 1] += 0.5
    report = check(replace(journal, rewards=rewards), keyframes, describe=describe)
    assert (report.step, report.path, report.differences[0].evidence) == (T - 1, "reward", "reward")
    assert not check(replace(journal, flags={"terminated": np.arange(T) == 3}), keyframes, describe=describe)
    assert check(replace(journal, rewards=rewards), keyframes)


def test_values_that_are_no_numbers_are_equal_to_themselves():
    """NaN and infinities of a state are no difference."""

    def step(state: dict[str, jax.Array], action: jax.Array) -> dict[str, jax.Array]:
        return {"value": state["value"] * action}

    values = jnp.array([[1.0, jnp.nan], [jnp.inf, jnp.nan], [jnp.inf, jnp.nan]])
    actions = jnp.array([jnp.inf, 1.0, 1.0])
    steps = remember("steps", range(3), {"state": {"value": values}, "action": actions})
    assert jaxarc.verify(episode_of(3, steps), step)
    report = jaxarc.verify(episode_of(3, steps.changed("state.value", 2, lambda v: v * jnp.nan)), step)
    assert (report.step, report.differences[0].index, report.differences[0].num_elements) == (2, (0,), 1)


def test_narrow_floats_are_given_four_units_in_the_last_place():
    """A tolerance for float32 would be none at all for them."""

    def step(state: jax.Array, action: jax.Array) -> jax.Array:
        return state + action

    states = jnp.arange(3, dtype=jnp.bfloat16)
    steps = remember("steps", range(3), {"state": states, "action": jnp.ones(3, jnp.bfloat16)})

    def nudged(by: float) -> EpisodeData:
        return episode_of(3, steps.changed("state", 2, lambda value: value.astype(float) + by))

    assert jaxarc.verify(nudged(1 / 64), step)
    assert not jaxarc.verify(nudged(1 / 8), step)


def test_without_a_journal_it_says_what_records_one():
    """The same errors as resimulate."""
    with pytest.raises(NotRecordedError, match=r"capture\.journal=selected"):
        check(remember("steps", range(T), {"action": np.zeros(T)}))
