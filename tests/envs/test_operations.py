"""Every operation, the similarity and the step against plain NumPy, one board at a time."""

from __future__ import annotations

from collections import deque
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxarc.envs import OPERATION_NAMES
from jaxarc.envs.boards import similarity
from jaxarc.envs.operations import apply_operation

NUM_CASES = 1024
SHAPES = [(30, 30), (6, 11)]

run_batch = jax.jit(jax.vmap(apply_operation))
similarity_batch = jax.jit(jax.vmap(similarity))


def padded(grid: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Put a grid at the top-left of a board."""
    board = np.full(shape, -1, np.int8)
    board[: grid.shape[0], : grid.shape[1]] = grid
    return board


def trimmed(board: np.ndarray) -> np.ndarray:
    """Cut a board to its valid cells."""
    return board[: (board[:, 0] >= 0).sum(), : (board[0] >= 0).sum()].copy()


def connected(grid: np.ndarray, row: int, column: int) -> set[tuple[int, int]]:
    """Return the 4-connected region of one colour around a cell."""
    seen, queue = {(row, column)}, deque([(row, column)])
    while queue:
        r, c = queue.popleft()
        for near in ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)):
            on_grid = 0 <= near[0] < grid.shape[0] and 0 <= near[1] < grid.shape[1]
            if on_grid and near not in seen and grid[near] == grid[row, column]:
                seen.add(near)
                queue.append(near)
    return seen


def expected(
    operation: int, selection: np.ndarray, board: np.ndarray, clipboard: np.ndarray, input_board: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Do one operation the obvious way."""
    shape = board.shape
    name = OPERATION_NAMES[operation] if 0 <= operation < 35 else "Submit"
    grid, selected = trimmed(board), selection[board >= 0].reshape(trimmed(board).shape)
    cells = np.argwhere(selected)
    if len(cells):
        (top, left), (bottom, right) = cells.min(0), cells.max(0)
    else:
        (top, left), (bottom, right) = (0, 0), np.array(grid.shape) - 1
    box = (slice(top, bottom + 1), slice(left, right + 1))

    if name.startswith("Fill"):
        grid[selected] = operation
    elif name.startswith("Flood Fill"):
        if len(cells) == 1:
            for cell in connected(grid, *cells[0]):
                grid[cell] = operation - 10
    elif name.startswith("Move"):
        shift, axis = {"Up": (-1, 0), "Down": (1, 0), "Left": (-1, 1), "Right": (1, 1)}[name.split()[1]]
        grid[box] = np.roll(grid[box], shift, axis)
    elif name.startswith("Rotate"):
        if bottom - top == right - left:
            grid[box] = np.rot90(grid[box], -1 if name.endswith(" CW") else 1)
    elif name == "Flip H":
        grid[box] = grid[box][:, ::-1]
    elif name == "Flip V":
        grid[box] = grid[box][::-1]
    elif name in ("Copy", "Cut"):
        if len(cells):
            clipboard = padded(np.where(selected[box], grid[box], -1), shape)
        if name == "Cut":
            grid[selected] = 0
    elif name == "Paste":
        if len(cells):
            for (row, column), value in np.ndenumerate(clipboard):
                to = (row + top, column + left)
                if value >= 0 and to[0] < grid.shape[0] and to[1] < grid.shape[1]:
                    grid[to] = value
    elif name == "Clear":
        grid[selected if len(cells) else ...] = 0
    elif name == "Copy Input":
        grid = trimmed(input_board)
    elif name == "Resize" and selection.any():
        height, width = np.argwhere(selection).max(0) + 1
        resized = np.zeros((height, width), np.int8)
        kept = grid[:height, :width]
        resized[: kept.shape[0], : kept.shape[1]] = kept
        grid = resized
    return padded(grid, shape), clipboard


def expected_similarity(board: np.ndarray, target: np.ndarray) -> float:
    """Count cells one at a time."""
    either = equal = 0
    for ours, theirs in zip(board.flat, target.flat, strict=True):
        either += ours >= 0 or theirs >= 0
        equal += ours >= 0 and ours == theirs
    return equal / either


def random_grid(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Draw a grid: few colours, so that regions are large and winding."""
    size = rng.integers(1, shape[0] + 1), rng.integers(1, shape[1] + 1)
    return rng.choice(rng.integers(0, 10, rng.integers(1, 4)), size).astype(np.int8)


def random_selection(rng: np.random.Generator, shape: tuple[int, int], grid: np.ndarray) -> np.ndarray:
    """Draw a selection: none, a cell on the grid, any cell, a box, a square, scattered cells, all."""
    selection = np.zeros(shape, bool)
    row, column = rng.integers(shape[0]), rng.integers(shape[1])
    match rng.integers(8):
        case 0 | 1:
            selection[rng.integers(grid.shape[0]), rng.integers(grid.shape[1])] = True
        case 2:
            selection[row, column] = True
        case 3:
            selection[row : row + rng.integers(1, 9), column : column + rng.integers(1, 9)] = True
        case 4:
            side = rng.integers(1, 7)
            selection[row : row + side, column : column + side] = True
        case 5:
            selection = rng.random(shape) < rng.choice([0.01, 0.3])
        case 6:
            selection[:] = True
    return selection


def random_cases(seed: int, shape: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """Draw operations (numbers outside 0..34 among them), selections, boards, clipboards and inputs."""
    rng = np.random.default_rng(seed)
    operations = np.arange(NUM_CASES) % 38 - 1
    operations[operations == 36] = rng.choice([-(2**31), 2**31 - 1, 1000])
    grids = [random_grid(rng, shape) for _ in range(NUM_CASES)]
    selections = np.stack([random_selection(rng, shape, grid) for grid in grids])
    clipboards = [
        padded(np.where(rng.random(grid.shape) < 0.7, grid, -1).astype(np.int8), shape)
        for grid in (random_grid(rng, shape) for _ in range(NUM_CASES))
    ]
    clipboards[::5] = [np.full(shape, -1, np.int8)] * len(clipboards[::5])
    inputs = [padded(random_grid(rng, shape), shape) for _ in range(NUM_CASES)]
    boards = np.stack([padded(grid, shape) for grid in grids])
    return operations.astype(np.int32), selections, boards, np.stack(clipboards), np.stack(inputs)


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_operation_does_what_its_name_says(shape: tuple[int, int], seed: int) -> None:
    """Boards and clipboards equal those of plain NumPy, over random boards, selections and operations."""
    cases = random_cases(seed, shape)
    boards, clipboards = map(np.asarray, run_batch(*cases))
    for i, case in enumerate(zip(*cases, strict=True)):
        board, clipboard = expected(*case)
        what = f"operation {case[0]} on case {i} of seed {seed}"
        np.testing.assert_array_equal(boards[i], board, err_msg=what)
        np.testing.assert_array_equal(clipboards[i], clipboard, err_msg=what)


@pytest.mark.parametrize("shape", SHAPES)
def test_similarity_is_the_share_of_equal_cells(shape: tuple[int, int]) -> None:
    """Similarity counts cells valid in either board, and is 1 for equal boards only."""
    _, _, boards, _, targets = random_cases(7, shape)
    targets[::4] = boards[::4]
    targets[1::4] = np.where(boards[1::4] >= 0, np.where(targets[1::4] >= 0, targets[1::4], 0), -1)
    scores = np.asarray(similarity_batch(boards, targets))
    reference = [expected_similarity(*pair) for pair in zip(boards, targets, strict=True)]
    np.testing.assert_allclose(scores, reference, rtol=1e-6)
    np.testing.assert_array_equal(scores == 1.0, (boards == targets).all((1, 2)))


def serpent(size: int) -> np.ndarray:
    """Draw one corridor of 1 that turns at the end of every second row."""
    grid = np.zeros((size, size), np.int8)
    grid[::2] = 1
    grid[1:-1:4, -1] = 1
    grid[3:-1:4, 0] = 1
    return grid


@pytest.mark.parametrize("axes", [(0, 1), (1, 0)])
def test_flood_fill_follows_a_winding_corridor_to_its_end(axes: tuple[int, int]) -> None:
    """One selected cell fills a corridor of hundreds of cells and dozens of turns, and nothing else."""
    grid = serpent(30).transpose(axes)
    assert len(connected(grid, 0, 0)) == (grid == 1).sum() > 400
    selection = np.zeros((30, 30), bool)
    selection[0, 0] = True
    empty = np.full((30, 30), -1, np.int8)
    board, _ = jax.jit(apply_operation)(jnp.int32(17), selection, grid, empty, grid)
    np.testing.assert_array_equal(np.asarray(board), np.where(grid == 1, 7, 0))


def test_operations_give_the_same_with_and_without_vmap() -> None:
    """Eager, jitted, vmapped and twice vmapped calls agree."""
    cases = random_cases(3, (6, 11))
    boards, clipboards = run_batch(*cases)
    nested = [part[:960].reshape(30, 32, *part.shape[1:]) for part in cases]
    twice = jax.jit(jax.vmap(jax.vmap(apply_operation)))(*nested)
    np.testing.assert_array_equal(twice[0].reshape(960, 6, 11), boards[:960])
    alone = jax.jit(apply_operation)
    for i in range(14, 40):
        case = [jnp.asarray(part[i]) for part in cases]
        for call in (alone, apply_operation) if i == 25 else (alone,):
            board, clipboard = call(*case)
            np.testing.assert_array_equal(board, boards[i])
            np.testing.assert_array_equal(clipboard, clipboards[i])


def test_copy_then_paste_leaves_unselected_cells_alone() -> None:
    """Only the cells that were selected are carried, so a hole in the selection shows what is under it."""
    grid = np.arange(9, dtype=np.int8).reshape(3, 3)
    ring = np.ones((3, 3), bool)
    ring[1, 1] = False
    empty = np.full((3, 3), -1, np.int8)
    call = partial(jax.jit(apply_operation), input_grid=jnp.asarray(grid))
    _, clipboard = call(jnp.int32(28), ring, grid, empty)
    target = np.full((3, 3), 9, np.int8)
    corner = np.zeros((3, 3), bool)
    corner[0, 0] = True
    board, _ = call(jnp.int32(29), corner, target, clipboard)
    np.testing.assert_array_equal(np.asarray(board), [[0, 1, 2], [3, 9, 5], [6, 7, 8]])


def test_there_are_35_names_in_the_order_of_their_numbers() -> None:
    """Names of operations match the table of the specification at its corners."""
    assert len(OPERATION_NAMES) == 35
    assert OPERATION_NAMES[3] == "Fill 3"
    assert OPERATION_NAMES[13] == "Flood Fill 3"
    assert OPERATION_NAMES[20:28] == (
        "Move Up",
        "Move Down",
        "Move Left",
        "Move Right",
        "Rotate CW",
        "Rotate CCW",
        "Flip H",
        "Flip V",
    )
    assert OPERATION_NAMES[28:] == ("Copy", "Paste", "Cut", "Clear", "Copy Input", "Resize", "Submit")
