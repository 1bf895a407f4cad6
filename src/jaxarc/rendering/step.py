"""One step as a picture: before, after, the target, and in numbers how far from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

import numpy as np

from jaxarc.errors import RenderError
from jaxarc.records.pictures import StepVisualizationData
from jaxarc.rendering.board import mask_of
from jaxarc.rendering.document import document
from jaxarc.rendering.leaf import as_leaf
from jaxarc.rendering.leaves import is_tree, main_leaf, num_changed
from jaxarc.rendering.parts import Headline, arrow, glyph, meter, outcome_badge
from jaxarc.rendering.picture import Marks, Picture, has_dots, is_board, pictures_of
from jaxarc.rendering.plugin import Render, with_render
from jaxarc.rendering.shapes import Box, Frame, Group, Shape, Text, svg_of
from jaxarc.rendering.step_facts import action_words, is_arc, num_selected, value_words, wrong_cells
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import clean, fit, number, width_of

__all__ = ["StepLayout", "StepRoom", "action_words", "is_arc", "lay_out_step", "render_step"]

_MARGIN = 24.0
_GAP = 56.0
_BOARD = 270.0
_PANEL_AT_LEAST = 132.0
_METRICS_AT_MOST = 12


@dataclass(frozen=True)
class StepRoom:
    """How much room the parts of a step take; of several steps the most, so that all look alike.

    Attributes:
        extent: rows and columns of the boards.
        extremes: values that share their scale with those that are drawn (``EpisodeScale``).
        panel_widths, panel_height: pixels of the pictures of before, after and target.
        heading, metrics: heights of what stands above and below them.
    """

    extent: tuple[int, int] = (0, 0)
    extremes: tuple[Any, ...] = ()
    panel_widths: tuple[float, ...] = ()
    panel_height: float = 0.0
    heading: float = 0.0
    metrics: float = 0.0


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}"


def _not_recorded(like: Picture, style: Style) -> Picture:
    """Draw an empty frame of the size of a picture, for the one that there is none of."""
    theme = style.colours
    width, height = max(like.width, _PANEL_AT_LEAST), max(like.height, 40.0)
    frame = Frame(0.5, 0.5, width - 1, height - 1, theme.muted, radius=4, dash=4)
    words = Text(width / 2, height / 2 + 4, "not recorded", 13, theme.muted, "middle")
    return Picture(width, height, [frame, words])


def _panels(data: StepVisualizationData, style: Style, room: StepRoom) -> list[tuple[str, Picture, str, str]]:
    """Return ``(heading, picture, glyph, legend)`` from left to right."""
    before = main_leaf(data.before_grid)
    selected = None if data.selection_mask is None else mask_of(data.selection_mask, "selected")
    changed = data.changed_cells
    if changed is not None and not is_tree(changed):
        changed = mask_of(changed, "changed")
    wrong = wrong_cells(data)
    mark = style.highlight_changes
    values: list[Any] = [data.before_grid]
    marks = [Marks(selected=selected)]
    if data.after_grid is not None:
        after = data.after_grid
        if (
            changed is not None
            and not is_tree(after)
            and is_board(as_leaf(after))
            and np.shape(changed) != np.shape(after)
        ):
            raise RenderError(
                f"changed_cells has shape {np.shape(changed)}, but the board after the step {np.shape(after)}"
            )
        values.append(after)
        marks.append(Marks(changed=changed if mark else None))
    if data.target_grid is not None:
        values.append(data.target_grid)
        marks.append(Marks(wrong=wrong if mark else None))
    shown = len(values)
    values += room.extremes
    marks += [Marks()] * len(room.extremes)
    pictures = pictures_of(values, style, _BOARD, marks, arc=is_arc(data), extent=room.extent)[:shown]
    if data.after_grid is None:
        pictures.insert(1, _not_recorded(pictures[0], style))
    picked, off_board = num_selected(selected, before)
    words = _many(picked, "selected") + (f", {off_board:,} off the board" if off_board else "")
    chosen = picked + off_board > 0
    differing = 0 if changed is None else num_changed(changed)
    outcome = _many(differing, "changed") if differing else "nothing changed"
    dotted = mark and differing > 0 and has_dots(data.after_grid, arc=is_arc(data))
    panels = [
        ("Before", pictures[0], "selected" if chosen else "", words if chosen else ""),
        (
            "After",
            pictures[1],
            "changed" if dotted else "",
            "" if changed is None else outcome,
        ),
    ]
    if len(pictures) > 2:
        num_wrong = None if wrong is None else int(wrong.sum())
        legend = "" if num_wrong is None else _many(num_wrong, "still wrong") if num_wrong else "reached"
        panels.append(("Target", pictures[2], "wrong" if num_wrong and mark else "", legend))
    return panels


def _draw_panels(data: StepVisualizationData, style: Style, room: StepRoom) -> tuple[Picture, StepRoom]:
    theme = style.colours
    panels = _panels(data, style, room)
    height = max(room.panel_height, *(picture.height for _, picture, _, _ in panels))
    widths = [max(picture.width, _PANEL_AT_LEAST) for _, picture, _, _ in panels]
    widths = [max(pair) for pair in zip_longest(widths, room.panel_widths, fillvalue=0.0)]
    x = 0.0
    parts: list[Shape] = []
    for index, (heading, picture, mark, legend) in enumerate(panels):
        if index:
            at = 24 + min(height, _BOARD) / 2
            parts.extend(arrow(x - _GAP + (_GAP - 24) / 2, at, style, dashed=index == 2))
        parts.append(Text(x, 12, heading, 12, theme.muted, bold=True))
        parts.append(Group(x, 24, [picture]))
        foot = 24 + height + 20
        if mark:
            parts.extend(glyph(mark, x, foot, style))
        parts.append(Text(x + (16 if mark else 0), foot, legend, 12, theme.ink if mark else theme.muted))
        x += widths[index] + _GAP
    whole = Picture(sum(widths) + _GAP * (len(widths) - 1), 24 + height + 26, parts)
    return whole, replace(room, panel_widths=tuple(widths), panel_height=height)


def _metrics(info: Mapping[str, Any], width: float, style: Style) -> Picture:
    """Lay out ``name value`` pairs in as many columns as fit."""
    theme = style.colours
    items = [(clean(key), value_words(value)) for key, value in info.items()]
    left_out = len(items) - _METRICS_AT_MOST
    if left_out > 0:
        items = [*items[: _METRICS_AT_MOST - 1], ("…", f"{left_out + 1} more")]
    if not items:
        return Picture(width, 0, [])
    columns = max(1, int((width + 20) // 150))
    column = (width + 20) / columns
    parts: list[Shape] = []
    for index, (key, value) in enumerate(items):
        x, y = (index % columns) * column, (index // columns) * 36
        parts.append(Text(x, y + 11, key, 11, theme.muted, max_width=column - 20))
        parts.append(Text(x, y + 27, value, 13, theme.ink, max_width=column - 20))
    return Picture(width, -(-len(items) // columns) * 36, parts)


def _number(x: float, words: str, colour: str, room: float) -> Text:
    """Return a large number; one that is long is smaller, for a number that is cut is another one."""
    size = next((size for size in (20, 15, 12) if fit(words, room, size, bold=True) == words), 10)
    return Text(x, 34, words, size, colour, bold=True, max_width=room)


def _scores(data: StepVisualizationData, width: float, style: Style) -> list[Shape]:
    """Draw the reward, and the similarity with its bar."""
    theme = style.colours
    reward = float(data.reward)
    colour = theme.good if reward > 0 else theme.bad if reward < 0 else theme.ink
    parts: list[Shape] = [Text(0, 11, "Reward", 11, theme.muted)]
    parts.append(_number(0, number(reward, signed=True), colour, 104))
    if data.similarity is not None:
        share = float(data.similarity)
        room = min(width - 120, 270.0)
        parts.append(Text(120, 11, "Similarity", 11, theme.muted))
        parts.append(_number(120, number(share), theme.ink, 76))
        parts.extend(meter(204, 25, max(room - 84, 40), share, style))
    return parts


def _heading(data: StepVisualizationData, width: float, style: Style) -> Picture:
    theme = style.colours
    parts = [*outcome_badge(width, 0, data.success if data.ended else None, data.ended, style)]
    room = width - (170 if data.ended else 0)
    top = 0.0
    if data.title:
        parts.append(Text(0, 12, data.title, 13, theme.muted, max_width=room))
        top = 26.0
    step = f"Step {data.step_num}"
    of = "" if data.total_steps is None else f"of {max(data.total_steps - 1, data.step_num)}"
    parts.append(Headline(top + 20, step, of, theme))
    x = width_of(step, 22, bold=True) + (8 + width_of(of, 14) if of else 0)
    words = action_words(data) if style.show_operation_names else ""
    if words:
        x += 12
        words = fit(words, (width if data.title else room) - x - 20, 14, bold=True)
        chip = width_of(words, 14, bold=True) + 18
        parts.append(Box(round(x, 1), top + 1, round(chip, 1), 25, theme.line, 5))
        parts.append(Text(x + chip / 2, top + 18.5, words, 14, theme.ink, "middle", bold=True))
    return Picture(width, top + 28, parts)


@dataclass(frozen=True)
class StepLayout:
    """A step laid out: what ``render_step`` writes and ``step_pixels`` paints.

    Attributes:
        width, height: size in pixels of the SVG.
        shapes: what is drawn, in this order, on the background.
        description: what a screen reader says.
        room: what its parts take.
    """

    width: float
    height: float
    shapes: Sequence[Shape]
    description: str
    room: StepRoom


def lay_out_step(data: StepVisualizationData, style: Style, room: StepRoom | None = None) -> StepLayout:
    """Decide what of a step is drawn where.

    Args:
        data: the step.
        style: the look.
        room: what its parts have room for at least; what they take when left off.

    Raises:
        RenderError: a mask of another shape than its board.
    """
    panels, room = _draw_panels(data, style, room or StepRoom())
    width = max(panels.width, 400.0)
    heading = _heading(data, width, style)
    metrics = _metrics(data.info, width, style)
    room = replace(room, heading=max(heading.height, room.heading), metrics=max(metrics.height, room.metrics))
    y = _MARGIN
    shapes: list[Shape] = [Group(_MARGIN, y, [heading])]
    y += room.heading + 20
    shapes.append(Group(_MARGIN, y, [panels]))
    y += panels.height
    if style.include_metrics:
        shapes.append(Box(_MARGIN, y + 14, width, 1, style.colours.line))
        shapes.append(Group(_MARGIN, y + 30, _scores(data, width, style)))
        y += 30 + 38
        if room.metrics:
            shapes.append(Group(_MARGIN, y + 16, [metrics]))
            y += 16 + room.metrics - 6
    name = f"{clean(data.title)} step {data.step_num} {action_words(data)}"
    return StepLayout(width + 2 * _MARGIN, y + _MARGIN - 4, shapes, name, room)


def render_step(
    data: StepVisualizationData, style: Style | None = None, *, render: str | Render | None = None
) -> str:
    """Draw one step as an SVG document.

    From left to right: the state before with the selection outlined, the state after with a dot on every
    changed cell, and the target with a square on every cell that is still wrong. A state after that was not
    recorded is an empty frame that says so. States are values of any kind, also nested ones.

    Args:
        data: the step.
        style: the look; the default one when left off.
        render: a drawing function of your own, or ``module:function``: draws the states before and after.

    Returns:
        SVG text; the same bytes for the same step.

    Raises:
        RenderError: a mask of another shape than its board, or a drawing function that fails.
    """
    style = style or Style()
    layout = lay_out_step(with_render(data, render), style)
    return document(layout.width, layout.height, svg_of(layout.shapes), style, layout.description)
