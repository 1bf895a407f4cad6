"""Steps straight to pixels: the layout of their SVG, painted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice

import numpy as np

from jaxarc.errors import RenderError
from jaxarc.records.pictures import StepVisualizationData
from jaxarc.rendering.board import extent_of
from jaxarc.rendering.canvas import Canvas
from jaxarc.rendering.episode_scale import EpisodeScale
from jaxarc.rendering.leaves import main_leaf
from jaxarc.rendering.picture import is_board
from jaxarc.rendering.step import StepLayout, StepRoom, lay_out_step
from jaxarc.rendering.style import Style

__all__ = ["step_frames", "step_pixels", "step_to_png"]

_AHEAD = 256


def _checked(scale: int | float) -> float:
    if not 0 < scale <= 16:
        raise RenderError(f"scale must be above 0 and at most 16, got {scale}")
    return float(scale)


def _painted(layout: StepLayout, style: Style, scale: float) -> Canvas:
    canvas = Canvas(layout.width, layout.height, scale, style.colours.background)
    for shape in layout.shapes:
        shape.paint(canvas, 0, 0)
    return canvas


def step_pixels(
    data: StepVisualizationData, style: Style | None = None, scale: int | float = 1.0
) -> np.ndarray:
    """Draw one step as pixels, uint8[height width 3]; arguments and errors as in ``step_to_png``."""
    scale, style = _checked(scale), style or Style()
    return _painted(lay_out_step(data, style), style, scale).pixels()


def step_to_png(data: StepVisualizationData, style: Style | None = None, scale: int | float = 1.0) -> bytes:
    """Draw one step as the bytes of a PNG file, laid out as ``render_step`` does, without an SVG between.

    Boards, text and all that is around them are painted; what has only an SVG (a vector, a field) is drawn by
    resvg into its place.

    Args:
        data: the step.
        style: the look; the default one when left off.
        scale: pixels of the PNG for one of the SVG, at most 16.

    Raises:
        RenderError: a mask of another shape than its board, or an impossible scale.
    """
    scale, style = _checked(scale), style or Style()
    return _painted(lay_out_step(data, style), style, scale).png()


def _room(steps: Iterable[StepVisualizationData], style: Style) -> tuple[StepRoom, tuple[float, float]]:
    """Return the room that any of the steps needs, and the size of their pictures then."""
    rows = columns = 0
    scale = EpisodeScale()
    for step in steps:
        grids = (step.before_grid, step.after_grid, step.target_grid)
        leaves = []
        for grid in grids:
            if grid is not None:
                scale.add(grid)
                leaves.append(main_leaf(grid))
        boards = [leaf for leaf in leaves if is_board(leaf)]
        if boards:
            extent = extent_of(boards)
            rows, columns = max(rows, extent[0]), max(columns, extent[1])
    room, size = StepRoom((rows, columns), scale.extremes()), (0.0, 0.0)
    for step in steps:
        layout = lay_out_step(step, style, room)
        room, size = layout.room, (layout.width, layout.height)
    return room, size


def step_frames(
    steps: Iterable[StepVisualizationData], style: Style | None = None, scale: int | float = 1.0
) -> Iterator[np.ndarray]:
    """Draw the steps of an episode as frames of one size and one layout, one at a time.

    Boards have the same place and the same cells on all frames, whatever the words around them, and numbers
    have one scale. For that the steps are gone through three times; of an iterator, the first 256 are looked
    at ahead, and what a later one has more of is cut off.

    Args:
        steps: the steps in their order.
        style: the look; the default one when left off.
        scale: pixels of a frame for one of the SVG, at most 16.

    Yields:
        uint8[height width 3].

    Raises:
        RenderError: a mask of another shape than its board, or an impossible scale.
    """
    scale, style = _checked(scale), style or Style()
    ahead, later = steps, iter(())
    if iter(steps) is steps:
        later = iter(steps)
        ahead = list(islice(later, _AHEAD))
    room, size = _room(ahead, style)
    blank = Canvas(*size, scale, style.colours.background).pixels()
    for step in chain(ahead, later):
        frame = _painted(lay_out_step(step, style, room), style, scale).pixels()
        if frame.shape != blank.shape:
            height, width = (min(sides) for sides in zip(frame.shape[:2], blank.shape[:2], strict=True))
            frame, drawn = blank.copy(), frame
            frame[:height, :width] = drawn[:height, :width]
        yield frame
