"""Vectors as bars: one row an entry while there is room for its number, a strip of bars beyond."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxarc.errors import RenderError
from jaxarc.rendering.board import Marks, Picture
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import label, number

__all__ = ["vector_pictures"]

_ROWS_AT_MOST = 16
_ROW = 20.0
_STRIP_HEIGHT = 120.0


def _span(values: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return the range of all finite values and 0, never empty."""
    finite = np.concatenate([value[np.isfinite(value)] for value in values] or [np.zeros(1)])
    low, high = (min(float(finite.min()), 0.0), max(float(finite.max()), 0.0)) if finite.size else (0.0, 0.0)
    return (low, high) if high > low else (0.0, 1.0)


def _rows(
    value: np.ndarray,
    low: int | float,
    high: int | float,
    style: Style,
    size: int | float,
    changed: np.ndarray,
) -> Picture:
    theme = style.colours
    left, right = 26.0, 64.0
    width = size - left - right
    zero = left + width * -low / (high - low)
    height = len(value) * _ROW
    parts = [f'<path d="M{zero:.4g} 0v{height:g}" stroke="{theme.muted}" stroke-opacity=".6"/>']
    for index, entry in enumerate(value.tolist()):
        y = index * _ROW
        parts.append(label(left - 10, y + 14, index, 11, theme.muted, anchor="end"))
        if np.isfinite(entry):
            end = left + width * (entry - low) / (high - low)
            colour = theme.accent if changed[index] else theme.muted
            x, length = min(zero, end), max(abs(end - zero), 0.75)
            parts.append(
                f'<rect x="{x:.2f}" y="{y + 4:g}" width="{length:.2f}" height="12" fill="{colour}"/>'
            )
        parts.append(label(size, y + 14, number(entry), 12, theme.ink, anchor="end"))
    return Picture(size, height, "".join(parts))


def _strip(
    value: np.ndarray, low: int | float, high: int | float, style: Style, size: int | float
) -> Picture:
    theme = style.colours
    step = size / len(value)
    zero = _STRIP_HEIGHT * high / (high - low)
    xs = (np.arange(len(value)) + 0.5) * step
    ends = _STRIP_HEIGHT * (high - value) / (high - low)
    bars = "".join(
        f"M{x:.1f} {zero:.1f}V{end:.1f}"
        for x, end in zip(xs.tolist(), ends.tolist(), strict=True)
        if end == end
    )
    line = f'<path d="M0 {zero:.1f}H{size:g}" stroke="{theme.muted}" stroke-opacity=".6"/>'
    body = f'{line}<path d="{bars}" stroke="{theme.accent}" stroke-width="{max(step * 0.8, 0.5):.2f}"/>'
    body += label(0, _STRIP_HEIGHT + 16, f"{len(value)} values", 11, theme.muted)
    body += label(size, _STRIP_HEIGHT + 16, f"{number(low)} to {number(high)}", 11, theme.muted, anchor="end")
    return Picture(size, _STRIP_HEIGHT + 20, body)


def vector_pictures(
    values: Sequence[np.ndarray], style: Style, size: int | float, marks: Sequence[Marks]
) -> list[Picture]:
    """Draw vectors as bars from zero, all on one scale.

    Args:
        values: real numbers, [entries] or scalars; NaN and infinite entries have a number and no bar.
        style: the look.
        size: width of a picture, in pixels.
        marks: entries that changed are drawn in the accent colour, the others quietly.

    Returns:
        One picture a vector.

    Raises:
        RenderError: a mask of another length than its vector.
    """
    vectors = [np.atleast_1d(value).astype(float) for value in values]
    low, high = _span(vectors)
    pictures = []
    for vector, mark in zip(vectors, marks, strict=True):
        changed = np.ones(vector.shape, bool) if mark.changed is None else np.atleast_1d(mark.changed)
        if changed.shape != vector.shape:
            raise RenderError(
                f"the mask of changed entries has shape {changed.shape}, the vector {vector.shape}"
            )
        if len(vector) <= _ROWS_AT_MOST:
            pictures.append(_rows(vector, low, high, style, size, changed))
        else:
            clipped = np.where(np.isfinite(vector), vector, np.nan)
            pictures.append(_strip(clipped, low, high, style, size))
    return pictures
