"""Episodes side by side: one curve an episode, and a table that says how each went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from jaxarc.errors import RenderError
from jaxarc.records.pictures import EpisodeSummaryData
from jaxarc.rendering.chart import Scale, curve, end_point, frame, step_axis, value_scale
from jaxarc.rendering.document import document, place
from jaxarc.rendering.episode import series_of
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import label, number

__all__ = ["ComparisonType", "render_comparison"]

ComparisonType = Literal["reward_progression", "similarity_progression"]

_WIDTH = 960.0
_MARGIN = 24.0
_LEFT = 62.0
_CHART = 260.0
_ROW = 24.0
_NAMED_AT_MOST = 8
_HEADINGS = {
    "reward_progression": ("Reward so far", "sum of the stored rewards, by step"),
    "similarity_progression": ("Similarity to the target", "after each stored step"),
}


def _curve_of(data: EpisodeSummaryData, kind: str) -> tuple[np.ndarray, np.ndarray]:
    steps, rewards, similarities = series_of(data)
    if kind == "similarity_progression":
        return steps[: len(similarities)], similarities
    return steps[: len(rewards)], np.cumsum(np.where(np.isfinite(rewards), rewards, 0.0))


def _named(finals: Sequence[float]) -> list[int]:
    """Return which episodes get a colour and a row: all of a few; of many the best, the worst and between."""
    if len(finals) <= _NAMED_AT_MOST:
        return list(range(len(finals)))
    ranked = sorted(range(len(finals)), key=lambda index: (-finals[index], index))
    chosen = np.linspace(0, len(ranked) - 1, _NAMED_AT_MOST).round().astype(int)
    return [ranked[index] for index in chosen.tolist()]


def _table(episodes: Sequence[EpisodeSummaryData], colours: Sequence[str], width: float, style: Style) -> str:
    theme = style.colours
    columns = [("Episode", 24.0, "start"), ("Task", 150.0, "start"), ("Steps", width * 0.56, "end")]
    if style.include_metrics:
        columns += [("Total reward", width * 0.7, "end"), ("Similarity", width * 0.84, "end")]
    columns.append(("Outcome", width, "end"))
    parts = [label(x, 12, name, 11, theme.muted, anchor=anchor) for name, x, anchor in columns]
    parts.append(f'<path d="M0 20h{width:g}" stroke="{theme.line}"/>')
    for row, (data, colour) in enumerate(zip(episodes, colours, strict=True)):
        y = 20 + _ROW * (row + 1) - 7
        solved = bool(data.success)
        cells = {
            "Episode": (f"{data.episode_num}", theme.ink),
            "Task": (data.task_id or "\u2013", theme.ink),
            "Steps": (f"{data.total_steps:,}", theme.ink),
            "Total reward": (number(data.total_reward, signed=True), theme.ink),
            "Similarity": (
                "\u2013" if np.isnan(data.final_similarity) else number(data.final_similarity),
                theme.ink,
            ),
            "Outcome": (
                "solved" if solved else data.ended or "not solved",
                theme.good if solved else theme.bad,
            ),
        }
        parts.append(f'<path d="M0 {y - 4:g}h14" stroke="{colour}" stroke-width="3" stroke-linecap="round"/>')
        for name, x, anchor in columns:
            words, ink = cells[name]
            room = width * 0.56 - 150 - 80 if name == "Task" else 110
            parts.append(label(x, y, words, 13, ink, anchor=anchor, bold=name == "Episode", max_width=room))
    return "".join(parts)


def render_comparison(
    episodes: Sequence[EpisodeSummaryData],
    comparison_type: ComparisonType = "reward_progression",
    style: Style | None = None,
) -> str:
    """Draw several episodes over one axis of steps as an SVG document, 960 pixels wide.

    Of more than eight episodes, eight from the best to the worst have a colour and a row; the others are thin
    lines behind them.

    Args:
        episodes: at least one episode.
        comparison_type: ``reward_progression`` (the sum of the rewards so far; a NaN counts as 0) or
            ``similarity_progression``.
        style: the look; the default one when left off.

    Returns:
        SVG text; the same bytes for the same episodes.

    Raises:
        RenderError: no episode, or an unknown ``comparison_type``.
    """
    style = style or Style()
    if comparison_type not in _HEADINGS:
        raise RenderError(f"comparison_type must be one of {', '.join(_HEADINGS)}, got {comparison_type!r}")
    if not episodes:
        raise RenderError("a comparison needs at least one episode, got none")
    theme = style.colours
    curves = [_curve_of(data, comparison_type) for data in episodes]
    finals = [float(ys[-1]) if len(ys) and np.isfinite(ys[-1]) else -np.inf for _, ys in curves]
    named = _named(finals)
    inner = _WIDTH - 2 * _MARGIN
    last = max([0.0, *(float(xs[-1]) for xs, _ in curves if len(xs))])
    across = Scale(0.0, max(last, 1.0), _LEFT + 10, inner - 10)
    values = np.concatenate([np.zeros(1), *(ys for _, ys in curves)])
    if comparison_type == "similarity_progression":
        values = np.append(values, 1.0)
    up = value_scale(values, _CHART, 10.0)

    heading, meaning = _HEADINGS[comparison_type]
    count = "1 episode" if len(episodes) == 1 else f"{len(episodes):,} episodes"
    parts = [label(0, 20, heading, 22, theme.ink, bold=True)]
    parts.append(label(0, 42, f"{count} · {meaning}", 13, theme.muted))
    chart = [frame(up, _LEFT, inner, style)]
    for index in sorted(set(range(len(curves))) - set(named)):
        xs, ys = curves[index]
        chart.append(curve(across(xs), up(ys), theme.muted, width=1.0, opacity=0.35))
    colours = [theme.series[row % len(theme.series)] for row in range(len(named))]
    for index, colour in reversed(list(zip(named, colours, strict=True))):
        xs, ys = across(curves[index][0]), up(curves[index][1])
        chart.append(curve(xs, ys, colour) + end_point(xs, ys, colour, style))
    if not any(len(ys) for _, ys in curves):
        middle = (_LEFT + inner) / 2
        chart.append(
            label(middle, _CHART / 2, "not recorded for these episodes", 13, theme.muted, anchor="middle")
        )
    chart.append(step_axis(across, last, _CHART + 6, style))
    parts.append(place(0, 60, "".join(chart)))
    top = 60 + _CHART + 62
    parts.append(place(0, top, _table([episodes[index] for index in named], colours, inner, style)))
    height = top + 24 + _ROW * len(named)
    if len(named) < len(episodes):
        rest = f"{len(episodes) - len(named):,} more episodes are drawn as thin lines"
        parts.append(label(0, height + 14, rest, 11, theme.muted))
        height += 20
    body = place(_MARGIN, _MARGIN, "".join(parts))
    return document(_WIDTH, height + 2 * _MARGIN, body, style, f"{heading} of {count}")
