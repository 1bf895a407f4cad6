"""Fields of numbers as heat maps on one scale, with a bar that says what the colours mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jaxarc.rendering.board import Marks, Picture
from jaxarc.rendering.colormap import LEVELS, diverging, sequential
from jaxarc.rendering.image import image
from jaxarc.rendering.oklab import from_hex
from jaxarc.rendering.palette import MARK_DARK
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import MINUS, label, number, width_of

__all__ = ["HeatScale", "colour_bar", "field_pictures", "heat_scale", "shrunk"]

_NOT_A_NUMBER, _ABOVE, _BELOW = LEVELS, LEVELS + 1, LEVELS + 2
_SIDE_AT_MOST = 512
_CELL_AT_MOST = 36.0
_BAR_FROM = 120.0
_STROKE_AT_LEAST = 14.0


@dataclass(frozen=True)
class HeatScale:
    """Which colour a number has.

    Attributes:
        low, high: the numbers at the ends of the bar; low is above high where no number is finite.
        signed: whether zero is in the middle, between two colours.
        special: which of NaN, +inf and -inf occur, as they are called.
    """

    low: float
    high: float
    signed: bool
    special: tuple[str, ...] = ()

    def colours(self, style: Style) -> np.ndarray:
        """Return the colours of all levels and of what is no finite number, uint8[count 3]."""
        theme = style.colours
        levels = diverging() if self.signed else sequential()
        return np.concatenate((levels, from_hex((theme.muted, theme.wrong, MARK_DARK))))

    def levels(self, values: np.ndarray) -> np.ndarray:
        """Return the index of every number's colour, uint8 of the same shape."""
        values = values.astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            share = values / 2 - self.low / 2  # halves, so that a range beyond the largest float stays finite
            share = share / (self.high / 2 - self.low / 2) if self.high > self.low else share * 0 + 0.5
            levels = np.clip(np.nan_to_num(share * LEVELS), 0, LEVELS - 1).astype(np.uint8)
        levels[np.isnan(values)] = _NOT_A_NUMBER
        levels[np.isposinf(values)] = _ABOVE
        levels[np.isneginf(values)] = _BELOW
        return levels


def heat_scale(values: Sequence[np.ndarray]) -> HeatScale:
    """Return one scale for all values: around zero where they have both signs, else from least to most."""
    low, high = np.inf, -np.inf
    special = {"NaN": False, "+inf": False, f"{MINUS}inf": False}
    for value in values:
        if value.dtype.kind != "f":
            low, high = min(low, float(value.min())), max(high, float(value.max()))
            continue
        finite = np.isfinite(value)
        if finite.all():
            low, high = min(low, float(value.min())), max(high, float(value.max()))
            continue
        special["NaN"] |= bool(np.isnan(value).any())
        special["+inf"] |= bool(np.isposinf(value).any())
        special[f"{MINUS}inf"] |= bool(np.isneginf(value).any())
        if finite.any():
            low, high = min(low, float(value[finite].min())), max(high, float(value[finite].max()))
    named = tuple(name for name, occurs in special.items() if occurs)
    if low > high:
        return HeatScale(0.0, -1.0, False, named)
    if low < 0 < high:
        far = max(-low, high)
        return HeatScale(-far, far, True, named)
    return HeatScale(low, high, False, named)


def colour_bar(scale: HeatScale, width: int | float, style: Style) -> Picture:
    """Draw the bar of a scale: least and most below its ends, zero in the middle of a signed one."""
    theme = style.colours
    if scale.high > scale.low:
        colours = scale.colours(style)[:LEVELS]
        parts = [image(colours[None, :, :], 0, 0, width, 8)]
        ends = [(0.0, scale.low, "start"), (width, scale.high, "end")]
        middle = 0.0 if scale.signed else scale.low / 2 + scale.high / 2
        words = [number(value) for _, value, _ in ends] + [number(middle)]
        if sum(width_of(word, 11) for word in words) + 30 < width:
            ends.append((width / 2, middle, "middle"))
        parts += [label(x, 22, number(value), 11, theme.muted, anchor=anchor) for x, value, anchor in ends]
    elif scale.low == scale.high:
        parts = [label(0, 9, f"{number(scale.low)} everywhere", 11, theme.muted)]
    else:
        parts = []
    top = 32 if scale.high > scale.low else 18 if parts else 0
    x, inks = 0.0, {"NaN": theme.muted, "+inf": theme.wrong, f"{MINUS}inf": MARK_DARK}
    for name in scale.special:
        parts.append(f'<rect x="{x:g}" y="{top}" width="9" height="9" fill="{inks[name]}"/>')
        parts.append(label(x + 14, top + 8.5, name, 11, theme.muted))
        x += 14 + width_of(name, 11) + 14
    if scale.special:
        return Picture(max(width, x - 14), top + 12, "".join(parts))
    return Picture(width, 24 if scale.high > scale.low else 12, "".join(parts))


def shrunk(value: np.ndarray, side: int = _SIDE_AT_MOST) -> np.ndarray:
    """Return a field of at most ``side`` rows and columns: every k-th of a larger one."""
    steps = [-(-length // side) for length in value.shape[:2]]
    return value[:: steps[0], :: steps[1]]


def box_of(shape: tuple[int, ...], size: int | float) -> tuple[float, float]:
    """Return the width and height of a picture of rows and columns, as large as there is room."""
    rows, columns = shape[:2]
    cell = min(size / max(rows, columns), _CELL_AT_MOST)
    cell = float(int(cell)) if cell >= 4 else cell
    width, height = columns * cell, rows * cell
    return max(width, min(_STROKE_AT_LEAST, size)), max(height, min(_STROKE_AT_LEAST, size))


def field_pictures(
    values: Sequence[np.ndarray], style: Style, size: int | float, marks: Sequence[Marks]
) -> list[Picture]:
    """Draw fields as heat maps on one scale; the bar that explains it is below the first.

    Args:
        values: real numbers, [rows columns] each.
        style: the look.
        size: the longest side of a field, in pixels; below 120 the bar is left off.
        marks: not drawn: most fields change everywhere.

    Returns:
        One picture a field.
    """
    del marks
    scale = heat_scale(values)
    colours = scale.colours(style)
    theme = style.colours
    pictures = []
    for index, value in enumerate(values):
        width, height = box_of(value.shape, size)
        levels = scale.levels(shrunk(value))
        used = colours[: int(levels.max()) + 1]
        body = image(levels, 0, 0, width, height, used)
        body += (
            f'<rect x=".5" y=".5" width="{width - 1:g}" height="{height - 1:g}" fill="none" '
            f'stroke="{theme.grid}" stroke-opacity=".35"/>'
        )
        tall = height
        if index == 0 and size >= _BAR_FROM:
            bar = colour_bar(scale, max(width, min(size, 120.0)), style)
            body += f'<g transform="translate(0 {height + 10:g})">{bar.body}</g>'
            width, tall = max(width, bar.width), height + 10 + bar.height
        pictures.append(Picture(width, tall, body))
    return pictures
