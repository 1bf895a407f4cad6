"""From any value to its picture: the dispatch by kind of value.

A kind is a test and a drawer of several values on one common scale, so that before and after can be compared.
Kinds are tried in order; the last one draws anything, as text. Frames, fields and nested observations take
their place in ``_KINDS``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from jaxarc.rendering.board import MAX_SIDE, Marks, Picture, board_pictures
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import TIMES, fit, label
from jaxarc.rendering.vector import vector_pictures

__all__ = ["Marks", "Picture", "is_board", "picture_of", "pictures_of"]

Drawer = Callable[[Sequence[np.ndarray], Style, int | float, Sequence[Marks]], list[Picture]]


class _Kind(NamedTuple):
    accepts: Callable[[np.ndarray], bool]
    draw: Drawer


def is_board(value: np.ndarray) -> bool:
    """Return whether a value is drawn as a board: integers or booleans, [height width]."""
    integral = np.issubdtype(value.dtype, np.integer) or value.dtype == np.bool_
    return value.ndim == 2 and integral and min(value.shape) > 0 and max(value.shape) <= MAX_SIDE


def _is_vector(value: np.ndarray) -> bool:
    real = np.issubdtype(value.dtype, np.number) and not np.issubdtype(value.dtype, np.complexfloating)
    return value.ndim in (0, 1) and 0 < value.size <= 4096 and (real or value.dtype == np.bool_)


def _text_pictures(
    values: Sequence[np.ndarray], style: Style, size: int | float, marks: Sequence[Marks]
) -> list[Picture]:
    """Draw values as a caption with type and shape, and their first numbers below."""
    del marks
    theme = style.colours
    pictures = []
    for value in values:
        shape = TIMES.join(str(side) for side in value.shape)
        lines = [f"{value.dtype} {shape}".strip()]
        flat = value.ravel()[:24]
        words = np.array2string(flat, precision=3, threshold=24, max_line_width=32).strip("[]").split("\n")
        lines.extend(words[:6])
        if value.size > flat.size or len(words) > 6:
            lines.append("…")
        inner = size - 24
        box = f'width="{size:g}" height="{len(lines) * 18 + 16}" rx="4"'
        body = f'<rect {box} fill="{theme.line}" fill-opacity=".45"/>'
        for index, line in enumerate(lines):
            ink = theme.muted if index == 0 else theme.ink
            body += label(12, 24 + 18 * index, fit(line, inner, 12), 12, ink)
        pictures.append(Picture(size, len(lines) * 18 + 16, body))
    return pictures


_KINDS: tuple[_Kind, ...] = (
    _Kind(is_board, lambda values, style, size, marks: board_pictures(values, style, size, marks)),
    _Kind(_is_vector, vector_pictures),
    _Kind(lambda value: True, _text_pictures),
)


def pictures_of(
    values: Sequence[object], style: Style, size: int | float, marks: Sequence[Marks] = ()
) -> list[Picture]:
    """Draw values on one common scale where they are of one kind, and each by itself where they are not.

    Args:
        values: arrays, or what NumPy makes one of.
        style: the look.
        size: the longest side of a picture, in pixels.
        marks: what to mark on each value; none when left off.

    Returns:
        One picture a value.
    """
    arrays = [np.asarray(value) for value in values]
    marks = marks or [Marks()] * len(arrays)
    kinds = [next(kind for kind in _KINDS if kind.accepts(array)) for array in arrays]
    pictures: list[Picture | None] = [None] * len(arrays)
    for kind in dict.fromkeys(kinds):
        indices = [index for index, other in enumerate(kinds) if other is kind]
        drawn = kind.draw([arrays[i] for i in indices], style, size, [marks[i] for i in indices])
        for index, picture in zip(indices, drawn, strict=True):
            pictures[index] = picture
    return [picture for picture in pictures if picture is not None]


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
