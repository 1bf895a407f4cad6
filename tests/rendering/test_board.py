"""A board is drawn as it is: every cell, no padding, and marks that hide no colour."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from jaxarc.errors import RenderError
from jaxarc.rendering import PALETTES, Marks, Style, board_to_png, render_board, svg_to_png
from jaxarc.rendering.board import extent_of
from jaxarc.rendering.digits import ink_on
from jaxarc.rendering.paths import mask_runs, outline, value_runs
from jaxarc.rendering.text import MINUS

BOARDS = arrays(np.int8, array_shapes(min_dims=2, max_dims=2, max_side=30), elements=st.integers(-2, 12))
SEGMENT = re.compile(r"M(\d+) (\d+)([hv])(\d+)")


def drawn(path: str, shape: tuple[int, int]) -> np.ndarray:
    """Return how often each cell is covered by the runs of a path."""
    covered = np.zeros(shape, dtype=int)
    for x, y, _, length in SEGMENT.findall(path):
        covered[int(y), int(x) : int(x) + int(length)] += 1
    return covered


@given(BOARDS)
def test_every_cell_lies_in_exactly_one_run_of_its_colour(board):
    """The runs of a value cover its cells once and no other cell; the value left out has none."""
    runs = dict(value_runs(board, without=-1))
    assert set(runs) == set(np.unique(board).tolist()) - {-1}
    for value, path in runs.items():
        np.testing.assert_array_equal(drawn(path, board.shape), board == value)


@given(arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_an_outline_runs_along_every_border_of_a_mask(mask):
    """Its lines are as long as the number of cell sides where the mask changes."""
    padded = np.pad(mask, 1).astype(int)
    sides = np.abs(np.diff(padded, axis=0)).sum() + np.abs(np.diff(padded, axis=1)).sum()
    assert sum(int(length) for *_, length in SEGMENT.findall(outline(mask))) == sides
    np.testing.assert_array_equal(drawn(mask_runs(mask), mask.shape), mask)


@given(BOARDS, st.booleans(), st.sampled_from(sorted(PALETTES)))
@settings(max_examples=60, deadline=None)
def test_any_board_is_valid_xml(board, coordinates, palette):
    """Padding, values past the palette and any shape give a picture that parses, the same one each time."""
    style = Style(palette, show_coordinates=coordinates)
    marks = Marks(board > 3, board == 1, board == 2)
    svg = render_board(board, style, marks=marks)
    ElementTree.fromstring(svg)
    assert svg == render_board(board, style, marks=marks)


def values_written(svg: str, cell: float) -> dict[tuple[int, int], str]:
    """Return what is written into each cell of a board, by row and column."""
    found: dict[tuple[int, int], str] = {}
    for element in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
        row = round(float(element.get("y")) / cell)
        for place, character in zip(element.get("x").split(), element.text, strict=True):
            where = row, int(float(place) / cell + 1e-6)
            found[where] = found.get(where, "") + character
    return found


@given(BOARDS, st.booleans())
@settings(max_examples=40, deadline=None)
def test_digits_say_the_value_of_every_cell_that_is_no_padding(board, dark):
    """Also of values past the palette; boards of up to thirty rows have room for them at 360 pixels."""
    style = Style(theme="dark" if dark else "light", show_digits=True)
    svg = render_board(board, style, size=360)
    rows, columns = extent_of([board])
    cell = min(360 / max(rows, columns), 36) // 1
    expected = {
        (y, x): str(value).replace("-", MINUS)
        for (y, x), value in np.ndenumerate(board[:rows, :columns])
        if value != -1
    }
    assert values_written(svg, cell) == expected
    assert "<text" not in render_board(board, Style(show_digits=True), size=9 * max(rows, columns))


@pytest.mark.parametrize("name", sorted(PALETTES))
def test_a_digit_can_be_read_on_every_colour(name):
    """Its contrast is at least 4.5 to 1, as WCAG 2 asks of text."""
    palette = PALETTES[name]
    for colour in (*palette.colours, palette.outside):
        assert contrast(ink_on(colour), colour) >= 4.5, colour


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG 2 defines it."""
    light = []
    for colour in (one, other):
        channels = np.array(list(bytes.fromhex(colour[1:]))) / 255
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        light.append(float(linear @ (0.2126, 0.7152, 0.0722)) + 0.05)
    return max(light) / min(light)


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


