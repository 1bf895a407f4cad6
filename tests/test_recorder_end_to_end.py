"""What a jitted rollout recorded equals what a plain Python loop over the same environment saw."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
import toy
from recording import (
    assert_episode_equals,
    assert_row_equals,
    batched_body,
    config,
    keys,
    lanes_of,
    read,
    record_whole,
    rows_by_lane,
    single_body,
    start_states,
)

from jaxarc import Recorder
from jaxarc.errors import NotRecordedError
from jaxarc.replay import ReplaySystem
from jaxarc.storage import keep_segments_open

NUM_STEPS, NUM_ENVS = 24, 5

Played = tuple[jax.Array, jax.Array, list[toy.Episode]]


@pytest.fixture(scope="module")
def played() -> Played:
    """Keys, and the episodes that the Python loop plays with them."""
    reset_keys, action_keys = keys(0, NUM_STEPS, NUM_ENVS)
    return reset_keys, action_keys, toy.play(reset_keys, action_keys)


@keep_segments_open()
def assert_run_equals(run: ReplaySystem, expected: list[toy.Episode], *, states: bool = False) -> None:
    lanes = rows_by_lane(run)
    for env_id, episodes in lanes_of(expected):
        rows = lanes[0, env_id]
        assert len(rows) == len(episodes)
        for row, episode in zip(rows, episodes, strict=True):
            assert_episode_equals(run.load_episode(row.episode), episode, states=states)
    assert len(run) == len(expected)


def test_the_python_loop_meets_every_ending(played: Played):
    """The reference holds what the tests below are about: all three endings, many lengths."""
    expected = played[2]
    assert {episode.ended for episode in expected} == {"terminated", "truncated", "open"}
    assert len({len(episode.reward) for episode in expected}) >= 3
    assert {episode.success for episode in expected} == {True, False}


@pytest.mark.parametrize(
    ("level", "chunk_bytes"),
    [
        ("verbose", 300),
        ("verbose", 256_000),
        pytest.param("full", 2_900, marks=pytest.mark.long),
        ("full", 256_000),
    ],
)
def test_episodes_equal_the_python_loop_bit_for_bit(
    played: Played, run_root: Path, level: str, chunk_bytes: int
):
    """Observations with the true last one, actions, rewards, flags, metrics, across chunk borders."""
    reset_keys, action_keys, expected = played
    settings = config(run_root, level, capture={"chunk_bytes": chunk_bytes})
    with Recorder(settings) as recorder:
        plan = recorder.plan(batched_body, start_states(reset_keys), action_keys)
        record_whole(recorder, start_states(reset_keys), action_keys)
        recorder.flush()
        assert recorder.health().accepted_chunks == plan.num_callbacks
    assert (plan.num_callbacks == 1) == (chunk_bytes == 256_000)
    assert recorder.health().losses == {}
    assert_run_equals(read(recorder), expected, states=level == "full")


def test_episodes_cross_several_calls(played: Played, run_root: Path):
    """Four calls of one compiled program, with flushes between them, give the same episodes as one."""
    reset_keys, action_keys, expected = played
    with Recorder(config(run_root)) as recorder:
        rollout = jax.jit(lambda states, step_keys: recorder.scan(batched_body, states, step_keys))
        states = start_states(reset_keys)
        for part in range(4):
            states, _ = rollout(states, action_keys[part * 6 : (part + 1) * 6])
            if part % 2:
                assert recorder.flush()
    assert_run_equals(read(recorder), expected)


def test_a_rollout_recorded_afterwards_is_the_same(played: Played, run_root: Path):
    """record_rollout on returned arrays, outside jit, in two parts."""
    reset_keys, action_keys, expected = played

    def body(states, step_keys):
        states, (step, _) = batched_body(states, step_keys)
        return states, step

    _, steps = jax.jit(lambda s, k: jax.lax.scan(body, s, k))(start_states(reset_keys), action_keys)
    with Recorder(config(run_root)) as recorder:
        for part in (slice(0, 12), slice(12, 24)):
            recorder.record_rollout(jax.tree_util.tree_map(lambda x, part=part: x[part], steps))
    assert_run_equals(read(recorder), expected)


def test_a_tapped_python_loop_is_the_same(played: Played, run_root: Path):
    """tap, one batched step at a time, outside jit."""
    reset_keys, action_keys, expected = played
    body = jax.jit(batched_body)
    with Recorder(config(run_root)) as recorder:
        states = start_states(reset_keys)
        for time in range(NUM_STEPS):
            states, (step, _) = body(states, action_keys[time])
            recorder.tap(step)
        recorder.flush()
        assert recorder.health().accepted_chunks == NUM_STEPS
    assert_run_equals(read(recorder), expected)


def test_environments_added_by_vmap_are_the_same(played: Played, run_root: Path):
    """A body for one environment under vmap: the innermost vmapped axis is the environments."""
    reset_keys, action_keys, expected = played
    with Recorder(config(run_root)) as recorder:
        rollout = jax.vmap(lambda s, k: recorder.scan(single_body, s, k), in_axes=(0, 1))
        jax.jit(rollout)(start_states(reset_keys), action_keys)
        recorder.flush()
        assert recorder.health().accepted_chunks == 1
    assert_run_equals(read(recorder), expected)


@pytest.mark.parametrize("envs", [2, pytest.param([1, 4], marks=pytest.mark.long), [3]])
@pytest.mark.parametrize("axis", ["leading", "vmapped"])
def test_rows_of_every_environment_and_steps_of_the_selected(
    played: Played, run_root: Path, envs: int | list[int], axis: str
):
    """Only the selected environments have steps; every environment has its rows."""
    reset_keys, action_keys, expected = played
    selected = {0, 2} if envs == 2 else set(envs)
    with Recorder(config(run_root, capture={"envs": envs})) as recorder:
        if axis == "leading":
            record_whole(recorder, start_states(reset_keys), action_keys)
        else:
            rollout = jax.vmap(lambda s, k: recorder.scan(single_body, s, k), in_axes=(0, 1))
            jax.jit(rollout)(start_states(reset_keys), action_keys)
    run = read(recorder)
    lanes = rows_by_lane(run)
    for env_id, episodes in lanes_of(expected):
        for row, episode in zip(lanes[0, env_id], episodes, strict=True):
            if env_id in selected:
                assert_episode_equals(run.load_episode(row.episode), episode)
            else:
                assert_row_equals(row, episode)
                assert row.stored_steps == 0


def test_minimal_has_a_row_for_every_episode_and_no_steps(played: Played, run_root: Path):
    """Rows agree with the Python loop for every environment; what was not recorded says so."""
    reset_keys, action_keys, expected = played
    with Recorder(config(run_root, "minimal")) as recorder:
        record_whole(recorder, start_states(reset_keys), action_keys)
    run = read(recorder)
    lanes = rows_by_lane(run)
    for env_id, episodes in lanes_of(expected):
        for row, episode in zip(lanes[0, env_id], episodes, strict=True):
            assert_row_equals(row, episode)
    assert len(run) == len(expected)
    with pytest.raises(NotRecordedError, match=r"only its row.*capture\.level"):
        _ = run.load_episode(0).observation


def test_standard_stores_key_steps_of_the_same_values(played: Played, run_root: Path):
    """Stored steps are a part of the episode, first and last among them, and equal the Python loop."""
    reset_keys, action_keys, expected = played
    settings = config(run_root, "standard", capture={"key_steps": 3, "key_delta": 0.5})
    with Recorder(settings) as recorder:
        record_whole(recorder, start_states(reset_keys), action_keys)
    run = read(recorder)
    lanes = rows_by_lane(run)
    for env_id, episodes in lanes_of(expected):
        for row, episode in zip(lanes[0, env_id], episodes, strict=True):
            stored = run.load_episode(row.episode)
            chosen = stored.step.tolist()
            assert len(chosen) <= 3
            assert chosen[0] == 0
            assert row.ended == "cut" or chosen[-1] == len(episode.reward) - 1
            assert stored.action.tolist() == [int(episode.action[i]) for i in chosen]
            for name in ("board", "mask", "distance"):
                before = stored.observation[name]
                if len(before) == len(chosen):
                    assert [b.tolist() for b in before] == [
                        episode.observation[i][name].tolist() for i in chosen
                    ]
                after = stored.next_observation[name]
                assert [a.tolist() for a in after] == [
                    episode.observation[i + 1][name].tolist() for i in chosen
                ]


def test_the_program_returns_what_it_would_without_us(played: Played, run_root: Path):
    """Final carry and outputs, over a remainder chunk as well, equal those of jax.lax.scan."""
    reset_keys, action_keys, _ = played

    def body(states, step_keys):
        states, (_, y) = batched_body(states, step_keys)
        return states, y

    plain = jax.jit(lambda s, k: jax.lax.scan(body, s, k))(start_states(reset_keys), action_keys[:23])
    with Recorder(config(run_root, capture={"chunk_bytes": 5 * 5 * 60})) as recorder:
        plan = recorder.plan(batched_body, start_states(reset_keys), action_keys[:23])
        assert 23 % plan.steps_per_chunk
        ours = record_whole(recorder, start_states(reset_keys), action_keys[:23])
    assert ours[1].shape == plain[1].shape
    assert jnp.allclose(ours[1], plain[1])
    assert ours[0].position.tolist() == plain[0].position.tolist()
    assert read(recorder).episodes()["total_steps"].sum() == 23 * NUM_ENVS
