"""Compiled simulations: of one episode, and of many episodes side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax, tree_util

from jaxarc.capture import Step
from jaxarc.errors import JaxArcError, ReplayError
from jaxarc.replay.recorded_tree import RecordedTree, key_words

__all__ = [
    "DESCRIBED_ROLES",
    "KEPT_PROGRAMS",
    "Recipe",
    "SideBySide",
    "errors_of_episode",
    "in_a_line",
    "is_hashable",
]

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

KEPT_PROGRAMS = 32

_LONGEST = 400


@dataclass(frozen=True)
class Recipe:
    """What a program is compiled of: equal recipes share one, which is kept for the next call.

    Attributes:
        step_fn: the step of one environment.
        describe: gives the Step of a step again, or None.
        states, actions, keys: the structures of what it takes; ``keys`` is None where it needs none.
    """

    step_fn: Callable[..., Any]
    describe: Callable[..., Step] | None
    states: RecordedTree
    actions: RecordedTree
    keys: RecordedTree | None

    @cached_property
    def of_one(self) -> Callable[..., Any]:
        """The program ``(start, inputs [T, …], count) -> (states [T+1, …], said [T, …])``."""
        return (_kept_of_one if is_hashable(self) else _of_one)(self)

    @cached_property
    def of_many(self) -> SideBySide:
        """The same for episodes side by side: starts [n, …], inputs [T, n, …] and counts [n].

        States are [T+1, n, …] and what is said [T, n, …]; behind its count an episode stands still. Steps
        that no episode takes cost nothing.
        """
        return (_kept_of_many if is_hashable(self) else _of_many)(self)

    def advance(self, leaves: list[Any], inputs: Any) -> tuple[list[Any], Any]:
        """Take one step from the leaves of a state; also return what ``describe`` says of it."""
        state, action = self.states.build(leaves), self.actions.build(inputs[0])
        arguments = (state, action) if self.keys is None else (state, action, self.keys.build(inputs[1]))
        try:
            out = self.step_fn(*arguments)
        except (AttributeError, KeyError, TypeError, IndexError) as error:
            raise ReplayError(
                f"step_fn fails with {in_a_line(error)}; it was given a state {_classes(state)} and an "
                f"action {_classes(action)}: like= and like_action= are examples whose classes they get"
            ) from error
        following = _following_state(out, self.states)
        said = {} if self.describe is None else _said(self.describe(state, action, out))
        return self.states.take_apart(following), said


@contextmanager
def errors_of_episode(name: str) -> Iterator[None]:
    """Say at which episode a step failed, and of what: it is its callers' and raises whatever it likes.

    Args:
        name: what the episode is called.

    Raises:
        ReplayError: something was raised.
    """
    try:
        yield
    except ReplayError as error:
        raise ReplayError(f"episode {name}: {error}") from error.__cause__
    except JaxArcError:
        raise
    except Exception as error:  # the edge of foreign code
        raise ReplayError(f"episode {name}: step_fn fails with {in_a_line(error)}") from error


def in_a_line(error: BaseException) -> str:
    """Return the kind of an error and the line of what it says that tells most."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = (lines[-1] if "Traceback" in lines[0] else lines[0]) if lines else ""
    said = said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1]}…"
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def is_hashable(*values: Any) -> bool:
    """Say whether values can be keys: a module with arrays cannot, and its program is not kept."""
    try:
        hash(values)
    except TypeError:
        return False
    return True


def _of_one(recipe: Recipe) -> Callable[..., Any]:
    advance = jax.jit(recipe.advance)  # traced once, for shapes and for the program

    def simulate(start: list[Any], inputs: Any, count: Any) -> tuple[list[Any], Any]:
        start = [jnp.asarray(leaf) for leaf in start]
        silence = _silence(advance, start, inputs)

        def body(leaves: list[Any], now: Any) -> tuple[list[Any], Any]:
            time, inputs = now
            following, said = lax.cond(
                time < count, advance, lambda leaves, _: (leaves, silence), leaves, inputs
            )
            return following, (leaves, said)

        last, (before, said) = lax.scan(body, start, (_times(inputs), inputs))
        return _with_last(before, last), said

    return jax.jit(simulate)


class SideBySide:
    """The program of many episodes, and which widths of it are compiled.

    Args:
        program: starts, inputs and counts to states and what is said, as `Recipe.of_many` says.

    Attributes:
        is_possible: whether it can be made; steps with calls to the host often cannot be batched.
    """

    def __init__(self, program: Callable[..., Any]):
        self._program = program
        self._widths: dict[int, set[int]] = {}
        self.is_possible = True

    def __call__(self, start: list[Any], inputs: Any, counts: Any) -> tuple[list[Any], Any]:
        """Simulate."""
        return self._program(start, inputs, counts)

    def width(self, length: int, needed: int) -> int:
        """Return how many episodes the program shall take: compiling takes longer than empty lanes do.

        Args:
            length: the steps that it takes.
            needed: how many episodes there are.
        """
        compiled = self._widths.setdefault(length, set())
        width = min(
            (width for width in tuple(compiled) if width >= needed), default=1 << (needed - 1).bit_length()
        )
        compiled.add(width)
        return width


def _of_many(recipe: Recipe) -> SideBySide:
    advance = jax.jit(jax.vmap(recipe.advance))  # traced once, for shapes and for the program

    def simulate(start: list[Any], inputs: Any, counts: Any) -> tuple[list[Any], Any]:
        start = [jnp.asarray(leaf) for leaf in start]
        silence = _silence(advance, start, inputs)
        longest = jnp.max(counts)

        def all_stand(leaves: list[Any], _time: Any, _inputs: Any) -> tuple[list[Any], Any]:
            return leaves, silence

        def step(leaves: list[Any], time: Any, inputs: Any) -> tuple[list[Any], Any]:
            following, said = advance(leaves, inputs)
            goes_on = time < counts
            return [
                jnp.where(goes_on.reshape(-1, *(1,) * (new.ndim - 1)), new, old)
                for new, old in zip(following, leaves, strict=True)
            ], said

        def body(leaves: list[Any], now: Any) -> tuple[list[Any], Any]:
            time, inputs = now
            following, said = lax.cond(time < longest, step, all_stand, leaves, time, inputs)
            return following, (leaves, said)

        last, (before, said) = lax.scan(body, start, (_times(inputs), inputs))
        return _with_last(before, last), said

    return SideBySide(jax.jit(simulate))


_kept_of_one = lru_cache(KEPT_PROGRAMS)(_of_one)
_kept_of_many = lru_cache(KEPT_PROGRAMS)(_of_many)


def _silence(advance: Callable[..., Any], start: list[Any], inputs: Any) -> Any:
    """Return zeros in the place of what is said of a step."""
    at_one_step = tree_util.tree_map(lambda leaf: leaf[0], inputs)
    said = jax.eval_shape(advance, start, at_one_step)[1]
    return tree_util.tree_map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), said)


def _times(inputs: Any) -> jax.Array:
    return jnp.arange(tree_util.tree_leaves(inputs)[0].shape[0])


def _with_last(before: list[Any], last: list[Any]) -> list[Any]:
    return [jnp.concatenate([leaf, end[None]]) for leaf, end in zip(before, last, strict=True)]


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
