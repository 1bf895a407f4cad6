"""FieldArtifactBuilder: fields of a state as heat maps, a picture a step and a page over all of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jaxarc.config import Cadence
from jaxarc.errors import RenderError
from jaxarc.rendering.colormap import LEVELS
from jaxarc.rendering.field import shrunk
from jaxarc.rendering.optional import require_extra
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import TIMES
from jaxarc.visualization.artifact_builder import ArtifactBuilder, Snapshot
from jaxarc.visualization.field_choice import FieldChoice, chosen_fields
from jaxarc.visualization.heat_maps import field_words, heat_map_figure, scale_of
from jaxarc.visualization.matplotlib_figures import figure_pixels, figure_png
from jaxarc.visualization.plotly_pages import PAGE_SHARE, plotly_page, typed_values

__all__ = ["FieldArtifactBuilder"]

PNG_FOLDER, PAGE_FOLDER, VIDEO_FOLDER = "plots/png", "plots/interactive", "video"
_PAGE_SIDE = 192
_MAX_FRAMES = 40
_FILM_FRAME_S = 0.15


@dataclass
class _Kept:
    """What the page over all steps shows of one field: evenly spread steps, and the last."""

    every: tuple[int, int] = (1, 1)
    steps: list[int] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    shape: tuple[int, int] = (0, 0)
    seen: int = 0
    stride: int = 1
    announced: bool = False
    page_due: float = 0.0

    def add(self, step: int, value: np.ndarray) -> None:
        if self.seen and self.shape != value.shape:
            self.__init__(
                announced=self.announced, page_due=self.page_due
            )  # another resolution: frames of one size go together
        if self.seen and (self.seen - 1) % self.stride:
            for kept in (self.steps, self.values, self.words):
                kept.pop()  # the last one was kept for being the last
        self.shape = value.shape[0], value.shape[1]
        down, across = self.every = self._every(value)
        self.steps.append(step)
        with np.errstate(over="ignore"):
            self.values.append(shrunk(value, _PAGE_SIDE).astype(np.float32))
        part = "" if self.every == (1, 1) else f" · one of each {down}{TIMES}{across} cells"
        self.words.append(f"{field_words(value)}{part}")
        self.seen += 1
        if len(self.steps) > _MAX_FRAMES:
            for name in ("steps", "values", "words"):
                setattr(self, name, getattr(self, name)[::2])
            self.stride *= 2

    @staticmethod
    def _every(value: np.ndarray) -> tuple[int, int]:
        down, across = (-(-side // _PAGE_SIDE) for side in value.shape)
        return down, across


class FieldArtifactBuilder(ArtifactBuilder):
    """Draw fields of the state as heat maps, a picture each time and a page over all of them.

    ``plots/png/<field>_<step>.png`` is on disk as soon as it is drawn, so that a run that is killed has it.
    ``plots/interactive/<field>.html`` has Plotly in it and asks no network; it shows at most 40 steps, evenly
    spread, is written anew now and then, and is complete at the end. NaN and infinities are counted in words.

    Args:
        fields: what is drawn: paths in the state (``fluid.temperature``), names with paths or functions of
            the state, or one function that returns arrays by name; None for every two-dimensional array.
        cadence: when; at the first and the last step, and after a value beyond its threshold, when left off.
        png: whether pictures are drawn.
        html: whether the page is made.
        video: whether the steps of the page become a film at the end (``video/<field>.mp4``).
        low, high: the ends of the colour scale; those of the field itself when left off.

    Raises:
        RenderError: the extra ``plots`` or ``video`` is not installed, or ``low`` is not below ``high``.
    """

    name = "fields"

    def __init__(
        self,
        fields: FieldChoice = None,
        cadence: Cadence | Mapping[str, Any] | None = None,
        *,
        png: bool = True,
        html: bool = True,
        video: bool = False,
        low: float | None = None,
        high: float | None = None,
    ):
        super().__init__(cadence)
        if png or video:
            require_extra("matplotlib", "plots", "a heat map as PNG")
        if html:
            require_extra("plotly", "plots", "a heat map as a page")
        if video:
            require_extra("imageio_ffmpeg", "video", "a film of heat maps")
        if low is not None and high is not None and not low < high:
            raise RenderError(f"low must be below high, got {low} and {high}")
        self._choice = fields
        self._png, self._html, self._video = png, html, video
        self._low, self._high = low, high
        self._kept: dict[str, _Kept] = {}

    def snapshot(self, snapshot: Snapshot) -> None:
        """Draw the fields of a state."""
        if snapshot.state is None:
            return
        for name, value in chosen_fields(snapshot.state, self._choice).items():
            if self._png:
                self._draw(name, value, snapshot)
            if self._html or self._video:
                kept = self._kept.setdefault(name, _Kept())
                kept.add(snapshot.step, value)
            if self._html and time.monotonic() >= self._kept[name].page_due:
                self._write_page(name, announce=not self._kept[name].announced)

    def end(self, status: str) -> None:
        """Say that the pages are complete, and make the films."""
        for name, kept in self._kept.items():
            if self._html and kept.seen > 1:
                self._write_page(name, announce=True)
            if self._video and kept.steps:
                self._write_film(name, kept)

    def _draw(self, name: str, value: np.ndarray, snapshot: Snapshot) -> None:
        words = field_words(value)
        figure = heat_map_figure(
            value, name, f"step {snapshot.step:,} · {words}", scale_of([value], self._low, self._high)
        )
        self.folder.write(
            f"{PNG_FOLDER}/{self.folder.step_name(name, snapshot.step, 'png')}",
            figure_png(figure),
            key=f"fields/{name}",
            caption=words,
            step=snapshot.step,
            meta={"reason": snapshot.reason},
        )

    def _write_page(self, name: str, *, announce: bool) -> None:
        kept, started = self._kept[name], time.monotonic()
        scale = scale_of(kept.values, self._low, self._high)
        colours = scale.colours(Style())[: LEVELS : LEVELS // 31]
        data = {
            "frames": [
                {"step": step, "words": f"step {step:,} · {words}", "z": typed_values(value)}
                for step, words, value in zip(kept.steps, kept.words, kept.values, strict=True)
            ],
            "low": float(scale.low),
            "high": float(scale.high) if scale.high > scale.low else float(scale.low) + 1.0,
            "colours": [
                [index / (len(colours) - 1), f"rgb({red},{green},{blue})"]
                for index, (red, green, blue) in enumerate(colours.tolist())
            ],
            "rows": kept.shape[0],
            "columns": kept.shape[1],
            "every": list(kept.every),
        }
        self.folder.write(
            f"{PAGE_FOLDER}/{self.folder.plain_name(name, 'html')}",
            plotly_page(
                "heat_map",
                data,
                title=name,
                run=self.folder.name,
                words=f"step {kept.steps[-1]:,} · {kept.words[-1]}",
            ),
            key=f"fields/{name}/interactive" if announce else "",
            kind="html",
            caption=f"{name} at {len(kept.steps)} steps",
            step=kept.steps[-1],
            meta={"of": f"fields/{name}"},
        )
        kept.announced = True
        kept.page_due = time.monotonic() + PAGE_SHARE * (time.monotonic() - started)

    def _write_film(self, name: str, kept: _Kept) -> None:
        from jaxarc.rendering.animation import episode_to_mp4

        scale = scale_of(kept.values, self._low, self._high)
        frames = (
            figure_pixels(heat_map_figure(value, name, f"step {step:,} · {words}", scale))
            for step, value, words in zip(kept.steps, kept.values, kept.words, strict=True)
        )
        self.folder.write(
            f"{VIDEO_FOLDER}/{self.folder.plain_name(name, 'mp4')}",
            episode_to_mp4(frames, frame_s=_FILM_FRAME_S, last_frame_s=1.5),
            key=f"fields/{name}/video",
            kind="video",
            caption=f"{name} from step {kept.steps[0]:,} to {kept.steps[-1]:,}",
            step=kept.steps[-1],
            meta={"of": f"fields/{name}"},
        )
