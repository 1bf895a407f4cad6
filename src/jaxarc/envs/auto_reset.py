"""Episodes back to back, without losing the last observation of any."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from jaxarc.envs.action import Action
from jaxarc.envs.arc_env import ArcEnv
from jaxarc.envs.state import ArcEnvState, TimeStep
from jaxarc.envs.tasks import Tasks

__all__ = ["AutoReset"]


@jax.tree_util.register_pytree_node_class
class AutoReset:
    """Begin the next episode in the same step that ends one.

    After a step that ends an episode, the returned state and ``timestep.observation`` are those of the next
    episode. Everything else in the time step belongs to the step just made: ``next_observation`` is the true
    last board, and reward, flags, metrics and labels are the old episode's.

    Args:
        env: the environment to wrap.
    """

    def __init__(self, env: ArcEnv):
        self.env = env

    def tree_flatten(self) -> tuple[tuple[ArcEnv], None]:
        """Split into the wrapped environment, for JAX."""
        return (self.env,), None

    @classmethod
    def tree_unflatten(cls, _: None, children: tuple[ArcEnv]) -> AutoReset:
        """Undo `tree_flatten`, for JAX."""
        self = object.__new__(cls)
        (self.env,) = children
        return self

    @property
    def tasks(self) -> Tasks:
        """The tasks that are played."""
        return self.env.tasks

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the board arrays."""
        return self.env.shape

    def reset(self, key: PRNGKeyArray) -> tuple[ArcEnvState, TimeStep]:
        """Begin the episode that belongs to a key."""
        return self.env.reset(key)

    def step(self, state: ArcEnvState, action: Action) -> tuple[ArcEnvState, TimeStep]:
        """Apply one action and, if it ended the episode, begin the next one.

        The next episode's key follows from ``state.key``, so one key decides a whole sequence of episodes.
        """
        state, timestep = self.env.step(state, action)
        ended = timestep.terminated | timestep.truncated
        fresh, first = self.env.reset(self.env.next_key(state.key))
        state = jax.tree.map(lambda new, old: jnp.where(ended, new, old), fresh, state)
        observation = jnp.where(ended, first.observation, timestep.observation)
        return state, TimeStep(
            observation=observation,
            next_observation=timestep.next_observation,
            reward=timestep.reward,
            terminated=timestep.terminated,
            truncated=timestep.truncated,
            metrics=timestep.metrics,
            labels=timestep.labels,
        )
