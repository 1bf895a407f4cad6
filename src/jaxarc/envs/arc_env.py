"""The ARC environment: pure functions of a state and an action."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32, PRNGKeyArray

from jaxarc.envs.action import Action
from jaxarc.envs.boards import similarity
from jaxarc.envs.operation_names import NUM_OPERATIONS, SUBMIT
from jaxarc.envs.operations import apply_operation
from jaxarc.envs.state import ArcEnvState, TimeStep
from jaxarc.envs.task_files import MAX_SIZE
from jaxarc.envs.tasks import Tasks

__all__ = ["PAIRS", "ArcEnv"]

PAIRS = ("train", "test", "all")
"""Which pairs of a task may be played."""


@jax.tree_util.register_pytree_node_class
class ArcEnv:
    """Turn the input board of an ARC pair into its output board, one operation at a time.

    A reset draws a task, then one of its pairs, both uniformly. `step` and `reset` survive ``jit``, ``vmap``,
    ``scan`` and every nesting of them, and ``jax.jit(env.step)`` works. The environment is itself a pytree
    whose leaves are the tasks: pass it to a jitted function, and no board is baked into the program.

    The reward of a step is ``similarity_weight`` times the change of similarity, plus ``step_penalty``, plus,
    for a Submit, ``success_bonus`` if the similarity is 1 and ``wrong_submission_penalty`` if it is not.

    Args:
        tasks: the tasks to play.
        max_episode_steps: an episode without a Submit is truncated after this many steps.
        similarity_weight: weight of the change of similarity, at least 0.
        step_penalty: added in every step, at most 0.
        success_bonus: added for a Submit at similarity 1, at least 0.
        wrong_submission_penalty: added for any other Submit, at most 0.
        allowed_operations: numbers of the operations that have an effect, all by default; any other operation
            costs its step and changes nothing else.
        pairs: ``train`` plays demonstration pairs, ``test`` test pairs, ``all`` both.

    Raises:
        ValueError: an option is out of its limits.
    """

    def __init__(
        self,
        tasks: Tasks,
        *,
        max_episode_steps: int = 50,
        similarity_weight: float = 1.0,
        step_penalty: float = -0.01,
        success_bonus: float = 10.0,
        wrong_submission_penalty: float = -1.0,
        allowed_operations: Sequence[int] | None = None,
        pairs: str = "train",
    ):
        if max(tasks.shape) > MAX_SIZE:
            raise ValueError(
                f"boards may be {MAX_SIZE}x{MAX_SIZE} at most, got tasks of {tasks.shape}; crop them"
            )
        if max_episode_steps < 1:
            raise ValueError(f"max_episode_steps must be at least 1, got {max_episode_steps}")
        for name, value, sign in (
            ("similarity_weight", similarity_weight, 1),
            ("step_penalty", step_penalty, -1),
            ("success_bonus", success_bonus, 1),
            ("wrong_submission_penalty", wrong_submission_penalty, -1),
        ):
            if not math.isfinite(value) or value * sign < 0:
                limit = "at least 0" if sign > 0 else "at most 0 (it is added to the reward)"
                raise ValueError(f"{name} must be {limit}, got {value}; use {abs(value) * sign or 0.0}")
        if pairs not in PAIRS:
            raise ValueError(f"pairs must be one of {', '.join(PAIRS)}, got {pairs!r}")
        self.tasks = tasks
        self.max_episode_steps = int(max_episode_steps)
        self.similarity_weight = float(similarity_weight)
        self.step_penalty = float(step_penalty)
        self.success_bonus = float(success_bonus)
        self.wrong_submission_penalty = float(wrong_submission_penalty)
        self.allowed_operations = _checked_operations(allowed_operations)
        self.pairs = pairs

    def tree_flatten(self) -> tuple[tuple[Tasks], tuple[tuple[str, Any], ...]]:
        """Split into tasks and options, for JAX."""
        return (self.tasks,), tuple((name, value) for name, value in vars(self).items() if name != "tasks")

    @classmethod
    def tree_unflatten(cls, options: tuple[tuple[str, Any], ...], children: tuple[Tasks]) -> ArcEnv:
        """Undo `tree_flatten`, for JAX."""
        self = object.__new__(cls)
        (self.tasks,) = children
        self.__dict__.update(options)
        return self

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the board arrays."""
        return self.tasks.shape

    @property
    def num_operations(self) -> int:
        """Number of operations, allowed or not."""
        return NUM_OPERATIONS

    def reset(self, key: PRNGKeyArray) -> tuple[ArcEnvState, TimeStep]:
        """Begin the episode that belongs to a key.

        Args:
            key: decides the task and the pair, alone; kept as ``state.key``.
        """
        task, pair = self._draw(key)
        row = self.tasks.first_pair[task] + pair
        board = self.tasks.inputs[row]
        target = self.tasks.targets[row]
        score = similarity(board, target)
        allowed = np.isin(np.arange(NUM_OPERATIONS), self.allowed_operations)
        state = ArcEnvState(
            working_grid=board,
            working_grid_mask=board >= 0,
            input_grid=board,
            input_grid_mask=board >= 0,
            target_grid=target,
            target_grid_mask=target >= 0,
            selected=jnp.zeros(self.shape, jnp.bool_),
            clipboard=jnp.full(self.shape, -1, jnp.int8),
            step_count=jnp.zeros((), jnp.int32),
            allowed_operations_mask=jnp.asarray(allowed),
            similarity_score=score,
            key=key,
            task_idx=task,
            pair_idx=pair,
        )
        timestep = TimeStep(
            observation=board,
            next_observation=board,
            reward=jnp.zeros((), jnp.float32),
            terminated=jnp.zeros((), jnp.bool_),
            truncated=jnp.zeros((), jnp.bool_),
            metrics={"similarity": score},
            labels={"task": task, "pair": pair},
        )
        return state, timestep

    def step(self, state: ArcEnvState, action: Action) -> tuple[ArcEnvState, TimeStep]:
        """Apply one action.

        An operation that ``state.allowed_operations_mask`` forbids, or a number outside 0..34, changes no
        board, not the clipboard and not ``selected``; it costs the step and its penalty. (A wrong number
        cannot raise inside a compiled program, and clamping it would run another operation.)

        Args:
            state: state before the step.
            action: operation and selection; the selection has the shape of the board.
        """
        chex.assert_shape(action.selection, self.shape)
        chex.assert_shape(action.operation, ())
        known = (action.operation >= 0) & (action.operation < NUM_OPERATIONS)
        is_allowed = known & state.allowed_operations_mask[jnp.clip(action.operation, 0, NUM_OPERATIONS - 1)]
        operation = jnp.where(is_allowed, action.operation, -1)
        board, clipboard = apply_operation(
            operation, action.selection, state.working_grid, state.clipboard, state.input_grid
        )
        score = similarity(board, state.target_grid)
        step_count = state.step_count + 1
        terminated = operation == SUBMIT
        truncated = (step_count >= self.max_episode_steps) & ~terminated
        submission = jnp.where(score == 1.0, self.success_bonus, self.wrong_submission_penalty)
        reward = (
            self.similarity_weight * (score - state.similarity_score)
            + self.step_penalty
            + jnp.where(terminated, submission, 0.0)
        )
        next_state = ArcEnvState(
            working_grid=board,
            working_grid_mask=board >= 0,
            input_grid=state.input_grid,
            input_grid_mask=state.input_grid_mask,
            target_grid=state.target_grid,
            target_grid_mask=state.target_grid_mask,
            selected=jnp.where(is_allowed, action.selection, state.selected),
            clipboard=clipboard,
            step_count=step_count,
            allowed_operations_mask=state.allowed_operations_mask,
            similarity_score=score,
            key=state.key,
            task_idx=state.task_idx,
            pair_idx=state.pair_idx,
        )
        timestep = TimeStep(
            observation=board,
            next_observation=board,
            reward=reward.astype(jnp.float32),
            terminated=terminated,
            truncated=truncated,
            metrics={"similarity": score},
            labels={"task": state.task_idx, "pair": state.pair_idx},
        )
        return next_state, timestep

    def next_key(self, key: PRNGKeyArray) -> PRNGKeyArray:
        """Return the key of the episode that follows the episode of ``key`` under `AutoReset`."""
        return jax.random.split(key)[1]

    def _draw(self, key: PRNGKeyArray) -> tuple[Int32[Array, ""], Int32[Array, ""]]:
        shares = jax.random.uniform(jax.random.split(key)[0], (2,))
        task = _one_of(len(self.tasks), shares[0])
        num_train, num_test = self.tasks.num_train[task], self.tasks.num_test[task]
        first = num_train if self.pairs == "test" else 0
        number = {"train": num_train, "test": num_test, "all": num_train + num_test}[self.pairs]
        return task, first + _one_of(number, shares[1])


def _one_of(number: Int32[Array, ""] | int, share: Array) -> Int32[Array, ""]:
    return jnp.minimum((share * number).astype(jnp.int32), number - 1)


def _checked_operations(operations: Sequence[int] | None) -> tuple[int, ...]:
    if operations is None:
        return tuple(range(NUM_OPERATIONS))
    wrong = [number for number in operations if not 0 <= int(number) < NUM_OPERATIONS]
    if wrong:
        raise ValueError(
            f"allowed_operations must be numbers 0..{NUM_OPERATIONS - 1}, got {', '.join(map(str, wrong))}"
        )
    if not len(operations):
        raise ValueError("allowed_operations is empty; name at least one operation, or None for all")
    return tuple(sorted({int(number) for number in operations}))
