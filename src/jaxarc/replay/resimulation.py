"""Re-simulation: an episode's states from its first state, its actions and its keys."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, tree_util

from jaxarc.capture import Step
from jaxarc.envs import Action, ArcEnv, AutoReset, arc_step
from jaxarc.errors import NotRecordedError, ReplayError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.layout import Field
from jaxarc.replay.recorded_tree import RecordedTree, key_words, recorded_tree

__all__ = ["DESCRIBED_ROLES", "Simulation", "recorded_states", "resimulate", "simulation_of"]

DESCRIBED_ROLES = (
    "observation",
    "reward",
    "terminated",
    "truncated",
    "success",
    "metrics",
    "labels",
    "info",
    "next_observation",
)
"""What can be compared of a step besides the state, as it is said in the step."""

_SHORTEST = 16
_KEPT_PROGRAMS = 32


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
        ReplayError: ``like`` has other leaves than the recording, or ``step_fn`` returns other ones.
    """
    simulation = simulation_of(episode, step_fn, like=like, like_action=like_action)
    states, _ = simulation.run(simulation.start, 0, simulation.num_steps)
    return simulation.states.build(states)


@dataclass(frozen=True, eq=False)
class Simulation:
    """What steps an episode again, and what it needs.

    Attributes:
        program: the jitted scan.
        states: the structure of a state.
        start: leaves of the state at the first step.
        inputs: leaves of the actions and of the keys, [T, …] each; keys None where they are not used.
        num_steps: T.
    """

    program: Callable[..., Any]
    states: RecordedTree
    start: list[Any]
    inputs: tuple[list[np.ndarray], list[np.ndarray] | None]
    num_steps: int

    def run(self, start: list[Any], first: int, last: int) -> tuple[list[np.ndarray], Any]:
        """Take the steps ``first`` to ``last``, from a state's leaves.

        Returns:
            Leaves of the states [last - first + 1, …], and what ``describe`` says of the steps, by role.
        """
        count = last - first
        padding = max(_SHORTEST, 1 << max(0, count - 1).bit_length()) - count
        padded = tree_util.tree_map(
            lambda leaf: np.concatenate([leaf[first:last], np.zeros((padding, *leaf.shape[1:]), leaf.dtype)]),
            self.inputs,
        )
        states, said = jax.device_get(self.program(start, padded, np.int32(count)))
        return [leaf[: count + 1] for leaf in states], tree_util.tree_map(lambda leaf: leaf[:count], said)


def simulation_of(
    episode: EpisodeData,
    step_fn: Any,
    *,
    like: Any = None,
    like_action: Any = None,
    describe: Callable[..., Step] | None = None,
    describes: bool = False,
) -> Simulation:
    """Return what steps an episode again; the arguments are those of `resimulate`.

    Args:
        episode: the episode.
        step_fn: the step, or an environment.
        like: an example of a state.
        like_action: an example of an action.
        describe: ``describe(state, action, what step_fn returned)`` gives the Step of each step again.
        describes: whether an `ArcEnv` is described without ``describe``, by `arc_step`.
    """
    if hasattr(step_fn, "step") and hasattr(step_fn, "reset"):
        # What AutoReset adds begins after the episode: without it the last state is the true one.
        env = step_fn.env if isinstance(step_fn, AutoReset) else step_fn
        if isinstance(env, ArcEnv):
            if like_action is None:
                like_action = _example_action(env.shape)
            if describes and describe is None:
                describe = _describe_arc
        if like is None:
            like = (_kept_example if _is_hashable(env) else _example_state)(env)
        step_fn = env.step
    recorded = recorded_states(episode)
    states = recorded_tree("state", recorded.fields, like)
    journal = episode.journal
    _check_whole(episode)
    actions = recorded_tree("action", journal.fields("action"), like_action)
    keys = None
    if _takes_key(step_fn, episode):
        keys = recorded_tree("key", journal.fields("key"))
    inputs = actions.arrange(journal.action), None if keys is None else keys.arrange(journal.key)
    start = [leaf[0] for leaf in states.arrange(recorded.tree)]
    compiled = _kept_program if _is_hashable(step_fn, describe) else _program
    program = compiled(step_fn, describe, states, actions, keys)
    return Simulation(program, states, start, inputs, len(episode))


