"""One step as pixels."""

from __future__ import annotations

import numpy as np

from jaxarc.records.pictures import StepVisualizationData
from jaxarc.rendering.raster import svg_pixels, svg_to_png
from jaxarc.rendering.step import render_step
from jaxarc.rendering.style import Style

__all__ = ["step_pixels", "step_to_png"]


def step_pixels(data: StepVisualizationData, style: Style | None = None, scale: float = 1.0) -> np.ndarray:
    """Draw one step as pixels, uint8[height width 3]; arguments and errors as in ``step_to_png``."""
    return svg_pixels(render_step(data, style), scale)


def step_to_png(data: StepVisualizationData, style: Style | None = None, scale: float = 1.0) -> bytes:
    """Draw one step as the bytes of a PNG file, laid out as ``render_step`` does.

    Args:
        data: the step.
        style: the look; the default one when left off.
        scale: pixels of the PNG for one of the SVG.

    Raises:
        RenderError: a mask of another shape than its board, or an impossible scale.
    """
    return svg_to_png(render_step(data, style), scale)
