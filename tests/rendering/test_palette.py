"""The palettes keep ten colours apart, for every kind of vision that they promise."""

from __future__ import annotations

import numpy as np
import pytest

from jaxarc.errors import RenderError
from jaxarc.rendering import PALETTES, Style, get_palette
from jaxarc.rendering.palette import THEMES

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


def nearest_pair(name: str, vision: str) -> float:
    seen = np.clip(linear(PALETTES[name].colours) @ VISION[vision].T, 0, 1)
    lab = np.cbrt(seen @ TO_CONES.T) @ TO_LAB.T
    distances = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
    return float(distances[np.triu_indices(10, 1)].min())


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
