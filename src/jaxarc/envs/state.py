"""What an episode is made of: its state, and what one step of it returns."""

from __future__ import annotations

import equinox as eqx
from jaxtyping import Array, Bool, Float32, Int8, Int32, PRNGKeyArray

__all__ = ["ArcEnvState", "TimeStep"]


class ArcEnvState(eqx.Module):
    """The whole state of one episode; a step depends on nothing else.

    Boards are int8, padded with -1 below and to the right; each mask is True on its board's valid cells.

    Attributes:
        working_grid: the board that the operations change.
        working_grid_mask: its valid cells.
        input_grid: the board that the episode began with.
        input_grid_mask: its valid cells.
        target_grid: the board to reach.
        target_grid_mask: its valid cells.
        selected: the selection of the last operation that was allowed, as it was given.
        clipboard: what Copy or Cut took last, at the top-left, -1 elsewhere.
        step_count: steps since the reset.
        allowed_operations_mask: True for the operations that have an effect.
        similarity_score: similarity of ``working_grid`` to ``target_grid``, 0 to 1.
        key: the key that the episode was reset with: ``env.reset(state.key)`` gives its first state again.
        task_idx: index of the task in ``tasks.ids``.
        pair_idx: index of the pair in its task, demonstration pairs first, then test pairs.
    """

    working_grid: Int8[Array, "height width"]
    working_grid_mask: Bool[Array, "height width"]
    input_grid: Int8[Array, "height width"]
    input_grid_mask: Bool[Array, "height width"]
    target_grid: Int8[Array, "height width"]
    target_grid_mask: Bool[Array, "height width"]
    selected: Bool[Array, "height width"]
    clipboard: Int8[Array, "height width"]
    step_count: Int32[Array, ""]
    allowed_operations_mask: Bool[Array, " num_operations"]
    similarity_score: Float32[Array, ""]
    key: PRNGKeyArray
    task_idx: Int32[Array, ""]
    pair_idx: Int32[Array, ""]


class TimeStep(eqx.Module):
    """What a reset or a step returns beside the state.

    ``observation`` is the board to act on next; ``next_observation`` is the board that the step led to. They
    are the same, except where `AutoReset` began a new episode: there ``observation`` is the first board of
    the new episode and everything else still tells of the step that ended the old one. The board that the
    step started from is the ``working_grid`` of the state it was given.

    Attributes:
        observation: the board to choose the next action from, padded with -1.
        next_observation: the board after the step, the true last one of an episode included.
        reward: reward of the step; 0 after a reset.
        terminated: the step was a Submit.
        truncated: the step limit was reached without a Submit.
        metrics: ``similarity`` after the step.
        labels: ``task`` and ``pair`` of the episode that the step belongs to.
    """

    observation: Int8[Array, "height width"]
    next_observation: Int8[Array, "height width"]
    reward: Float32[Array, ""]
    terminated: Bool[Array, ""]
    truncated: Bool[Array, ""]
    metrics: dict[str, Float32[Array, ""]]
    labels: dict[str, Int32[Array, ""]]
