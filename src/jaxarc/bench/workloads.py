"""The programs that are measured: environments played at random, in a scan or in a Python loop."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
from jax import lax
from jaxtyping import PRNGKeyArray, PyTree

from jaxarc.bench import cart_pole
from jaxarc.bench.cart_pole import CartPoleState
from jaxarc.bench.variants import Hook, sink
from jaxarc.capture import Step
from jaxarc.envs import ArcEnv, ArcEnvState, AutoReset, arc_step, load_tasks, make_policy
from jaxarc.recorder import Recorder

__all__ = ["Program", "Workload", "arc_game", "cart_pole_game", "loop_workload", "scan_workload"]


@dataclass(frozen=True)
class Program:
    """A function that is to be compiled, and what it is called with.

    Attributes:
        function: ``(world, carry) -> (carry, ys)``.
        world: arrays that stay as they are.
        carry: what the first call gets; later ones get what the one before returned.
        num_steps: environment steps in time of one call.
    """

    function: Callable[[PyTree, PyTree], tuple[PyTree, PyTree]]
    world: PyTree
    carry: PyTree
    num_steps: int


@dataclass(frozen=True)
class Workload:
    """A program that can be built with and without a recorder.

    Attributes:
        name: what ``--only`` takes (``arc-64``).
        title: what the tables say.
        num_envs: environments stepped together.
        num_steps: steps of one timed call.
        build: returns the program for a recorder, a hook, or neither, with so many steps a call.
        call: what a timed call is, in words.
        names: gives the recorder names for its labels.
        loops: calls of the compiled program, back to back in Python, that make one timed call.
        hooks: which hand-written callbacks are worth a row beside it.
        draws: whether there is a row with live drawing.
    """

    name: str
    title: str
    num_envs: int
    num_steps: int
    build: Callable[[Recorder | None, Hook, int], Program]
    call: str
    names: Callable[[Recorder], None] = lambda _: None
    loops: int = 1
    hooks: tuple[Hook, ...] = ()
    draws: bool = False


class Transition(NamedTuple):
    """One step of a game: the state before it, the action, and what the environment returned."""

    state: Any
    action: Any
    timestep: Any


class Game(NamedTuple):
    """One environment with its policy.

    Attributes:
        world: arrays that every step reads.
        reset: ``(world, key) -> state``.
        act: ``(world, key, state) -> (state, transition)``, for one environment.
        describe: the transitions of a batch as a Step.
        seen: what a hand-written callback would be given of a transition.
        names: gives the recorder names for its labels.
    """

    world: PyTree
    reset: Callable[[Any, PRNGKeyArray], Any]
    act: Callable[[Any, PRNGKeyArray, Any], tuple[Any, Transition]]
    describe: Callable[[Transition], Step]
    seen: Callable[[Transition], tuple[jax.Array, ...]]
    names: Callable[[Recorder], None]


@functools.cache
def arc_game() -> Game:
    """Return ARC-AGI-1's training tasks on 30x30 boards, played at random."""
    tasks = load_tasks("arc-agi-1", "training")
    policy = make_policy("random")

    def act(env: AutoReset, key: PRNGKeyArray, state: ArcEnvState) -> tuple[ArcEnvState, Transition]:
        action = policy(key, state)
        after, timestep = env.step(state, action)
        return after, Transition(state, action, timestep)

    def seen(transition: Transition) -> tuple[jax.Array, ...]:
        state, action, timestep = transition
        boards = state.working_grid, timestep.next_observation
        ended = timestep.terminated | timestep.truncated
        return (*boards, action.operation, action.selection, timestep.reward, ended)

    return Game(
        world=AutoReset(ArcEnv(tasks)),
        reset=lambda env, key: env.reset(key)[0],
        act=act,
        describe=lambda transition: arc_step(*transition),
        seen=seen,
        names=lambda recorder: recorder.names(task=tasks.ids),
    )


