"""What an episode gave over its steps: similarity, reward, metrics and observed numbers on one axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jaxarc.errors import RenderError
from jaxarc.records.pictures import EpisodeSummaryData
from jaxarc.rendering.chart import (
    Scale,
    backing,
    bars,
    curve,
    end_point,
    frame,
    gaps_before,
    step_axis,
    unstored,
    value_scale,
)
from jaxarc.rendering.document import place
from jaxarc.rendering.picture import Picture
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import fit, label, width_of
from jaxarc.rendering.vector import vector_history

__all__ = ["draw_charts", "series_of"]

_METRICS_AT_MOST = 4
_METRIC_HEIGHT = 46.0


def _drawable(values: Sequence[float] | np.ndarray) -> np.ndarray:
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


def _metrics_of(data: EpisodeSummaryData, stored: int) -> tuple[dict[str, np.ndarray], int]:
    """Return the metrics that have a curve, and how many more there are."""
    found = {}
    for name, values in data.metrics.items():
        series = _drawable(values)
        if len(series) != stored:
            raise RenderError(f"the metric {name!r} has {len(series)} entries, but {stored} steps are stored")
        if np.isfinite(series).any():
            found[name] = series
    shown = dict(list(found.items())[:_METRICS_AT_MOST])
    return shown, len(found) - len(shown)


class _Panels:
    """Charts one above the other over one axis of steps."""

    def __init__(self, steps: np.ndarray, across: Scale, style: Style):
        self.xs = across(steps)
        self.gaps = gaps_before(steps)
        self.left, self.right = across.start - 10, across.stop + 10
        self.style = style
        self.parts: list[str] = []
        self.spans: list[tuple[float, float]] = []
        self.y = 0.0

    def open(self, name: str, note: str, values: np.ndarray, tall: int | float, colour: str) -> Scale:
        """Begin a panel below the last one; return its vertical scale."""
        if self.spans:
            self.y += 18
        top = self.y + 20
        up = value_scale(values, top + tall, top)
        name = fit(name, self.right / 2, 11, bold=True)
        x = width_of(name, 11, bold=True) + 8
        self.parts.append(backing(0, self.y + 8, x + width_of(note, 11) if note else x - 8, self.style))
        self.parts.append(label(0, self.y + 8, name, 11, colour, bold=True))
        self.parts.append(label(x, self.y + 8, note, 11, self.style.colours.muted))
        self.parts.append(frame(up, self.left, self.right, self.style))
        self.spans.append((top, top + tall))
        self.y = top + tall
        return up

    def line(self, values: np.ndarray, up: Scale, colour: str, width: int | float = 2) -> None:
        """Add a curve with a dot at its end."""
        ys = up(values)
        self.parts.append(curve(self.xs, ys, colour, width=width, gaps=self.gaps))
        self.parts.append(end_point(self.xs, ys, colour, self.style))

    def history(self, data: EpisodeSummaryData, steps: np.ndarray, across: Scale) -> None:
        """Add what was observed: a curve an entry, or a strip of many."""
        self.y += 18 if self.spans else 0
        words = label(0, self.y + 8, "Observation", 11, self.style.colours.ink, bold=True)
        picture = vector_history(
            np.asarray(data.observed), steps, across, self.style, names=data.observed_names
        )
        self.parts += [words, place(0, self.y + 16, picture.body)]
        self.spans.append((self.y + 16 + 22, self.y + 16 + picture.height - 6))
        self.y += 16 + picture.height


def draw_charts(data: EpisodeSummaryData, across: Scale, shown: Sequence[int], style: Style) -> Picture:
    """Draw similarity, reward and metrics over the same steps, with a line at every step that is shown above.

    Where steps were not stored the curves are broken, and a quiet band says so.

    Args:
        data: the episode.
        across: where steps lie.
        shown: the steps of the key moments.
        style: the look.
    """
    theme = style.colours
    steps, rewards, similarities = series_of(data)
    panels = _Panels(steps, across, style)
    metrics, more = _metrics_of(data, len(steps)) if style.include_metrics else ({}, 0)
    each = (across.stop - across.start) / max(across.high - across.low, 1.0)
    both = len(similarities) > 0 and (len(rewards) > 0 or bool(metrics))
    tall = 88.0 if both or metrics else 150.0
    if len(similarities):
        up = panels.open("Similarity", "", np.append(similarities, [0.0, 1.0]), tall, theme.accent)
        panels.line(similarities, up, theme.accent)
    if len(rewards):
        lost = int(np.isnan(rewards).sum())
        only_nan = lost == int(np.isnan(np.asarray(data.reward_progression, dtype=float)).sum())
        what = "NaN" if only_nan else "NaN or too large"
        note = f"{what} in {lost:,} of {len(rewards):,} stored steps" if lost else ""
        up = panels.open("Reward", note, rewards, tall, theme.ink)
        zero = up.at(0.0)
        wide = min(each * 0.7, 14.0) if each > 5 else max(each, 1.0) + 0.25
        panels.parts.append(bars(panels.xs, up(rewards), zero, wide, theme.good, theme.bad))
        line = f"M{panels.left:g} {zero:.1f}H{panels.right:g}"
        panels.parts.append(f'<path d="{line}" stroke="{theme.muted}"/>')
    for index, (name, values) in enumerate(metrics.items()):
        last = index == len(metrics) - 1
        note = f"and {more} more" if more and last else ""
        up = panels.open(name, note, values, _METRIC_HEIGHT, theme.ink)
        panels.line(values, up, theme.muted, 1.5)
    if data.observed is not None and len(steps) and style.include_metrics:
        panels.history(data, steps, across)
    if not panels.spans:
        said = "No steps were stored." if not len(steps) else "No rewards were stored."
        return Picture(panels.right, 40, label(0, 12, said, 13, theme.muted))
    bands = [unstored(steps, float(data.total_steps), across, *span, style) for span in panels.spans]
    if any(bands):
        words, foot = "not stored", panels.y + 40
        x = panels.right - width_of(words, 11)
        swatch = f'<rect x="{x - 18:.1f}" y="{foot - 9:g}" width="12" height="10" fill="{theme.line}"/>'
        bands += [swatch, label(panels.right, foot, words, 11, theme.muted, anchor="end")]
    at = "".join(f"M{x:.1f} 8V{panels.y:g}" for x in across(np.array(shown, dtype=float)).tolist())
    dash = f'stroke="{theme.muted}" stroke-opacity=".45" stroke-dasharray="2 3"'
    lines = f'<path d="{at}" {dash}/>' if at else ""
    axis = step_axis(across, max(float(data.total_steps - 1), *steps.tolist()), panels.y + 6, style)
    return Picture(panels.right, panels.y + 42, "".join((*bands, lines, *panels.parts, axis)))
