"""A step painted straight on pixels is the picture that its SVG is."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image, ImageFont

from jaxarc.errors import RenderError
from jaxarc.rendering import Style, render_step, step_pixels, step_to_png, svg_pixels
from jaxarc.rendering.canvas import Canvas
from jaxarc.rendering.glyphs import LEVELS, advance_of, text_mask
from jaxarc.rendering.kerning import kerning
from jaxarc.rendering.raster import font_files

PADDED = np.full((9, 12), -1, np.int8)
PADDED[:6, :7] = np.arange(42).reshape(6, 7) % 13
PADDED[2, 3] = -1


def decoded(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))


def changes(before: np.ndarray) -> dict[str, np.ndarray]:
    """The fields of a step that mirrors a board."""
    after = before[::-1].copy()
    return {
        "before_grid": before,
        "after_grid": after,
        "target_grid": after,
        "selection_mask": before == before.flat[0],
        "changed_cells": before != after,
    }


RANDOM = np.random.default_rng(0).integers(0, 10, (30, 30)).astype(np.int8)
CASES = {
    "random": (changes(RANDOM), Style(), 1.0),
    "random, twice as large": (changes(RANDOM), Style(theme="dark"), 2.0),
    "padding and unknown values": (changes(PADDED), Style(palette="colorblind"), 1.0),
    "padding, scaled": (changes(PADDED), Style(show_coordinates=True), 2.5),
    "digits": (changes(PADDED), Style(show_digits=True, show_coordinates=True), 2.0),
    "nothing but padding": (changes(np.full((3, 4), -1, np.int8)), Style(), 1.0),
    "one cell": (changes(np.array([[3]], np.int8)), Style(), 1.0),
    "one row": (changes(np.arange(30, dtype=np.int8)[None] % 10), Style(theme="dark"), 1.0),
    "not recorded": ({"after_grid": None, "changed_cells": None}, Style(), 1.0),
    "the end": ({"ended": "terminated", "success": True, "similarity": 1.0}, Style(theme="dark"), 1.0),
    "long words": ({"title": "Wavy Tables " * 40, "operation_name": "To Avoid " * 40}, Style(), 1.0),
    "no metrics": ({}, Style(include_metrics=False, show_operation_names=False), 1.0),
    "not Latin": ({"title": "任务 😀"}, Style(), 1.0),
}


@pytest.mark.parametrize("case", CASES)
def test_a_painted_step_looks_as_its_svg(case, step):
    """Of one size, alike at every place: cells, lines, marks and text; edges may be drawn a little harder."""
    fields, style, scale = CASES[case]
    data = step(**fields)
    painted, drawn = step_pixels(data, style, scale), svg_pixels(render_step(data, style), scale)
    assert painted.shape == drawn.shape
    difference = np.abs(painted.astype(int) - drawn)
    assert difference.mean() < 1.5
    # What is off by a whole pixel differs on the mean of a small place too; the edge of a glyph does not.
    height, width = (side // 12 * 12 for side in difference.shape[:2])
    places = difference[:height, :width].reshape(height // 12, 12, width // 12, 12, 3).mean(axis=(1, 3, 4))
    assert np.quantile(places, 0.999) < 30


def test_characters_that_lato_lacks_are_those_of_the_svg(step):
    """An emoji is no empty box, on the background and on a chip."""
    data = step(title="任务 😀 😀 😀", operation_name="😀 Fill \ufffd 😀")
    painted, drawn = step_pixels(data), svg_pixels(render_step(data))
    assert (np.abs(painted.astype(int) - drawn).max(axis=-1) > 100).mean() < 2e-4


def test_boards_of_nested_observations_have_their_lines(step):
    """The board after the step shares the lines of the one before, which is drawn by itself."""
    tree = {"board": np.zeros((3, 3), int), "speed": np.ones(3)}
    plain = {"target_grid": None, "selection_mask": None, "changed_cells": None}
    data = step(before_grid=tree, after_grid=tree, **plain)
    painted, drawn = step_pixels(data), svg_pixels(render_step(data))
    assert (np.abs(painted.astype(int) - drawn).max(axis=-1) > 60).mean() < 1e-3
    middle = painted.shape[1] // 2
    board = painted[140:200, middle:]
    assert (board.max(axis=-1) == 0).any()
    assert ((board > 30) & (board < 200)).all(axis=-1).any()


def test_vectors_are_drawn_into_their_place(vector_step):
    """What has only an SVG comes from resvg, at the place where the SVG has it."""
    data = vector_step()
    painted, drawn = step_pixels(data), svg_pixels(render_step(data))
    assert np.abs(painted.astype(int) - drawn).mean() < 0.6


@pytest.mark.parametrize("case", ["random", "padding, scaled", "not recorded"])
def test_a_png_holds_the_pixels(case, step, vector_step):
    """Pillow reads from the file what was painted; few colours are stored as a palette."""
    fields, style, scale = CASES[case]
    png = step_to_png(step(**fields), style, scale)
    np.testing.assert_array_equal(decoded(png), step_pixels(step(**fields), style, scale))
    with Image.open(io.BytesIO(png)) as image:
        assert image.mode == "P"
    np.testing.assert_array_equal(decoded(step_to_png(vector_step())), step_pixels(vector_step()))


def test_a_png_does_not_depend_on_what_was_drawn_before(step):
    """Glyphs and tiles are kept from picture to picture; the bytes are the same."""
    first = step_to_png(step())
    step_to_png(step(title="other words", **changes(RANDOM)), Style(palette="high_contrast", theme="dark"))
    assert step_to_png(step()) == first


@given(
    title=st.text(max_size=30),
    value=st.floats() | st.integers() | st.text(max_size=30),
    reward=st.floats(),
    similarity=st.none() | st.floats(),
    scale=st.sampled_from([0.3, 1, 1.5, 2]),
    digits=st.booleans(),
    board=arrays(np.int8, array_shapes(min_dims=2, max_dims=2, max_side=30), elements=st.integers(-1, 11)),
)
@settings(max_examples=30, deadline=None)
def test_any_step_is_painted_in_the_size_of_its_svg(
    step, title, value, reward, similarity, scale, digits, board
):
    """Whatever the strings, numbers and boards, there is a picture, and twice painted it is the same."""
    data = step(
        title=title, info={"x": value}, reward=reward, similarity=similarity, ended="cut", **changes(board)
    )
    style = Style(show_digits=digits)
    painted = step_pixels(data, style, scale)
    assert painted.shape == svg_pixels(render_step(data, style), scale).shape
    np.testing.assert_array_equal(painted, step_pixels(data, style, scale))


@pytest.mark.parametrize("scale", [0, -1, 17, float("nan")])
def test_an_impossible_scale_is_refused(scale, step):
    """The error names the limits."""
    with pytest.raises(RenderError, match="scale must be above 0 and at most 16"):
        step_to_png(step(), scale=scale)


@pytest.mark.parametrize("bold", [False, True])
def test_letters_stand_as_close_as_a_shaping_engine_sets_them(bold):
    """Kerning read from the font's own table is that of HarfBuzz, where Pillow has it."""
    words = ["AV", "Ta", "To", "LT", "7.", "r.", "Yo", "aa", "11", "P,", "We", "xo"]
    assert kerning("A", "V", bold) < 0 == kerning("a", "a", bold)
    if not ImageFont.core.HAVE_RAQM:
        return
    font = ImageFont.truetype(font_files()[bold], 1000, layout_engine=ImageFont.Layout.RAQM)
    for word in words:
        assert advance_of(word, 1000, bold=bold) == pytest.approx(font.getlength(word), abs=1.5)


