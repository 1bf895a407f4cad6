"""The files of one episode's pictures, in every format, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from jaxarc.config import VisualizationConfig
from jaxarc.errors import NotRecordedError, RenderError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.pictures import StepVisualizationData
from jaxarc.rendering import (
    Style,
    episode_to_gif,
    episode_to_mp4,
    render_episode_summary,
    render_step,
    step_frames,
    step_to_png,
    svg_to_pdf,
    svg_to_png,
)
from jaxarc.rendering.plugin import Render, with_render
from jaxarc.rendering.text import escape
from jaxarc.replay.views.episode_summaries import episode_summary, key_positions
from jaxarc.replay.views.pictures import PART_BYTES, each_step_picture
from jaxarc.replay.views.player_pages import PAGE_BYTES, episode_page
from jaxarc.replay.views.run_looks import style_of
from jaxarc.storage import EpisodeManager, atomic_write_bytes

__all__ = ["FORMATS", "SCALES", "Drawing", "drawing_of", "episode_files", "still_files"]

FORMATS = ("svg", "png", "pdf", "gif", "mp4", "html")
"""Of an episode: its summary and its steps as stills (svg, png, pdf), and as a whole (gif, mp4, html)."""

SCALES = {"low": 1.0, "medium": 1.5, "high": 2.0}
"""Pixels for one of the SVG, by ``image_quality``."""

_STILLS = ("svg", "png", "pdf")


@dataclass(frozen=True)
class Drawing:
    """How episodes become files.

    Attributes:
        formats: which files: of ``FORMATS``.
        style: the look.
        quality: size of pixel pictures: ``low``, ``medium`` or ``high``.
        steps: which stored steps have a still of their own: ``all``, ``key`` (those that the summary shows),
            ``none``, or their numbers in the episode. Films and pages always show every stored step.
        max_bytes: the most bytes of recorded arrays to read at once.
        render: a drawing function of the user's for what was observed, or ``module:function``; pages that
            play an episode show its frames beside the observations.
    """

    formats: Sequence[str] = ("svg",)
    style: Style = field(default_factory=Style)
    quality: str = "high"
    steps: str | Sequence[int] = "all"
    max_bytes: float = PART_BYTES
    render: str | Render | None = None

    def __post_init__(self) -> None:
        for given, known, what in (
            *((kind, FORMATS, "format") for kind in self.formats),
            (self.quality, tuple(SCALES), "quality"),
            *(((self.steps, ("all", "key", "none"), "steps"),) if isinstance(self.steps, str) else ()),
        ):
            if given not in known:
                raise RenderError(f"{what} must be one of {', '.join(known)}, got {given!r}")
        if not self.formats:
            raise RenderError(f"formats must name at least one of {', '.join(FORMATS)}")

    @property
    def scale(self) -> float:
        """Pixels for one of the SVG."""
        return SCALES[self.quality]

    @property
    def stills(self) -> tuple[str, ...]:
        """The formats of single pictures."""
        return tuple(kind for kind in _STILLS if kind in self.formats)


def drawing_of(config: VisualizationConfig) -> Drawing:
    """Return how a configuration draws."""
    return Drawing(tuple(config.output_formats), style_of(config), config.image_quality, render=config.render)


def still_files(
    svg: str, path: Path, drawing: Drawing, *, step: StepVisualizationData | None = None
) -> Iterator[Path]:
    """Write one picture in the formats of single pictures, and as a page where no other was asked for.

    Args:
        svg: the picture.
        path: where it goes; the suffix is that of the format.
        drawing: which formats.
        step: the step that the picture shows, which can be drawn in pixels without the SVG.

    Yields:
        Each file, when it is there.
    """
    for kind in drawing.stills or (("html",) if "html" in drawing.formats else ()):
        if kind == "png":
            png = (
                svg_to_png(svg, drawing.scale)
                if step is None
                else step_to_png(step, drawing.style, drawing.scale)
            )
            yield _written(path.with_suffix(".png"), png)
        elif kind == "pdf":
            yield _written(path.with_suffix(".pdf"), svg_to_pdf(svg))
        elif kind == "html":
            yield _written(path.with_suffix(".html"), _page(svg, path.stem, drawing.style).encode())
        else:
            yield _written(path.with_suffix(".svg"), svg.encode())


def step_files(data: StepVisualizationData, path: Path, drawing: Drawing) -> Iterator[Path]:
    """Write the stills of one step; as in ``still_files``."""
    data = with_render(data, drawing.render)
    needs_svg = any(kind != "png" for kind in drawing.stills) or not drawing.stills
    svg = render_step(data, drawing.style) if needs_svg else ""
    return still_files(svg, path, drawing, step=data)


def episode_files(
    episode: EpisodeData,
    manager: EpisodeManager,
    drawing: Drawing,
    *,
    max_files: int | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Path]:
    """Write the pictures of an episode into its folder: the summary first, then its steps, then the rest.

    Whoever iterates may stop after any file: each is whole when it is yielded.

    Args:
        episode: the episode.
        manager: names the folder and the files.
        drawing: formats and looks.
        max_files: the most files to write; where it is less than they would be, the steps are drawn that are
            evenly spaced among those asked for, the first and the last of them included.
        stop: asked before each further picture and each frame of a film; True ends it.

    Yields:
        Each file, when it is there.

    Raises:
        NotRecordedError: nothing of the episode is stored that could be drawn.
    """
    count = len(episode.step)
    if not count:
        _ = episode.reward  # says why there is nothing
        raise NotRecordedError(f"episode {episode.row.episode} has no stored steps to draw")
    if not episode.has("observation"):
        _ = episode.steps_at([]).observation  # says why there is none
    number, writer = int(episode.row.episode), int(episode.row.get("writer", 0))
    folder = manager.start_new_episode(number, writer=writer, num_steps=int(episode.row.total_steps))
    wholes = [kind for kind in drawing.formats if kind not in _STILLS]
    left = None if max_files is None else max_files
    if drawing.stills and (left is None or left >= len(drawing.stills)):
        summary = episode_summary(episode, run_dir=manager.current_run_dir, render=drawing.render)
        svg = render_episode_summary(summary, drawing.style)
        yield from still_files(svg, folder / "summary.svg", drawing)
        left = None if left is None else left - len(drawing.stills)
    chosen = _chosen(episode, drawing.steps) if drawing.stills else []
    if left is not None:
        room = min(len(chosen), max(0, left - len(wholes)) // max(1, len(drawing.stills)))
        places = np.unique(np.linspace(0, len(chosen) - 1, room).round().astype(int)) if room else []
        chosen = [chosen[place] for place in places]
        wholes = wholes[:left]
    plain = replace(drawing, render=None)
    steps = each_step_picture(episode, chosen, max_bytes=drawing.max_bytes, render=drawing.render)
    for data in steps:
        if stop():
            return
        yield from step_files(data, manager.get_step_path(data.step_num), plain)
    for kind in wholes:
        if stop():
            return
        yield _whole(episode, folder, kind, drawing, stop)


def _chosen(episode: EpisodeData, steps: str | Sequence[int]) -> list[int]:
    """Return the positions of the stored steps that are asked for."""
    if steps == "none":
        return []
    if steps == "key":
        return key_positions(episode)
    if isinstance(steps, str):
        return list(range(len(episode.step)))
    return np.flatnonzero(np.isin(episode.step, np.asarray(steps, np.int64))).tolist()


@dataclass(frozen=True)
class _Steps:
    """All stored steps of an episode, to be gone through several times; a part of them is held at a time."""

    episode: EpisodeData
    drawing: Drawing

    def __iter__(self) -> Iterator[StepVisualizationData]:
        how = self.drawing
        return iter(each_step_picture(self.episode, max_bytes=how.max_bytes, render=how.render))


def _whole(episode: EpisodeData, folder: Path, kind: str, drawing: Drawing, stop: Callable[[], bool]) -> Path:
    """Write all stored steps of an episode as one file."""
    if kind == "html":
        room = min(PAGE_BYTES, drawing.max_bytes)
        page = episode_page([episode], drawing.style, max_bytes=room, render=drawing.render)
        return _written(folder / "replay.html", page.encode())
    steps = _Steps(episode, drawing)
    frames = _until(stop, step_frames(steps, drawing.style, drawing.scale))
    film = episode_to_gif(frames) if kind == "gif" else episode_to_mp4(frames)
    return _written(folder / f"episode.{kind}", film)


def _until(stop: Callable[[], bool], frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    for frame in frames:
        if stop():
            raise RenderError("stopped before the film was whole")
        yield frame


def _page(svg: str, title: str, style: Style) -> str:
    """Return a page that shows one picture and asks the network for nothing."""
    head = f'<meta charset="utf-8"><title>{escape(title)}</title>'
    look = f"margin:0;padding:16px;background:{style.colours.background}"
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body style="{look}">\n{svg}</body></html>\n'


def _written(path: Path, content: bytes) -> Path:
    """Write a picture whole; one that is there and the same is left as it is.

    A file that is renamed onto another is flushed to the disk first by some file systems (ext4), which takes
    milliseconds for each of thousands of pictures: an older one is removed before.
    """
    try:
        if path.stat().st_size == len(content) and path.read_bytes() == content:
            return path
        path.unlink()
    except OSError:
        pass  # there is none; whatever else is wrong, writing says it
    atomic_write_bytes(path, content, durable=False)
    return path
