"""PNG files written here hold, to another reader, the pixels that were given."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from jaxarc.errors import RenderError
from jaxarc.rendering import frame_to_png
from jaxarc.rendering.png import indexed_png


def decoded(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        image.verify()
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))


@given(arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(3))))
@settings(max_examples=30, deadline=None)
def test_a_frame_is_stored_exactly(frame):
    """Any RGB image, of any size."""
    np.testing.assert_array_equal(decoded(frame_to_png(frame)), frame)


@given(arrays(np.uint16, array_shapes(min_dims=2, max_dims=2, max_side=20), elements=st.integers(0, 255)))
@settings(max_examples=30, deadline=None)
def test_a_palette_image_is_stored_exactly(numbers):
    """Each number becomes its colour."""
    colours = [number * 0x010305 & 0xFFFFFF for number in range(256)]
    expected = np.array([[colour >> 16, colour >> 8 & 255, colour & 255] for colour in colours])[numbers]
    np.testing.assert_array_equal(decoded(indexed_png(numbers, colours)), expected)


def test_a_frame_cut_out_of_another_is_stored():
    """Arrays that are not contiguous are no problem."""
    frame = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    np.testing.assert_array_equal(decoded(frame_to_png(frame[3:9, ::2])), frame[3:9, ::2])


@pytest.mark.parametrize(
    "frame", [np.zeros((4, 4)), np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)]
)
def test_what_is_no_frame_is_refused(frame):
    """The error says what was given."""
    with pytest.raises(RenderError, match=r"frame must be uint8\[height width 3\], got"):
        frame_to_png(frame)
