"""A cart and a pole in pure JAX: a step so small that nothing hides what recording costs.

Equations and constants: A. G. Barto, R. S. Sutton, C. W. Anderson, "Neuronlike adaptive elements that can
solve difficult learning control problems", IEEE Transactions on Systems, Man, and Cybernetics 13 (1983),
834-846; without friction, integrated by Euler's method, with a step limit.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float32, Int32, PRNGKeyArray

__all__ = ["CartPoleState", "CartPoleStep", "observe", "reset", "step"]

_GRAVITY = 9.8
_CART_MASS = 1.0
_POLE_MASS = 0.1
_HALF_LENGTH = 0.5
_FORCE = 10.0
_STEP_S = 0.02
_MAX_POSITION = 2.4
_MAX_ANGLE = 12 * jnp.pi / 180
_STEP_LIMIT = 500
_START_RANGE = 0.05


class CartPoleState(NamedTuple):
    """Cart position and speed, pole angle and its speed (metres, radians, seconds), steps so far."""

    position: Float32[Array, "*num_envs"]
    velocity: Float32[Array, "*num_envs"]
    angle: Float32[Array, "*num_envs"]
    spin: Float32[Array, "*num_envs"]
    time: Int32[Array, "*num_envs"]


class CartPoleStep(NamedTuple):
    """What one step returns besides the state; ``next_observation`` is the true one at an episode's end."""

    next_observation: Float32[Array, " 4"]
    reward: Float32[Array, ""]
    terminated: Bool[Array, ""]
    truncated: Bool[Array, ""]


def reset(key: PRNGKeyArray) -> CartPoleState:
    """Begin near the upright position."""
    start = jax.random.uniform(key, (4,), jnp.float32, -_START_RANGE, _START_RANGE)
    return CartPoleState(start[0], start[1], start[2], start[3], jnp.int32(0))


def observe(state: CartPoleState) -> Float32[Array, "*num_envs 4"]:
    """Return what an agent sees."""
    return jnp.stack([state.position, state.velocity, state.angle, state.spin], axis=-1)


def step(
    key: PRNGKeyArray, state: CartPoleState, push_right: Bool[Array, ""]
) -> tuple[CartPoleState, CartPoleStep]:
    """Push for one time step; at the end of an episode, return the first state of the next one."""
    moved = _push(state, push_right)
    terminated = (jnp.abs(moved.position) > _MAX_POSITION) | (jnp.abs(moved.angle) > _MAX_ANGLE)
    truncated = (moved.time >= _STEP_LIMIT) & ~terminated
    ended = terminated | truncated
    following = jax.tree.map(lambda new, old: jnp.where(ended, new, old), reset(key), moved)
    return following, CartPoleStep(observe(moved), jnp.float32(1.0), terminated, truncated)


def _push(state: CartPoleState, push_right: Bool[Array, ""]) -> CartPoleState:
    force = jnp.where(push_right, jnp.float32(_FORCE), jnp.float32(-_FORCE))
    sine, cosine = jnp.sin(state.angle), jnp.cos(state.angle)
    mass = _CART_MASS + _POLE_MASS
    thrust = (force + _POLE_MASS * _HALF_LENGTH * state.spin**2 * sine) / mass
    inertia = _HALF_LENGTH * (4 / 3 - _POLE_MASS * cosine**2 / mass)
    spin_rate = (_GRAVITY * sine - cosine * thrust) / inertia
    acceleration = thrust - _POLE_MASS * _HALF_LENGTH * spin_rate * cosine / mass
    return CartPoleState(
        position=state.position + _STEP_S * state.velocity,
        velocity=state.velocity + _STEP_S * acceleration,
        angle=state.angle + _STEP_S * state.spin,
        spin=state.spin + _STEP_S * spin_rate,
        time=state.time + 1,
    )
