"""A picture of gates: each metric over its steps, with its limits and the baseline's curve."""

from __future__ import annotations

import numpy as np

from jaxarc.records.gate_pictures import GatedCurve, GatePicture
from jaxarc.rendering.chart import Scale, curve, frame, step_axis, value_scale
from jaxarc.rendering.document import document, place
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import clean, label, number, width_of

__all__ = ["render_gates"]

_WIDTH = 720.0
_MARGIN = 24.0
_LEFT, _RIGHT = 62.0, 130.0
_TALL = 170.0
_MOST_REASONS = 3


def render_gates(data: GatePicture, style: Style | None = None) -> str:
    """Draw the gates of a run as an SVG document, 720 pixels wide.

    Args:
        data: the metrics and what they have to come to.
        style: the look; the default one when left off.

    Returns:
        SVG text; the same bytes for the same gates.
    """
    style = style or Style()
    theme = style.colours
    room = _WIDTH - 2 * _MARGIN
    verdict, ink = ("passed", theme.good) if data.passed else ("failed", theme.bad)
    wide = width_of(verdict, 18, bold=True) + 16
    parts = [
        label(0, 18, data.run, 18, theme.ink, bold=True, max_width=room - wide),
        label(room, 18, verdict, 18, ink, anchor="end", bold=True),
    ]
    against = f"{data.status}, against {clean(data.baseline)}" if data.baseline else data.status
    parts.append(label(0, 38, against, 12, theme.muted, max_width=room))
    y = 38.0
    for reason in data.reasons:
        y += 18
        parts.append(label(0, y, reason, 12, theme.bad, max_width=room))
    y += 24
    for gated in data.curves:
        body, tall = _panel(gated, room, style)
        parts.append(place(0, y, body))
        y += tall + 26
    height = y - 26 + _MARGIN + 8
    words = f"{data.run}: gates {verdict}"
    return document(_WIDTH, height + _MARGIN, place(_MARGIN, _MARGIN, "".join(parts)), style, words)


def _panel(gated: GatedCurve, room: float, style: Style) -> tuple[str, float]:
    """Return one metric, and how tall it is."""
    theme = style.colours
    ink = theme.good if gated.passed else theme.bad
    wide = width_of(gated.value_words, 13, bold=True) + 16
    parts = [
        label(0, 13, gated.metric, 13, theme.ink, bold=True, max_width=room - wide),
        label(room, 13, gated.value_words, 13, ink, anchor="end", bold=True, max_width=room / 2),
    ]
    y = 16.0
    for reason in gated.reasons[:_MOST_REASONS]:
        y += 16
        parts.append(label(0, y, reason, 12, theme.bad, max_width=room))
    top = y + 14
    if not (len(gated.at) or np.isfinite(gated.value)):
        return "".join(parts), y  # limits alone are in the words above
    body, tall = _plot(gated, top, room, style)
    return "".join(parts) + body, tall


def _plot(gated: GatedCurve, top: float, room: float, style: Style) -> tuple[str, float]:
    theme = style.colours
    bottom = top + _TALL
    lines = [
        (value, words, ink)
        for value, words, ink in (
            (gated.high, "at most", theme.bad),
            (gated.low, "at least", theme.bad),
            (gated.bound, "no worse than", theme.muted),
        )
        if value is not None and np.isfinite(value)
    ]
    held = [gated.values, gated.baseline_values, np.array([gated.value, *(line[0] for line in lines)])]
    if gated.baseline is not None:
        held.append(np.array([gated.baseline]))
    up = _roomy(np.concatenate(held), bottom, top)
    parts = [frame(up, _LEFT, room - _RIGHT, style)]
    steps = np.concatenate([gated.at, gated.baseline_at])
    steps = steps[np.isfinite(steps)]
    across = None
    if len(steps):
        first, last = float(min(steps.min(), 0.0)), float(max(steps.max(), 1.0))
        across = Scale(first, last, _LEFT, room - _RIGHT)
        parts.append(step_axis(across, last, bottom, style, words=gated.axis))
        parts.append(curve(across(gated.baseline_at), up(gated.baseline_values), theme.muted, width=1.5))
        parts.append(curve(across(gated.at), up(gated.values), theme.accent))
    parts.append(_limits(lines, up, room))
    if np.isfinite(gated.value):
        parts.append(_dot(gated, across, up, room, style))
    tall = bottom + (40 if len(steps) else 8)
    if gated.baseline is not None:
        tall = max(tall, bottom + 40)
        parts.append(_legend(bottom + 34, style))
    return "".join(parts), tall


def _roomy(values: np.ndarray, bottom: float, top: float) -> Scale:
    """Return a scale on which nothing lies on an edge."""
    scale = value_scale(values, bottom, top, with_zero=False)
    spare = (scale.high - scale.low) * 0.08
    return Scale(scale.low - spare, scale.high + spare, bottom, top)


def _limits(lines: list[tuple[float, str, str]], up: Scale, room: float) -> str:
    """Draw limits across the plot, with their words to the right of it, one above the other."""
    right = room - _RIGHT
    parts, before = [], -np.inf
    for value, words, ink in sorted(lines, key=lambda line: up.at(line[0])):
        y = up.at(value)
        look = f'stroke="{ink}" stroke-width="1.5" stroke-dasharray="5 4"'
        parts.append(f'<path d="M{_LEFT:g} {y:.1f}H{right:g}" {look}/>')
        before = max(round(y + 4, 1), before + 14)
        text = f"{words} {number(value)}"
        parts.append(label(right + 10, before, text, 11, ink, max_width=_RIGHT - 10))
    return "".join(parts)


def _dot(gated: GatedCurve, across: Scale | None, up: Scale, room: float, style: Style) -> str:
    """Draw where the value lies: at the place of the series that it comes from, else in the middle."""
    theme = style.colours
    x = _LEFT + (room - _RIGHT - _LEFT) / 2
    if across is not None and len(gated.at):
        near = np.flatnonzero(np.isclose(gated.values, gated.value, rtol=1e-9, atol=0))
        place_ = gated.at[near[-1]] if len(near) else gated.at[-1]
        x = across.at(float(place_)) if np.isfinite(place_) else room - _RIGHT
    ink = theme.good if gated.passed else theme.bad
    ring = f'fill="{ink}" stroke="{theme.background}" stroke-width="1.5"'
    return f'<circle cx="{x:.1f}" cy="{up.at(gated.value):.1f}" r="5" {ring}/>'


def _legend(y: float, style: Style) -> str:
    theme = style.colours
    parts, x = [], _LEFT
    for words, ink in (("this run", theme.accent), ("baseline", theme.muted)):
        parts.append(f'<path d="M{x:g} {y - 4:g}h16" stroke="{ink}" stroke-width="2"/>')
        parts.append(label(x + 22, y, words, 11, theme.muted))
        x += 22 + width_of(words, 11) + 18
    return "".join(parts)
