"""Every style of auto-reset, recorded: the episodes of a plain loop that resets by hand, last frames too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toy
from recording import config, keys, read, rows_by_lane, start_states
from reset_styles import (
    PendingReset,
    Played,
    final_observation_in_info,
    next_step,
    play_without_auto_reset,
    replaced,
    true_step,
)

from jaxarc import Recorder, Step
from jaxarc.errors import NotRecordedError
from jaxarc.replay import ReplaySystem
from jaxarc.storage import keep_segments_open

NUM_STEPS, NUM_ENVS = 24, 4

Array = jax.Array
One = Callable[[Any, Array], tuple[Any, Step]]
"""``(state, action) -> (state, step)`` of one environment."""


def step_of(state: toy.State, action: Array, outcome: Any, next_observation: Any, **fields: Any) -> Step:
    return Step(
        observation=toy.observe(state),
        action=action,
        reward=outcome.reward,
        terminated=outcome.terminated,
        truncated=outcome.truncated,
        next_observation=next_observation,
        **fields,
    )


def with_the_observation_of_the_step(state: toy.State, action: Array) -> tuple[toy.State, Step]:
    """Same-step, replaced: the user calls the step without auto-reset for what it saw."""
    following, outcome = replaced(state, action)
    return following, step_of(state, action, outcome, true_step(state, action)[1].observation)


def with_the_final_observation(state: toy.State, action: Array) -> tuple[toy.State, Step]:
    """Same-step, kept in an info field: it stands for the observation where the episode ended."""
    following, outcome, info = final_observation_in_info(state, action)
    done = outcome.terminated | outcome.truncated
    after = jax.tree_util.tree_map(
        lambda last, now: jnp.where(done, last, now), info["final_observation"], outcome.observation
    )
    return following, step_of(state, action, outcome, after)


def without_a_last_observation(state: toy.State, action: Array) -> tuple[toy.State, Step]:
    """Same-step, replaced and nothing else to be had: the user leaves it out."""
    following, outcome = replaced(state, action)
    return following, step_of(state, action, outcome, None)


def with_resets_left_out(pending: PendingReset, action: Array) -> tuple[PendingReset, Step]:
    """Next-step: a step that resets is no step of an episode."""
    following, outcome = next_step(pending, action)
    step = step_of(pending.state, action, outcome, outcome.observation, active=~pending.done)
    return following, step


def with_resets_left_out_and_starts(pending: PendingReset, action: Array) -> tuple[PendingReset, Step]:
    """Next-step, and the Step says as well where an episode starts."""
    following, outcome = next_step(pending, action)
    return following, step_of(
        pending.state,
        action,
        outcome,
        outcome.observation,
        active=~pending.done,
        start=~pending.done & (pending.state.time == 0),
    )


STYLES: dict[str, One] = {
    "same step, true observation given": with_the_observation_of_the_step,
    "same step, final observation in info": with_the_final_observation,
    "same step, last observation lost": without_a_last_observation,
    "next step": with_resets_left_out,
    "next step, starts given": with_resets_left_out_and_starts,
}


def by_scan(recorder: Recorder, one: One, states: Any, actions: Array) -> None:
    def body(states: Any, now: Array) -> Any:
        states, step = jax.vmap(one)(states, now)
        return states, (step, None)

    recorder.scan(body, states, actions)


def by_scan_of_one_environment(recorder: Recorder, one: One, states: Any, actions: Array) -> None:
    def body(state: Any, now: Array) -> Any:
        state, step = one(state, now)
        return state, (step, None)

    jax.vmap(lambda s, a: recorder.scan(body, s, a), in_axes=(0, 1))(states, actions)


def by_tap(recorder: Recorder, one: One, states: Any, actions: Array) -> None:
    def body(states: Any, now: Array) -> Any:
        states, step = jax.vmap(one)(states, now)
        recorder.tap(step)
        return states, None

    jax.lax.scan(body, states, actions)


def by_rollout(recorder: Recorder, one: One, states: Any, actions: Array) -> None:
    recorder.record_rollout(jax.lax.scan(jax.vmap(one), states, actions)[1])


WAYS = {
    "scan": by_scan,
    "vmap of scan": by_scan_of_one_environment,
    "tap": by_tap,
    "record_rollout": by_rollout,
}


CELLS = [
    *((style, "scan") for style in STYLES),
    *(
        (style, way)
        for style in ("same step, true observation given", "next step")
        for way in ("vmap of scan", "tap", "record_rollout")
    ),
]
"""Every style by one way in; one of each kind of them by all ways."""


@pytest.fixture(scope="module")
def inputs() -> tuple[Array, Array]:
    """Reset keys [num_envs] and actions [time, num_envs]."""
    reset_keys, action_keys = keys(5, NUM_STEPS, NUM_ENVS)
    return reset_keys, jax.vmap(jax.vmap(toy.policy))(action_keys)


@pytest.fixture(scope="module")
def expected(inputs: tuple[Array, Array]) -> dict[bool, dict[int, list[Played]]]:
    """Episodes by environment, where a reset costs a step and where it does not."""
    reset_keys, actions = inputs
    return {
        costs: {
            env: play_without_auto_reset(reset_keys[env], np.asarray(actions[:, env]), reset_is_a_step=costs)
            for env in range(NUM_ENVS)
        }
        for costs in (False, True)
    }


@keep_segments_open()
def assert_equal(run: ReplaySystem, expected: dict[int, list[Played]], *, lost: bool) -> None:
    """Compare every episode of a run with the plain loop."""
    lanes = rows_by_lane(run)
    assert {env for _, env in lanes} == set(expected)
    for env, episodes in expected.items():
        rows = lanes[0, env]
        assert [row.ended for row in rows] == [episode.ended for episode in episodes]
        for row, played in zip(rows, episodes, strict=True):
            episode = run.load_episode(row.episode)
            assert episode.action.tolist() == played.action
            assert episode.reward.tolist() == played.reward
            assert episode.terminated.tolist() == played.terminated
            assert episode.truncated.tolist() == played.truncated
            assert row.last_observation_lost == lost
            there = played.observation[:-1] if lost else played.observation
            for name, values in episode.observation.items():
                assert len(values) == len(there)
                assert values.tobytes() == b"".join(seen[name].tobytes() for seen in there)
            if lost:
                with pytest.raises(NotRecordedError, match="next_observation"):
                    _ = episode.next_observation


def test_the_plain_loop_meets_every_ending(expected: dict[bool, dict[int, list[Played]]]):
    """The reference holds termination, truncation and an episode that is cut, in both countings."""
    for lanes in expected.values():
        endings = [episode.ended for episodes in lanes.values() for episode in episodes]
        assert set(endings) == {"terminated", "truncated", "cut"}
    assert expected[False] != expected[True]


@pytest.mark.parametrize(("style", "way"), CELLS)
def test_a_style_of_auto_reset_is_recorded_as_a_plain_loop_plays(
    run_root: Path,
    inputs: tuple[Array, Array],
    expected: dict[bool, dict[int, list[Played]]],
    style: str,
    way: str,
):
    """T+1 observations with the true last one, or T and a flag where it is destroyed; endings kept apart."""
    reset_keys, actions = inputs
    states: Any = start_states(reset_keys)
    if style.startswith("next step"):
        states = PendingReset(states, jnp.zeros(NUM_ENVS, bool))
    with Recorder(config(run_root, capture={"chunk_bytes": 500})) as recorder:
        jax.jit(lambda s, a: WAYS[way](recorder, STYLES[style], s, a))(states, actions)
    assert recorder.health().losses == {}
    costs = style.startswith("next step")
    assert_equal(read(recorder), expected[costs], lost="lost" in style)
