"""Two episodes above each other, step by step, with the step in which they part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxarc.errors import RenderError
from jaxarc.records.alignment_pictures import AlignedStep, AlignmentData
from jaxarc.records.pictures import EpisodeSummaryData, StepVisualizationData
from jaxarc.rendering.comparison_bars import outcome_of
from jaxarc.rendering.document import document, glyph, headline, place
from jaxarc.rendering.moments import state_of
from jaxarc.rendering.picture import Marks, Picture, is_board, pictures_of
from jaxarc.rendering.step import action_words, is_arc
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import clean, fit, label, number, width_of

__all__ = ["render_alignment"]

_MARGIN = 24.0
_SIDE = 100.0
_GAP = 26.0
_BREAK = 34.0
_NAMES = 132.0
_STEPS_AT_MOST = 12


def _differing(a: StepVisualizationData, b: StepVisualizationData) -> np.ndarray | None:
    """Return where the states of two steps differ; None where they cannot be laid over each other."""
    first, second = state_of(a), state_of(b)
    if not isinstance(first, np.ndarray) or not isinstance(second, np.ndarray):
        return None
    if first.shape != second.shape or not (first.ndim <= 1 or is_board(first)):
        return None
    return np.asarray(first != second)


def _is_one_task(data: AlignmentData) -> bool:
    """Return whether cells can be compared: boards of other tasks differ everywhere."""
    return data.a.task_id == data.b.task_id


def _shown_difference(data: AlignmentData, step: AlignedStep) -> np.ndarray | None:
    """Return the mask that marks the lower state of a step, or None where nothing can be marked."""
    if step.a is None or step.b is None or not _is_one_task(data):
        return None
    return _differing(step.a, step.b)


def _row_pictures(data: AlignmentData, style: Style) -> dict[tuple[int, str], Picture]:
    """Draw every state that is shown, by its column and its row: on one scale, or one a row for two tasks."""
    places, states, marks = [], [], []
    all_arc = True
    for column, step in enumerate(data.steps):
        differing = _shown_difference(data, step)
        for row, side in (("a", step.a), ("b", step.b)):
            if side is None:
                continue
            all_arc &= is_arc(side)
            changed = differing if row == "b" else None
            places.append((column, row))
            states.append(state_of(side))
            marks.append(Marks(changed=changed if style.highlight_changes else None))
    quiet = Style(style.palette, style.theme, show_digits=style.show_digits)
    found: dict[tuple[int, str], Picture] = {}
    for rows in ("ab",) if _is_one_task(data) else ("a", "b"):
        chosen = [index for index, (_, row) in enumerate(places) if row in rows]
        if chosen:
            together, marked = [states[index] for index in chosen], [marks[index] for index in chosen]
            drawn = pictures_of(together, quiet, _SIDE, marked, arc=all_arc)
            found.update(zip([places[index] for index in chosen], drawn, strict=True))
    return found


def _words_of(step: StepVisualizationData | None, episode: EpisodeSummaryData, at: int) -> tuple[str, str]:
    """Return what stands in an empty place, or below a state."""
    if step is None:
        return ("ended", "") if at >= episode.total_steps else ("not stored", "")
    return action_words(step), f"reward {number(step.reward, signed=True)}"


def _row(
    name: str,
    data: AlignmentData,
    pictures: dict[tuple[int, str], Picture],
    xs: Sequence[float],
    style: Style,
) -> Picture:
    """Draw one episode's states with their operations and rewards below."""
    theme = style.colours
    episode = data.a if name == "a" else data.b
    colour = theme.series[0 if name == "a" else 1]
    heights = [picture.height for (_, row), picture in pictures.items() if row == name]
    tall = max([*heights, 40.0])
    ink = {"solved": theme.good, "not solved": theme.bad}.get(outcome_of(episode), theme.muted)
    parts = [f'<path d="M0 4v{tall - 8:g}" stroke="{colour}" stroke-width="3" stroke-linecap="round"/>']
    lines = [
        (episode.title or f"episode {episode.episode_num}", 13, theme.ink),
        (f"{episode.total_steps:,} steps", 11, theme.muted),
        (outcome_of(episode) if outcome_of(episode) != "open" else episode.ended or "open", 11, ink),
    ]
    if style.include_metrics:
        lines.insert(2, (f"reward {number(episode.total_reward, signed=True)}", 11, theme.muted))
    for index, (words, size, fill) in enumerate(lines):
        y = 14 + 17 * index
        parts.append(label(12, y, words, size, fill, bold=index == 0, max_width=_NAMES - 24))
    for column, (step, x) in enumerate(zip(data.steps, xs, strict=True)):
        side = step.a if name == "a" else step.b
        operation, reward = _words_of(side, episode, step.step_num)
        if side is None:
            box = f'x="{x + 0.5:g}" y="0.5" width="{_SIDE - 1:g}" height="{min(tall, 40.0) - 1:g}" rx="4"'
            parts.append(f'<rect {box} fill="none" stroke="{theme.line}" stroke-dasharray="4 4"/>')
            parts.append(label(x + _SIDE / 2, 24, operation, 12, theme.muted, anchor="middle"))
            continue
        parts.append(place(x, 0, pictures[column, name].body))
        foot = tall + 15
        if style.show_operation_names:
            parts.append(label(x, foot, operation, 11, theme.ink, max_width=_SIDE))
            foot += 15
        if style.include_metrics:
            parts.append(label(x, foot, reward, 11, theme.muted, max_width=_SIDE + _GAP - 6))
    rows = int(style.show_operation_names) + int(style.include_metrics)
    return Picture(xs[-1] + _SIDE, tall + 15 * rows + 4, "".join(parts))


