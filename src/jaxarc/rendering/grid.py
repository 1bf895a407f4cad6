"""Grids of categories: integers beyond ARC's ten, and planes of one channel a kind of thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from jaxarc.rendering.board import Marks, Picture, board_pictures
from jaxarc.rendering.categories import CATEGORIES_AT_MOST, category_colours
from jaxarc.rendering.kinds import channel_axis
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import label, width_of

__all__ = ["cell_colours", "composited", "grid_pictures", "plane_pictures"]

_LEGEND_FROM = 160.0
_LEGEND_AT_MOST = 12


def cell_colours(values: Sequence[np.ndarray], style: Style) -> tuple[str, ...]:
    """Return the colours of the values 0, 1, … of grids, as many as they need."""
    high = max(int(value.max()) for value in values)
    return category_colours(style.palette, 64 if high < 64 else CATEGORIES_AT_MOST)


def _legend(
    found: Sequence[int], colours: Sequence[str], names: Sequence[str], width: int | float, style: Style
) -> Picture:
    """Draw a square and a name for each value that occurs, in rows."""
    theme = style.colours
    x, y, parts = 0.0, 0.0, []
    for value, name in zip(found, names, strict=True):
        wide = 14 + width_of(name, 11) + 12
        if x and x + wide - 12 > width:
            x, y = 0.0, y + 17
        box = f'<rect x="{x + 0.5:g}" y="{y + 0.5:g}" width="9" height="9" fill="{colours[value]}"'
        parts.append(f'{box} stroke="{theme.grid}" stroke-opacity=".55"/>')
        parts.append(label(x + 14, y + 9, name, 11, theme.muted))
        x += wide
    return Picture(width, y + 12, "".join(parts))


def _with_legend(picture: Picture, legend: Picture) -> Picture:
    top = picture.height + 12
    body = f'{picture.body}<g transform="translate(0 {top:g})">{legend.body}</g>'
    return Picture(max(picture.width, legend.width), top + legend.height, body)


def grid_pictures(
    values: Sequence[np.ndarray], style: Style, size: int | float, marks: Sequence[Marks]
) -> list[Picture]:
    """Draw integer grids with a colour for every value, always the same one for the same value.

    Args:
        values: integers from -1 (padding) to 255, [height width] each.
        style: the look; 0 to 9 have the palette's colours.
        size: the longest side of the largest grid, in pixels; from 160 on, the first has a legend below where
            at most twelve values occur.
        marks: what to mark on each.
    """
    grids = [value.astype(np.int16) for value in values]
    colours = cell_colours(grids, style)
    pictures = board_pictures(grids, style, size, marks, colours=colours)
    found = sorted({int(value) for grid in grids for value in np.unique(grid)} - {-1})
    if size >= _LEGEND_FROM and len(found) <= _LEGEND_AT_MOST:
        names = [str(value) for value in found]
        legend = _legend(found, colours, names, max(pictures[0].width, 120.0), style)
        pictures[0] = _with_legend(pictures[0], legend)
    return pictures


def composited(value: np.ndarray) -> np.ndarray:
    """Return planes [h w c] or [c h w] as one grid: 0 where no channel is on, else 1 + the last that is."""
    planes = np.moveaxis(value, channel_axis(value.shape), 0) != 0
    numbers = np.arange(1, len(planes) + 1, dtype=np.int16)[:, None, None]
    return (planes * numbers).max(axis=0)


def _collapsed(marks: Marks, shape: tuple[int, ...]) -> Marks:
    """Return marks of planes as marks of the grid that they become."""

    def flat(mask: np.ndarray | None) -> np.ndarray | None:
        if mask is None or np.shape(mask) != shape:
            return mask
        return np.asarray(np.moveaxis(mask, channel_axis(shape), 0).any(axis=0))

    return Marks(flat(marks.selected), flat(marks.changed), flat(marks.wrong))


def plane_pictures(
    values: Sequence[np.ndarray], style: Style, size: int | float, marks: Sequence[Marks]
) -> list[Picture]:
    """Draw planes of one channel a kind of thing as one grid; of several things in a cell the last is seen.

    Args:
        values: booleans, or zeros and ones, [h w c] or [c h w] each.
        style: the look.
        size: the longest side, in pixels; from 160 on, the first has a legend of the channels that occur.
        marks: what to mark, shaped as the planes or as one of them.
    """
    grids = [composited(value) for value in values]
    flat = [_collapsed(mark, value.shape) for mark, value in zip(marks, values, strict=True)]
    palette = category_colours(style.palette, 64)
    # Nothing is the quiet colour of empty bars; the channels have the palette's colours after black.
    colours = (style.colours.line, *palette[1:])
    quiet = replace(style, show_digits=False)  # the numbers in the cells are not those of the channels
    pictures = board_pictures(grids, quiet, size, flat, colours=colours)
    found = sorted({int(number) for grid in grids for number in np.unique(grid)} - {0})
    if size >= _LEGEND_FROM and 0 < len(found) <= _LEGEND_AT_MOST:
        names = [str(number - 1) for number in found]
        names[0] = f"channel {names[0]}"
        legend = _legend(found, colours, names, max(pictures[0].width, 120.0), style)
        pictures[0] = _with_legend(pictures[0], legend)
    return pictures
