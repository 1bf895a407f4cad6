"""Re-simulation: an episode's states from its first state, its actions and its keys."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import tree_util

from jaxarc.capture import Step
from jaxarc.envs import Action, ArcEnv, AutoReset, arc_step
from jaxarc.errors import NotRecordedError, ReplayError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.layout import Field
from jaxarc.replay.addresses import shown_address
from jaxarc.replay.programs import KEPT_PROGRAMS, Recipe, errors_of_episode, in_a_line, is_hashable
from jaxarc.replay.recorded_tree import RecordedTree, recorded_tree

__all__ = [
    "Piece",
    "Simulation",
    "Stepping",
    "describe_arc",
    "padded_length",
    "recorded_states",
    "resimulate",
]

_SHORTEST = 16


def resimulate(episode: EpisodeData, step_fn: Any, *, like: Any = None, like_action: Any = None) -> Any:
    """Rebuild every state of an episode, in one jitted scan.

    It begins with the state that was recorded at the episode's start and takes every action (and key) from
    there: ``capture.journal=selected`` or ``all`` records them, ``capture.level=full`` does as well.

    Args:
        episode: an episode of a run (``run.load_episode(7)``).
        step_fn: the step of one environment, ``step_fn(state, action, key)``, or ``step_fn(state, action)``
            where it needs no key. It returns the next state, or a tuple that begins with it. Or an
            environment: an object with such a ``step``, and a ``reset(key)`` that returns likewise. Programs
            are kept for the next episode, one for each ``step_fn`` and power of two of steps.
        like: an example of a state, arrays or shapes, whose classes the states get. None for the dicts and
            tuples that a recording holds; for an environment, for what its ``reset`` returns.
        like_action: the same for an action. None for recorded dicts and tuples; for `ArcEnv`, for `Action`.

    Returns:
        States [T+1, …]: those that the T steps began with, and the one after the last. Where ``step_fn``
        resets itself, that last one belongs to the next episode; with `AutoReset` it is the true one.

    Raises:
        NotRecordedError: there is no state to begin with, or the action or key of a step is missing.
        ReplayError: ``like`` has other leaves than the recording, ``step_fn`` returns other ones, or fails.
    """
    simulation = Stepping.of(step_fn, like=like, like_action=like_action).simulation(episode)
    states, _ = simulation.run(simulation.whole)
    return simulation.states.build(states)


class Piece(NamedTuple):
    """Steps of an episode that are taken one after the other from a recorded state.

    Attributes:
        start: leaves of the state.
        first, last: the first step, and the one behind the last.
    """

    start: list[Any]
    first: int
    last: int


def padded_length(count: int) -> int:
    """Return the length of the program that takes so many steps: a power of two, at least sixteen."""
    return max(_SHORTEST, 1 << max(0, count - 1).bit_length())


@dataclass(frozen=True, eq=False)
class Simulation:
    """What steps an episode again, and what it needs.

    Attributes:
        recipe: of the program.
        recorded: the states that were recorded.
        inputs: leaves of the actions and of the keys, [T, …] each; keys None where they are not used.
        num_steps: T.
        name: what the episode is called.
    """

    recipe: Recipe
    recorded: RecordedStates
    inputs: tuple[list[np.ndarray], list[np.ndarray] | None]
    num_steps: int
    name: str

    @property
    def states(self) -> RecordedTree:
        """The structure of a state."""
        return self.recipe.states

    @property
    def whole(self) -> Piece:
        """All steps, from the first recorded state."""
        return self.pieces([0])[0]

    def pieces(self, rows: Sequence[int]) -> list[Piece]:
        """Return the steps in pieces that begin with these rows of the recorded states."""
        leaves = self.states.arrange(self.recorded.tree)
        borders = [*(int(self.recorded.steps[row]) for row in rows), self.num_steps]
        return [
            Piece([leaf[row] for leaf in leaves], borders[i], borders[i + 1]) for i, row in enumerate(rows)
        ]

    def run(self, piece: Piece) -> tuple[list[np.ndarray], Any]:
        """Take the steps of a piece.

        Returns:
            Leaves of the states [last - first + 1, …], and what ``describe`` says of the steps, by role.
        """
        start, first, last = piece
        count = last - first
        padding = padded_length(count) - count
        padded = tree_util.tree_map(
            lambda leaf: np.concatenate([leaf[first:last], np.zeros((padding, *leaf.shape[1:]), leaf.dtype)]),
            self.inputs,
        )
        with errors_of_episode(self.name):
            states, said = jax.device_get(self.recipe.of_one(start, padded, np.int32(count)))
        return [leaf[: count + 1] for leaf in states], tree_util.tree_map(lambda leaf: leaf[:count], said)


@dataclass(frozen=True, eq=False)
class Stepping:
    """What steps the episodes of a run again, made ready once for all of them.

    Attributes:
        step_fn: the step of one environment.
        like, like_action: examples of a state and of an action, or None.
        describe: ``describe(state, action, what step_fn returned)`` gives the Step of each step again.
    """

    step_fn: Callable[..., Any]
    like: Any = None
    like_action: Any = None
    describe: Callable[..., Step] | None = None
    _trees: dict[Any, RecordedTree] = field(default_factory=dict)
    _recipes: dict[Any, Recipe] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        step_fn: Any,
        *,
        like: Any = None,
        like_action: Any = None,
        describe: Callable[..., Step] | None = None,
        describes: bool = False,
    ) -> Stepping:
        """Return what steps episodes again; the arguments are those of `resimulate`.

        Args:
            step_fn: the step, or an environment.
            like: an example of a state.
            like_action: an example of an action.
            describe: gives the Step of each step again.
            describes: whether an `ArcEnv` is described without ``describe``, by `arc_step`.
        """
        if hasattr(step_fn, "step") and hasattr(step_fn, "reset"):
            # What AutoReset adds begins after the episode: without it the last state is the true one.
            env = step_fn.env if isinstance(step_fn, AutoReset) else step_fn
            if isinstance(env, ArcEnv):
                if like_action is None:
                    like_action = _example_action(env.shape)
                if describes and describe is None:
                    describe = describe_arc
            if like is None:
                like = (_kept_example if is_hashable(env) else _example_state)(env)
            step_fn = env.step
        return cls(step_fn, like, like_action, describe)

    def simulation(self, episode: EpisodeData) -> Simulation:
        """Return what steps one episode again.

        Raises:
            NotRecordedError: there is no state to begin with, or the action or key of a step is missing.
            ReplayError: the examples or ``step_fn`` don't fit the recording.
        """
        recorded = recorded_states(episode)
        states = self._tree("state", recorded.fields, self.like)
        journal = episode.journal
        _check_whole(episode)
        actions = self._tree("action", journal.fields("action"), self.like_action)
        keys = None
        if _takes_key(self.step_fn, episode):
            keys = self._tree("key", journal.fields("key"))
        inputs = actions.arrange(journal.action), None if keys is None else keys.arrange(journal.key)
        which = id(states), id(actions), id(keys)
        if which not in self._recipes:
            self._recipes[which] = Recipe(self.step_fn, self.describe, states, actions, keys)
        name = shown_address(int(episode.row.get("writer", 0)), int(episode.row.episode))
        return Simulation(self._recipes[which], recorded, inputs, len(episode), name)

    def _tree(self, role: str, fields: tuple[Field, ...], like: Any = None) -> RecordedTree:
        if (role, fields) not in self._trees:
            self._trees[role, fields] = recorded_tree(role, fields, like)
        return self._trees[role, fields]


def _example_state(env: Any) -> Any:
    try:
        first = jax.eval_shape(env.reset, jax.random.key(0))
    except Exception as error:  # the edge of foreign code
        raise ReplayError(
            f"reset(key) of the environment gives no example of a state: {in_a_line(error)}; like= gives one"
        ) from error
    return first[0] if type(first) is tuple else first


_kept_example = lru_cache(KEPT_PROGRAMS)(_example_state)


@lru_cache(KEPT_PROGRAMS)
def _example_action(shape: tuple[int, int]) -> Action:
    return jax.eval_shape(lambda: Action(0, jnp.zeros(shape, bool)))


class RecordedStates(NamedTuple):
    """States of an episode that were recorded.

    Attributes:
        evidence: ``state`` at level full, else ``keyframe``.
        steps: index of each in the episode, int64[n]; the first is 0.
        tree: a tree of [n, …].
        fields: its leaves.
    """

    evidence: str
    steps: np.ndarray
    tree: Any
    fields: tuple[Field, ...]


def recorded_states(episode: EpisodeData) -> RecordedStates:
    """Return the states that were recorded, those of every step before keyframes.

    Raises:
        NotRecordedError: the one at the first step was not.
    """
    journal = episode.journal
    if episode.records_states and episode.step[0] == 0:
        return RecordedStates("state", episode.step, episode.state, episode.fields("state"))
    if journal.has("keyframe") and journal.keyframe_step[0] == 0:
        return RecordedStates("keyframe", journal.keyframe_step, journal.keyframe, journal.fields("keyframe"))
    raise NotRecordedError(
        f"episode {episode.row.episode} holds no state of its first step, which the others follow from; "
        "capture.journal=selected records it, and capture.journal=all for every environment"
    )


def _check_whole(episode: EpisodeData) -> None:
    journal = episode.journal
    if journal.complete and journal.has("action"):
        return
    if not journal.has("action"):
        _ = journal.action  # says what records it
    missing = np.setdiff1d(np.arange(len(episode)), journal.step)
    raise NotRecordedError(
        f"the action of step {missing[0]} of episode {episode.row.episode} was not recorded, {len(missing)} "
        f"of {len(episode)} are missing; capture.journal=selected records those of every step, and so does "
        "capture.level=verbose"
    )


def _takes_key(step_fn: Callable[..., Any], episode: EpisodeData) -> bool:
    """Say whether ``step_fn`` is called with the step's key as its third argument."""
    recorded = episode.journal.has("key")
    try:
        signature = inspect.signature(step_fn)
    except (TypeError, ValueError):
        return recorded  # a callable that Python cannot look into

    def takes(count: int) -> bool:
        try:
            signature.bind(*range(count))
        except TypeError:
            return False
        return True

    if takes(3) and recorded:
        return True
    if takes(2):
        return False
    if takes(3):
        _ = episode.journal.key  # says what records it
    raise ReplayError(
        f"step_fn takes {signature}; it is called with (state, action, key), or with (state, action)"
    )


def describe_arc(state: Any, action: Any, out: Any) -> Step:
    """Say what `arc_step` says of a step of `ArcEnv`."""
    return arc_step(state, action, out[1])
