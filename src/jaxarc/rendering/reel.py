"""A reel of progress: one task at several points of training, an episode a row."""

from __future__ import annotations

import numpy as np

from jaxarc.errors import RenderError
from jaxarc.records.pictures import EpisodeSummaryData
from jaxarc.records.reel_pictures import MOST_ROWS, ReelData, ReelRow
from jaxarc.rendering.chart import Scale, band, curve, value_scale
from jaxarc.rendering.comparison_bars import outcome_of
from jaxarc.rendering.document import arrow, document, meter, place
from jaxarc.rendering.moments import spread_evenly, state_of
from jaxarc.rendering.picture import Marks, Picture, pictures_of
from jaxarc.rendering.step import action_words, is_arc
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import clean, label, number, width_of

__all__ = ["render_reel"]

_MARGIN = 24.0
_WIDTH = 912.0
_NAMES = 104.0
_SIDE = 84.0
_SLOT = 102.0
_STATES = 6
_TASK_SIDE = 70.0


def _count(value: float, by: str) -> str:
    return f"{clean(by)} {int(value):,}" if float(value).is_integer() else f"{clean(by)} {number(value)}"


def _result(episode: EpisodeSummaryData, style: Style) -> str:
    """Draw how an episode ended: similarity with its bar, outcome, steps and reward."""
    theme = style.colours
    outcome = outcome_of(episode)
    ink = {"solved": theme.good, "not solved": theme.bad}.get(outcome, theme.muted)
    words = outcome if outcome != "open" else episode.ended or "open"
    parts = [label(0, 12, words, 13, ink, bold=True)]
    steps = "1 step" if episode.total_steps == 1 else f"{episode.total_steps:,} steps"
    parts.append(label(0, 29, steps, 11, theme.muted))
    if style.include_metrics:
        parts.append(label(0, 44, f"reward {number(episode.total_reward, signed=True)}", 11, theme.muted))
        similarity = float(episode.final_similarity)
        if similarity == similarity:
            parts.append(label(0, 62, f"similarity {number(similarity)}", 11, theme.muted))
            parts.append(meter(0, 68, 100, similarity, style))
    return "".join(parts)


def _has_pairs(data: ReelData) -> bool:
    """Return whether the episodes played several pairs of the task, so that each has a target of its own."""
    targets = [row.episode.target_grid for row in data.rows if row.episode.target_grid is not None]
    return any(not np.array_equal(np.asarray(target), np.asarray(targets[0])) for target in targets)


def _draw_row(row: ReelRow, by: str, style: Style, *, with_target: bool) -> Picture:
    """Draw one episode; with its target to the right of its states, where the reel has several."""
    theme = style.colours
    moments = row.episode.moments
    target = row.episode.target_grid if with_target else None
    shown = [moments[index] for index in spread_evenly(len(moments), _STATES - with_target)]
    quiet = Style(style.palette, style.theme, show_digits=style.show_digits)
    marks = [Marks(changed=m.changed_cells if style.highlight_changes else None) for m in shown]
    states = [state_of(moment) for moment in shown]
    if target is not None:
        states.append(target)
        marks.append(Marks())
    drawn = pictures_of(states, quiet, _SIDE, marks, arc=all(map(is_arc, shown))) if states else []
    tall = max([*(picture.height for picture in drawn), 76.0 if style.include_metrics else 32.0])
    parts = [label(0, 12, _count(row.at, by), 13, theme.ink, bold=True, max_width=_NAMES - 8)]
    if by != "episode":
        words = f"episode {row.episode.episode_num}"
        parts.append(label(0, 29, words, 11, theme.muted, max_width=_NAMES - 8))
    foot = 0.0
    for index, (moment, picture) in enumerate(zip(shown, drawn, strict=False)):
        x = _NAMES + index * _SLOT
        parts.append(place(x, 0, picture.body))
        parts.append(label(x, tall + 14, f"step {moment.step_num:,}", 10, theme.muted, max_width=_SIDE))
        foot = 18.0
        if style.show_operation_names and action_words(moment):
            parts.append(label(x, tall + 27, action_words(moment), 10, theme.muted, max_width=_SIDE))
            foot = 31.0
    if target is not None:
        x = _NAMES + (_STATES - 1) * _SLOT
        parts.append(place(x, 0, drawn[-1].body))
        parts.append(label(x, tall + 14, "target", 10, theme.muted, max_width=_SIDE))
        foot = max(foot, 18.0)
    if not shown:
        words = "no states of this episode are stored"
        parts.append(label(_NAMES, 16, words, 12, theme.muted))
    parts.append(place(_NAMES + _STATES * _SLOT + 10, 0, _result(row.episode, style)))
    return Picture(_WIDTH, tall + foot, "".join(parts))


def _task(data: ReelData, style: Style) -> Picture:
    """Draw what is given and what is asked for, small, side by side."""
    theme = style.colours
    named = [("Input", data.input_grid), ("Target", data.target_grid)]
    boards = [(name, np.asarray(board)) for name, board in named if board is not None]
    quiet = Style(style.palette, style.theme)
    x, tall, parts = 0.0, 0.0, []
    if boards:
        drawn = pictures_of([board for _, board in boards], quiet, _TASK_SIDE, arc=True)
        for index, ((name, _), picture) in enumerate(zip(boards, drawn, strict=True)):
            if index:
                parts.append(arrow(x + 10, 20 + picture.height / 2, style))
                x += 44
            parts.append(label(x, 12, name, 12, theme.muted, bold=True))
            parts.append(place(x, 20, picture.body))
            x += max(picture.width, 40.0)
            tall = max(tall, 20 + picture.height)
    return Picture(x, tall, "".join(parts))


