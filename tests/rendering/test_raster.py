"""PNG of any picture, with its text, on a machine with or without fonts."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from jaxarc.errors import RenderError
from jaxarc.rendering import render_step, svg_to_png


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("L"))


def text_svg(words: str) -> str:
    head = '<svg xmlns="http://www.w3.org/2000/svg" width="120" height="30" font-family="Lato,sans-serif">'
    return f'{head}<rect width="120" height="30" fill="#fff"/><text x="5" y="20">{words}</text></svg>'


def test_text_is_drawn_without_any_font_of_the_machine():
    """Latin text uses the font that comes along; the machine's fonts are not even read."""
    assert pixels(svg_to_png(text_svg("Reward"))).min() < 80
    assert pixels(svg_to_png(text_svg(""))).min() == 255


def test_scale_multiplies_the_size():
    """A picture at scale 2 has four times the pixels."""
    assert pixels(svg_to_png(text_svg("x"), 2)).shape == (60, 240)


def test_the_same_svg_gives_the_same_bytes(step):
    """Twice drawn is equal."""
    assert svg_to_png(render_step(step())) == svg_to_png(render_step(step()))


@pytest.mark.parametrize("scale", [0, -1, 1000])
def test_an_impossible_scale_is_refused(scale):
    """The error names the limits."""
    with pytest.raises(RenderError, match="scale must be above 0 and at most 64"):
        svg_to_png(text_svg("x"), scale)


def test_broken_svg_is_refused():
    """What resvg cannot read is an error of ours that says why."""
    with pytest.raises(RenderError, match="resvg cannot draw"):
        svg_to_png("<svg")
