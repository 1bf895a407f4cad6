"""The demonstration policies."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

from jaxarc.envs import ArcEnv, ArcEnvState, load_tasks, make_policy


def play(name: str, num_episodes: int, num_steps: int, **options: Any) -> tuple[np.ndarray, ...]:
    """Play episodes side by side; return operations, similarity, solved and ended, each [episode step]."""
    env = ArcEnv(load_tasks("arc-agi-1", "training"), max_episode_steps=num_steps, **options)
    policy = make_policy(name)

    def episode(key: jax.Array) -> tuple[jax.Array, ...]:
        state, _ = env.reset(key)

        def body(state: ArcEnvState, key: jax.Array) -> tuple[ArcEnvState, tuple[jax.Array, ...]]:
            action = policy(key, state)
            state, timestep = env.step(state, action)
            score = timestep.metrics["similarity"]
            return state, (action.operation, score, timestep.terminated & (score == 1), timestep.terminated)

        return jax.lax.scan(body, state, jax.random.split(key, num_steps))[1]

    played = jax.jit(jax.vmap(episode))(jax.random.split(jax.random.key(0), num_episodes))
    return tuple(np.asarray(part) for part in played)


def test_painter_solves_real_tasks_in_several_steps() -> None:
    """Nearly every ARC-AGI-1 episode is solved within 40 steps, most of them over more than three."""
    _, scores, solved, _ = play("painter", 300, 40)
    first = solved.argmax(1)
    assert solved.any(1).mean() > 0.95
    assert np.median(first) >= 3
    rises = np.diff(scores, axis=1)
    assert (rises > 0).sum() > 5 * (rises < 0).sum() > 0


def test_random_uses_the_allowed_operations_and_no_other() -> None:
    """The random policy draws among all allowed operations and among no others."""
    operations, _, _, ended = play("random", 16, 20, allowed_operations=(2, 15, 33))
    assert set(operations.flat) == {2, 15, 33}
    assert not ended.any()


def test_policies_are_pure() -> None:
    """The same key and state give the same action."""
    env = ArcEnv(load_tasks("arc-agi-1", "training", ["007bbfb7"]))
    state, _ = env.reset(jax.random.key(0))
    for name in ("random", "painter"):
        policy = jax.jit(make_policy(name))
        first, second = policy(jax.random.key(1), state), policy(jax.random.key(1), state)
        assert first.operation == second.operation
        np.testing.assert_array_equal(first.selection, second.selection)


def test_an_unknown_policy_is_answered_with_the_names() -> None:
    """The error names the policies and the closest one."""
    with pytest.raises(ValueError, match=r"'paint'; policies: random, painter; did you mean painter\?"):
        make_policy("paint")