def _by_point(at: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the points of training, ascending, and mean, least and greatest of the finite values there."""
    finite = np.isfinite(values)
    order = np.argsort(at[finite], kind="stable")
    known = values[finite][order]
    points, firsts, counts = np.unique(at[finite][order], return_index=True, return_counts=True)
    means = np.add.reduceat(known, firsts) / counts
    return points, means, np.minimum.reduceat(known, firsts), np.maximum.reduceat(known, firsts)


def _history(data: ReelData, width: float, style: Style) -> Picture:
    """Draw the final similarity of all episodes of the task, those that are shown as dots."""
    if data.history is None or len(data.history) < 2 or not np.isfinite(data.history[:, 1]).any():
        return Picture(0, 0, "")
    theme = style.colours
    at, similarity = data.history[:, 0], data.history[:, 1]
    low, high = float(at.min()), float(at.max())
    if high <= low:
        return Picture(0, 0, "")
    across = Scale(low, high, 30.0, width - 8)
    up = value_scale(np.array([0.0, 1.0]), 78.0, 22.0)
    parts = [label(0, 12, "Final similarity", 12, theme.muted, bold=True)]
    points, means, lows, highs = _by_point(at, similarity)
    what = "mean and range of" if (lows < highs).any() else "of"
    note = f"{what} all {len(at):,} episodes of the task; the dots are those below"
    if len(at) == len(data.rows):
        note = f"{what} the {len(at):,} episodes below, all of the task"
    parts.append(label(width_of("Final similarity", 12, bold=True) + 8, 12, note, 11, theme.muted))
    rules = f"M30 {up.at(0.0):g}H{width:g}M30 {up.at(1.0):g}H{width:g}"
    parts.append(f'<path d="{rules}" stroke="{theme.line}"/>')
    for value in (0.0, 1.0):
        parts.append(label(24, up.at(value) + 4, number(value), 11, theme.muted, anchor="end"))
    parts.append(band(across(points), up(lows), up(highs), theme.accent))
    parts.append(curve(across(points), up(means), theme.accent, width=1.5))
    shown = np.array([row.at for row in data.rows], dtype=float)
    ends = np.array([row.episode.final_similarity for row in data.rows], dtype=float)
    for x, y in zip(across(shown).tolist(), up(ends).tolist(), strict=True):
        if y == y and 0 <= x <= width:
            ring = f'fill="{theme.accent}" stroke="{theme.background}" stroke-width="1.5"'
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" {ring}/>')
    foot = 78.0 + 15
    parts.append(label(30, foot, _count(low, data.by), 11, theme.muted))
    parts.append(label(width, foot, _count(high, data.by), 11, theme.muted, anchor="end"))
    return Picture(width, foot + 4, "".join(parts))


def render_reel(data: ReelData, style: Style | None = None) -> str:
    """Draw one task at several points of training as an SVG document, 960 pixels wide.

    A row an episode, the earliest on top: up to six of its key states, and how it ended. Above them stand the
    task's boards and the final similarity of all its episodes. Where the episodes played several pairs of the
    task, each row has its own target instead.

    Args:
        data: the task and its episodes.
        style: the look; the default one when left off.

    Returns:
        SVG text; the same bytes for the same episodes.

    Raises:
        RenderError: no row, or more than forty.
    """
    style = style or Style()
    theme = style.colours
    if not 0 < len(data.rows) <= MOST_ROWS:
        raise RenderError(f"a reel shows 1 to {MOST_ROWS} episodes, got {len(data.rows)}")
    top = 0.0
    parts = []
    if data.title:
        parts.append(label(0, 12, data.title, 13, theme.muted, max_width=_WIDTH))
        top = 26.0
    name = f"Task {clean(data.task_id)}" if data.task_id else "Progress"
    total = max(data.total, len(data.rows))
    counted = f"{len(data.rows):,} of {total:,} episodes" if total > len(data.rows) else f"{total:,} episodes"
    counted = "1 episode" if total == 1 else counted
    room = _WIDTH - width_of(counted, 14) - 20
    parts.append(label(0, top + 20, name, 22, theme.ink, bold=True, max_width=room))
    parts.append(label(_WIDTH, top + 20, counted, 14, theme.muted, anchor="end"))
    y = top + 46
    with_target = _has_pairs(data)
    task = Picture(0, 0, "") if with_target else _task(data, style)
    parts.append(place(0, y, task.body))
    left = task.width + 40 if task.width else 0.0
    history = _history(data, _WIDTH - left, style)
    parts.append(place(left, y, history.body))
    if max(task.height, history.height):
        y += max(task.height, history.height) + 20
    for row in data.rows:
        parts.append(f'<path d="M0 {y:g}h{_WIDTH:g}" stroke="{theme.line}"/>')
        drawn = _draw_row(row, data.by, style, with_target=with_target)
        parts.append(place(0, y + 16, drawn.body))
        y += 16 + drawn.height + 14
    body = place(_MARGIN, _MARGIN, "".join(parts))
    about = f"{name}: {counted} by {clean(data.by)}"
    return document(_WIDTH + 2 * _MARGIN, round(y - 14 + 2 * _MARGIN), body, style, about)
