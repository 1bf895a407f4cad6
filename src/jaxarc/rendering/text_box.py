"""The picture of whatever has no other: its type and shape, what its numbers span, the first of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxarc.rendering.board import Marks, Picture
from jaxarc.rendering.leaf import is_real
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import TIMES, fit, label, number

__all__ = ["text_lines", "text_pictures"]

_ENTRIES = 24
_LINES = 6
_SPANNED_AT_MOST = 100_000_000


def _words(array: np.ndarray) -> list[str]:
    """Return the first entries in lines of about 32 characters."""
    flat = array.ravel(order="K")[:_ENTRIES] if array.flags.forc else array.flat[:_ENTRIES]
    if array.dtype.hasobject:
        # The repr of somebody's objects is somebody's code: only text and the names of types are shown.
        names = (item if isinstance(item, str) else type(item).__name__ for item in np.ravel(flat))
        return ["  ".join(str(name) for name in names)]
    if array.dtype.kind == "U":
        return [" ".join(str(item) for item in flat)]
    words = np.array2string(flat, precision=3, threshold=_ENTRIES, max_line_width=32)
    return words.strip("[]").split("\n")


def text_lines(array: np.ndarray) -> list[str]:
    """Return what a text says of an array: type and shape, the span of its numbers, its first entries."""
    shape = TIMES.join(str(side) for side in array.shape)
    plain = array.ndim == 0 and array.dtype.kind in "OU"
    lines = [] if plain else [f"{array.dtype} [{shape}]" if array.ndim else str(array.dtype)]
    if array.size == 0:
        return [*lines, "empty"]
    if is_real(array) and _ENTRIES < array.size <= _SPANNED_AT_MOST and array.dtype != np.bool_:
        with np.errstate(invalid="ignore"):
            low, high = np.fmin.reduce(array, axis=None), np.fmax.reduce(array, axis=None)
        lines.append(f"{number(low)} to {number(high)}")
    words = _words(array)
    lines.extend(words[:_LINES])
    if array.size > _ENTRIES or len(words) > _LINES:
        lines.append("…")
    return lines


def text_pictures(
    values: Sequence[np.ndarray], style: Style, size: int | float, marks: Sequence[Marks]
) -> list[Picture]:
    """Draw values as a few lines of text, the first of them with type and shape."""
    del marks
    theme = style.colours
    pictures = []
    for value in values:
        lines = text_lines(value)
        height = len(lines) * 18 + 16
        box = f'width="{size:g}" height="{height}" rx="4"'
        body = f'<rect {box} fill="{theme.line}" fill-opacity=".45"/>'
        first = 24 if len(lines) > 1 else 22
        for index, line in enumerate(lines):
            ink = theme.muted if index == 0 and len(lines) > 1 else theme.ink
            body += label(12, first + 18 * index, fit(line, size - 24, 12), 12, ink)
        pictures.append(Picture(size, height, body))
    return pictures
