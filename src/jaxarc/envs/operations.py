"""The 35 operations on a board, written so that under ``vmap`` they share their work.

``lax.switch`` under ``vmap`` evaluates every branch for every lane. Here an operation is data instead: moves,
turns, flips, copy and paste are one affine map from a cell to the flat index that its new value comes from
(`operation_plan`), fills are one packed region and one colour, and the operation only chooses the numbers.

What an operation does where its name is silent:

- A selection is cut to the valid cells first, except by Resize, which may reach past them.
- Empty selection: Fill, Flood Fill, Copy, Paste, Cut and Resize do nothing (Copy and Cut keep the clipboard);
  moves, turns, flips and Clear act on the whole grid.
- Copy and Cut store the selected cells of the selection's box at the clipboard's top-left; cells of the box
  that were not selected are -1 there, and Paste leaves what is under them alone. So does an empty clipboard.
- Paste keeps the grid's size: what would fall outside is dropped.
- Resize reads the far corner of the selection as given, so a grid can grow up to the board's edge; which
  other cells are selected does not matter.
- A number outside 0..34 does nothing.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int8, Int32

from jaxarc.envs.bitboard import Box, bounding_box, count, flood, pack, unpack
from jaxarc.envs.operation_names import (
    COPY,
    CUT,
    FLOOD_FILL,
    MOVE_UP,
    NUM_OPERATIONS,
    PASTE,
    RESIZE,
    ROTATE_CCW,
    ROTATE_CW,
)
from jaxarc.envs.operation_plan import NOTHING, plan_for

__all__ = ["apply_operation"]

Board = Int8[Array, "height width"]
Scalar = Int32[Array, ""]


def apply_operation(
    operation: Scalar,
    selection: Bool[Array, "height width"],
    working_grid: Board,
    clipboard: Board,
    input_grid: Board,
) -> tuple[Board, Board]:
    """Return the board and the clipboard after one operation.

    Args:
        operation: 0..34; any other number changes nothing.
        selection: the cells it acts on.
        working_grid: the board; its valid cells (not -1) are a rectangle from the top-left corner.
        clipboard: what Copy or Cut took last, at the top-left, -1 elsewhere.
        input_grid: the board that Copy Input brings back.
    """
    height, width = working_grid.shape
    rows = jnp.arange(height, dtype=jnp.int32)[:, None]
    columns = jnp.arange(width, dtype=jnp.int32)[None, :]
    valid = working_grid >= 0

    num_rows = jnp.sum(valid[:, 0], dtype=jnp.int32)
    num_columns = jnp.sum(valid[0, :], dtype=jnp.int32)
    given = pack(selection)
    valid_rows = jnp.where(
        rows[:, 0] < num_rows, (jnp.uint32(1) << num_columns.astype(jnp.uint32)) - 1, jnp.uint32(0)
    )
    chosen = given & valid_rows
    num_chosen = count(chosen)
    is_empty = num_chosen == 0
    around = bounding_box(chosen)
    box = Box(
        jnp.where(is_empty, 0, around.top),
        jnp.where(is_empty, 0, around.left),
        jnp.where(is_empty, num_rows - 1, around.bottom),
        jnp.where(is_empty, num_columns - 1, around.right),
    )
    plan = plan_for(_effective(operation, given, num_chosen, box), box, bounding_box(given), width)

    index = plan.start + rows * plan.per_row + columns * plan.per_column
    index += jnp.where((rows == plan.wrap_row) | (columns == plan.wrap_column), plan.wrap, 0)
    inside = (rows >= plan.top) & (rows <= plan.bottom) & (columns >= plan.left) & (columns <= plan.right)
    readable = jnp.where((plan.takes != 0) & ~selection, jnp.int8(-1), working_grid)
    readable = jnp.where(plan.reads_clipboard != 0, clipboard, readable)
    moved = readable.reshape(-1).at[index].get(mode="clip")

    cells = jnp.where(plan.paints != 0, jnp.where(is_empty, valid_rows, chosen), jnp.uint32(0))
    colour_there = working_grid.reshape(-1).at[box.top * width + box.left].get(mode="clip")
    painted = unpack(flood(cells, pack(working_grid == colour_there), plan.floods != 0), width)

    board = jnp.where((plan.writes != 0) & inside & valid & (moved >= 0), moved, working_grid)
    board = jnp.where(painted, plan.colour.astype(jnp.int8), board)
    board = jnp.where(plan.copies_input != 0, input_grid, board)
    resized = jnp.where(inside, jnp.maximum(working_grid, 0), jnp.int8(-1))
    board = jnp.where(plan.resizes != 0, resized, board)
    return board, jnp.where(plan.takes != 0, jnp.where(inside, moved, jnp.int8(-1)), clipboard)


def _effective(operation: Scalar, given: Array, num_chosen: Scalar, box: Box) -> Scalar:
    """Return the operation, or NOTHING where it has nothing to act on."""
    needs_cells = (operation < MOVE_UP) | (operation == COPY) | (operation == PASTE) | (operation == CUT)
    is_flood = (operation >= FLOOD_FILL) & (operation < MOVE_UP)
    turns = (operation == ROTATE_CW) | (operation == ROTATE_CCW)
    idle = (
        (operation < 0)
        | (operation >= NUM_OPERATIONS)
        | (needs_cells & (num_chosen == 0))
        | (is_flood & (num_chosen != 1))
        | (turns & (box.bottom - box.top != box.right - box.left))
        | ((operation == RESIZE) & jnp.all(given == 0))
    )
    return jnp.where(idle, NOTHING, operation)