@functools.cache
def cart_pole_game() -> Game:
    """Return the cart and pole, pushed at random."""

    def act(_: tuple[()], key: PRNGKeyArray, state: CartPoleState) -> tuple[CartPoleState, Transition]:
        policy_key, reset_key = jax.random.split(key)
        push_right = jax.random.bernoulli(policy_key)
        after, timestep = cart_pole.step(reset_key, state, push_right)
        return after, Transition(state, push_right, timestep)

    def describe(transition: Transition) -> Step:
        state, push_right, timestep = transition
        return Step(
            observation=cart_pole.observe(state),
            action=push_right,
            reward=timestep.reward,
            terminated=timestep.terminated,
            truncated=timestep.truncated,
            next_observation=timestep.next_observation,
            start=state.time == 0,
            state=state,
        )

    def seen(transition: Transition) -> tuple[jax.Array, ...]:
        state, push_right, timestep = transition
        observations = cart_pole.observe(state), timestep.next_observation
        return (*observations, push_right, timestep.reward, timestep.terminated | timestep.truncated)

    return Game(
        world=(),
        reset=lambda _, key: cart_pole.reset(key),
        act=act,
        describe=describe,
        seen=seen,
        names=lambda _: None,
    )


@functools.cache
def _start(game: Callable[[], Game], num_envs: int) -> tuple[PyTree, PRNGKeyArray]:
    keys = jax.random.split(jax.random.key(1), num_envs)
    states = jax.jit(jax.vmap(game().reset, in_axes=(None, 0)))(game().world, keys)
    return states, jax.random.key(0)


Advance = Callable[[PyTree, Any], tuple[Any, Transition]]


def _advance(game: Game, num_envs: int, hook: Hook) -> Advance:
    """Return one step of all environments, with the hand-written callback in it that is asked for."""

    def act(world: PyTree, key: PRNGKeyArray, state: Any) -> tuple[Any, Transition]:
        state, transition = game.act(world, key, state)
        if hook == "naive":
            jax.debug.callback(sink, *game.seen(transition))
        return state, transition

    def advance(world: PyTree, carry: Any) -> tuple[Any, Transition]:
        states, key = carry
        key, now = jax.random.split(key)
        states, transition = jax.vmap(act, (None, 0, 0))(world, jax.random.split(now, num_envs), states)
        if hook == "batched":
            jax.debug.callback(sink, *game.seen(transition))
        return (states, key), transition

    return advance


def scan_workload(
    name: str,
    title: str,
    game: Callable[[], Game],
    num_envs: int,
    num_steps: int,
    *,
    hooks: tuple[Hook, ...] = (),
    draws: bool = False,
) -> Workload:
    """Return a rollout in one scan: ``lax.scan`` without a recorder, ``recorder.scan`` with one.

    Args:
        name, title, num_envs, num_steps, hooks, draws: as in `Workload`.
        game: makes the environment, when it is needed.
    """

    def build(recorder: Recorder | None, hook: Hook, num_steps: int) -> Program:
        played = game()
        advance = _advance(played, num_envs, hook)

        def plain(world: PyTree, carry: Any) -> tuple[Any, jax.Array]:
            carry, transition = advance(world, carry)
            return carry, transition.timestep.reward

        def recorded(world: PyTree, carry: Any) -> tuple[Any, tuple[Step, jax.Array]]:
            carry, transition = advance(world, carry)
            return carry, (played.describe(transition), transition.timestep.reward)

        def play(world: PyTree, carry: Any) -> tuple[Any, PyTree]:
            if recorder is None:
                return lax.scan(lambda carry, _: plain(world, carry), carry, None, num_steps)
            return recorder.scan(lambda carry, _: recorded(world, carry), carry, None, num_steps)

        return Program(play, played.world, _start(game, num_envs), num_steps)

    def names(recorder: Recorder) -> None:
        game().names(recorder)

    call = f"{num_steps} steps in one scan"
    return Workload(name, title, num_envs, num_steps, build, call, names=names, hooks=hooks, draws=draws)


def loop_workload(
    name: str, title: str, game: Callable[[], Game], num_envs: int, loops: int, hooks: tuple[Hook, ...] = ()
) -> Workload:
    """Return a Python loop over one jitted step, which ``recorder.tap`` records.

    Args:
        name, title, num_envs, loops, hooks: as in `Workload`.
        game: makes the environment, when it is needed.
    """

    def build(recorder: Recorder | None, hook: Hook, num_steps: int) -> Program:
        played = game()
        advance = _advance(played, num_envs, hook)

        def play(world: PyTree, carry: Any) -> tuple[Any, jax.Array]:
            carry, transition = advance(world, carry)
            if recorder is not None:
                recorder.tap(played.describe(transition))
            return carry, transition.timestep.reward

        return Program(play, played.world, _start(game, num_envs), num_steps)

    def names(recorder: Recorder) -> None:
        game().names(recorder)

    call = f"{loops} calls of one jitted step"
    return Workload(name, title, num_envs, 1, build, call, names=names, loops=loops, hooks=hooks)
