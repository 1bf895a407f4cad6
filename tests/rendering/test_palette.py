"""The palettes keep ten colours apart, for every kind of vision that they promise."""

from __future__ import annotations

import numpy as np
import pytest

from jaxarc.errors import RenderError
from jaxarc.rendering import PALETTES, Style, get_palette
from jaxarc.rendering.categories import category_colours
from jaxarc.rendering.colormap import diverging, sequential
from jaxarc.rendering.oklab import rgb_to_oklab, to_hex
from jaxarc.rendering.palette import MARK_DARK, MARK_LIGHT, THEMES

# Machado, Oliveira, Fernandes 2009, severity 1.0; they act on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
# Ottosson 2020: linear RGB to cone responses, and their cube roots to lightness and two opponent axes.
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def linear(colours: tuple[str, ...]) -> np.ndarray:
    rgb = np.array([list(bytes.fromhex(colour[1:])) for colour in colours]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def seen(colours: tuple[str, ...], vision: str) -> np.ndarray:
    """Return colours in OKLab, [colours 3], as a kind of vision has them."""
    light = np.clip(linear(colours) @ VISION[vision].T, 0, 1)
    return np.cbrt(light @ TO_CONES.T) @ TO_LAB.T


def nearest_of(colours: tuple[str, ...], vision: str) -> float:
    lab = seen(colours, vision)
    distances = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
    return float(distances[np.triu_indices(len(colours), 1)].min())


def nearest_pair(name: str, vision: str) -> float:
    return nearest_of(PALETTES[name].colours, vision)


@pytest.mark.parametrize("vision", VISION)
def test_any_two_colours_of_the_colorblind_palette_stay_apart(vision):
    """In normal vision and three simulated dichromacies, two colours are at least 0.105 apart in OKLab."""
    assert nearest_pair("colorblind", vision) >= 0.105


def test_the_colorblind_palette_is_needed():
    """ARC's own colours come closer than half of that, so the test above can fail."""
    assert nearest_pair("default", "deuteranopia") < 0.05


def test_the_high_contrast_palette_has_more_contrast_than_the_default_one():
    """Two of its colours are at least 0.2 apart in normal vision, where the default has 0.13."""
    assert nearest_pair("high_contrast", "normal") >= 0.2 > nearest_pair("default", "normal")


def contrast(one: str, two: str) -> float:
    weights = np.array([0.2126, 0.7152, 0.0722])
    low, high = sorted(float(linear((colour,))[0] @ weights) for colour in (one, two))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES)
def test_text_can_be_read_on_its_background(theme):
    """Every text colour has at least the contrast 4.5 that WCAG 2 asks for."""
    colours = THEMES[theme]
    for name in ("ink", "muted", "accent", "good", "bad"):
        assert contrast(getattr(colours, name), colours.background) >= 4.5, name


def test_an_unknown_palette_or_theme_names_the_known_ones():
    """A misspelt name is answered with the closest one."""
    with pytest.raises(RenderError, match="did you mean colorblind"):
        get_palette("colourblind")
    with pytest.raises(RenderError, match="theme must be one of light, dark, got 'drak'"):
        Style(theme="drak")


def cells_of(name: str) -> tuple[str, ...]:
    return (*PALETTES[name].colours, PALETTES[name].outside)


@pytest.mark.parametrize("palette", PALETTES)
def test_the_marks_of_selected_and_changed_cells_show_on_every_colour(palette):
    """Both are dark and light at once; one of the two has the contrast 4.5 to any cell."""
    for colour in cells_of(palette):
        assert max(contrast(MARK_DARK, colour), contrast(MARK_LIGHT, colour)) >= 4.5, colour


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("palette", PALETTES)
def test_the_mark_of_wrong_cells_shows_on_every_colour(palette, theme, vision):
    """Its red or its white rim is at least 0.24 away from any cell, in every kind of vision."""
    cells = seen(cells_of(palette), vision)
    mark = seen((THEMES[theme].wrong, MARK_LIGHT), vision)
    away = np.linalg.norm(cells[:, None] - mark[None], axis=-1).max(axis=1)
    assert away.min() >= 0.24


def test_a_value_past_the_palette_looks_like_no_colour_of_it():
    """It is at least 0.1 away from all ten, and its cross has the contrast 3 to it."""
    for palette in PALETTES.values():
        lab = seen((palette.outside, *palette.colours), "normal")
        assert np.linalg.norm(lab[1:] - lab[0], axis=-1).min() >= 0.1
        assert contrast(palette.outside, palette.outside_mark) >= 3


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("theme", THEMES)
def test_curves_that_are_compared_stay_apart(theme, vision):
    """Two of the eight colours are at least 0.1 apart, and each has the contrast 3 to the background."""
    colours = THEMES[theme]
    assert nearest_of(colours.series, vision) >= 0.1
    assert min(contrast(colour, colours.background) for colour in colours.series) >= 3


def test_maps_of_numbers_are_ordered_by_lightness():
    """From low to high lighter at every step; from zero to either side darker, alike on both."""
    lightness = rgb_to_oklab(sequential())[:, 0]
    assert (np.diff(lightness) > 0).all()
    assert lightness[-1] - lightness[0] > 0.6
    lightness = rgb_to_oklab(diverging())[:, 0]
    low, high = lightness[: len(lightness) // 2], lightness[len(lightness) // 2 :]
    assert (np.diff(low) > 0).all()
    assert (np.diff(high) < 0).all()
    assert np.abs(low - high[::-1]).max() < 0.01


@pytest.mark.parametrize("vision", VISION)
def test_the_two_sides_of_zero_stay_apart(vision):
    """The ends of the map of both signs are at least 0.2 apart for everybody."""
    assert nearest_of(to_hex(diverging()[[0, -1]]), vision) >= 0.2


def test_further_values_of_a_grid_stay_apart():
    """Sixteen colours of the colorblind palette are 0.08 apart for everybody, 32 of the others 0.11."""
    for vision in VISION:
        assert nearest_of(category_colours("colorblind", 16), vision) >= 0.08
    for name in ("default", "high_contrast"):
        assert nearest_of(category_colours(name, 32), "normal") >= 0.11
