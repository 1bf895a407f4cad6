"""A rollout that is played in calls of one compiled program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import PRNGKeyArray

from jaxarc.envs.auto_reset import AutoReset
from jaxarc.envs.policies import Policy
from jaxarc.envs.recording import arc_step
from jaxarc.envs.state import ArcEnvState

__all__ = ["Rollout"]

Scan = Callable[..., tuple[Any, Any]]


class Rollout:
    """Play ``num_envs`` environments side by side, some steps a call.

    Every call runs the same compiled program, so the first one compiles and the others show the speed.

    Args:
        env: the environment; its state of one call goes on in the next.
        policy: who plays, for one environment.
        num_envs: environments stepped together.
        steps_per_call: steps of each environment in one call of ``play``.
        seed: decides tasks and actions.
        scan: ``recorder.scan``.
    """

    def __init__(
        self, env: AutoReset, policy: Policy, *, num_envs: int, steps_per_call: int, seed: int, scan: Scan
    ):
        key, reset_key = jax.random.split(jax.random.key(seed))
        self._env = env
        self._key = key
        self._state, _ = jax.jit(jax.vmap(env.reset))(jax.random.split(reset_key, num_envs))

        def advance(
            env: AutoReset, state: ArcEnvState, key: PRNGKeyArray
        ) -> tuple[ArcEnvState, PRNGKeyArray]:
            def body(carry: tuple[ArcEnvState, PRNGKeyArray], _: None) -> Any:
                state, key = carry
                key, now = jax.random.split(key)
                action = jax.vmap(policy)(jax.random.split(now, num_envs), state)
                after, timestep = jax.vmap(env.step)(state, action)
                return (after, key), (arc_step(state, action, timestep), None)

            (state, key), _ = scan(body, (state, key), None, steps_per_call)
            return state, key

        self._advance = jax.jit(advance)

    def play(self) -> None:
        """Play one call's steps, and return when they are played."""
        self._state, self._key = self._advance(self._env, self._state, self._key)
        jax.block_until_ready(self._state)
