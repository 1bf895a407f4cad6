"""The cart and pole move as the equations say, and never lose the last observation of an episode."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxarc.bench import cart_pole
from jaxarc.bench.cart_pole import CartPoleState

step = jax.jit(cart_pole.step)
KEY = jax.random.key(3)


def state_of(position: float, velocity: float, angle: float, spin: float, time: int = 0) -> CartPoleState:
    """Return a state from Python numbers."""
    at, speed, tilt, turn = (jnp.float32(value) for value in (position, velocity, angle, spin))
    return CartPoleState(at, speed, tilt, turn, jnp.int32(time))


def accelerations(angle: float, spin: float, force: float) -> np.ndarray:
    """Solve the two equations of motion for the accelerations of the cart and of the pole's angle."""
    coupling = 0.1 * 0.5 * np.cos(angle)
    matrix = np.array([[1.1, coupling], [coupling, 4 / 3 * 0.1 * 0.5**2]])
    forces = np.array([force + 0.1 * 0.5 * spin**2 * np.sin(angle), 0.1 * 9.8 * 0.5 * np.sin(angle)])
    return np.linalg.solve(matrix, forces)


def test_accelerations_of_a_level_push() -> None:
    """A push to the right speeds the cart up and tips the pole to the left."""
    cart, pole = accelerations(0.0, 0.0, 10.0)
    assert cart > 0 > pole


@settings(deadline=None, max_examples=50)
@given(st.floats(-2, 2), st.floats(-3, 3), st.floats(-0.2, 0.2), st.floats(-3, 3), st.booleans())
def test_a_step_solves_the_equations_of_motion(
    position: float, velocity: float, angle: float, spin: float, push_right: bool
) -> None:
    """Both accelerations are those of the coupled system, for a time step of 20 ms."""
    before = state_of(position, velocity, angle, spin)
    _, made = step(KEY, before, jnp.asarray(push_right))
    cart, pole = accelerations(angle, spin, 10.0 if push_right else -10.0)
    moved = [position + 0.02 * velocity, velocity + 0.02 * cart, angle + 0.02 * spin, spin + 0.02 * pole]
    np.testing.assert_allclose(made.next_observation, moved, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize(
    ("state", "terminated", "truncated"),
    [
        (state_of(0.0, 0.0, 0.0, 0.0), False, False),
        (state_of(2.399, 3.0, 0.0, 0.0), True, False),
        (state_of(0.0, 0.0, -0.209, -3.0), True, False),
        (state_of(0.0, 0.0, 0.0, 0.0, time=499), False, True),
        (state_of(2.399, 3.0, 0.0, 0.0, time=499), True, False),
    ],
)
def test_an_episode_ends_off_the_track_tipped_over_or_at_the_limit(
    state: CartPoleState, terminated: bool, truncated: bool
) -> None:
    """And the next state is then the first of a new episode, while the step tells of the old one."""
    after, made = step(KEY, state, jnp.asarray(True))
    assert (bool(made.terminated), bool(made.truncated)) == (terminated, truncated)
    ended = terminated or truncated
    assert int(after.time) == (0 if ended else 1)
    assert np.array_equal(cart_pole.observe(after), made.next_observation) != ended
