"""A field of numbers as a heat map by Matplotlib, with its scale and its numbers in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from jaxarc.rendering.colormap import LEVELS
from jaxarc.rendering.field import HeatScale, heat_scale
from jaxarc.rendering.oklab import from_hex
from jaxarc.rendering.palette import MARK_DARK, THEMES
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import MINUS, fit, number
from jaxarc.visualization.matplotlib_figures import INK, LARGEST, LINE, MUTED, new_figure, quiet_axes, write

__all__ = ["field_words", "heat_map_figure", "scale_of"]

_SIDE = 4.4
_LEAST_SIDE = 0.5
_LEFT, _BOTTOM, _TOP, _RIGHT = 0.55, 0.42, 0.62, 0.95
_LEAST_WIDTH = 4.4


def scale_of(values: list[np.ndarray], low: float | None, high: float | None) -> HeatScale:
    """Return the scale of fields: as they are, or with the ends that somebody set."""
    scale = heat_scale(values)
    if low is None and high is None:
        return scale
    least = min(scale.low, scale.high) if low is None else low
    most = max(scale.low, scale.high) if high is None else high
    return replace(scale, low=least, high=most, signed=scale.signed and least == -most)


def field_words(value: np.ndarray) -> str:
    """Say what a field holds: its least, mean and largest number, and what is no number."""
    finite = value[np.isfinite(value)]
    words = []
    if finite.size:
        mean = float(finite.mean(dtype=np.float64))
        words.append(f"min {number(finite.min())} · mean {number(mean)} · max {number(finite.max())}")
    counts = {
        "NaN": np.isnan(value).sum(),
        "+inf": np.isposinf(value).sum(),
        f"{MINUS}inf": np.isneginf(value).sum(),
    }
    words += [f"{count:,} {name}" for name, count in counts.items() if count]
    return " · ".join(words)


def heat_map_figure(value: np.ndarray, title: str, words: str, scale: HeatScale) -> Any:
    """Return a figure of a field: a colour a cell, row 0 on top, the scale beside it.

    Args:
        value: real numbers, [rows columns].
        title: its name.
        words: what is said beneath the name.
        scale: which colour a number has.
    """
    rows, columns = value.shape
    width = max(_SIDE * columns / max(rows, columns), _LEAST_SIDE)
    height = max(_SIDE * rows / max(rows, columns), _LEAST_SIDE)
    across = max(_LEFT + width + _RIGHT, _LEAST_WIDTH)
    up = _BOTTOM + height + _TOP
    figure = new_figure(across, up)
    axes = quiet_axes(figure, _LEFT, _BOTTOM, width, height)
    colours = scale.colours(Style())
    axes.imshow(colours[scale.levels(value)], interpolation="nearest", aspect="auto")
    axes.locator_params(integer=True, nbins=6)
    room = (across - _LEFT - 0.1) * 72
    write(figure, _LEFT, up - 0.28, fit(title, room, 11, bold=True), 11, bold=True, colour=INK)
    write(figure, _LEFT, up - 0.48, fit(words, room, 8), 8)
    _colour_bar(figure, scale, colours, _LEFT + width + 0.18, _BOTTOM, height)
    return figure


def _colour_bar(
    figure: Any, scale: HeatScale, colours: np.ndarray, left: float, bottom: float, height: float
) -> None:
    inks = {"NaN": THEMES["light"].muted, "+inf": THEMES["light"].wrong, f"{MINUS}inf": MARK_DARK}
    special = 0.16 * len(scale.special)
    for index, name in enumerate(scale.special):
        at = bottom + 0.16 * index
        swatch = quiet_axes(figure, left, at, 0.1, 0.1)
        swatch.imshow(from_hex((inks[name],))[None], aspect="auto")
        swatch.set_xticks([])
        swatch.set_yticks([])
        write(figure, left + 0.15, at, name, 7)
    tall = height - special - (0.06 if special else 0)
    if scale.high < scale.low or tall < 0.3:
        return
    if scale.high == scale.low:
        write(figure, left, bottom + height - 0.1, f"{number(scale.low)}", 7, colour=MUTED)
        write(figure, left, bottom + height - 0.24, "everywhere", 7, colour=MUTED)
        return
    bar = quiet_axes(figure, left, bottom + height - tall, 0.13, tall)
    low, high = max(scale.low, -LARGEST), min(scale.high, LARGEST)
    bar.imshow(colours[:LEVELS, None], aspect="auto", origin="lower", extent=(0, 1, low, high))
    bar.set_xticks([])
    bar.yaxis.tick_right()
    bar.locator_params(axis="y", nbins=6)
    bar.yaxis.set_major_formatter(lambda at, _: number(at))
    for spine in bar.spines.values():
        spine.set_color(LINE)
