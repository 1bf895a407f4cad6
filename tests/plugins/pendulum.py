"""A pendulum in gusts of wind: an environment of somebody who has never heard of jaxarc.

Its step takes a key; its state, of a class of its own, holds floats, integers of several widths, a mask and a
PRNG key. Gusts are counted in integers, which floats never decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

__all__ = ["Pendulum", "play", "reset", "step", "step_in_another_order"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Pendulum:
    """Everything that the pendulum is."""

    angle: jax.Array
    velocity: jax.Array
    time: jax.Array
    gusts: dict[str, jax.Array]
    seen: jax.Array
    key: jax.Array


def reset(key: jax.Array) -> Pendulum:
    """Begin somewhere near the top."""
    angle, velocity = jax.random.uniform(key, (2,), minval=-0.5, maxval=0.5)
    return Pendulum(
        angle=angle,
        velocity=velocity,
        time=jnp.int32(0),
        gusts={"board": jnp.zeros((3, 4), jnp.int8), "total": jnp.uint16(0)},
        seen=jnp.zeros(5, bool),
        key=jax.random.fold_in(key, 1),
    )


def _gusts(state: Pendulum, key: jax.Array) -> tuple[jax.Array, dict[str, jax.Array], jax.Array]:
    cell = jax.random.randint(key, (), 0, 12)
    board = state.gusts["board"].reshape(-1).at[cell].add(1).reshape(3, 4)
    seen = state.seen.at[cell % 5].set(True)
    return cell, {"board": board, "total": state.gusts["total"] + jnp.uint16(cell)}, seen


def step(state: Pendulum, action: jax.Array, key: jax.Array) -> tuple[Pendulum, jax.Array]:
    """Push, and let the wind blow; return the next state and a reward."""
    cell, gusts, seen = _gusts(state, key)
    push = 0.1 * action.astype(jnp.float32) + 0.01 * cell
    velocity = state.velocity * 0.99 + 0.05 * (9.81 * jnp.sin(state.angle) + push)
    angle = state.angle + 0.05 * velocity
    key = jax.random.split(state.key)[0]
    return Pendulum(angle, velocity, state.time + 1, gusts, seen, key), -jnp.abs(angle)


def step_in_another_order(state: Pendulum, action: jax.Array, key: jax.Array) -> tuple[Pendulum, jax.Array]:
    """Do the same with floats that round elsewhere, as another compiled program does."""
    cell, gusts, seen = _gusts(state, key)
    pull = 0.05 * 9.81 * jnp.sin(state.angle)
    velocity = (0.005 * action.astype(jnp.float32) + pull) + (0.0005 * cell + 0.99 * state.velocity)
    angle = state.angle + 0.05 * velocity
    key = jax.random.split(state.key)[0]
    return Pendulum(angle, velocity, state.time + 1, gusts, seen, key), -jnp.abs(angle)


def play(seed: int, num_steps: int, step: Any = step) -> tuple[Pendulum, jax.Array, jax.Array, jax.Array]:
    """Play at random; return states [T+1], actions, keys and rewards [T]."""
    first, second, third = jax.random.split(jax.random.key(seed), 3)
    actions = jax.random.randint(second, (num_steps,), -1, 2, jnp.int32)
    keys = jax.random.split(third, num_steps)

    def body(state: Pendulum, now: Any) -> tuple[Pendulum, Any]:
        following, reward = step(state, *now)
        return following, (state, reward)

    last, (states, rewards) = jax.jit(lambda s: jax.lax.scan(body, s, (actions, keys)))(reset(first))
    whole = jax.tree.map(lambda before, end: jnp.concatenate([before, end[None]]), states, last)
    return whole, actions, keys, rewards
