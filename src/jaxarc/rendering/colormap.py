"""The colours of numbers: one map from low to high, one from negative through zero to positive."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from jaxarc.rendering.oklab import max_chroma, oklab_to_rgb, oklch_to_oklab

__all__ = ["LEVELS", "diverging", "sequential"]

LEVELS = 248
"""Steps of a map; a PNG of 256 colours has room for eight more: NaN, infinities and what lies around."""


@lru_cache(maxsize=1)
def sequential() -> np.ndarray:
    """Return the map from low to high, uint8[LEVELS 3].

    Built in OKLCH (Björn Ottosson, 2020): lightness rises evenly from 0.24 to 0.93, so that equal steps of
    the value are equal steps of lightness, also in print and to colour-blind eyes; the hue turns evenly from
    violet over blue and green to yellow, the order that viridis made familiar (van der Walt and Smith, 2015),
    and the chroma is what sRGB has there, up to 0.15.
    """
    share = np.linspace(0.0, 1.0, LEVELS)
    lightness = 0.24 + 0.69 * share
    hue = 305.0 - 200.0 * share
    chroma = np.minimum(0.9 * max_chroma(lightness, hue), 0.15)
    kernel = np.hanning(33) / np.hanning(33).sum()
    chroma = np.convolve(np.pad(chroma, 16, mode="edge"), kernel, mode="valid")
    return oklab_to_rgb(oklch_to_oklab(lightness, chroma, hue))


@lru_cache(maxsize=1)
def diverging() -> np.ndarray:
    """Return the map from negative (blue) over zero (nearly white) to positive (orange), uint8[LEVELS 3].

    Built in OKLCH: lightness falls and chroma grows evenly with the distance from zero, alike to both sides.
    Blue against orange stays apart in every common kind of colour blindness.
    """
    share = np.linspace(-1.0, 1.0, LEVELS)
    far = np.abs(share)
    lightness = 0.965 - 0.5 * far
    hue = np.where(share < 0, 256.0, 47.0)
    chroma = np.minimum(0.155 * far, 0.97 * max_chroma(lightness, hue))
    return oklab_to_rgb(oklch_to_oklab(lightness, chroma, hue))
