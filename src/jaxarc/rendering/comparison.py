"""Episodes side by side: one curve an episode and a table that says how each went, or bars by task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from jaxarc.errors import RenderError, closest
from jaxarc.records.pictures import EpisodeSummaryData
from jaxarc.rendering.chart import Scale, curve, end_point, frame, gaps_before, step_axis, value_scale
from jaxarc.rendering.comparison_bars import operations_used, outcome_by_task, outcome_of
from jaxarc.rendering.document import document, place
from jaxarc.rendering.episode_charts import series_of
from jaxarc.rendering.picture import Picture
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import label, number

__all__ = ["ComparisonType", "render_comparison"]

ComparisonType = Literal["reward_progression", "similarity_progression", "outcome_by_task", "operations_used"]

_WIDTH = 960.0
_MARGIN = 24.0
_LEFT = 62.0
_CHART = 260.0
_ROW = 24.0
_NAMED_AT_MOST = 8
_HEADINGS = {
    "reward_progression": ("Reward so far", "sum of the stored rewards, by step"),
    "similarity_progression": ("Similarity to the target", "after each stored step"),
    "outcome_by_task": ("Outcome by task", "length of a bar: episodes of the task"),
    "operations_used": ("Operations used", "share of the stored steps"),
}
_BARS = {"outcome_by_task": outcome_by_task, "operations_used": operations_used}
_POINTS_OF_ALL = 40_000
"""Points that the thin lines of one picture have together, whatever the number of episodes."""


def _curve_of(data: EpisodeSummaryData, kind: str) -> tuple[np.ndarray, np.ndarray]:
    steps, rewards, similarities = series_of(data)
    if kind == "similarity_progression":
        return steps[: len(similarities)], similarities
    finite = np.isfinite(rewards)
    sums = np.cumsum(np.where(finite, rewards, 0.0))
    return steps[: len(rewards)], np.where(np.cumsum(finite) > 0, sums, np.nan)


def _named(finals: Sequence[float]) -> list[int]:
    """Return which episodes get a colour and a row: all of a few; of many the best, the worst and between.

    Of many episodes those without a curve, whose final value is NaN, get none.
    """
    if len(finals) <= _NAMED_AT_MOST:
        return list(range(len(finals)))
    ranked = [index for index, final in enumerate(finals) if final == final] or list(range(len(finals)))
    ranked.sort(key=lambda index: (-finals[index], index))
    chosen = np.unique(np.linspace(0, len(ranked) - 1, _NAMED_AT_MOST).round().astype(int))
    return [ranked[index] for index in chosen.tolist()]


def _rest(num_thin: int, num_without: int) -> str:
    """Return what became of the episodes that have no row."""
    if not num_thin:
        more = "1 more episode has" if num_without == 1 else f"{num_without:,} more episodes have"
        return f"{more} no curve" if num_without else ""
    more = "1 more episode is drawn as a thin line"
    more = more if num_thin == 1 else f"{num_thin:,} more episodes are drawn as thin lines"
    return more + (f", {num_without:,} have no curve" if num_without else "")


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
        outcome = outcome_of(data)
        ink_of = {"solved": theme.good, "not solved": theme.bad, "open": theme.muted}
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
                outcome if outcome == "solved" else data.ended or outcome,
                ink_of[outcome],
            ),
        }
        parts.append(f'<path d="M0 {y - 4:g}h14" stroke="{colour}" stroke-width="3" stroke-linecap="round"/>')
        for name, x, anchor in columns:
            words, ink = cells[name]
            room = width * 0.56 - 150 - 80 if name == "Task" else 110
            parts.append(label(x, y, words, 13, ink, anchor=anchor, bold=name == "Episode", max_width=room))
    return "".join(parts)


def _progressions(
    episodes: Sequence[EpisodeSummaryData], kind: str, width: float, style: Style
) -> tuple[Picture, list[int], list[str], str]:
    """Draw a curve an episode; return also which are named, their colours, and a word on the others."""
    theme = style.colours
    curves = [_curve_of(data, kind) for data in episodes]
    known = [ys[np.isfinite(ys)] for _, ys in curves]
    finals = [float(ys[-1]) if len(ys) else float("nan") for ys in known]
    named = _named(finals)
    last = max([0.0, *(float(xs[-1]) for xs, _ in curves if len(xs))])
    across = Scale(0.0, max(last, 1.0), _LEFT + 10, width - 10)
    values = np.concatenate([np.zeros(1), *(ys for _, ys in curves)])
    if kind == "similarity_progression":
        values = np.append(values, 1.0)
    up = value_scale(values, _CHART, 10.0)
    parts = [frame(up, _LEFT, width, style)]
    most = max(_POINTS_OF_ALL // len(episodes), 24)
    for index in sorted(set(range(len(curves))) - set(named)):
        xs, ys = curves[index]
        if len(xs) > most:
            kept = np.unique(np.linspace(0, len(xs) - 1, most).round().astype(int))
            xs, ys = xs[kept], ys[kept]
        parts.append(curve(across(xs), up(ys), theme.muted, width=1.0, opacity=0.35))
    colours = [theme.series[row % len(theme.series)] for row in range(len(named))]
    for index, colour in reversed(list(zip(named, colours, strict=True))):
        steps, ys = curves[index]
        xs, heights = across(steps), up(ys)
        parts.append(curve(xs, heights, colour, gaps=gaps_before(steps)))
        parts.append(end_point(xs, heights, colour, style))
    colours = [
        colour if len(known[index]) else theme.line for index, colour in zip(named, colours, strict=True)
    ]
    if not any(len(ys) for ys in known):
        middle, words = (_LEFT + width) / 2, "not recorded for these episodes"
        parts.append(label(middle, _CHART / 2, words, 13, theme.muted, anchor="middle"))
    parts.append(step_axis(across, last, _CHART + 6, style))
    others = set(range(len(curves))) - set(named)
    num_thin = sum(len(known[index]) > 0 for index in others)
    rest = _rest(num_thin, len(others) - num_thin)
    return Picture(width, _CHART + 62, "".join(parts)), named, colours, rest


def render_comparison(
    episodes: Sequence[EpisodeSummaryData],
    comparison_type: ComparisonType = "reward_progression",
    style: Style | None = None,
) -> str:
    """Draw several episodes side by side as an SVG document, 960 pixels wide.

    Progressions share one axis of steps: of more than eight episodes, eight from the best to the worst have a
    colour and a row; the others are thin lines behind them. Outcomes have a bar a task, operations a row an
    operation.

    Args:
        episodes: at least one episode.
        comparison_type: ``reward_progression`` (the sum of the rewards so far; a NaN counts as 0),
            ``similarity_progression``, ``outcome_by_task`` or ``operations_used``.
        style: the look; the default one when left off.

    Returns:
        SVG text; the same bytes for the same episodes.

    Raises:
        RenderError: no episode, or an unknown ``comparison_type``.
    """
    style = style or Style()
    if comparison_type not in _HEADINGS:
        guess = closest(str(comparison_type), _HEADINGS)
        raise RenderError(
            f"comparison_type must be one of {', '.join(_HEADINGS)}, got {comparison_type!r}{guess}"
        )
    if not episodes:
        raise RenderError("a comparison needs at least one episode, got none")
    theme = style.colours
    inner = _WIDTH - 2 * _MARGIN
    heading, meaning = _HEADINGS[comparison_type]
    count = "1 episode" if len(episodes) == 1 else f"{len(episodes):,} episodes"
    parts = [label(0, 20, heading, 22, theme.ink, bold=True)]
    parts.append(label(0, 42, f"{count} · {meaning}", 13, theme.muted))
    if comparison_type in _BARS:
        bars = _BARS[comparison_type](episodes, inner, style)
        parts.append(place(0, 66, bars.body))
        height = 66 + bars.height
    else:
        chart, named, colours, rest = _progressions(episodes, comparison_type, inner, style)
        parts.append(place(0, 60, chart.body))
        top = 60 + chart.height
        parts.append(place(0, top, _table([episodes[index] for index in named], colours, inner, style)))
        height = top + 24 + _ROW * len(named)
        if rest:
            parts.append(label(0, height + 14, rest, 11, theme.muted))
            height += 20
    body = place(_MARGIN, _MARGIN, "".join(parts))
    return document(_WIDTH, height + 2 * _MARGIN, body, style, f"{heading} of {count}")
