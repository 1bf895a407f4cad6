"""What the player's page holds is what was packed: every encoder against its decoder."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from jaxarc.rendering.player.codecs import (
    decode_boards,
    decode_floats,
    decode_masks,
    decode_varints,
    encode_boards,
    encode_floats,
    encode_masks,
    encode_varints,
)

_SHAPES = arrays.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=6)


@given(st.lists(st.integers(0, 2**64 - 1)))
def test_numbers_come_back(numbers: list[int]) -> None:
    """Varints hold any unsigned 64-bit number."""
    values = np.array(numbers, np.uint64)
    assert (decode_varints(encode_varints(values)) == values).all()


@given(arrays.arrays(np.int64, _SHAPES, elements=st.integers(-(2**31), 2**31 - 1) | st.integers(-1, 9)))
def test_boards_come_back(boards: np.ndarray) -> None:
    """Boards of any 32-bit values come back cell by cell."""
    assert (decode_boards(encode_boards(boards), boards.shape) == boards).all()


@given(arrays.arrays(np.bool_, _SHAPES))
def test_masks_come_back(masks: np.ndarray) -> None:
    """Runs hold any masks, also those that end with a selected cell."""
    assert (decode_masks(encode_masks(masks), masks.shape) == masks).all()


@given(arrays.arrays(np.float64, st.integers(0, 20), elements=st.floats(width=32)))
def test_numbers_with_32_bits_come_back_exactly(values: np.ndarray) -> None:
    """NaN and infinities as well; whole numbers beyond 2**24 have 64 bits."""
    kind, data = encode_floats(values)
    assert np.array_equal(decode_floats(data, kind), values, equal_nan=True)


def test_a_counter_beyond_float32_keeps_its_last_digit() -> None:
    """Step counters grow past 2**24, where 32 bits count in twos."""
    values = np.array([0.5, 16_777_217.0])
    kind, data = encode_floats(values)
    assert kind == "f8"
    assert (decode_floats(data, kind) == values).all()


def test_a_board_that_stays_costs_one_byte() -> None:
    """The second of two equal boards is the number of changed cells, which is none."""
    board = np.zeros((1, 30, 30), np.int8)
    assert len(encode_boards(np.concatenate([board, board]))) == len(encode_boards(board)) + 1


@pytest.mark.parametrize("shape", [(0, 4, 4), (3, 0, 4)])
def test_nothing_packs_to_nothing(shape: tuple[int, int, int]) -> None:
    """No frames, or frames without cells."""
    boards = np.zeros(shape, np.int8)
    assert decode_boards(encode_boards(boards), shape).shape == shape
    assert decode_masks(encode_masks(boards.astype(bool)), shape).shape == shape
