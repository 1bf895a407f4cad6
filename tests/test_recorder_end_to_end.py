"""What a jitted rollout recorded equals what a plain Python loop over the same environment saw."""

from __future__ import annotations

from pathlib import Path

import jax
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
    start_states,
)

from jaxarc import Recorder

NUM_STEPS, NUM_ENVS = 24, 5


@pytest.fixture(scope="module")
def played() -> tuple[jax.Array, jax.Array, list[toy.Episode]]:
    """Keys, and the episodes that the Python loop plays with them."""
    reset_keys, action_keys = keys(0, NUM_STEPS, NUM_ENVS)
    return reset_keys, action_keys, toy.play(reset_keys, action_keys)


@pytest.mark.parametrize("level", ["verbose", "full"])
@pytest.mark.parametrize("chunk_bytes", [300, 2_100, 256_000])
def test_episodes_equal_the_python_loop_bit_for_bit(played, run_root: Path, level: str, chunk_bytes: int):
    """Observations with the true last one, actions, rewards, flags, metrics, across chunk borders."""
    reset_keys, action_keys, expected = played
    with Recorder(
        config(run_root, level, capture={"level": level, "chunk_bytes": chunk_bytes, "envs": 64})
    ) as recorder:
        record_whole(recorder, start_states(reset_keys), action_keys)
    run = read(recorder)
    lanes = rows_by_lane(run)
    for env_id, episodes in lanes_of(expected):
        rows = lanes[0, env_id]
        assert len(rows) == len(episodes)
        for row, episode in zip(rows, episodes, strict=True):
            assert_episode_equals(run.load_episode(row.episode), episode, states=level == "full")
    assert len(run) == len(expected)
