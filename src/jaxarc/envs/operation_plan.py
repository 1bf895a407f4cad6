"""What each operation does, as numbers: the table that lets one program serve all 35 operations.

A plan is a short vector of integers for one operation on one box. Every entry is an integer combination of
the box's sides, so all plans together are one constant table, and the plan of an operation is one small
product. Being the result of a sum, a plan is computed once per board; written as selects, XLA would fuse it
into the loops over cells and compute it once per cell, which measured three times slower.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int32

from jaxarc.envs.bitboard import Box
from jaxarc.envs.operation_names import (
    CLEAR,
    COPY,
    COPY_INPUT,
    CUT,
    FILL,
    FLIP_H,
    FLIP_V,
    FLOOD_FILL,
    MOVE_DOWN,
    MOVE_LEFT,
    MOVE_RIGHT,
    MOVE_UP,
    NUM_COLOURS,
    NUM_OPERATIONS,
    PASTE,
    RESIZE,
    ROTATE_CCW,
    ROTATE_CW,
)

__all__ = ["NOTHING", "Plan", "plan_for"]

NOTHING = NUM_OPERATIONS
"""The row of an operation that changes nothing."""

Scalar = Int32[Array, ""]


class Plan(NamedTuple):
    """What to do with a board.

    The value that may come to cell (row, column) is read at the flat index ``start + row * per_row + column *
    per_column``, shifted by ``wrap`` on one edge row or column; it counts inside the rectangle ``top`` to
    ``right``. The flags say which of the results are used.
    """

    start: Scalar
    per_row: Scalar
    per_column: Scalar
    wrap: Scalar
    wrap_row: Scalar
    wrap_column: Scalar
    top: Scalar
    left: Scalar
    bottom: Scalar
    right: Scalar
    writes: Scalar
    reads_clipboard: Scalar
    takes: Scalar
    paints: Scalar
    floods: Scalar
    colour: Scalar
    copies_input: Scalar
    resizes: Scalar


# What plan entries are sums of: a constant, the sides of the box, the far corner that Resize reads.
_ONE, _TOP, _LEFT, _BOTTOM, _RIGHT, _FAR_ROW, _FAR_COLUMN = np.eye(7, dtype=np.int32)


@cache
def _table(width: int) -> np.ndarray:
    """Return the plans of all operations and of NOTHING, int32[36 entries 7]."""
    on_box = {"top": _TOP, "left": _LEFT, "bottom": _BOTTOM, "right": _RIGHT}
    height_of_box, width_of_box = _BOTTOM - _TOP + _ONE, _RIGHT - _LEFT + _ONE
    corner = _TOP * width + _LEFT
    still = {"per_row": width * _ONE, "per_column": _ONE, "wrap_row": -_ONE, "wrap_column": -_ONE}
    takes = {"takes": _ONE, "start": corner, "bottom": _BOTTOM - _TOP, "right": _RIGHT - _LEFT}
    plans: dict[int, dict[str, np.ndarray]] = {
        MOVE_UP: {"writes": _ONE, "start": width * _ONE, "wrap": -width * height_of_box, "wrap_row": _BOTTOM},
        MOVE_DOWN: {"writes": _ONE, "start": -width * _ONE, "wrap": width * height_of_box, "wrap_row": _TOP},
        MOVE_LEFT: {"writes": _ONE, "start": _ONE, "wrap": -width_of_box, "wrap_column": _RIGHT},
        MOVE_RIGHT: {"writes": _ONE, "start": -_ONE, "wrap": width_of_box, "wrap_column": _LEFT},
        ROTATE_CW: {
            "writes": _ONE,
            "start": (_BOTTOM + _LEFT) * width + _LEFT - _TOP,
            "per_row": _ONE,
            "per_column": -width * _ONE,
        },
        ROTATE_CCW: {
            "writes": _ONE,
            "start": (_TOP - _LEFT) * width + _RIGHT + _TOP,
            "per_row": -_ONE,
            "per_column": width * _ONE,
        },
        FLIP_H: {"writes": _ONE, "start": _LEFT + _RIGHT, "per_column": -_ONE},
        FLIP_V: {"writes": _ONE, "start": (_TOP + _BOTTOM) * width, "per_row": -width * _ONE},
        COPY: takes,
        CUT: {**takes, "paints": _ONE},
        PASTE: {
            "writes": _ONE,
            "reads_clipboard": _ONE,
            "start": -corner,
            "top": _TOP,
            "left": _LEFT,
            "bottom": 31 * _ONE,
            "right": 31 * _ONE,
        },
        CLEAR: {"paints": _ONE},
        COPY_INPUT: {"copies_input": _ONE},
        RESIZE: {"resizes": _ONE, "bottom": _FAR_ROW, "right": _FAR_COLUMN},
    }
    for operation in range(MOVE_UP, FLIP_V + 1):
        plans[operation] = on_box | plans[operation]
    for colour in range(NUM_COLOURS):
        plans[FILL + colour] = {"paints": _ONE, "colour": colour * _ONE}
        plans[FLOOD_FILL + colour] = {"paints": _ONE, "floods": _ONE, "colour": colour * _ONE}
    table = np.zeros((NUM_OPERATIONS + 1, len(Plan._fields), len(_ONE)), np.int32)
    for operation, plan in plans.items():
        for name, entry in (still | plan).items():
            table[operation, Plan._fields.index(name)] = entry
    return table


def plan_for(operation: Scalar, box: Box, far: Box, width: int) -> Plan:
    """Return the plan of one operation.

    Args:
        operation: 0..34, or NOTHING.
        box: what moves, turns and flips act on.
        far: box of the selection as given, for Resize.
        width: width of the board arrays.
    """
    sides = jnp.stack([jnp.ones_like(box.top), *box, far.bottom, far.right])
    entries = jnp.sum(jnp.asarray(_table(width))[operation] * sides, axis=1)
    return Plan(*(entries[i] for i in range(len(Plan._fields))))
