"""Every kind of value has its own picture, on one scale with what it is compared with."""

from __future__ import annotations

import base64
import io
import re
from xml.etree import ElementTree

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from observed import OBSERVATIONS, minatar, pong, pong_stack, screen
from PIL import Image

from jaxarc.rendering import Marks, Picture, Style, picture_of
from jaxarc.rendering.image import png_bytes
from jaxarc.rendering.palette import get_palette
from jaxarc.rendering.picture import kinds_of, pictures_of


def elements(picture: Picture) -> ElementTree.Element:
    return ElementTree.fromstring(f'<svg xmlns="http://www.w3.org/2000/svg">{picture.body}</svg>')


def words(picture: Picture) -> str:
    return " ".join(node.text or "" for node in elements(picture).iter() if node.tag.endswith("text"))


def pixels(picture: Picture) -> list[np.ndarray]:
    """Return the images in a picture as RGB."""
    found = re.findall(r"data:image/png;base64,([^\"]+)", picture.body)
    opened = [Image.open(io.BytesIO(base64.b64decode(data))) for data in found]
    return [np.asarray(image.convert("RGB")) for image in opened]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (np.arange(-1, 10).reshape(1, 11), "board"),
        (np.ones((3, 3), bool), "board"),
        (np.zeros((84, 84), np.uint8), "frame"),
        (np.zeros((40, 40), np.uint8), "frame"),
        (np.full((84, 84), 5, np.uint8), "frame"),
        (np.zeros((84, 84, 4), np.uint8), "stack"),
        (np.zeros((84, 84, 3), np.uint8), "frame"),
        (np.zeros((84, 84, 4), bool), "planes"),
        (np.full((40, 40), 5, np.uint8), "board"),
        (np.arange(12).reshape(3, 4), "grid"),
        (np.array([[0, 127, 255]], np.uint8), "grid"),
        (np.arange(400).reshape(20, 20), "field"),
        (np.array([[-5, 5]]), "field"),
        (np.arange(100).reshape(10, 10), "field"),
        (np.zeros((2, 2000), int), "field"),
        (np.zeros((1, 30)), "field"),
        (pong(0), "frame"),
        (pong(0)[..., None], "frame"),
        (screen(0), "frame"),
        (np.moveaxis(screen(0), -1, 0), "frame"),
        (screen(0) / np.float32(255), "frame"),
        (np.dstack((screen(0), np.full((64, 64), 255, np.uint8))), "frame"),
        (pong_stack(0), "stack"),
        (np.moveaxis(pong_stack(0), -1, 0), "stack"),
        (pong_stack(0)[None], "stack"),
        (np.stack([screen(t) for t in range(4)]), "stack"),
        (minatar(0), "planes"),
        (minatar(0).astype(bool), "planes"),
        (np.moveaxis(minatar(0), -1, 0), "planes"),
        (OBSERVATIONS["minigrid"](0), "channels"),
        (np.arange(60.0).reshape(4, 5, 3), "channels"),
        (np.arange(4), "vector"),
        (np.float32(1), "vector"),
        (True, "vector"),
        (np.zeros(3, ml_dtypes.bfloat16), "vector"),
        (np.zeros((3, 3), ml_dtypes.float8_e4m3fn), "field"),
        (np.zeros((3, 3), ml_dtypes.int4), "board"),
        (np.zeros((2, 3, 4, 5, 6)), "text"),
        (np.zeros((0, 5)), "text"),
        (np.zeros((5, 0)), "text"),
        (np.zeros(0), "text"),
        ("words", "text"),
        (None, "text"),
        (np.array([1j]), "text"),
        (np.array(["2020-01-01"], "M8[D]"), "text"),
        (np.zeros(3, [("a", "f4"), ("b", "i4")]), "text"),
        (np.array([{}, "x"], object), "text"),
        ([[1, 2], [3]], "text"),
    ],
    ids=lambda value: (
        value
        if isinstance(value, str)
        else f"{getattr(value, 'dtype', '')}{np.shape(value)}"
        if isinstance(value, np.ndarray)
        else type(value).__name__
    ),
)
def test_a_value_has_the_kind_of_picture_that_fits_it(value, kind):
    """Shape, type and numbers decide; the picture is valid and has a size."""
    assert kinds_of([value]) == [kind]
    picture = picture_of(value)
    elements(picture)
    assert 0 < picture.width <= 300
    assert 0 < picture.height <= 600


@given(
    arrays(
        st.sampled_from([np.float32, np.float64, np.int8, np.uint8, np.int64, np.uint64, bool, np.complex64]),
        array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=6),
    )
)
@settings(max_examples=150, deadline=None)
def test_any_array_has_a_picture(value):
    """Whatever the shape and the numbers, two of them are drawn without an error, and the same way twice."""
    first = pictures_of([value, value], Style(), 200)
    assert first == pictures_of([value, value], Style(), 200)
    for picture in first:
        elements(picture)


def test_a_value_of_a_grid_keeps_its_colour_in_every_picture():
    """Neither the other values nor their number change it, and 0 to 9 look as they do on an ARC board."""
    low, high = (picture_of(np.array([[3, value]])).body for value in (12, 60))
    assert get_palette("default").colours[3] in low
    assert get_palette("default").colours[3] in high
    of_twelve = set(re.findall("#[0-9A-F]{6}", low)) - set(re.findall("#[0-9A-F]{6}", high))
    assert len(of_twelve) == 1
    assert of_twelve <= set(re.findall("#[0-9A-F]{6}", picture_of(np.array([[200, 12]])).body))


