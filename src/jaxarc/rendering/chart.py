"""Curves over steps: scales, ticks, and paths that stay small however long the episode."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from jaxarc.rendering.style import Style
from jaxarc.rendering.text import label, number, width_of

__all__ = [
    "Scale",
    "band",
    "backing",
    "bars",
    "curve",
    "end_point",
    "frame",
    "gaps_before",
    "step_axis",
    "ticks",
    "unstored",
    "value_scale",
]

_POINTS_AT_MOST = 900
_STRETCH = 2.0
"""Pixels of a long curve of which the ends and the extremes are drawn."""


@dataclass(frozen=True)
class Scale:
    """A linear map from values ``low … high`` to pixels ``start … stop``."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return where values lie, in pixels, of the same shape."""
        return self.start + (values.astype(float) - self.low) * (self.stop - self.start) / (
            self.high - self.low
        )

    def at(self, value: float) -> float:
        """Return where one value lies, in pixels."""
        return self.start + (value - self.low) * (self.stop - self.start) / (self.high - self.low)


def ticks(low: float, high: float, count: int, *, whole: bool = False) -> list[float]:
    """Return round numbers within a range: multiples of 1, 2 or 5 times a power of ten.

    Args:
        low, high: the range.
        count: about how many.
        whole: integers only.
    """
    raw = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    step = next((m * power for m in (1, 2, 5) if m * power >= raw * 0.999), 10 * power)
    if whole:
        step = max(round(step), 1)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def value_scale(
    values: np.ndarray, start: int | float, stop: int | float, *, with_zero: bool = True
) -> Scale:
    """Return a vertical scale for all finite values, widened to round numbers; never an empty range."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if with_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if high <= low:
        low, high = (low, low + 1.0) if low >= 0 else (low - 0.5, low + 0.5)
    return Scale(low, high, start, stop)


def frame(scale: Scale, left: float, right: float, style: Style) -> str:
    """Return quiet horizontal lines at round values, each with its number to the left."""
    theme = style.colours
    counts = (3, 5, 8) if abs(scale.stop - scale.start) < 200 else (5, 8)
    marks = next((m for m in (ticks(scale.low, scale.high, n) for n in counts) if len(m) > 2), [0.0])
    ys = scale(np.array(marks)).tolist()
    lines = "".join(f"M{left:g} {y:.1f}H{right:g}" for y in ys)
    parts = [f'<path d="{lines}" stroke="{theme.line}" fill="none"/>']
    for mark, y in zip(marks, ys, strict=True):
        parts.append(
            label(left - 8, round(y + 4, 1), number(mark), 11, theme.muted, anchor="end", max_width=48)
        )
    return "".join(parts)


def step_axis(scale: Scale, last: float, y: float, style: Style, *, words: str = "step") -> str:
    """Return the numbers of the steps up to ``last`` along the bottom, and what they count."""
    theme = style.colours
    widest = width_of(f"{int(last):,}", 11)
    room = max(int(abs(scale.stop - scale.start) / (widest * 1.4)), 1)
    marks = [mark for mark in ticks(scale.low, scale.high, min(8, room), whole=True) if mark <= last]
    rightmost = scale.stop + 30 - widest / 2  # the last number stays within the margin
    parts = []
    for mark, x in zip(marks, scale(np.array(marks)).tolist(), strict=True):
        parts.append(f'<path d="M{x:.1f} {y:g}v4" stroke="{theme.muted}"/>')
        at = round(min(x, rightmost), 1)
        parts.append(label(at, y + 17, f"{int(mark):,}", 11, theme.muted, anchor="middle"))
    parts.append(label((scale.start + scale.stop) / 2, y + 34, words, 11, theme.muted, anchor="middle"))
    return "".join(parts)


def backing(x: float, base: float, width: float, style: Style) -> str:
    """Return a box of the background for a line of small text to stand on, so that no curve runs through it.

    Args:
        x, base: where the text begins, in pixels.
        width: of the text, in pixels.
        style: the look.
    """
    box = f'x="{x - 3:.4g}" y="{base - 11:g}" width="{width + 6:.4g}" height="15"'
    return f'<rect {box} fill="{style.colours.background}"/>'


def gaps_before(steps: np.ndarray) -> np.ndarray:
    """Return which stored steps do not follow the one before them: what lay between is not known, bool[n]."""
    return np.append(False, np.diff(np.asarray(steps, float)) > 1) if len(steps) else np.zeros(0, bool)


def _thinned(xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    """Return which points to draw of ``xs`` that ascend: of every stretch of pixels the ends and extremes."""
    if len(xs) <= _POINTS_AT_MOST:
        return np.arange(len(xs))
    columns = np.floor(xs / _STRETCH)
    order = np.lexsort((ys, columns))
    ends = np.flatnonzero(np.diff(columns[order])) + 1
    first, last = np.append(0, ends), np.append(ends, len(xs)) - 1
    return np.unique([order[first], order[last], first, last])


def curve(
    xs: np.ndarray,
    ys: np.ndarray,
    colour: str,
    *,
    width: int | float = 2,
    opacity: int | float = 1,
    gaps: np.ndarray | None = None,
) -> str:
    """Return a line through points in pixels, broken where a value is not finite; one point is a dot.

    Args:
        xs, ys: positions in pixels, [points]; ``xs`` ascends.
        colour: a CSS colour.
        width: width of the line, in pixels.
        opacity: 0 to 1.
        gaps: bool[points], True where the line does not come from the point before; none when left off. What
            is narrower than a pixel is no gap.
    """
    xs, ys = np.asarray(xs, float), np.asarray(ys, float)
    known = np.flatnonzero(np.isfinite(ys))
    if not len(known):
        return ""
    # A piece begins where something is missing since the last known point, if there is room to see it.
    missing = np.cumsum(~np.isfinite(ys) if gaps is None else ~np.isfinite(ys) | gaps)[known]
    xs, ys = xs[known], ys[known]
    begins = np.append(True, (np.diff(missing) > 0) & (np.diff(xs) >= 1))
    piece = np.cumsum(begins)
    chosen = _thinned(xs, ys)
    xs, ys, piece = xs[chosen], ys[chosen], piece[chosen]
    begins = np.append(True, np.diff(piece) > 0)
    alone = begins & np.append(begins[1:], True)
    points = zip(xs.tolist(), ys.tolist(), begins.tolist(), strict=True)
    path = "".join(f"{'M' if starts else 'L'}{x:.1f} {y:.1f}" for x, y, starts in points)
    see = f' stroke-opacity="{opacity:g}"' if opacity < 1 else ""
    line = f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width:g}"{see}'
    line += ' stroke-linejoin="round" stroke-linecap="round"/>'
    if not alone.any():
        return line
    dots = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in zip(xs[alone].tolist(), ys[alone].tolist(), strict=True))
    stroke = f'stroke="{colour}" stroke-width="{width * 2.2:g}"{see} stroke-linecap="round"'
    dotted = f'<path d="{dots}" fill="none" {stroke}/>'
    return dotted if alone.all() else line + dotted


def unstored(steps: np.ndarray, total: float, scale: Scale, top: float, bottom: float, style: Style) -> str:
    """Return quiet bands over the steps of which nothing is stored; an empty string where all are.

    Args:
        steps: the numbers of the stored steps, ascending.
        total: steps of the whole episode.
        scale: where steps lie.
        top, bottom: of the bands, in pixels.
        style: the look.
    """
    edges = np.concatenate([[-1.0], np.asarray(steps, float), [max(total, 0.0)]])
    wide = np.flatnonzero(np.diff(edges) > 1)
    bands = []
    for low, high in zip(edges[wide].tolist(), edges[wide + 1].tolist(), strict=True):
        left, right = scale.at(max(low + 0.5, scale.low)), scale.at(min(high - 0.5, scale.high))
        if right - left >= 1:
            bands.append(f"M{left:.1f} {top:g}H{right:.1f}V{bottom:g}H{left:.1f}z")
    if not bands:
        return ""
    return f'<path d="{"".join(bands)}" fill="{style.colours.line}" fill-opacity=".55"/>'


def band(xs: np.ndarray, lows: np.ndarray, highs: np.ndarray, colour: str) -> str:
    """Return the area between two lines, in pixels, broken where a value is not finite; a point is a stroke.

    Args:
        xs, lows, highs: positions in pixels, [points].
        colour: a CSS colour; the area is a light tint of it.
    """
    known = np.isfinite(xs) & np.isfinite(lows) & np.isfinite(highs)
    begins = np.flatnonzero(known & ~np.append(False, known[:-1]))
    ends = np.flatnonzero(known & ~np.append(known[1:], False)) + 1
    areas, strokes = [], []
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        x, low, high = (part[begin:end].tolist() for part in (xs, lows, highs))
        if len(x) == 1:
            if abs(low[0] - high[0]) >= 0.05:
                strokes.append(f"M{x[0]:.1f} {low[0]:.1f}V{high[0]:.1f}")
            continue
        there = "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, high, strict=True))
        back = "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x[::-1], low[::-1], strict=True))
        areas.append(f"M{there}L{back}z")
    parts = [f'<path d="{"".join(areas)}" fill="{colour}" fill-opacity=".16"/>'] if areas else []
    if strokes:
        look = f'stroke="{colour}" stroke-opacity=".35" stroke-width="5"'
        parts.append(f'<path d="{"".join(strokes)}" {look}/>')
    return "".join(parts)


def bars(
    xs: np.ndarray, ys: np.ndarray, zero: int | float, width: int | float, above: str, below: str
) -> str:
    """Return upright bars from a zero line; of bars that share a pixel column the longest is drawn.

    Args:
        xs, ys: where the bars stand and end, in pixels, [bars]; those that are not finite are left out.
        zero: where they start, in pixels from the top.
        width: width of a bar, in pixels.
        above, below: CSS colours of the bars over and under the zero line.
    """
    finite = np.isfinite(ys)
    columns = np.round(xs[finite], 1 if len(xs) <= _POINTS_AT_MOST else 0)
    ends = ys[finite]
    see = ' stroke-opacity=".75"' if width < 4 else ""
    parts = []
    for colour, chosen, reduce in (
        (above, ends < zero - 0.05, np.minimum),
        (below, ends > zero + 0.05, np.maximum),
    ):
        if not chosen.any():
            continue
        places, firsts = np.unique(columns[chosen], return_index=True)
        tops = reduce.reduceat(ends[chosen], firsts)
        path = "".join(
            f"M{x:g} {zero:.1f}V{y:.1f}" for x, y in zip(places.tolist(), tops.tolist(), strict=True)
        )
        parts.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width:.3g}"{see}/>')
    return "".join(parts)


def end_point(xs: np.ndarray, ys: np.ndarray, colour: str, style: Style) -> str:
    """Return a ringed dot on the last finite point, in pixels."""
    known = np.flatnonzero(np.isfinite(ys))
    if not known.size:
        return ""
    x, y = float(xs[known[-1]]), float(ys[known[-1]])
    ring = style.colours.background
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}" stroke="{ring}" stroke-width="1.5"/>'
