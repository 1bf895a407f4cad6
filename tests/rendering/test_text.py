"""Text enters a picture through one door, and stays inside its room."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxarc.rendering.text import clean, escape, fit, label, number, width_of


@given(st.text(alphabet=st.characters(), max_size=60))
def test_any_text_is_valid_between_tags_and_in_an_attribute(text):
    """Control characters, surrogates, quotes and markup leave XML that parses to the cleaned text."""
    root = ElementTree.fromstring(f'<a b="{escape(text)}">{escape(text)}</a>'.encode())
    assert (root.text or "") == clean(text)
    assert root.attrib["b"] == clean(text)


def test_text_cannot_reorder_what_stands_around_it():
    """Overrides of the writing direction are replaced."""
    assert "\u202e" not in clean("abc\u202edef")


@given(st.text(max_size=60), st.floats(0, 300), st.booleans())
def test_fitted_text_is_never_wider_than_its_room(text, room, bold):
    """What is too long ends with an ellipsis, or is gone where not even that fits."""
    fitted = fit(text, room, 13, bold=bold)
    assert fitted == "" or width_of(fitted, 13, bold=bold) <= room + 1e-6


def test_short_text_is_left_alone():
    """Nothing is cut that fits."""
    assert fit("Flood Fill 3", 200, 14) == "Flood Fill 3"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (1, "1"),
        (0.125, "0.125"),
        (-0.5, "\u22120.5"),
        (123456.7, "123,457"),
        (100000, "100,000"),
        (1234567, "1.23e6"),
        (0.00001234, "1.23e\u22125"),
        (3e9, "3e9"),
        (float("nan"), "NaN"),
        (-np.inf, "\u2212inf"),
        (np.float32(0.1), "0.1"),
        (True, "1"),
    ],
)
def test_numbers_are_written_as_people_read_them(value, words):
    """Three decimals at most, thousands parted, a true minus."""
    assert number(value) == words


def test_a_signed_number_shows_its_plus():
    """Rewards say which way they went; zero has no sign."""
    assert number(0.5, signed=True) == "+0.5"
    assert number(0, signed=True) == "0"


def test_an_empty_text_has_no_element():
    """Nothing is drawn for nothing."""
    assert label(0, 0, "  ", 12, "#000") == ""
