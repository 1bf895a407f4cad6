"""Key moments of an episode: small pictures that hang on the steps of a time line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxarc.records.pictures import StepVisualizationData
from jaxarc.rendering.chart import Scale
from jaxarc.rendering.document import place
from jaxarc.rendering.leaves import main_leaf
from jaxarc.rendering.picture import Marks, Picture, pictures_of
from jaxarc.rendering.step import action_words, is_arc
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import label, width_of

__all__ = ["draw_moments", "edges_near", "shown_moments", "spread_evenly", "state_of"]

_SIDE = 92.0
_VECTOR_SIDE = 150.0
_GAP = 20.0


def spread_evenly(count: int, room: int) -> list[int]:
    """Return ``room`` positions out of ``count`` at most, the first and the last among them."""
    if count <= room:
        return list(range(count))
    if room < 1:
        return []
    return np.unique(np.linspace(0, count - 1, room).round().astype(int)).tolist()


def edges_near(wanted: Sequence[float], width: float, low: float, high: float) -> list[float]:
    """Return left edges near ``wanted``, ascending, ``width`` apart at least, within ``low … high``."""
    edges: list[float] = []
    for edge in wanted:
        edges.append(max(edge, edges[-1] + width if edges else low))
    limit = high - width
    for index in range(len(edges) - 1, -1, -1):
        edges[index] = min(edges[index], limit)
        limit = edges[index] - width
    return edges


def state_of(moment: StepVisualizationData) -> Any:
    """Return the state to show of a moment: after the step, or before it where only that was recorded."""
    return moment.before_grid if moment.after_grid is None else moment.after_grid


def _side(moments: Sequence[StepVisualizationData]) -> float:
    """Return the width of a moment: numbers need more room than what has two axes."""
    flat = any(main_leaf(state_of(moment)).ndim < 2 for moment in moments)
    return _VECTOR_SIDE if flat else _SIDE


def shown_moments(moments: Sequence[StepVisualizationData], right: float) -> list[StepVisualizationData]:
    """Return as many moments as find room up to ``right``, spread evenly, with the first and the last."""
    room = max(int((right + _GAP) // (_side(moments) + _GAP)), 1)
    return [moments[index] for index in spread_evenly(len(moments), room)]


def draw_moments(
    moments: Sequence[StepVisualizationData], across: Scale, right: int | float, style: Style
) -> Picture:
    """Draw key moments in a row, each as near as there is room to its step on the scale below.

    Args:
        moments: what to show, ascending; all find room (``shown_moments``).
        across: where steps lie.
        right: where the row ends, in pixels.
        style: the look.
    """
    if not moments:
        return Picture(0, 0, "")
    theme = style.colours
    side = _side(moments)
    slot = side + _GAP
    quiet = Style(style.palette, style.theme)
    marks = [Marks(changed=m.changed_cells if style.highlight_changes else None) for m in moments]
    pictures = pictures_of(
        [state_of(moment) for moment in moments], quiet, side, marks, arc=all(map(is_arc, moments))
    )
    tall = max(picture.height for picture in pictures)
    named = style.show_operation_names and any(action_words(moment) for moment in moments)
    ties_from = 22 + tall + (36 if named else 20)
    ats = across(np.array([moment.step_num for moment in moments])).tolist()
    xs = edges_near(
        [at - min(p.width, 60) / 2 for at, p in zip(ats, pictures, strict=True)], slot, 0, right + _GAP
    )
    parts = [label(0, 12, "Key moments", 12, theme.muted, bold=True)]
    if any(moment.after_grid is None for moment in moments):
        note = "shown before the step where the state after it was not recorded"
        parts.append(label(width_of("Key moments", 12, bold=True) + 12, 12, note, 11, theme.muted))
    for moment, picture, at, x in zip(moments, pictures, ats, xs, strict=True):
        parts.append(place(round(x, 1), 22, picture.body))
        foot = 22 + tall + 15
        words = f"{'before ' if moment.after_grid is None else ''}step {moment.step_num:,}"
        parts.append(label(round(x, 1), foot, words, 11, theme.ink, bold=True, max_width=slot - 4))
        if named:
            parts.append(label(round(x, 1), foot + 15, action_words(moment), 11, theme.muted, max_width=side))
        start = x + min(picture.width, 60) / 2
        tie = f"M{start:.1f} {ties_from:g}v5L{at:.1f} {ties_from + 15:g}v9"
        parts.append(f'<path d="{tie}" fill="none" stroke="{theme.muted}" stroke-opacity=".7"/>')
    return Picture(right, ties_from + 16, "".join(parts))
