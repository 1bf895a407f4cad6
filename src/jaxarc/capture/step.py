"""The Step: what a program says about one transition, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
from jaxtyping import ArrayLike, PyTree

__all__ = ["Step"]


class Step(eqx.Module):
    """Describe one transition of one environment, or of ``num_envs`` environments at once.

    With a leading axis on every leaf a Step is a batch of ``num_envs`` environments; without one, the
    innermost ``jax.vmap`` around the recording call is the environment axis. ``reward`` decides: a scalar
    reward means no leading axis, shape ``[num_envs]`` means one.

    Only ``reward`` and ``terminated`` are needed. What is absent is not recorded and never invented.

    Attributes:
        observation: what the agent saw before it acted; any pytree.
        action: what it did; any pytree.
        reward: reward of the transition, a scalar of any numeric dtype.
        terminated: bool, the episode ended inside the task.
        truncated: bool, the episode was stopped from outside (a step limit). Absent: never.
        next_observation: the observation after the step, of the same structure as ``observation``: the true
            one, not the first of the next episode. Absent: the episode is marked ``last_observation_lost``.
        start: bool, this is the first step of its episode. Absent: known from the flags before it and from
            ``continues=``.
        success: bool, the task is solved at this step; an episode with one such step is a success.
        metrics: scalars by name; an episode row holds first, last, min and max of each.
        labels: integers by name, constant over an episode (``task``).
        episode: arrays by name, constant over an episode, stored once.
        info: anything else worth keeping (value, logits); any pytree.
        state: the environment's state before the action; crosses at level ``full`` only.
        key: the PRNG key of the step.
        mark: bool, keep this step whatever the level's choice of key steps.
        active: bool, False rows are not recorded: the way to say "this lane is finished" where a ``cond``
            would be a select.
    """

    observation: PyTree[ArrayLike] = None
    action: PyTree[ArrayLike] = None
    reward: ArrayLike | None = None
    terminated: ArrayLike | None = None
    truncated: ArrayLike | None = None
    next_observation: PyTree[ArrayLike] = None
    start: ArrayLike | None = None
    success: ArrayLike | None = None
    metrics: Mapping[str, ArrayLike] | None = None
    labels: Mapping[str, ArrayLike] | None = None
    episode: Mapping[str, Any] | None = None
    info: PyTree[ArrayLike] = None
    state: PyTree[ArrayLike] = None
    key: ArrayLike | None = None
    mark: ArrayLike | None = None
    active: ArrayLike | None = None
