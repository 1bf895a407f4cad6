"""A small environment that knows nothing of jaxarc, and a plain Python loop that plays it.

A walker takes steps of 1 to 3 towards a goal that differs from episode to episode. It terminates at the goal,
is truncated at a step limit, and resets itself in the same step, as most JAX environments do: the state that
comes back belongs to the next episode, while the time step holds the true last observation.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["Episode", "State", "TimeStep", "observe", "play", "policy", "reset", "step"]

STEP_LIMIT = 5


class State(NamedTuple):
    """Everything that the walker is."""

    position: jax.Array
    goal: jax.Array
    time: jax.Array
    played: jax.Array
    key: jax.Array


class TimeStep(NamedTuple):
    """What one step returns besides the state."""

    next_observation: dict[str, jax.Array]
    reward: jax.Array
    terminated: jax.Array
    truncated: jax.Array
    success: jax.Array
    closeness: jax.Array


def reset(key: jax.Array, played: jax.Array | int = 0) -> State:
    """Begin an episode with a goal between 2 and 13."""
    key, goal_key = jax.random.split(key)
    goal = jax.random.randint(goal_key, (), 2, 14, jnp.int32)
    return State(jnp.int32(0), goal, jnp.int32(0), jnp.asarray(played, jnp.int32), key)


def observe(state: State) -> dict[str, jax.Array]:
    """Return what an agent sees: a board, a mask and a float."""
    cells = jnp.arange(6, dtype=jnp.int32)
    return {
        "board": jnp.where(cells == state.position % 6, state.goal, cells - 1).astype(jnp.int8),
        "mask": cells < state.position,
        "distance": (state.goal - state.position).astype(jnp.float32) * jnp.float32(0.3),
    }


def policy(key: jax.Array) -> jax.Array:
    """Choose 1, 2 or 3 steps."""
    return jax.random.randint(key, (), 1, 4, jnp.int32)


def step(state: State, action: jax.Array) -> tuple[State, TimeStep]:
    """Walk; at the end of an episode, return the first state of the next one."""
    moved = state._replace(position=state.position + action, time=state.time + 1)
    terminated = moved.position >= state.goal
    truncated = (moved.time >= STEP_LIMIT) & ~terminated
    timestep = TimeStep(
        next_observation=observe(moved),
        reward=(state.goal - moved.position).astype(jnp.float32) * jnp.float32(0.1),
        terminated=terminated,
        truncated=truncated,
        success=moved.position == state.goal,
        closeness=moved.position.astype(jnp.float32) * jnp.float32(0.07),
    )
    fresh = reset(state.key, state.played + 1)
    done = terminated | truncated
    following = jax.tree_util.tree_map(lambda new, old: jnp.where(done, new, old), fresh, moved)
    return following, timestep


@dataclass
class Episode:
    """One episode as the Python loop saw it; ``ended`` is ``open`` where the loop stopped first."""

    env_id: int
    observation: list[dict[str, np.ndarray]] = field(default_factory=list)
    action: list[np.ndarray] = field(default_factory=list)
    reward: list[np.ndarray] = field(default_factory=list)
    terminated: list[bool] = field(default_factory=list)
    truncated: list[bool] = field(default_factory=list)
    closeness: list[np.ndarray] = field(default_factory=list)
    state: list[dict[str, np.ndarray]] = field(default_factory=list)
    success: bool = False
    goal: int = -1
    ended: str = "open"

    def stacked_observation(self) -> dict[str, np.ndarray]:
        """Return the T+1 observations, one array a leaf."""
        return {name: np.stack([seen[name] for seen in self.observation]) for name in self.observation[0]}


_step = jax.jit(step)
_reset = jax.jit(reset)
_observe = jax.jit(observe)
_policy = jax.jit(policy)


def _arrays(tree: Any) -> Any:
    def array(leaf: jax.Array) -> np.ndarray:
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return np.asarray(jax.random.key_data(leaf))
        return np.asarray(leaf)

    return jax.tree_util.tree_map(array, tree)


def play(reset_keys: jax.Array, action_keys: jax.Array) -> list[Episode]:
    """Play every environment by itself, one step after the other, and return the episodes.

    Args:
        reset_keys: keys [num_envs] of the first states.
        action_keys: keys [time, num_envs] of the policy.
    """
    finished = []
    for env_id in range(reset_keys.shape[0]):
        state = _reset(reset_keys[env_id])
        episode = Episode(env_id)
        for time in range(action_keys.shape[0]):
            action = _policy(action_keys[time, env_id])
            before = state
            seen = _arrays(_observe(before))
            if episode.goal < 0:
                episode.observation.append(seen)
                episode.goal = int(before.goal)
            state, timestep = _step(state, action)
            episode.state.append(_arrays(before._asdict()))
            episode.action.append(np.asarray(action))
            episode.observation.append(_arrays(timestep.next_observation))
            episode.reward.append(np.asarray(timestep.reward))
            episode.terminated.append(bool(timestep.terminated))
            episode.truncated.append(bool(timestep.truncated))
            episode.closeness.append(np.asarray(timestep.closeness))
            episode.success |= bool(timestep.success)
            if timestep.terminated or timestep.truncated:
                episode.ended = "terminated" if timestep.terminated else "truncated"
                finished.append(episode)
                episode = Episode(env_id)
        if episode.action:
            finished.append(episode)
    return finished