@given(BOARDS, st.integers(1, 9), st.sampled_from(sorted(PALETTES)))
@settings(max_examples=60, deadline=None)
def test_a_png_shows_every_cell_in_its_colour(board, cell, name):
    """Read back by an imaging library, the middle of each cell has the palette's colour; padding is clear."""
    palette = PALETTES[name]
    image = pixels(board_to_png(board, name, cell))
    for y in range(image.shape[0] // cell):
        for x in range(image.shape[1] // cell):
            value = int(board[y, x])
            seen = image[y * cell + cell // 2, x * cell + cell // 2]
            if value == -1:
                assert seen[3] == 0
            else:
                colour = palette.colours[value] if 0 <= value <= 9 else palette.outside
                assert tuple(seen) == (*bytes.fromhex(colour[1:]), 255)


@pytest.mark.parametrize("palette", PALETTES)
def test_the_svg_shows_every_cell_in_its_colour(palette):
    """Rasterised, the middle of every cell of a marked board keeps its colour unless a mark stands there."""
    board = np.random.default_rng(3).integers(0, 10, (30, 30)).astype(np.int8)
    selected = np.zeros((30, 30), dtype=bool)
    selected[4:9, 2:20] = True
    svg = render_board(board, Style(palette), size=600, marks=Marks(selected=selected))
    image = pixels(svg_to_png(svg))
    for (y, x), value in np.ndenumerate(board):
        seen = image[8 + y * 20 + 10, 8 + x * 20 + 10, :3]
        assert tuple(seen) == tuple(bytes.fromhex(PALETTES[palette].colours[value][1:])), (y, x)


def test_a_changed_cell_keeps_its_colour_around_the_dot():
    """The mark covers the middle only."""
    board = np.full((4, 4), 2)
    svg = render_board(board, size=144, marks=Marks(changed=np.eye(4, dtype=bool)))
    image = pixels(svg_to_png(svg))
    assert tuple(image[8 + 18, 8 + 18, :3]) == (255, 255, 255)
    assert tuple(image[8 + 6, 8 + 6, :3]) == (0xFF, 0x41, 0x36)


@pytest.mark.parametrize("value", range(10))
@pytest.mark.parametrize("palette", PALETTES)
def test_a_selection_shows_on_every_colour(palette, value):
    """Along the edge of a selection stand both a light and a dark pixel."""
    selected = np.zeros((3, 3), dtype=bool)
    selected[1, 1] = True
    svg = render_board(np.full((3, 3), value), Style(palette), size=108, marks=Marks(selected=selected))
    across = pixels(svg_to_png(svg, 2))[2 * (8 + 54), 2 * (8 + 32) : 2 * (8 + 40), :3].astype(int)
    assert across.min(axis=1).max() > 230
    assert across.max(axis=1).min() < 60


def test_changes_show_on_cells_that_are_too_small_for_a_dot():
    """At two pixels a cell, the changed region is outlined."""
    changed = np.zeros((60, 60), dtype=bool)
    changed[10:20, 10:20] = True
    board = np.full((60, 60), 3)
    plain = pixels(svg_to_png(render_board(board, size=120)))
    marked = pixels(svg_to_png(render_board(board, size=120, marks=Marks(changed=changed))))
    differs = (plain != marked).any(axis=2)
    assert differs[8 + 20, 8 + 30]
    assert not differs[8 + 30, 8 + 30]


def test_padding_below_and_to_the_right_is_cut_off():
    """A 3x5 board in a 30x30 array is drawn as 3x5, in SVG and in PNG."""
    board = np.full((30, 30), -1, dtype=np.int8)
    board[:3, :5] = 1
    assert 'width="196" height="124"' in render_board(board)
    assert pixels(board_to_png(board, cell_px=4)).shape[:2] == (12, 20)


def test_a_board_of_padding_is_an_empty_frame():
    """Nothing is filled, and the frame is there."""
    svg = render_board(np.full((3, 3), -1))
    assert "stroke-dasharray" in svg
    assert svg.count("<path") == 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1)])
def test_thin_boards_are_drawn(shape):
    """One cell and one row are boards too."""
    ElementTree.fromstring(render_board(np.zeros(shape, dtype=np.int8)))


@pytest.mark.parametrize(
    ("board", "problem"),
    [
        (np.zeros((2, 2, 3), np.int8), "2 axes, got shape"),
        (np.zeros((2, 2)), "holds integers, got float64"),
        (np.zeros((0, 4), np.int8), "1 to 1024 rows and columns, got 0x4"),
        (np.zeros((2000, 2), np.int8), "got 2000x2"),
    ],
)
def test_what_is_no_board_is_refused_with_the_reason(board, problem):
    """The error says the shape or type that was given."""
    with pytest.raises(RenderError, match=problem):
        render_board(board)
    with pytest.raises(RenderError, match=problem):
        board_to_png(board)


def test_a_mask_of_another_shape_is_refused():
    """The error names the mask and both shapes."""
    with pytest.raises(RenderError, match=r"selected cells has shape \(2, 2\), but the board has \(3, 3\)"):
        render_board(np.zeros((3, 3), int), marks=Marks(selected=np.ones((2, 2), bool)))


def test_a_png_of_absurd_size_is_refused():
    """The error names the largest cell."""
    with pytest.raises(RenderError, match="must be 1 to 546"):
        board_to_png(np.zeros((30, 30), int), cell_px=1000)


def test_a_random_board_takes_one_path_a_colour():
    """The number of elements does not grow with the number of cells."""
    board = np.random.default_rng(0).integers(0, 10, (30, 30))
    svg = render_board(board)
    assert svg.count("<path") == 11
    assert len(svg) < 8_000


def test_pictures_on_one_page_share_a_name_only_for_equal_paths():
    """An id is made from the path that it names."""
    masks = [np.eye(n, dtype=bool) for n in (2, 3)]
    pictures = [render_board(np.zeros(mask.shape, int), marks=Marks(selected=mask)) for mask in masks]
    named = [dict(re.findall(r'<path id="(\w+)" d="([^"]+)"', picture)) for picture in pictures]
    assert named[0].keys().isdisjoint(named[1])
