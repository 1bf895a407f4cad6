"""A whole episode as one picture: the task, its key moments on a time line, reward and similarity below."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxarc.errors import RenderError
from jaxarc.records.pictures import EpisodeSummaryData, StepVisualizationData
from jaxarc.rendering.board import extent_of
from jaxarc.rendering.chart import Scale, bars, curve, end_point, frame, step_axis, value_scale
from jaxarc.rendering.document import document, headline, meter, outcome_badge, place
from jaxarc.rendering.picture import Marks, Picture, is_board, picture_of, pictures_of
from jaxarc.rendering.step import action_words, is_arc
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import clean, fit, label, number, width_of

__all__ = ["render_episode_summary", "series_of"]

_WIDTH = 960.0
_MARGIN = 24.0
_TASK_BOARD = 150.0
_MOMENT_BOARD = 92.0
_MOMENT_VECTOR = 150.0
_LABELS = 62.0


def _drawable(values: Sequence[float]) -> np.ndarray:
    series = np.asarray(values, dtype=float).ravel()
    return np.where(np.abs(series) < 1e100, series, np.nan)


def series_of(data: EpisodeSummaryData) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ``(step numbers, rewards, similarities)`` of the stored steps, as floats [stored].

    Similarities are empty where none was recorded. What is past 1e100 either way has no place on a scale and
    becomes NaN.

    Raises:
        RenderError: the progressions have different lengths.
    """
    rewards = _drawable(data.reward_progression)
    similarities = _drawable(data.similarity_progression)
    steps = np.asarray(data.step_nums, dtype=float).ravel()
    stored = max(len(rewards), len(similarities))
    if len(steps) == 0:
        steps = np.arange(stored, dtype=float)
    for name, series in (("reward_progression", rewards), ("similarity_progression", similarities)):
        if len(series) not in (0, len(steps)):
            raise RenderError(f"{name} has {len(series)} entries, but {len(steps)} steps are stored")
    if not np.isfinite(similarities).any():
        similarities = similarities[:0]
    return steps, rewards, similarities


def _heading(data: EpisodeSummaryData, width: float, style: Style) -> str:
    theme = style.colours
    parts = [outcome_badge(width, 0, data.success, data.ended or "ended", style)]
    top = 0.0
    if data.title:
        parts.append(label(0, 12, data.title, 13, theme.muted, max_width=width - 220))
        top = 26.0
    shown_already = clean(data.task_id) in clean(data.title)
    task = "" if shown_already else fit(f"task {clean(data.task_id)}", 500, 14)
    parts.append(headline(top + 20, f"Episode {data.episode_num}", task, style))
    return "".join(parts)


def _numbers(data: EpisodeSummaryData, style: Style) -> str:
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
    if similarity == similarity:
        parts.append(meter(2 * 140 + 84, 25, 130, similarity, style))
    return "".join(parts)


def _task(data: EpisodeSummaryData, style: Style) -> Picture:
    """Draw the boards of the task, one above the other."""
    theme = style.colours
    named = [("Input", data.input_grid), ("Target", data.target_grid)]
    boards = [(name, np.asarray(board)) for name, board in named if board is not None]
    if not boards:
        return Picture(0, 0, "")
    quiet = Style(style.palette, style.theme)
    sides = [max(extent_of([board])) if is_board(board) else 1 for _, board in boards]
    pictures = [
        picture_of(board, quiet, size=_TASK_BOARD * side / max(sides) + 1e-6)
        for (_, board), side in zip(boards, sides, strict=True)
    ]
    y, parts = 0.0, []
    for (name, _), picture in zip(boards, pictures, strict=True):
        parts.append(label(0, y + 12, name, 12, theme.muted, bold=True))
        parts.append(place(0, y + 22, picture.body))
        y += 22 + picture.height + 22
    return Picture(_TASK_BOARD + 46, y - 22, "".join(parts))


def _chosen(moments: Sequence[StepVisualizationData], count: int) -> list[StepVisualizationData]:
    """Return at most ``count`` moments, the first and the last among them, spread evenly."""
    if len(moments) <= count:
        return list(moments)
    return [
        moments[index] for index in np.unique(np.linspace(0, len(moments) - 1, count).round().astype(int))
    ]


def _spread(wanted: Sequence[float], width: float, low: float, high: float) -> list[float]:
    """Return left edges near ``wanted``, ascending, ``width`` apart at least, within ``low … high``."""
    edges: list[float] = []
    for edge in wanted:
        edges.append(max(edge, edges[-1] + width if edges else low))
    limit = high - width
    for index in range(len(edges) - 1, -1, -1):
        edges[index] = min(edges[index], limit)
        limit = edges[index] - width
    return edges


def _state(moment: StepVisualizationData) -> np.ndarray:
    """Return the state to show of a moment: after the step, or before it where only that was recorded."""
    return np.asarray(moment.before_grid if moment.after_grid is None else moment.after_grid)


def _moment_side(moments: Sequence[StepVisualizationData]) -> float:
    boards = all(is_board(_state(moment)) for moment in moments)
    return _MOMENT_BOARD if boards else _MOMENT_VECTOR


