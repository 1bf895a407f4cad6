"""From any value to its picture: values of one kind are drawn together, on one scale.

``kinds`` says what is drawn how; here stands which module draws it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from jaxarc.rendering.board import Marks, Picture, board_pictures
from jaxarc.rendering.kinds import family_of, is_cells, kind_of
from jaxarc.rendering.leaf import as_leaf
from jaxarc.rendering.leaves import is_tree, main_leaf
from jaxarc.rendering.style import Style

__all__ = [
    "Marks",
    "Picture",
    "drawn_arrays",
    "has_dots",
    "is_board",
    "kinds_of",
    "picture_of",
    "pictures_of",
]

Drawer = Callable[[Sequence[np.ndarray], Style, int | float, Sequence[Marks]], list[Picture]]

_DRAWERS = {
    "grid": ("grid", "grid_pictures"),
    "field": ("field", "field_pictures"),
    "frame": ("frame", "frame_pictures"),
    "stack": ("frame", "stack_pictures"),
    "planes": ("grid", "plane_pictures"),
    "channels": ("channels", "channel_pictures"),
    "svg": ("embedded", "embedded_pictures"),
    "vector": ("vector", "vector_pictures"),
    "text": ("text_box", "text_pictures"),
}
"""The modules that draw, each imported when there is something for it to draw."""


def _drawer(kind: str, extent: tuple[int, int]) -> Drawer:
    if kind == "board":
        return partial(board_pictures, extent=extent)
    module, function = _DRAWERS[kind]
    return getattr(import_module(f"jaxarc.rendering.{module}"), function)


def is_board(value: np.ndarray) -> bool:
    """Return whether a value is made of cells to point at: integers or booleans [height width], no screen."""
    return is_cells(value) and family_of(value) == ("cells",)


def _grouped(arrays: Sequence[np.ndarray], *, arc: bool) -> list[tuple[str, list[int]]]:
    """Return which arrays are drawn together, and as what kind."""
    families: dict[tuple[object, ...], list[int]] = {}
    for index, array in enumerate(arrays):
        families.setdefault(family_of(array), []).append(index)
    return [(kind_of([arrays[i] for i in indices], arc=arc), indices) for indices in families.values()]


def kinds_of(values: Sequence[object], *, arc: bool = False) -> list[str]:
    """Return the kind of picture that ``pictures_of`` draws of each value, as ``kinds`` names them."""
    arrays = [_squeezed(as_leaf(value)) for value in values]
    kinds = {index: kind for kind, indices in _grouped(arrays, arc=arc) for index in indices}
    return [kinds[index] for index in range(len(arrays))]


def drawn_arrays(values: Sequence[object], *, arc: bool = False) -> list[tuple[str, np.ndarray]]:
    """Return the kind of each value, and the array that is drawn of it: without axes of length 1."""
    arrays = [_squeezed(as_leaf(value)) for value in values]
    return list(zip(kinds_of(arrays, arc=arc), arrays, strict=True))


def has_dots(value: object, *, arc: bool = False) -> bool:
    """Return whether the cells of a value, or of the main leaf of a tree, are marked with dots."""
    return kinds_of([main_leaf(value)], arc=arc)[0] in ("board", "grid", "planes")


def _squeezed(value: np.ndarray) -> np.ndarray:
    """Return a value without the axes of length 1 that hide a picture of two or three."""
    while value.ndim > 3 and value.shape[0] == 1:
        value = value[0]
    if value.ndim == 3 and value.shape[2] == 1:
        return value[..., 0]
    if value.ndim == 3 and value.shape[0] == 1:
        return value[0]
    return value


def _squeezed_marks(marks: Marks, value: np.ndarray, drawn: np.ndarray) -> Marks:
    def squeezed(mask: Any) -> Any:
        return np.reshape(mask, drawn.shape) if mask is not None and np.shape(mask) == value.shape else mask

    if value.shape == drawn.shape:
        return marks
    return Marks(squeezed(marks.selected), squeezed(marks.changed), squeezed(marks.wrong))


def pictures_of(
    values: Sequence[object],
    style: Style,
    size: int | float,
    marks: Sequence[Marks] = (),
    *,
    arc: bool = False,
    extent: tuple[int, int] = (0, 0),
) -> list[Picture]:
    """Draw values on one common scale where they are of one kind, and each by itself where they are not.

    Args:
        values: arrays, or what NumPy makes one of; trees of them are drawn leaf by leaf.
        style: the look.
        size: the longest side of a picture, in pixels; the width where a picture has several parts.
        marks: what to mark on each value; none when left off. Masks of a tree are trees, or of its main leaf.
        arc: whether boards are ARC's: values past 9 are then no colours and drawn as unknown.
        extent: rows and columns that boards have room for at least, as those of other pictures do.

    Returns:
        One picture a value.
    """
    marks = marks or [Marks()] * len(values)
    if any(is_tree(value) for value in values):
        from jaxarc.rendering.nested import nested_pictures

        return nested_pictures(values, style, size, marks, pictures_of, arc=arc, extent=extent)
    given = [as_leaf(value) for value in values]
    arrays = [_squeezed(array) for array in given]
    marks = [_squeezed_marks(*both) for both in zip(marks, given, arrays, strict=True)]
    pictures: dict[int, Picture] = {}
    for kind, indices in _grouped(arrays, arc=arc):
        together = [arrays[index] for index in indices]
        drawn = _drawer(kind, extent)(together, style, size, [marks[index] for index in indices])
        pictures.update(zip(indices, drawn, strict=True))
    return [pictures[index] for index in range(len(arrays))]


def picture_of(
    value: object, style: Style | None = None, *, size: int | float = 264.0, marks: Marks | None = None
) -> Picture:
    """Draw one value of any kind.

    Args:
        value: an array, or what NumPy makes one of.
        style: the look; the default one when left off.
        size: the longest side of the picture, in pixels.
        marks: what to mark.
    """
    return pictures_of([value], style or Style(), size, [marks or Marks()])[0]
