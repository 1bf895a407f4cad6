"""Under test, the package is held to the shapes that its functions promise."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from jaxarc.envs.boards import similarity
from jaxarc.records.run_pictures import SlotCurve
from jaxarc.rendering.text import clean


def test_a_function_of_arrays_refuses_other_shapes_and_types():
    """The name that two arguments share is one size."""
    board = jnp.zeros((3, 4), jnp.int8)
    assert similarity(board, board).item() == 1.0
    with pytest.raises(TypeCheckError):
        similarity(board, jnp.zeros((4, 4), jnp.int8))
    with pytest.raises(TypeCheckError):
        similarity(board, jnp.zeros((3, 4), jnp.float32))


def test_a_dataclass_of_arrays_refuses_what_is_none():
    """Its fields are held to their types when it is made."""
    with pytest.raises(TypeCheckError):
        SlotCurve(np.zeros(3), [0.0], np.zeros(3))


def test_a_function_without_arrays_is_left_as_it_is():
    """What it refuses, and in which words, is its own decision."""
    assert not hasattr(clean, "__wrapped__")
