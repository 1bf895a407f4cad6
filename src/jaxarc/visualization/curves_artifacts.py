"""CurvesArtifactBuilder: what a training logged, over its steps, as one picture and one page."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxarc.config import Cadence
from jaxarc.records.name_patterns import fits
from jaxarc.rendering.optional import require_extra
from jaxarc.rendering.palette import THEMES
from jaxarc.rendering.text import fit, number
from jaxarc.visualization.artifact_builder import ArtifactBuilder, Snapshot
from jaxarc.visualization.matplotlib_figures import (
    INK,
    LARGEST,
    LINE,
    figure_png,
    new_figure,
    quiet_axes,
    write,
)
from jaxarc.visualization.plotly_pages import PAGE_SHARE, plotly_page, typed_values
from jaxarc.visualization.thinned_series import ThinnedSeries

__all__ = ["CurvesArtifactBuilder"]

PNG_FILE, PAGE_FILE = "plots/png/curves.png", "plots/interactive/curves.html"
_MAX_CURVES = 24
_MAX_SERIES = 200
_WIDTH, _HEIGHT = 3.3, 1.75
_ACCENT = THEMES["light"].accent


class CurvesArtifactBuilder(ArtifactBuilder):
    """Draw what ``log_step`` returned: ``plots/png/curves.png`` and ``plots/interactive/curves.html``.

    The picture is drawn anew when the cadence says so, the page now and then and at the end. A curve of any
    length takes the memory of a thousand points: further ones are means of their neighbours, and the range
    that they span is drawn with them. What is no finite number is a gap, and counted.

    Args:
        metrics: names or patterns (``loss/*``) of what is drawn, in this order; None for all, the first 24.
        cadence: when; at the last step, and after a value beyond its threshold, when left off.
        png: whether the picture is drawn.
        html: whether the page is made.
        log_scale: names or patterns whose axis is logarithmic.

    Raises:
        RenderError: the extra ``plots`` is not installed.
    """

    name = "curves"

    def __init__(
        self,
        metrics: Sequence[str] | None = None,
        cadence: Cadence | Mapping[str, Any] | None = None,
        *,
        png: bool = True,
        html: bool = True,
        log_scale: Sequence[str] = (),
    ):
        super().__init__(Cadence(first=False) if cadence is None else cadence)
        if png:
            require_extra("matplotlib", "plots", "curves as PNG")
        if html:
            require_extra("plotly", "plots", "curves as a page")
        self._wanted = None if metrics is None else tuple(metrics)
        self._png, self._html, self._log_scale = png, html, tuple(log_scale)
        self._series: dict[str, ThinnedSeries] = {}
        self._announced: dict[str, int] = {}
        self._page_due = 0.0

    def log(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Take the numbers among what was logged."""
        for key, value in metrics.items():
            series = self._series.get(key)
            if series is None:
                if len(self._series) >= _MAX_SERIES or not self._wants(key) or _number(value) is None:
                    continue
                series = self._series[key] = ThinnedSeries()
            taken = _number(value)
            if taken is not None:
                series.add(int(step), taken)

    def snapshot(self, snapshot: Snapshot) -> None:
        """Draw the curves so far."""
        is_last = snapshot.reason == "last"
        if self._png:
            self._draw_picture(snapshot.step, announce=is_last)
        if self._html and (is_last or time.monotonic() >= self._page_due):
            self._write_page(snapshot.step, announce=is_last)

    def end(self, status: str) -> None:
        """Draw what came since."""
        if self.cadence.last and self._series:
            last = int(max(series.points()[0][-1] for series in self._series.values()))
            if self._png and self._announced.get(PNG_FILE) != self._steps():
                self._draw_picture(last, announce=True)
            if self._html and self._announced.get(PAGE_FILE) != self._steps():
                self._write_page(last, announce=True)

    def _wants(self, key: str) -> bool:
        return self._wanted is None or any(fits(key, pattern) for pattern in self._wanted)

    def _steps(self) -> int:
        return sum(series.count for series in self._series.values())

    def _shown(self) -> dict[str, ThinnedSeries]:
        if self._wanted is None:
            return dict(list(self._series.items())[:_MAX_CURVES])
        found = {k: self._series[k] for p in self._wanted for k in self._series if fits(k, p)}
        return dict(list(found.items())[:_MAX_CURVES])

    def _is_log(self, key: str, series: ThinnedSeries) -> bool:
        low = series.points()[2]
        return any(fits(key, pattern) for pattern in self._log_scale) and bool(np.nanmin(low) > 0)

    def _draw_picture(self, step: int, *, announce: bool) -> None:
        shown, words = self._shown(), self._words()
        if shown:
            key = "curves" if self._is_said(PNG_FILE, announce) else ""
            self.folder.write(PNG_FILE, figure_png(self._figure(shown)), key=key, caption=words, step=step)

    def _write_page(self, step: int, *, announce: bool) -> None:
        shown, words, started = self._shown(), self._words(), time.monotonic()
        if shown:
            data = {"curves": [self._said(key, series) for key, series in shown.items()]}
            self.folder.write(
                PAGE_FILE,
                plotly_page("curves", data, title="Curves", run=self.folder.name, words=words),
                key="curves/interactive" if self._is_said(PAGE_FILE, announce) else "",
                kind="html",
                caption=words,
                step=step,
                meta={"of": "curves"},
            )
            self._page_due = time.monotonic() + PAGE_SHARE * (time.monotonic() - started)

    def _is_said(self, path: str, announce: bool) -> bool:
        """Return whether a file that is written now is told of: the first one, and the last."""
        is_said = announce or path not in self._announced
        if is_said:
            self._announced[path] = self._steps()
        return is_said

    def _words(self) -> str:
        shown = len(self._shown())
        return f"{shown} of {len(self._series)} metrics" if shown < len(self._series) else ""

    def _said(self, key: str, series: ThinnedSeries) -> dict[str, Any]:
        step, mean, low, high = series.points()
        said: dict[str, Any] = {
            "name": key,
            "words": _words(series),
            "x": typed_values(step),
            "y": typed_values(mean),
            "count": len(step),
            "log": self._is_log(key, series),
        }
        if series.is_thinned:
            said |= {"low": typed_values(low), "high": typed_values(high)}
        return said

    def _figure(self, shown: Mapping[str, ThinnedSeries]) -> Any:
        columns = min(3, len(shown))
        rows = math.ceil(len(shown) / columns)
        figure = new_figure(columns * _WIDTH + 0.15, rows * _HEIGHT + 0.1)
        for index, (key, series) in enumerate(shown.items()):
            left = _WIDTH * (index % columns) + 0.55
            bottom = _HEIGHT * (rows - 1 - index // columns) + 0.32
            axes = quiet_axes(figure, left, bottom, _WIDTH - 0.7, _HEIGHT - 0.78)
            self._curve(axes, key, series)
            room = (_WIDTH - 0.6) * 72
            top = bottom + _HEIGHT - 0.78
            write(figure, left, top + 0.22, fit(key, room, 8.5, bold=True), 8.5, bold=True, colour=INK)
            write(figure, left, top + 0.08, fit(_words(series), room, 7), 7)
        return figure

    def _curve(self, axes: Any, key: str, series: ThinnedSeries) -> None:
        step, *ranges = series.points()
        mean, low, high = (np.clip(values, -LARGEST, LARGEST) for values in ranges)
        if series.is_thinned:
            axes.fill_between(step, low, high, color=_ACCENT, alpha=0.2, linewidth=0)
        marker = "o" if len(step) < 60 else None
        axes.plot(step, mean, color=_ACCENT, linewidth=1.1, marker=marker, markersize=1.8)
        axes.grid(True, color=LINE, linewidth=0.5)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        if self._is_log(key, series):
            axes.set_yscale("log")
        else:
            axes.locator_params(axis="y", nbins=4)
            axes.yaxis.set_major_formatter(lambda at, _: number(at))
        axes.locator_params(axis="x", nbins=5, integer=True)
        axes.xaxis.set_major_formatter(lambda at, _: f"{at:,.0f}")


def _words(series: ThinnedSeries) -> str:
    words = f"last {number(series.last)}"
    return f"{words} · {series.not_finite:,} not finite" if series.not_finite else words


def _number(value: Any) -> float | None:
    """Return a value as a number, where it is one; an array of one element counts."""
    if isinstance(value, (str, bytes)) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None
