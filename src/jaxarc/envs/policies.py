"""Policies for demonstrations: one that acts at random, one that paints the target."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int32, PRNGKeyArray

from jaxarc.envs.action import Action
from jaxarc.envs.operation_names import FILL, NUM_COLOURS, RESIZE, SUBMIT
from jaxarc.envs.state import ArcEnvState
from jaxarc.errors import closest

__all__ = ["POLICIES", "Policy", "make_policy", "painter", "random"]

Policy = Callable[[PRNGKeyArray, ArcEnvState], Action]

_PATCH_REACH = 2
_MISTAKE_SHARE = 0.06


def random(key: PRNGKeyArray, state: ArcEnvState) -> Action:
    """Choose an allowed operation and a rectangle of the grid, both at random.

    Half of the rectangles are single cells, so that Flood Fill acts too.
    """
    operation_key, corners_key, point_key = jax.random.split(key, 3)
    allowed = jnp.where(state.allowed_operations_mask, 0.0, -jnp.inf)
    operation = jax.random.categorical(operation_key, allowed)
    num_rows = jnp.sum(state.working_grid[:, 0] >= 0)
    num_columns = jnp.sum(state.working_grid[0, :] >= 0)
    limits = jnp.stack([num_rows, num_columns, num_rows, num_columns])
    corners = (jax.random.uniform(corners_key, (4,)) * limits).astype(jnp.int32)
    first, second = corners[:2], corners[2:]
    second = jnp.where(jax.random.bernoulli(point_key), first, second)
    low, high = jnp.minimum(first, second), jnp.maximum(first, second)
    height, width = state.working_grid.shape
    return Action.from_bbox(operation, low[0], low[1], high[0], high[1], shape=(height, width))


def painter(key: PRNGKeyArray, state: ArcEnvState) -> Action:
    """Walk towards the target: resize, paint what is wrong patch by patch, submit when all is right.

    A patch is the wrong cells of one colour around a wrong cell drawn at random; the patch grows as the steps
    run out, so that an episode is a story of several steps and still ends solved. About one step in sixteen
    is a blot: the nine cells around, right or wrong, in a wrong colour, which later steps put right.
    """
    cell_key, mistake_key, colour_key = jax.random.split(key, 3)
    height, width = state.working_grid.shape
    rows, columns = jnp.arange(height)[:, None], jnp.arange(width)[None, :]
    target = state.target_grid
    inside = target >= 0
    wrong = inside & (state.working_grid != target)
    fits = jnp.all((state.working_grid >= 0) == inside)

    at = _drawn_cell(cell_key, jnp.where(fits, wrong, inside))
    row, column = at // width, at % width
    reach = _PATCH_REACH + state.step_count // 4
    near = (jnp.abs(rows - row) <= reach) & (jnp.abs(columns - column) <= reach)
    colour = jnp.maximum(target[row, column], 0).astype(jnp.int32)
    patch = wrong & near & (target == colour)

    errs = jax.random.bernoulli(mistake_key, _MISTAKE_SHARE)
    blot = inside & (jnp.abs(rows - row) <= 1) & (jnp.abs(columns - column) <= 1)
    shift = jax.random.randint(colour_key, (), 1, NUM_COLOURS)
    painted = jnp.where(errs, (colour + shift) % NUM_COLOURS, colour)
    solved = fits & ~jnp.any(wrong)
    operation = jnp.where(solved, SUBMIT, jnp.where(fits, FILL + painted, RESIZE))
    selection = jnp.where(fits, jnp.where(errs, blot, patch), inside)
    return Action(operation=operation, selection=selection)


def _drawn_cell(key: PRNGKeyArray, cells: Bool[Array, "height width"]) -> Int32[Array, ""]:
    """Return the flat index of one of the cells, at random."""
    ranks = jnp.where(cells, jax.random.uniform(key, cells.shape), -1.0)
    return jnp.argmax(ranks.reshape(-1)).astype(jnp.int32)


POLICIES: dict[str, Policy] = {"random": random, "painter": painter}
"""The policies by name."""


def make_policy(name: str) -> Policy:
    """Return a policy by name: a pure function ``policy(key, state) -> Action``, for one environment.

    Args:
        name: ``random`` or ``painter``.

    Raises:
        ValueError: there is no such policy.
    """
    if name not in POLICIES:
        raise ValueError(
            f"no policy is called {name!r}; policies: {', '.join(POLICIES)}{closest(name, POLICIES)}"
        )
    return POLICIES[name]
