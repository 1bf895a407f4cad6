"""Three axes that are neither frames nor planes: one small picture a channel, all on one scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxarc.rendering.board import Marks, Picture, board_pictures
from jaxarc.rendering.document import place
from jaxarc.rendering.field import colour_bar, field_pictures, heat_scale
from jaxarc.rendering.grid import cell_colours
from jaxarc.rendering.kinds import channel_axis, kind_of
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import label, width_of

__all__ = ["channel_pictures"]

_SHOWN_AT_MOST = 9
_GAP = 12.0
_CAPTION = 18.0
_BAR_FROM = 160.0


def channel_pictures(
    values: Sequence[np.ndarray], style: Style, size: int | float, marks: Sequence[Marks]
) -> list[Picture]:
    """Draw the channels of arrays next to each other, at most nine of each.

    Channels of few whole numbers are grids, others heat maps; all of them share the colours.

    Args:
        values: real numbers, [h w c] or [c h w], all of one shape.
        style: the look.
        size: the width of a picture, in pixels.
        marks: not drawn.
    """
    del marks
    axis = channel_axis(values[0].shape)
    split = [list(np.moveaxis(value, axis, 0)) for value in values]
    count = len(split[0])
    shown = min(count, _SHOWN_AT_MOST)
    columns = 1 if count == 1 else 2 if count in (2, 4) else 3
    side = max((size - _GAP * (columns - 1)) / columns, 4.0)
    flat = [channel for channels in split for channel in channels[:shown]]
    labels = values[0].dtype.kind in "biu" and kind_of(flat) in ("board", "grid")
    if labels:
        drawn = board_pictures(flat, style, side, colours=cell_colours(flat, style))
    else:
        # One scale for all of them; below the size of a bar each is drawn without its own.
        drawn = field_pictures(flat, style, min(side, _BAR_FROM - 1), [Marks()] * len(flat))
    height = max(picture.height for picture in drawn)
    pictures = []
    for index in range(len(values)):
        parts = []
        bottom = 0.0
        for place_in, picture in enumerate(drawn[index * shown : (index + 1) * shown]):
            x, y = place_in % columns * (side + _GAP), place_in // columns * (height + _CAPTION + 6)
            words = f"channel {place_in}"
            if place_in or width_of(words, 11) > side:
                words = str(place_in)
            parts.append(label(x, y + 11, words, 11, style.colours.muted))
            parts.append(place(x, y + _CAPTION, picture.body))
            bottom = y + _CAPTION + height
        if count > shown:
            more = f"+{count - shown} more channels"
            parts.append(label(0, bottom + 16, more, 11, style.colours.muted, max_width=size))
            bottom += 22
        if index == 0 and not labels and size >= _BAR_FROM:
            bar = colour_bar(heat_scale(flat), size, style)
            parts.append(place(0, bottom + 10, bar.body))
            bottom += 10 + bar.height
        pictures.append(Picture(size, bottom, "".join(parts)))
    return pictures
