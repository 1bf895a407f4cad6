"""A metric as a small chart: its lines over the steps at which it was logged."""

from __future__ import annotations

import numpy as np

from jaxarc.records.metric_pictures import MetricPicture
from jaxarc.rendering.chart import Scale, curve, value_scale
from jaxarc.rendering.text import FONT_FAMILY, clean, escape, label, number

__all__ = ["metric_curve"]

_WIDTH, _HEIGHT = 320.0, 126.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 312.0, 32.0, 98.0
# Seen on white and on black: what shows it has a theme of its own.
_LINE, _WORDS = "#4C86E8", "#808892"


def metric_curve(picture: MetricPicture) -> str:
    """Draw a metric as an SVG of 320 x 126 pixels, named, with its last value and its range.

    Its background is transparent, and its colours can be seen on a light one and on a dark one.

    Args:
        picture: the metric.

    Returns:
        SVG text.
    """
    last = number(picture.last) if isinstance(picture.last, float) else picture.last
    parts = [
        label(8, 16, picture.name, 12, _WORDS, bold=True, max_width=_RIGHT - 84),
        label(_RIGHT, 16, last, 12, _LINE, anchor="end", bold=True, max_width=70),
        f'<path d="M{_LEFT:g} {_BOTTOM + 3:g}H{_RIGHT:g}" stroke="{_WORDS}" stroke-opacity=".5"/>',
    ]
    ats = np.concatenate([np.zeros(0), *(line.at[np.isfinite(line.value)] for line in picture.lines)])
    values = np.concatenate([np.zeros(0), *(line.value for line in picture.lines)])
    values = values[np.isfinite(values) & (np.abs(values) < 1e100)]
    if len(values) and len(ats):
        parts += _lines(picture, ats, values)
        ends = (
            f"{_whole(ats.min())} \N{EN DASH} {_whole(ats.max())}"
            if ats.max() > ats.min()
            else _whole(ats[0])
        )
        words = f"{picture.axis} {ends}"
    else:
        words = "no finite number"
    parts.append(label(_RIGHT, _BOTTOM + 18, words, 10, _WORDS, anchor="end", max_width=140))
    if picture.num_not_finite and len(values):
        note = f"{picture.num_not_finite:,} not finite"
    else:
        note = f"{picture.num_members:,} members and mean" if picture.num_members > 1 else ""
    if note:
        parts.append(label(_LEFT, _BOTTOM + 18, note, 10, _WORDS, max_width=_RIGHT - _LEFT - 140))
    size = f'width="{_WIDTH:g}" height="{_HEIGHT:g}" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{FONT_FAMILY}" role="img"'
    about = escape(f"{clean(picture.name)} over {words}")
    return f'{head} aria-label="{about}">{"".join(parts)}</svg>'


def _lines(picture: MetricPicture, ats: np.ndarray, values: np.ndarray) -> list[str]:
    low, high = float(ats.min()), float(ats.max())
    across = Scale(low, high if high > low else low + 1.0, _LEFT, _RIGHT)
    least, most = float(values.min()), float(values.max())
    is_flat = most - least <= 1e-9 * max(abs(least), abs(most))
    up = value_scale(values[:1] if is_flat else values, _BOTTOM, _TOP, with_zero=False)
    parts = []
    for line in picture.lines:
        shown = np.where(np.abs(line.value) < 1e100, line.value, np.nan)
        colour, width, opacity = (_LINE, 1.8, 1.0) if line.is_main else (_WORDS, 1.0, 0.35)
        parts.append(curve(across(line.at), up(shown), colour, width=width, opacity=opacity))
    marks = ((up.low, up(values[:1])[0] + 4),) if is_flat else ((up.high, _TOP + 4), (up.low, _BOTTOM + 2))
    for value, y in marks:
        parts.append(
            label(_LEFT - 6, round(float(y), 1), number(value), 10, _WORDS, anchor="end", max_width=_LEFT - 8)
        )
    return parts


def _whole(value: float) -> str:
    return f"{value:,.0f}" if abs(value) < 1e15 else number(float(value))
