"""A whole episode as one picture: the task, its key moments on a time line, and curves below."""

from __future__ import annotations

import numpy as np

from jaxarc.records.pictures import EpisodeSummaryData
from jaxarc.rendering.board import extent_of
from jaxarc.rendering.chart import Scale
from jaxarc.rendering.document import document, headline, meter, outcome_badge, place
from jaxarc.rendering.episode_charts import draw_charts, series_of
from jaxarc.rendering.moments import draw_moments, shown_moments
from jaxarc.rendering.picture import Picture, is_board, picture_of
from jaxarc.rendering.style import Style
from jaxarc.rendering.task import demonstration_strip
from jaxarc.rendering.text import clean, fit, label, number, width_of

__all__ = ["render_episode_summary", "series_of"]

_WIDTH = 960.0
_MARGIN = 24.0
_TASK_BOARD = 150.0
_DEMONSTRATION = 64.0
_LABELS = 62.0


def _heading(data: EpisodeSummaryData, width: float, style: Style) -> str:
    theme = style.colours
    parts = [outcome_badge(width, 0, data.success, data.ended or "ended", style)]
    top = 0.0
    if data.title:
        parts.append(label(0, 12, data.title, 13, theme.muted, max_width=width - 220))
        top = 26.0
    shown_already = clean(data.task_id) in clean(data.title)
    words = f"Episode {data.episode_num}"
    room = min(width - 200 - width_of(words, 22, bold=True), 500)
    task = "" if shown_already else fit(f"task {clean(data.task_id)}", room, 14)
    parts.append(headline(top + 20, words, task, style))
    return "".join(parts)


def _numbers(data: EpisodeSummaryData, stored: int, style: Style) -> str:
    theme = style.colours
    total = float(data.total_reward)
    colour = theme.good if total > 0 else theme.bad if total < 0 else theme.ink
    columns = [
        ("Steps", f"{data.total_steps:,}", theme.ink),
        ("Total reward", number(total, signed=True), colour),
    ]
    similarity = float(data.final_similarity)
    if similarity == similarity:
        columns.append(("Final similarity", number(similarity), theme.ink))
    parts = []
    for index, (heading, value, ink) in enumerate(columns):
        parts.append(label(index * 140, 11, heading, 11, theme.muted))
        parts.append(label(index * 140, 34, value, 20, ink, bold=True, max_width=124))
    x = len(columns) * 140.0
    if similarity == similarity:
        parts.append(meter(2 * 140 + 84, 25, 130, similarity, style))
        x += 104
    if stored < data.total_steps:
        parts.append(label(x, 11, "Stored steps", 11, theme.muted))
        words = f"{stored:,}" if stored else "none"
        parts.append(label(x, 34, words, 20, theme.ink, bold=True))
        after = x + width_of(words, 20, bold=True) + 6
        parts.append(label(after, 34, f"of {data.total_steps:,}", 14, theme.muted))
    return "".join(parts)


def _task(data: EpisodeSummaryData, style: Style) -> Picture:
    """Draw the boards of the pair that was played, one above the other."""
    theme = style.colours
    named = [("Input", data.input_grid), ("Target", data.target_grid)]
    boards = [(name, np.asarray(board)) for name, board in named if board is not None]
    if not boards:
        return Picture(0, 0, "")
    quiet = Style(style.palette, style.theme)
    sides = [max(extent_of([board])) if is_board(board) else 0 for _, board in boards]
    pictures = [
        picture_of(board, quiet, size=_TASK_BOARD * (side / max(sides) if side else 1.0) + 1e-6)
        for (_, board), side in zip(boards, sides, strict=True)
    ]
    y, parts = 0.0, []
    for (name, _), picture in zip(boards, pictures, strict=True):
        parts.append(label(0, y + 12, name, 12, theme.muted, bold=True))
        parts.append(place(0, y + 22, picture.body))
        y += 22 + picture.height + 22
    return Picture(_TASK_BOARD + 46, y - 22, "".join(parts))


def _demonstrations(data: EpisodeSummaryData, width: float, style: Style) -> Picture:
    """Draw the demonstration pairs of the task in a row; nothing where they are unknown."""
    if not data.demonstrations:
        return Picture(0, 0, "")
    strip = demonstration_strip(data.demonstrations, width, _DEMONSTRATION, style)
    rule = f'<path d="M0 0h{width:g}" stroke="{style.colours.line}"/>'
    words = label(0, 26, "Demonstrations of the task", 12, style.colours.muted, bold=True)
    return Picture(width, 38 + strip.height, rule + words + place(0, 38, strip.body))


def render_episode_summary(data: EpisodeSummaryData, style: Style | None = None) -> str:
    """Draw one episode as an SVG document, 960 pixels wide.

    The boards of the task stand to the left; the key moments hang on a time line over the curves of
    similarity, reward and metrics, which share the axis of the steps; the demonstration pairs are below.
    Long episodes keep the extremes of every stretch. Steps that were not stored are a gap in the curves, with
    a quiet band over it. A moment whose state after the step was not recorded shows the one before, and says
    so.

    Args:
        data: the episode; it may have no step, no similarity and no boards.
        style: the look; the default one when left off.

    Returns:
        SVG text; the same bytes for the same episode.

    Raises:
        RenderError: progressions of different lengths, or a board that is none.
    """
    style = style or Style()
    inner = _WIDTH - 2 * _MARGIN
    steps = series_of(data)[0]
    parts = [place(_MARGIN, _MARGIN, _heading(data, inner, style))]
    y = _MARGIN + (26 if data.title else 0) + 28 + 18
    if style.include_metrics:
        parts.append(place(_MARGIN, y, _numbers(data, len(steps), style)))
        y += 38 + 18
    parts.append(f'<path d="M{_MARGIN:g} {y:g}h{inner:g}" stroke="{style.colours.line}"/>')
    y += 20
    task = _task(data, style)
    parts.append(place(_MARGIN, y, task.body))
    x = _MARGIN + task.width
    right = inner - task.width
    ends = [*steps.tolist()[-1:], *data.key_moments, *(moment.step_num for moment in data.moments)]
    last = max(float(data.total_steps - 1), 1.0, *ends)
    across = Scale(0.0, last, _LABELS + 10, right - 10)
    shown = shown_moments(data.moments, right)
    moments = draw_moments(shown, across, right, style)
    parts.append(place(x, y, moments.body))
    at = [moment.step_num for moment in shown] or list(data.key_moments)
    charts = draw_charts(data, across, at, style)
    parts.append(place(x, y + moments.height, charts.body))
    y += max(task.height, moments.height + charts.height)
    demonstrations = _demonstrations(data, inner, style)
    if demonstrations.height:
        y += 16
        parts.append(place(_MARGIN, y, demonstrations.body))
        y += demonstrations.height
    name = f"Episode {data.episode_num}, {data.total_steps} steps, total reward {number(data.total_reward)}"
    return document(_WIDTH, round(y + _MARGIN), "".join(parts), style, name)
