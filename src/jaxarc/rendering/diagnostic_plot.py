"""Diagnostics over steps: panels one above the other, with limits, breaches and what is not finite."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from jaxarc.records.diagnostic_pictures import DiagnosticPanel, DiagnosticPicture
from jaxarc.rendering.chart import Scale, band, curve, end_point, frame, step_axis, value_scale
from jaxarc.rendering.document import document
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import fit, label, number, width_of

__all__ = ["render_diagnostics"]

_WIDTH = 760.0
_LEFT, _RIGHT = 84.0, 728.0
_TALL, _HEADING, _GAP = 84.0, 28.0, 14.0
_LOG_FROM = 50.0
"""Times that the largest value is of the smallest from which on a scale is logarithmic."""


def render_diagnostics(picture: DiagnosticPicture, style: Style | None = None) -> str:
    """Draw diagnostics as SVG text, 760 pixels wide.

    Args:
        picture: what to show.
        style: the look; the default one when left out.
    """
    style = Style() if style is None else style
    theme = style.colours
    steps = np.concatenate([np.asarray(panel.steps, float) for panel in picture.panels] or [np.zeros(0)])
    first, last = (float(steps.min()), float(steps.max())) if len(steps) else (0.0, 1.0)
    across = Scale(first, max(last, first + 1.0), _LEFT + 10, _RIGHT - 10)
    parts = [label(24, 34, picture.title, 16, theme.ink, bold=True, max_width=_WIDTH - 48)]
    y = 44.0
    if picture.words:
        y += 12
        parts.append(label(24, y, picture.words, 11, theme.muted, max_width=_WIDTH - 48))
    top = y + 24
    body: list[str] = []
    y = top
    for panel in picture.panels:
        drawn, y = _panel(panel, across, y, style)
        body += drawn
    bottom = y - _GAP if picture.panels else y
    parts += _wrong(picture, across, top, bottom, style)
    parts += body
    if picture.panels:
        parts.append(step_axis(across, across.high, bottom + 2, style))
        bottom += 40
    else:
        parts.append(label(24, bottom, "nothing was measured", 12, theme.muted))
    if picture.left_out:
        more = f"and {picture.left_out:,} more"
        parts.append(label(_RIGHT, bottom, more, 11, theme.muted, anchor="end"))
    about = f"{picture.title}: {', '.join(panel.name for panel in picture.panels[:8])}"
    return document(_WIDTH, bottom + 20, "".join(parts), style, about)


def _wrong(
    picture: DiagnosticPicture, across: Scale, top: float, bottom: float, style: Style
) -> Iterator[str]:
    """Yield a tint over the steps at which numbers were not finite, and what it means."""
    if picture.wrong_from is None:
        return
    theme = style.colours
    x = across.at(picture.wrong_from)
    box = f'x="{x:.1f}" y="{top:g}" width="{max(across.stop + 10 - x, 2):.1f}" height="{bottom - top:g}"'
    yield f'<rect {box} fill="{theme.wrong}" fill-opacity=".08"/>'
    yield f'<path d="M{x:.1f} {top:g}V{bottom:g}" stroke="{theme.wrong}" stroke-dasharray="2 3"/>'
    words = f"not finite from step {int(picture.wrong_from):,}"
    right = x + width_of(words, 10) + 8 > _RIGHT
    at, anchor = (x - 5, "end") if right else (x + 5, "start")
    yield label(at, top - 5, words, 10, theme.wrong, anchor=anchor)


def _panel(panel: DiagnosticPanel, across: Scale, y: float, style: Style) -> tuple[list[str], float]:
    """Return a panel below ``y``, and where it ends."""
    theme = style.colours
    top, bottom = y + _HEADING, y + _HEADING + _TALL
    values = [_drawable(line) for line in panel.lines.values()]
    between = None if panel.between is None else [_drawable(part) for part in panel.between]
    every = np.concatenate([*values, *(between or []), np.zeros(0)])
    every = every[np.isfinite(every)]
    limits = [limit for limit in panel.limits if _is_near(limit, every)]
    is_log = (
        panel.is_log
        and len(every) > 0
        and bool((every > 0).all())
        and float(every.max()) > _LOG_FROM * float(every.min())
        and all(limit > 0 for limit in limits)
    )
    if is_log:
        values = [np.log10(line) for line in values]
        between = None if between is None else [np.log10(part) for part in between]
        every, limits = np.log10(every), [math.log10(limit) for limit in limits]
        up, parts = _powers(every, limits, top, bottom, style)
    else:
        spread = np.concatenate([every, np.array(limits, float)])
        up = value_scale(spread, bottom, top, with_zero=not panel.is_log and panel.between is None)
        parts = [frame(up, _LEFT, _RIGHT, style)]
    colours = (theme.accent, *theme.series[1:])
    xs = across(np.asarray(panel.steps, float))
    if between is not None:
        parts.append(band(xs, up(between[0]), up(between[1]), theme.accent))
    names = []
    for position, (name, line) in reversed(list(enumerate(zip(panel.lines, values, strict=True)))):
        colour = colours[position % len(colours)]
        ys = up(line)
        parts.append(curve(xs, ys, colour, width=2 if position == 0 else 1.25))
        if position == 0:
            parts.append(end_point(xs, ys, colour, style))
        names.insert(0, (name, colour))
    for limit in limits:
        y_limit = up.at(limit)
        parts.append(
            f'<path d="M{_LEFT:g} {y_limit:.1f}H{_RIGHT:g}" stroke="{theme.bad}" stroke-dasharray="5 4"/>'
        )
    if len(panel.breached):
        marks = "".join(
            f"M{x:.1f} {top - 2:g}v-5" for x in across(np.asarray(panel.breached, float)).tolist()
        )
        parts.append(f'<path d="{marks}" stroke="{theme.bad}" stroke-width="2"/>')
    return [*_heading(panel, names, every, y, style), *parts], bottom + _GAP


def _drawable(values: np.ndarray) -> np.ndarray:
    """Return values with NaN for those that have no place on a scale."""
    every = np.asarray(values, float)
    return np.where(np.abs(every) < 1e300, every, np.nan)


def _is_near(limit: float, values: np.ndarray) -> bool:
    """Say whether a limit can be shown without squeezing the curve into a line."""
    if not len(values):
        return True
    low, high = float(values.min()), float(values.max())
    room = max(high - low, 0.25 * max(abs(low), abs(high)))
    return low - 1.5 * room <= limit <= high + 1.5 * room


def _powers(
    every: np.ndarray, limits: list[float], top: float, bottom: float, style: Style
) -> tuple[Scale, list[str]]:
    """Return a scale of exponents with a line at powers of ten."""
    spread = np.concatenate([every, np.array(limits, float)])
    low, high = float(spread.min()), float(spread.max())
    up = Scale(low - 0.05 * (high - low), high + 0.05 * (high - low), bottom, top)
    powers = list(range(math.ceil(low), math.floor(high) + 1)) or [round((low + high) / 2)]
    powers = powers[:: max(1, math.ceil(len(powers) / 4))]
    theme = style.colours
    parts = []
    for power in powers:
        y = up.at(float(power))
        if top - 1 <= y <= bottom + 1:
            parts.append(f'<path d="M{_LEFT:g} {y:.1f}H{_RIGHT:g}" stroke="{theme.line}" fill="none"/>')
            words = number(10.0**power)
            parts.append(
                label(_LEFT - 8, round(y + 4, 1), words, 11, theme.muted, anchor="end", max_width=52)
            )
    return up, parts


def _heading(
    panel: DiagnosticPanel, names: list[tuple[str, str]], every: np.ndarray, y: float, style: Style
) -> Iterator[str]:
    """Yield the panel's name, and what each line is."""
    theme = style.colours
    title = fit(panel.name, 300, 11, bold=True)
    yield label(_LEFT, y + 14, title, 11, theme.ink, bold=True)
    x = _LEFT + width_of(title, 11, bold=True) + 14
    shown = names if len(names) > 1 else []
    for name, colour in shown:
        words = fit(name, 120, 11)
        if x + 16 + width_of(words, 11) > _RIGHT:
            break
        yield f'<path d="M{x:.1f} {y + 10:g}h10" stroke="{colour}" stroke-width="2"/>'
        yield label(x + 14, y + 14, words, 11, theme.muted)
        x += 28 + width_of(words, 11)
    if not len(every):
        yield label(_RIGHT, y + 14, "no finite number", 11, theme.wrong, anchor="end")
    elif len(panel.breached):
        times = "beyond its threshold"
        if x + width_of(times, 11) < _RIGHT:
            yield label(_RIGHT, y + 14, times, 11, theme.bad, anchor="end")
