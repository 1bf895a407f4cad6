"""Drawing: pure functions from arrays to SVG text, PNG bytes and terminal output; nothing writes a file."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxarc.rendering.alignment import render_alignment
    from jaxarc.rendering.animation import episode_to_gif, episode_to_mp4
    from jaxarc.rendering.batch import render_batch
    from jaxarc.rendering.board import render_board
    from jaxarc.rendering.comparison import render_comparison
    from jaxarc.rendering.episode import render_episode_summary
    from jaxarc.rendering.painted_step import step_frames, step_pixels, step_to_png
    from jaxarc.rendering.palette import PALETTES, Palette, get_palette
    from jaxarc.rendering.pdf import svg_to_pdf
    from jaxarc.rendering.picture import Marks, Picture, picture_of
    from jaxarc.rendering.png import board_to_png, frame_to_png
    from jaxarc.rendering.printed_step import terminal_step
    from jaxarc.rendering.raster import svg_pixels, svg_to_png
    from jaxarc.rendering.reel import render_reel
    from jaxarc.rendering.run_picture import render_run
    from jaxarc.rendering.step import render_step
    from jaxarc.rendering.style import Style
    from jaxarc.rendering.task import render_task
    from jaxarc.rendering.terminal import TerminalBoards, terminal_board

_HOMES = {
    "Marks": "picture",
    "PALETTES": "palette",
    "Palette": "palette",
    "Picture": "picture",
    "Style": "style",
    "TerminalBoards": "terminal",
    "board_to_png": "png",
    "episode_to_gif": "animation",
    "episode_to_mp4": "animation",
    "frame_to_png": "png",
    "get_palette": "palette",
    "picture_of": "picture",
    "render_alignment": "alignment",
    "render_batch": "batch",
    "render_board": "board",
    "render_comparison": "comparison",
    "render_episode_summary": "episode",
    "render_reel": "reel",
    "render_run": "run_picture",
    "render_step": "step",
    "render_task": "task",
    "step_frames": "painted_step",
    "step_pixels": "painted_step",
    "step_to_png": "painted_step",
    "svg_pixels": "raster",
    "svg_to_pdf": "pdf",
    "svg_to_png": "raster",
    "terminal_board": "terminal",
    "terminal_step": "printed_step",
}

__all__ = [
    "PALETTES",
    "Marks",
    "Palette",
    "Picture",
    "Style",
    "TerminalBoards",
    "board_to_png",
    "episode_to_gif",
    "episode_to_mp4",
    "frame_to_png",
    "get_palette",
    "picture_of",
    "render_alignment",
    "render_batch",
    "render_board",
    "render_comparison",
    "render_episode_summary",
    "render_run",
    "render_reel",
    "render_step",
    "render_task",
    "step_frames",
    "step_pixels",
    "step_to_png",
    "svg_pixels",
    "svg_to_pdf",
    "svg_to_png",
    "terminal_board",
    "terminal_step",
]


def __getattr__(name: str) -> Any:
    # Who prints an episode in a terminal imports no SVG, no fonts and no PNG.
    if name not in _HOMES:
        raise AttributeError(f"module 'jaxarc.rendering' has no attribute {name!r}")
    value = getattr(import_module(f"jaxarc.rendering.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
