"""What an agent does in one step: an operation on a selection."""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Int32

__all__ = ["Action"]


def _as_operation(operation: ArrayLike) -> Int32[Array, "*batch"]:
    return jnp.asarray(operation, jnp.int32)


def _as_selection(selection: ArrayLike) -> Bool[Array, "*batch height width"]:
    return jnp.asarray(selection, jnp.bool_)


class Action(eqx.Module):
    """One operation and the cells it acts on; both may carry leading batch axes.

    Attributes:
        operation: number of the operation, 0..34 (`OPERATION_NAMES`); the environment ignores other numbers.
        selection: the selected cells, of the board arrays' shape.
    """

    operation: Int32[Array, "*batch"] = eqx.field(converter=_as_operation)
    selection: Bool[Array, "*batch height width"] = eqx.field(converter=_as_selection)

    @classmethod
    def from_point(
        cls, operation: ArrayLike, row: ArrayLike, column: ArrayLike, *, shape: tuple[int, int] = (30, 30)
    ) -> Action:
        """Select one cell; a cell off the board selects nothing.

        Args:
            operation: number of the operation.
            row: row of the cell, from the top, from 0.
            column: column of the cell, from the left, from 0.
            shape: height and width of the board arrays (`ArcEnv.shape`).
        """
        return cls.from_bbox(operation, row, column, row, column, shape=shape)

    @classmethod
    def from_bbox(
        cls,
        operation: ArrayLike,
        top: ArrayLike,
        left: ArrayLike,
        bottom: ArrayLike,
        right: ArrayLike,
        *,
        shape: tuple[int, int] = (30, 30),
    ) -> Action:
        """Select a rectangle; its four sides are inside it, and what lies off the board is dropped.

        Args:
            operation: number of the operation.
            top: first row.
            left: first column.
            bottom: last row; above ``top``, nothing is selected.
            right: last column; left of ``left``, nothing is selected.
            shape: height and width of the board arrays (`ArcEnv.shape`).
        """
        rows = jnp.arange(shape[0])[:, None]
        columns = jnp.arange(shape[1])[None, :]
        inside = (rows >= top) & (rows <= bottom) & (columns >= left) & (columns <= right)
        return cls(operation=operation, selection=inside)