def test_arcs_boards_have_ten_colours_and_other_grids_more():
    """What an ARC step holds beyond 9 is drawn as unknown; any other grid has a colour and a name for it."""
    board = np.array([[0, 12]])
    outside = get_palette("default").outside
    assert outside in pictures_of([board], Style(), 264, arc=True)[0].body
    drawn = pictures_of([board], Style(), 264)[0]
    assert outside not in drawn.body
    assert words(drawn) == "0 12"


def test_before_and_after_of_a_field_share_one_scale():
    """The same number has the same colour in both, and one bar says what it means."""
    before, after = pictures_of([np.array([[0.0, 1.0]]), np.array([[1.0, 4.0]])], Style(), 264)
    assert (pixels(before)[0][0, 1] == pixels(after)[0][0, 0]).all()
    assert words(before) == "0 4 2"
    assert words(after) == ""


def test_a_field_of_both_signs_is_coloured_around_zero():
    """Zero is the light middle, and what is no finite number has a colour of its own that is named."""
    value = np.array([[-2.0, 0.0, 1.0, np.nan, np.inf, -np.inf]])
    drawn = picture_of(value)
    negative, zero, positive, *others = pixels(drawn)[0][0].astype(int)
    assert zero.min() > 235
    assert negative[2] > negative[0]
    assert positive[0] > positive[2]
    assert len({tuple(colour) for colour in others}) == 3
    assert words(drawn) == "\u22122 2 0 NaN +inf \u2212inf"


def test_a_field_without_differences_says_so():
    """A constant is named; a field of no finite number has no bar."""
    assert words(picture_of(np.full((3, 3), 2.5))) == "2.5 everywhere"
    assert words(picture_of(np.full((3, 3), np.nan))) == "NaN"


def test_frames_are_shown_as_they_are():
    """Every pixel of a screen, of three channels or one, is in the picture, wherever the channels are."""
    for frame in (screen(0), np.moveaxis(screen(0), -1, 0), screen(0) / 255.0):
        assert (pixels(picture_of(frame))[0] == screen(0)).all()
    assert (pixels(picture_of(pong(0)))[0][..., 0] == pong(0)).all()


def test_a_stack_shows_the_newest_frame_large_and_the_others_in_order():
    """The last channel is the newest; those before it say how old they are."""
    drawn = picture_of(pong_stack(0))
    images = pixels(drawn)
    assert [image.shape for image in images] == [(84, 84, 3)] * 4
    assert [int(np.argwhere(image[16:80, 12:70, 0] == 236)[0][0]) for image in images] == [17, 14, 15, 16]
    assert words(drawn) == "t \u2212 3 t \u2212 2 t \u2212 1"


def test_what_changed_on_a_frame_is_in_a_box_unless_it_is_most_of_it():
    """A few pixels are pointed at; a scrolling background is not."""
    few, most = np.zeros((64, 64, 3), bool), np.ones((64, 64, 3), bool)
    few[10:14, 20:30] = True
    assert picture_of(screen(0), marks=Marks(changed=few)).body.count("<rect") == 3
    assert picture_of(screen(0), marks=Marks(changed=most)).body.count("<rect") == 1


def test_planes_become_one_grid_with_a_legend():
    """Each channel that occurs has a colour and its number; the last of several in a cell is seen."""
    drawn = picture_of(minatar(0))
    assert words(drawn) == "channel 0 1 2 3"
    both = np.zeros((3, 4, 2), bool)
    both[0, 0] = True
    assert words(picture_of(both)) == "channel 1"


def test_many_channels_are_cut_with_a_count():
    """Nine are shown, and how many more there are."""
    assert "+3 more channels" in words(picture_of(np.random.default_rng(0).normal(size=(5, 5, 12))))


def test_a_huge_array_is_drawn_fast_and_small():
    """Ten million entries are a strip of its least and greatest, or text; never an element each."""
    vector = np.zeros(10_000_000, np.float32)
    vector[1234] = 5
    drawn = picture_of(vector)
    assert len(drawn.body) < 20_000
    assert "0 to 5" in words(drawn)
    assert len(picture_of(vector.reshape(2500, 4000)).body) < 20_000
    assert len(picture_of(vector.reshape(10, 10, 10, 10, -1)).body) < 2_000


def test_objects_are_named_by_their_type_and_never_asked_for_their_words():
    """Their repr is somebody's code, which a picture does not run."""

    class Loud:
        def __repr__(self) -> str:
            raise AssertionError("asked")

        __str__ = __repr__

    assert "Loud" in words(picture_of(np.array([Loud(), Loud()], object)))


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4), (1, 1), (1, 300, 3)])
def test_pixels_become_a_png_that_others_read(shape):
    """Pillow reads back every byte, whatever the filter that packed them best."""
    value = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    assert (np.asarray(Image.open(io.BytesIO(png_bytes(value)))) == value).all()
    numbers = value % 3 if value.ndim == 2 else value[..., 0] % 3
    colours = np.array([[0, 0, 0], [255, 0, 0], [1, 2, 3]], np.uint8)
    read = Image.open(io.BytesIO(png_bytes(numbers, colours))).convert("RGB")
    assert (np.asarray(read) == colours[numbers]).all()


def test_observations_like_those_of_known_environments_stay_small():
    """A picture of one is a few kilobytes."""
    sizes = {name: len(picture_of(make(0)).body) for name, make in OBSERVATIONS.items()}
    assert max(sizes.values()) < 8_000, sizes


def test_cells_of_planes_hold_no_digits():
    """Numbers in the cells would be one more than those of the channels in the legend."""
    assert picture_of(minatar(0), Style(show_digits=True)) == picture_of(minatar(0), Style())
