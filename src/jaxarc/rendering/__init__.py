"""Drawing: pure functions from arrays to SVG text, PNG bytes and terminal output; nothing writes a file."""

from jaxarc.rendering.alignment import render_alignment
from jaxarc.rendering.animation import episode_to_gif, episode_to_mp4
from jaxarc.rendering.batch import render_batch
from jaxarc.rendering.board import render_board
from jaxarc.rendering.comparison import render_comparison
from jaxarc.rendering.episode import render_episode_summary
from jaxarc.rendering.palette import PALETTES, Palette, get_palette
from jaxarc.rendering.pdf import svg_to_pdf
from jaxarc.rendering.picture import Marks, Picture, picture_of
from jaxarc.rendering.png import board_to_png, frame_to_png
from jaxarc.rendering.raster import svg_pixels, svg_to_png
from jaxarc.rendering.reel import render_reel
from jaxarc.rendering.run_picture import render_run
from jaxarc.rendering.step import render_step
from jaxarc.rendering.step_pixels import step_frames, step_pixels, step_to_png
from jaxarc.rendering.style import Style
from jaxarc.rendering.task import render_task
from jaxarc.rendering.terminal import TerminalBoards, terminal_board
from jaxarc.rendering.terminal_step import terminal_step

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
