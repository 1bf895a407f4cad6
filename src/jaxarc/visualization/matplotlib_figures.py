"""Matplotlib without pyplot and without state of the process: the same bytes for the same values."""

from __future__ import annotations

import io
import warnings
from functools import lru_cache
from typing import Any

import numpy as np

from jaxarc.rendering.optional import import_extra
from jaxarc.rendering.palette import THEMES
from jaxarc.rendering.raster import font_files, is_latin
from jaxarc.rendering.text import clean

__all__ = [
    "DPI",
    "INK",
    "LARGEST",
    "LINE",
    "MUTED",
    "figure_pixels",
    "figure_png",
    "new_figure",
    "quiet_axes",
    "write",
]

DPI = 160
INK, MUTED, LINE = (getattr(THEMES["light"], name) for name in ("ink", "muted", "line"))
LARGEST = 1e300
"""Beyond this Matplotlib cannot work out its axes."""


def new_figure(width: float, height: float) -> Any:
    """Return an empty white figure of so many inches, which no other part of the process knows of."""
    figures = import_extra("matplotlib.figure", "plots", "a picture by Matplotlib")
    backend = import_extra("matplotlib.backends.backend_agg", "plots", "a picture by Matplotlib")
    figure = figures.Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    backend.FigureCanvasAgg(figure)
    return figure


@lru_cache(maxsize=2)
def _face(bold: bool) -> Any:
    fonts = import_extra("matplotlib.font_manager", "plots", "a picture by Matplotlib")
    return fonts.FontProperties(fname=font_files()[int(bold)])


def write(
    figure: Any,
    x: float,
    y: float,
    value: object,
    size: float = 8.0,
    *,
    bold: bool = False,
    colour: str = MUTED,
    anchor: str = "left",
) -> None:
    """Write words into a figure, their base line at ``(x, y)`` inches from the lower left."""
    width, height = figure.get_size_inches()
    words = clean(value)
    # Lato has Latin letters only; the machine's own fonts may have the rest.
    look: dict[str, Any] = {"fontproperties": _face(bold)} if is_latin(words) else {}
    figure.text(
        x / width, y / height, words, fontsize=size, color=colour, ha=anchor, parse_math=False, **look
    )


def quiet_axes(figure: Any, left: float, bottom: float, width: float, height: float) -> Any:
    """Return axes at a place in inches, with thin lines and small numbers."""
    across, up = figure.get_size_inches()
    axes = figure.add_axes((left / across, bottom / up, width / across, height / up))
    for spine in axes.spines.values():
        spine.set_color(LINE)
        spine.set_linewidth(0.8)
    axes.tick_params(length=2.5, width=0.8, color=LINE, labelcolor=MUTED, labelsize=7, pad=2.5)
    axes.set_facecolor("white")
    return axes


def _dress(figure: Any) -> None:
    """Give the numbers of all axes the face of the words."""
    for axes in figure.axes:
        for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
            size = label.get_size()
            label.set_fontproperties(_face(False))
            label.set_size(size)


def figure_png(figure: Any) -> bytes:
    """Return a figure as the bytes of a PNG file, without a date and without the name of the program."""
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        _dress(figure)
        figure.savefig(content, format="png", dpi=DPI, metadata={"Software": None})
    return content.getvalue()


def figure_pixels(figure: Any) -> np.ndarray:
    """Return a figure as pixels, uint8[height width 3]."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        _dress(figure)
        figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[:, :, :3].copy()