def _example_state(env: Any) -> Any:
    first = jax.eval_shape(env.reset, jax.random.key(0))
    return first[0] if type(first) is tuple else first


_kept_example = lru_cache(_KEPT_PROGRAMS)(_example_state)


@lru_cache(_KEPT_PROGRAMS)
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


def _describe_arc(state: Any, action: Any, out: Any) -> Step:
    return arc_step(state, action, out[1])


def _program(
    step_fn: Callable[..., Any],
    describe: Callable[..., Step] | None,
    states: RecordedTree,
    actions: RecordedTree,
    keys: RecordedTree | None,
) -> Callable[..., Any]:
    """Return the jitted scan over actions and keys, of which only the first ``count`` are an episode's."""

    def advance(leaves: list[Any], inputs: Any) -> tuple[list[Any], Any]:
        state, action = states.build(leaves), actions.build(inputs[0])
        arguments = (state, action) if keys is None else (state, action, keys.build(inputs[1]))
        try:
            out = step_fn(*arguments)
        except (AttributeError, KeyError, TypeError, IndexError) as error:
            error.add_note(f"step_fn was given a state {_classes(state)} and an action {_classes(action)}; ")
            error.add_note("like= and like_action= are examples whose classes they get instead")
            raise
        following = _following_state(out, states)
        said = {} if describe is None else _said(describe(state, action, out))
        return states.take_apart(following), said

    def simulate(start: list[Any], inputs: Any, count: Any) -> tuple[list[Any], Any]:
        start = [jnp.asarray(leaf) for leaf in start]
        at_one_step = tree_util.tree_map(lambda leaf: leaf[0], inputs)
        silence = tree_util.tree_map(
            lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(advance, start, at_one_step)[1]
        )

        def body(leaves: list[Any], now: Any) -> tuple[list[Any], Any]:
            time, inputs = now
            following, said = lax.cond(
                time < count, advance, lambda leaves, _: (leaves, silence), leaves, inputs
            )
            return following, (leaves, said)

        times = jnp.arange(tree_util.tree_leaves(inputs)[0].shape[0])
        last, (before, said) = lax.scan(body, start, (times, inputs))
        whole = [jnp.concatenate([leaf, end[None]]) for leaf, end in zip(before, last, strict=True)]
        return whole, said

    return jax.jit(simulate)


_kept_program = lru_cache(_KEPT_PROGRAMS)(_program)


def _is_hashable(*functions: Any) -> bool:
    try:
        hash(functions)
    except TypeError:
        return False  # a module with arrays: its program is not kept for the next episode
    return True


def _following_state(out: Any, states: RecordedTree) -> Any:
    if tree_util.tree_structure(out) == states.structure:
        return out
    if isinstance(out, tuple) and out and tree_util.tree_structure(out[0]) == states.structure:
        return out[0]
    first = out[0] if type(out) is tuple and out else out
    raise ReplayError(
        f"step_fn returns {tree_util.tree_structure(first)}, which is not the state that it was given: "
        f"{states.structure}; return the next state, or a tuple that begins with it. like= is an example of "
        "a state, whose class recorded states get"
    )


def _said(step: Step) -> dict[str, Any]:
    """Return what a Step says, by role; typed keys as their words."""
    said = {role: getattr(step, role) for role in DESCRIBED_ROLES if getattr(step, role) is not None}
    return tree_util.tree_map(key_words, said)


def _classes(tree: Any) -> str:
    return str(tree_util.tree_structure(tree)).removeprefix("PyTreeDef")