def _columns(steps: Sequence[AlignedStep]) -> tuple[list[float], list[tuple[float, int]]]:
    """Return where each step stands, and where how many between two are left out."""
    xs, breaks, x = [], [], _NAMES
    for index, step in enumerate(steps):
        if index:
            left_out = step.step_num - steps[index - 1].step_num - 1
            if left_out:
                breaks.append((x - _GAP / 2 + _BREAK / 2, left_out))
                x += _BREAK
        xs.append(x)
        x += _SIDE + _GAP
    return xs, breaks


def _verdict(data: AlignmentData) -> str:
    if not data.compared:
        return "no step is stored of both, so they cannot be compared"
    if data.parted_at is None:
        return f"the same in all {data.compared:,} steps that are stored of both"
    return f"they part at step {data.parted_at:,}: another {data.parted_by}"


def render_alignment(data: AlignmentData, style: Style | None = None) -> str:
    """Draw two episodes above each other as an SVG document, a column a step.

    The states are those after the steps. Cells of the lower episode that differ from the upper one have a
    dot; the step in which the two part has a coloured heading and a line through both.

    Args:
        data: the episodes, and which steps to show: at most twelve.
        style: the look; the default one when left off.

    Returns:
        SVG text; the same bytes for the same episodes.

    Raises:
        RenderError: no step to show, or too many.
    """
    style = style or Style()
    theme = style.colours
    if not 0 < len(data.steps) <= _STEPS_AT_MOST:
        raise RenderError(f"an alignment shows 1 to {_STEPS_AT_MOST} steps, got {len(data.steps)}")
    xs, breaks = _columns(data.steps)
    pictures = _row_pictures(data, style)
    rows = [_row(name, data, pictures, xs, style) for name in ("a", "b")]
    inner = max(xs[-1] + _SIDE, 640.0)
    tasks = dict.fromkeys(clean(episode.task_id) for episode in (data.a, data.b) if episode.task_id)
    parts = [headline(20, "Two episodes", fit(" and ".join(f"task {t}" for t in tasks), 420, 14), style)]
    ink = theme.accent if data.parted_at is not None else theme.muted
    parts.append(label(0, 44, _verdict(data), 13, ink, bold=data.parted_at is not None))
    top = 70.0
    second = top + 22 + rows[0].height + 22
    bottom = second + rows[1].height
    for step, x in zip(data.steps, xs, strict=True):
        parts_here = step.step_num == data.parted_at
        words = f"step {step.step_num:,}"
        fill = theme.accent if parts_here else theme.ink
        parts.append(label(x, top + 12, words, 11, fill, bold=True))
        if parts_here:
            line = f'<path d="M{x - _GAP / 2:g} {top:g}V{bottom:g}" stroke="{theme.accent}" stroke-width="2"'
            parts.append(f"{line}/>")
    for x, left_out in breaks:
        dash = f'stroke="{theme.line}" stroke-width="1.5" stroke-dasharray="2 4"'
        parts.append(f'<path d="M{x - _BREAK / 2 - 2:g} {top + 22:g}V{bottom:g}" {dash}/>')
        words = f"+{left_out:,}" if left_out < 10_000 else f"+{left_out // 1000:,}k"
        parts.append(label(x - _BREAK / 2 + 2, top + 12, words, 10, theme.muted, max_width=_BREAK + 9))
    parts.append(place(0, top + 22, rows[0].body))
    parts.append(place(0, second, rows[1].body))
    y = bottom + 24
    x = 0.0
    differing = [_shown_difference(data, step) for step in data.steps]
    if style.highlight_changes and any(mask is not None and mask.any() for mask in differing):
        parts.append(glyph("changed", 0, y, style))
        words = "differs from the upper episode"
        parts.append(label(16, y, words, 11, theme.muted))
        x = 16 + width_of(words, 11) + 24
    if breaks:
        words = f"{sum(count for _, count in breaks):,} steps between are left out"
        parts.append(label(x, y, words, 11, theme.muted))
    body = place(_MARGIN, _MARGIN, "".join(parts))
    return document(
        inner + 2 * _MARGIN, round(y + 8 + 2 * _MARGIN), body, style, f"Two episodes: {_verdict(data)}"
    )
