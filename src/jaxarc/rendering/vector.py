"""Vectors as bars: one row an entry while there is room for its number, a strip of bars beyond.

Over the steps of an episode they are curves, one an entry, or a heat strip where there are many.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxarc.errors import RenderError
from jaxarc.rendering.board import Marks, Picture
from jaxarc.rendering.chart import Scale, backing, curve, frame, gaps_before, value_scale
from jaxarc.rendering.field import colour_bar, heat_scale, shrunk
from jaxarc.rendering.image import image
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import fit, label, number, width_of

__all__ = ["vector_history", "vector_pictures"]

_ROWS_AT_MOST = 16
_ROW = 20.0
_STRIP_HEIGHT = 120.0
_CURVES_AT_MOST = 8
_CURVES_HEIGHT = 120.0
_COLUMNS_AT_MOST = 900


def _span(values: Sequence[np.ndarray]) -> tuple[float, float]:
    """Return the range of all finite values and 0, never empty."""
    low, high = 0.0, 0.0
    for value in values:
        finite = value if np.isfinite(value).all() else value[np.isfinite(value)]
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    return (low, high) if high > low else (0.0, 1.0)


def _rows(
    value: np.ndarray,
    low: int | float,
    high: int | float,
    style: Style,
    size: int | float,
    changed: np.ndarray,
    *,
    numbered: bool,
) -> Picture:
    theme = style.colours
    left, right = 26.0 if numbered else 0.0, 64.0
    width = max(size - left - right, 4.0)
    largest = max(high, -low)  # by which all is divided, so that no difference overflows
    low, span = low / largest, high / largest - low / largest
    zero = left + width * (-low / span)
    height = len(value) * _ROW
    parts = [f'<path d="M{zero:.4g} 0v{height:g}" stroke="{theme.muted}" stroke-opacity=".6"/>']
    for index, entry in enumerate(value.tolist()):
        y = index * _ROW
        if numbered:
            parts.append(label(left - 10, y + 14, index, 11, theme.muted, anchor="end"))
        if np.isfinite(entry):
            end = left + width * ((entry / largest - low) / span)
            colour = theme.accent if changed[index] else theme.muted
            x, length = min(zero, end), max(abs(end - zero), 0.75)
            parts.append(
                f'<rect x="{x:.2f}" y="{y + 4:g}" width="{length:.2f}" height="12" fill="{colour}"/>'
            )
        parts.append(label(size, y + 14, number(entry), 12, theme.ink, anchor="end"))
    return Picture(size, height, "".join(parts))


def _ends(value: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return from where to where each bar of a strip reaches: 0 and an entry, or a stretch of them."""
    if len(value) <= most:
        known = np.where(np.isfinite(value), value, np.nan)
        return np.minimum(known, 0.0), np.maximum(known, 0.0)
    firsts = np.linspace(0, len(value), most, endpoint=False).astype(int)
    low, high = (np.where(np.isfinite(value), value, other) for other in (np.inf, -np.inf))
    least, most_ = np.minimum.reduceat(low, firsts), np.maximum.reduceat(high, firsts)
    none = least > most_
    return np.where(none, np.nan, np.minimum(least, 0.0)), np.where(none, np.nan, np.maximum(most_, 0.0))


def _strip(
    value: np.ndarray, low: int | float, high: int | float, style: Style, size: int | float
) -> Picture:
    theme = style.colours
    span = f"{number(low)} to {number(high)}"
    largest = max(high, -low)
    low, high = low / largest, high / largest
    lows, highs = _ends(value / largest, max(int(size), 1))
    step = size / len(lows)
    zero = _STRIP_HEIGHT * high / (high - low)
    xs = (np.arange(len(lows)) + 0.5) * step
    tops, bottoms = (_STRIP_HEIGHT * (high - end) / (high - low) for end in (highs, lows))
    bars = "".join(
        f"M{x:.1f} {bottom:.1f}V{top:.1f}"
        for x, bottom, top in zip(xs.tolist(), bottoms.tolist(), tops.tolist(), strict=True)
        if top == top
    )
    line = f'<path d="M0 {zero:.1f}H{size:g}" stroke="{theme.muted}" stroke-opacity=".6"/>'
    body = f'{line}<path d="{bars}" stroke="{theme.accent}" stroke-width="{max(step * 0.8, 0.5):.2f}"/>'
    count = f"{len(value):,} values"
    if width_of(count, 11) + 8 + width_of(span, 11) <= size:
        body += label(0, _STRIP_HEIGHT + 16, count, 11, theme.muted)
    body += label(size, _STRIP_HEIGHT + 16, span, 11, theme.muted, anchor="end", max_width=size)
    return Picture(size, _STRIP_HEIGHT + 20, body)


