"""What a recorder should know of one ARC step."""

from __future__ import annotations

from jaxarc.capture import Step
from jaxarc.envs.action import Action
from jaxarc.envs.state import ArcEnvState, TimeStep

__all__ = ["arc_step"]


def arc_step(state: ArcEnvState, action: Action, timestep: TimeStep) -> Step:
    """Describe one step of `ArcEnv`, or of `AutoReset` around it, to a recorder.

    Call it with the state before the step and the time step after it. Works on one environment and on a batch
    with leading axes alike.

    Args:
        state: state that the action was applied to.
        action: the action.
        timestep: what ``step(state, action)`` returned.

    Returns:
        A Step whose observations are boards (int8[height width], padding -1), with the metric ``similarity``,
        the labels ``task`` and ``pair``, the boards ``input`` and ``target`` as episode constants,
        ``success`` for a Submit at similarity 1, and ``start`` in the first step after a reset.
    """
    score = timestep.metrics["similarity"]
    return Step(
        observation=state.working_grid,
        action=action,
        reward=timestep.reward,
        terminated=timestep.terminated,
        truncated=timestep.truncated,
        next_observation=timestep.next_observation,
        start=state.step_count == 0,
        success=timestep.terminated & (score == 1.0),
        metrics=dict(timestep.metrics),
        labels={"task": state.task_idx, "pair": state.pair_idx},
        episode={"input": state.input_grid, "target": state.target_grid},
        state=state,
        key=state.key,
    )
