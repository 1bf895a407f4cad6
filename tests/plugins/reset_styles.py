"""One small environment, wrapped in each style of auto-reset that is in use, and played without any.

The walker of ``toy`` without its own auto-reset. The styles differ in what is left of an episode's last
observation: nothing, a copy in an info field, or all of it, because the reset is a step of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import toy

__all__ = [
    "Outcome",
    "Played",
    "PendingReset",
    "final_observation_in_info",
    "next_step",
    "play_without_auto_reset",
    "replaced",
    "true_step",
]


class Outcome(NamedTuple):
    """What a step returns besides the state."""

    observation: dict[str, jax.Array]
    reward: jax.Array
    terminated: jax.Array
    truncated: jax.Array


class PendingReset(NamedTuple):
    """A state of the next-step style: what the walker is, and whether the next step resets it."""

    state: toy.State
    done: jax.Array


def true_step(state: toy.State, action: jax.Array) -> tuple[toy.State, Outcome]:
    """Walk, and stay where the episode ended."""
    moved = state._replace(position=state.position + action, time=state.time + 1)
    terminated = moved.position >= moved.goal
    truncated = (moved.time >= toy.STEP_LIMIT) & ~terminated
    reward = (moved.goal - moved.position).astype(jnp.float32)
    return moved, Outcome(toy.observe(moved), reward, terminated, truncated)


def _choose(condition: jax.Array, a: Any, b: Any) -> Any:
    return jax.tree_util.tree_map(lambda x, y: jnp.where(condition, x, y), a, b)


def replaced(state: toy.State, action: jax.Array) -> tuple[toy.State, Outcome]:
    """Walk; at an end, state and observation are those of the next episode, as in gymnax."""
    moved, outcome = true_step(state, action)
    done = outcome.terminated | outcome.truncated
    following = _choose(done, toy.reset(state.key, state.played + 1), moved)
    return following, outcome._replace(observation=toy.observe(following))


def final_observation_in_info(
    state: toy.State, action: jax.Array
) -> tuple[toy.State, Outcome, dict[str, dict[str, jax.Array]]]:
    """Walk as ``replaced`` does; the info holds the last observation, as in EnvPool, and zeros elsewhere."""
    following, outcome = replaced(state, action)
    last = true_step(state, action)[1].observation
    nothing = jax.tree_util.tree_map(jnp.zeros_like, last)
    final = _choose(outcome.terminated | outcome.truncated, last, nothing)
    return following, outcome, {"final_observation": final}


def next_step(pending: PendingReset, action: jax.Array) -> tuple[PendingReset, Outcome]:
    """Walk; the step after an end ignores its action and begins the next episode."""
    moved, outcome = true_step(pending.state, action)
    fresh = toy.reset(pending.state.key, pending.state.played + 1)
    first = Outcome(toy.observe(fresh), jnp.float32(0), jnp.array(False), jnp.array(False))
    done = outcome.terminated | outcome.truncated
    return (
        PendingReset(_choose(pending.done, fresh, moved), ~pending.done & done),
        _choose(pending.done, first, outcome),
    )


@dataclass
class Played:
    """One episode of the plain loop: T+1 observations, T of everything else."""

    observation: list[dict[str, np.ndarray]] = field(default_factory=list)
    action: list[int] = field(default_factory=list)
    reward: list[float] = field(default_factory=list)
    terminated: list[bool] = field(default_factory=list)
    truncated: list[bool] = field(default_factory=list)

    @property
    def ended(self) -> str:
        """How it ended; ``cut`` where the loop stopped first."""
        return "terminated" if self.terminated[-1] else "truncated" if self.truncated[-1] else "cut"


_reset, _observe, _step = jax.jit(toy.reset), jax.jit(toy.observe), jax.jit(true_step)


def play_without_auto_reset(
    reset_key: jax.Array, actions: np.ndarray, *, reset_is_a_step: bool = False
) -> list[Played]:
    """Play one environment in a Python loop that resets it by hand.

    Args:
        reset_key: key of the first state.
        actions: int32[time].
        reset_is_a_step: a reset takes the place of an action, as in the next-step style.
    """
    state = _reset(reset_key)
    finished: list[Played] = []
    episode: Played | None = None
    resets = False
    for action in actions:
        if resets:
            state, resets = _reset(state.key, state.played + 1), False
            if reset_is_a_step:
                continue
        if episode is None:
            episode = Played([jax.device_get(_observe(state))])
        state, outcome = jax.device_get(_step(state, action))
        episode.observation.append(outcome.observation)
        episode.action.append(int(action))
        episode.reward.append(float(outcome.reward))
        episode.terminated.append(bool(outcome.terminated))
        episode.truncated.append(bool(outcome.truncated))
        if outcome.terminated or outcome.truncated:
            finished.append(episode)
            episode, resets = None, True
    return finished if episode is None else [*finished, episode]