def test_text_is_a_mask_from_its_base_line():
    """Coverage goes up to LEVELS, an x rests on the base line, a blank leaves nothing, a phase moves ink."""
    mask = text_mask("x", 20.0, False, 0)
    assert mask is not None
    coverage, _, top = mask
    assert coverage.max() == LEVELS
    assert top + len(coverage) == 0
    assert text_mask("  ", 20.0, False, 0) is None
    moved = text_mask("x", 20.0, False, 2)
    assert moved is not None
    assert not np.array_equal(moved[0], coverage)


def test_a_canvas_cuts_off_what_lies_outside():
    """Shapes over an edge are drawn as far as they reach, or not at all."""
    canvas = Canvas(20, 10, 1.0, "#FFFFFF")
    canvas.text(-4, 8, "Wide words", 12, "#000000", "start", bold=True)
    canvas.box(15.5, 5.5, 30, 30, "#FF0000", 3)
    canvas.box(-50, -50, 10, 10, "#00FF00")
    canvas.box(-5, -5, 7.5, 7.5, "#0000FF")
    canvas.svg(15, 0, 20, 8, '<rect width="9" height="4" fill="#123456"/>')
    pixels = canvas.pixels()
    assert pixels.shape == (10, 20, 3)
    assert pixels[0, 0].tolist() == [0, 0, 255]
    assert pixels[1, 18].tolist() == [0x12, 0x34, 0x56]
    np.testing.assert_array_equal(decoded(canvas.png()), pixels)