def _moments(moments: Sequence[StepVisualizationData], across: Scale, right: float, style: Style) -> Picture:
    """Draw key moments in a row, each as near as there is room to its step on the scale below."""
    if not moments:
        return Picture(0, 0, "")
    theme = style.colours
    side = _moment_side(moments)
    slot = side + 20
    quiet = Style(style.palette, style.theme)
    values = [_state(moment) for moment in moments]
    marks = [Marks(changed=m.changed_cells if style.highlight_changes else None) for m in moments]
    pictures = pictures_of(values, quiet, side, marks, arc=all(map(is_arc, moments)))
    tall = max(picture.height for picture in pictures)
    named = style.show_operation_names and any(action_words(moment) for moment in moments)
    ties_from = 22 + tall + (36 if named else 20)
    ats = across(np.array([moment.step_num for moment in moments])).tolist()
    xs = _spread(
        [at - min(p.width, 60) / 2 for at, p in zip(ats, pictures, strict=True)], slot, 0, right + 20
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


def _charts(data: EpisodeSummaryData, across: Scale, shown: Sequence[int], style: Style) -> Picture:
    """Draw similarity above reward, over the same steps, with a line at every step that is shown above."""
    theme = style.colours
    steps, rewards, similarities = series_of(data)
    left, right = across.start - 10, across.stop + 10
    xs = across(steps)
    each = (across.stop - across.start) / max(across.high - across.low, 1.0)
    both = len(similarities) > 0 and len(rewards) > 0
    tall = 88.0 if both else 150.0
    y, parts = 0.0, []
    if len(similarities):
        up = value_scale(np.append(similarities, [0.0, 1.0]), y + 20 + tall, y + 20)
        parts.append(label(0, y + 8, "Similarity", 11, theme.accent, bold=True))
        parts.append(frame(up, left, right, style))
        ys = up(similarities)
        parts.append(curve(xs, ys, theme.accent))
        parts.append(end_point(xs, ys, theme.accent, style))
        y += 20 + tall + 18
    if len(rewards):
        up = value_scale(rewards, y + 20 + tall, y + 20)
        parts.append(label(0, y + 8, "Reward", 11, theme.ink, bold=True))
        parts.append(frame(up, left, right, style))
        zero = up.at(0.0)
        wide = min(each * 0.7, 14.0) if each > 5 else max(each, 1.0) + 0.25
        parts.append(bars(xs, up(rewards), zero, wide, theme.good, theme.bad))
        parts.append(f'<path d="M{left:g} {zero:.1f}H{right:g}" stroke="{theme.muted}"/>')
        y += 20 + tall
    if not parts:
        parts.append(label(0, 12, "No steps were stored.", 13, theme.muted))
        return Picture(right, 40, "".join(parts))
    at = "".join(f"M{x:.1f} 8V{y:g}" for x in across(np.array(shown, dtype=float)).tolist())
    lines = (
        f'<path d="{at}" stroke="{theme.muted}" stroke-opacity=".45" stroke-dasharray="2 3"/>' if at else ""
    )
    axis = step_axis(across, max(float(data.total_steps - 1), *steps.tolist()), y + 6, style)
    return Picture(right, y + 42, lines + "".join(parts) + axis)


def render_episode_summary(data: EpisodeSummaryData, style: Style | None = None) -> str:
    """Draw one episode as an SVG document, 960 pixels wide.

    The boards of the task stand to the left; the key moments hang on a time line over the curves of
    similarity and reward, which share the axis of the steps. Long episodes keep the
    extremes of every pixel column. A moment whose state after the step was not recorded shows the one before,
    and says so.

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
    parts = [place(_MARGIN, _MARGIN, _heading(data, inner, style))]
    y = _MARGIN + (26 if data.title else 0) + 28 + 18
    if style.include_metrics:
        parts.append(place(_MARGIN, y, _numbers(data, style)))
        y += 38 + 18
    parts.append(f'<path d="M{_MARGIN:g} {y:g}h{inner:g}" stroke="{style.colours.line}"/>')
    y += 20
    task = _task(data, style)
    parts.append(place(_MARGIN, y, task.body))
    x = _MARGIN + task.width
    right = inner - task.width
    steps = series_of(data)[0]
    ends = [*steps.tolist()[-1:], *data.key_moments, *(moment.step_num for moment in data.moments)]
    last = max(float(data.total_steps - 1), 1.0, *ends)
    across = Scale(0.0, last, _LABELS + 10, right - 10)
    shown = _chosen(data.moments, max(int((right + 20) // (_moment_side(data.moments) + 20)), 1))
    moments = _moments(shown, across, right, style)
    parts.append(place(x, y, moments.body))
    at = [moment.step_num for moment in shown] or list(data.key_moments)
    charts = _charts(data, across, at, style)
    parts.append(place(x, y + moments.height, charts.body))
    height = y + max(task.height, moments.height + charts.height) + _MARGIN
    name = f"Episode {data.episode_num}, {data.total_steps} steps, total reward {number(data.total_reward)}"
    return document(_WIDTH, round(height), "".join(parts), style, name)