def vector_pictures(
    values: Sequence[np.ndarray], style: Style, size: int | float, marks: Sequence[Marks] = ()
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
    for vector, mark in zip(vectors, marks or [Marks()] * len(vectors), strict=True):
        changed = np.ones(vector.shape, bool) if mark.changed is None else np.atleast_1d(mark.changed)
        if changed.shape != vector.shape:
            raise RenderError(
                f"the mask of changed entries has shape {changed.shape}, the vector {vector.shape}"
            )
        if len(vector) <= _ROWS_AT_MOST:
            numbered = len(vector) > 1
            pictures.append(_rows(vector, low, high, style, size, changed, numbered=numbered))
        else:
            pictures.append(_strip(vector, low, high, style, size))
    return pictures


def _curves(
    values: np.ndarray, steps: np.ndarray, names: Sequence[str], across: Scale, style: Style
) -> Picture:
    xs, gaps = across(steps), gaps_before(steps)
    theme = style.colours
    known = np.where(np.abs(values) < 1e100, values, np.nan)
    up = value_scale(known, 22 + _CURVES_HEIGHT, 22)
    parts = [frame(up, across.start - 10, across.stop + 10, style)]
    x, room = 0.0, min((across.stop + 10) / max(len(names), 1) - 36, 110)
    for index, name in enumerate(names):
        colour = theme.series[index % len(theme.series)]
        parts.append(curve(xs, up(known[:, index]), colour, width=1.5, gaps=gaps))
        words = fit(name, room, 11)
        parts.append(backing(x, 9, 18 + width_of(words, 11), style))
        parts.append(f'<path d="M{x:g} 5h12" stroke="{colour}" stroke-width="2.5" stroke-linecap="round"/>')
        parts.append(label(x + 18, 9, words, 11, theme.ink))
        x += 18 + width_of(words, 11) + 18
    return Picture(across.stop + 10, 22 + _CURVES_HEIGHT + 6, "".join(parts))


def _heat_strip(
    values: np.ndarray, steps: np.ndarray, names: Sequence[str], across: Scale, style: Style
) -> Picture:
    """Draw entries down, steps across; a step that was not stored looks like the last one before it."""
    theme = style.colours
    count = values.shape[1]
    width = across.stop - across.start
    num_columns = int(min(max(steps[-1] - steps[0] + 1, 1), _COLUMNS_AT_MOST))
    at = np.linspace(steps[0], steps[-1], num_columns)
    columns = values[np.searchsorted(steps, at, side="right") - 1].T
    scale = heat_scale([columns])
    height = float(min(max(count * 4, 60), 160))
    first, last = across.at(float(steps[0])), across.at(float(steps[-1]))
    half = min(width / (2 * max(across.high - across.low, 1.0)), 10.0)
    pixels = scale.levels(shrunk(columns, _COLUMNS_AT_MOST))
    used = scale.colours(style)[: int(pixels.max()) + 1]
    bar = colour_bar(scale, min(150.0, width), style)
    top = bar.height + 10
    words = f"{count} values"
    body = backing(0, 9, width_of(words, 11), style) + label(0, 9, words, 11, theme.ink)
    body += f'<rect x="{across.stop - bar.width - 3:g}" y="-2" width="{bar.width + 6:g}"'
    body += f' height="{bar.height + 4:g}" fill="{theme.background}"/>'
    body += f'<g transform="translate({across.stop - bar.width:g} 0)">{bar.body}</g>'
    body += image(pixels, round(first - half, 1), top, round(last - first + 2 * half, 1), height, used)
    right = across.start - 10 - 8
    body += label(right, top + 9, names[0], 11, theme.muted, anchor="end", max_width=48)
    body += label(right, top + height, names[-1], 11, theme.muted, anchor="end", max_width=48)
    return Picture(across.stop + 10, top + height + 6, body)


def vector_history(
    values: np.ndarray,
    steps: Sequence[int | float] | np.ndarray,
    across: Scale,
    style: Style,
    *,
    names: Sequence[str] = (),
) -> Picture:
    """Draw a vector over the steps of an episode: a curve an entry, or a heat strip of more than eight.

    Args:
        values: real numbers, [stored steps, entries]; those not finite leave a gap.
        steps: the number of each stored step, ascending.
        across: where steps lie, in pixels; the axis below is the caller's.
        style: the look.
        names: a name an entry; their numbers when left off.

    Returns:
        The picture, from 0 to 10 pixels right of the scale; empty where there is nothing to draw.

    Raises:
        RenderError: names or steps that are not as many as the entries or the stored steps.
    """
    values = np.asarray(values, dtype=float)
    at = np.asarray(steps, dtype=float)
    if values.ndim != 2 or len(values) != len(at):
        raise RenderError(f"a history of {len(at)} steps has shape [steps entries], got {values.shape}")
    names = [str(name) for name in names] or [str(index) for index in range(values.shape[1])]
    if len(names) != values.shape[1]:
        raise RenderError(f"{values.shape[1]} entries have a name each, got {len(names)} names")
    if not values.size:
        return Picture(0, 0, "")
    if values.shape[1] <= _CURVES_AT_MOST:
        return _curves(values, at, names, across, style)
    return _heat_strip(values, at, names, across, style)
