"""One step straight to pixels: the layout of its SVG, painted."""

from __future__ import annotations

import numpy as np

from jaxarc.errors import RenderError
from jaxarc.records.pictures import StepVisualizationData
from jaxarc.rendering.canvas import Canvas
from jaxarc.rendering.step import lay_out_step
from jaxarc.rendering.style import Style

__all__ = ["step_pixels", "step_to_png"]


def _painted(data: StepVisualizationData, style: Style | None, scale: int | float) -> Canvas:
    if not 0 < scale <= 16:
        raise RenderError(f"scale must be above 0 and at most 16, got {scale}")
    style = style or Style()
    layout = lay_out_step(data, style)
    canvas = Canvas(layout.width, layout.height, float(scale), style.colours.background)
    for shape in layout.shapes:
        shape.paint(canvas, 0, 0)
    return canvas


def step_pixels(
    data: StepVisualizationData, style: Style | None = None, scale: int | float = 1.0
) -> np.ndarray:
    """Draw one step as pixels, uint8[height width 3]; arguments and errors as in ``step_to_png``."""
    return _painted(data, style, scale).pixels()


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
    return _painted(data, style, scale).png()
