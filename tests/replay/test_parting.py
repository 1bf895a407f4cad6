"""The first difference between two episodes is found, wherever it is and whatever else is missing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from remembered import counting_episode, episode_of, journal_of, remember

from jaxarc.replay.parting import leaf_differences, parting_of

T = 300


@pytest.mark.parametrize("step", [0, 1, 63, 64, 250, T - 1])
@pytest.mark.parametrize("part", ["observation", "action", "reward"])
def test_two_episodes_part_where_the_first_of_anything_differs(part: str, step: int) -> None:
    """Whatever differs, and wherever: the step and the part are found."""
    found = parting_of(counting_episode(T), counting_episode(T, **{part: {step: -5}}))
    assert (found.step, found.part, found.compared) == (step, part, T)


def test_what_comes_first_in_a_step_is_named() -> None:
    """The observation is there before the action, and the action before its reward."""
    whole = counting_episode(T)
    changed = counting_episode(T, observation={9: -1}, action={9: -1}, reward={9: -1})
    assert (parting_of(whole, changed).step, parting_of(whole, changed).part) == (9, "observation")
    earlier = parting_of(whole, counting_episode(T, action={9: -1}, reward={3: -1}))
    assert (earlier.step, earlier.part) == (3, "reward")


def test_episodes_that_are_the_same_do_not_part() -> None:
    """Also where one is longer, or a reward is NaN in both."""
    whole = counting_episode(T)
    assert parting_of(whole, counting_episode(T)).kind == "same"
    assert parting_of(whole, counting_episode(100)).compared == 100
    both = [counting_episode(T, reward={5: np.nan}, observation={7: np.nan}) for _ in range(2)]
    assert parting_of(*both).step is None
    assert parting_of(counting_episode([0, 1]), counting_episode([2, 3])).kind == "unknown"


def test_only_steps_that_both_stored_are_compared() -> None:
    """A difference at a step that one did not store is not seen, the next one is."""
    found = parting_of(counting_episode(T), counting_episode([0, 10, 20, 299], observation={11: -1, 20: -1}))
    assert (found.step, found.part, found.compared, found.before) == (20, "observation", 4, 10)
    assert found.kind == "unseen"


def test_what_an_action_led_to_is_the_outcome_of_that_action() -> None:
    """The observation differs one step later; the step that made the difference is the one before."""
    found = parting_of(counting_episode(T), counting_episode(T, observation={9: -1}))
    assert (found.kind, found.made_at, found.step) == ("outcome", 8, 9)
    start = parting_of(counting_episode(T), counting_episode(T, observation={0: -1}))
    assert (start.kind, start.made_at) == ("start", 0)
    late = parting_of(counting_episode([5, 6]), counting_episode([5, 6], observation={5: -1}))
    assert (late.kind, late.made_at) == ("before", 5)


def test_journals_are_compared_by_the_hashes_of_their_states() -> None:
    """No observation is stored; where the states part is known all the same."""
    states, actions = np.arange(20.0), np.zeros(20, np.int32)
    other = np.where(np.arange(20) < 12, states, -states)
    a, b = (episode_of(20, journal_of(each, actions)) for each in (states, other))
    found = parting_of(a, b)
    assert (found.part, found.step, found.kind, found.made_at) == ("state_hash", 12, "outcome", 11)
    (leaf,) = leaf_differences(a, b, 12, "state_hash")
    assert leaf.a != leaf.b


@given(
    st.integers(1, 150),
    st.lists(
        st.tuples(st.sampled_from(["observation", "action", "reward"]), st.integers(0, 149)), max_size=4
    ),
)
@settings(max_examples=60, deadline=None)
def test_a_plain_loop_finds_the_same_step(length: int, changes: list[tuple[str, int]]) -> None:
    """Blocks of any size, and any differences together."""
    made: dict[str, dict[int, float]] = {}
    for part, step in changes:
        made.setdefault(part, {})[step] = -9
    found = parting_of(counting_episode(length), counting_episode(length, **made))
    order = ["observation", "action", "reward"]
    inside = [(step, order.index(part)) for part, step in changes if step < length]
    expected = min(inside, default=None)
    assert (None if found.step is None else (found.step, order.index(found.part))) == expected


def test_leaves_of_two_shapes_and_leaves_that_one_lacks_are_told() -> None:
    """Any tree can be compared with any other."""
    small = episode_of(
        2, remember("steps", [0, 1], {"observation": {"a": np.zeros((2, 3)), "b": np.ones(2)}})
    )
    large = episode_of(
        2, remember("steps", [0, 1], {"observation": {"a": np.zeros((2, 4)), "c": np.ones(2)}})
    )
    found = parting_of(small, large)
    assert (found.step, found.kind) == (0, "start")
    leaves = leaf_differences(small, large, 0, "observation")
    assert [(leaf.name, leaf.a is None, leaf.b is None) for leaf in leaves] == [
        ("observation.a", False, False),
        ("observation.b", False, True),
        ("observation.c", True, False),
    ]
