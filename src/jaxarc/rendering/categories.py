"""Colours for as many kinds of things as a grid has: ARC's ten go on for ever."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from jaxarc.rendering.oklab import (
    from_hex,
    in_gamut,
    linear,
    linear_to_oklab,
    oklab_to_rgb,
    oklch_to_oklab,
    to_hex,
)
from jaxarc.rendering.palette import get_palette

__all__ = ["CATEGORIES_AT_MOST", "category_colours"]

CATEGORIES_AT_MOST = 256

# Deuteranopia, protanopia and tritanopia in linear RGB, severity 1.0: Machado, Oliveira and Fernandes, "A
# Physiologically-based Model for Simulation of Color Vision Deficiency", IEEE TVCG 15 (6), 2009.
_DEFICIENCIES = (
    ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
)


@lru_cache(maxsize=1)
def _candidates() -> np.ndarray:
    """Return colours to choose from, uint8[count 3]: a lattice in OKLCH, far from black and from white."""
    lightness, chroma, hue = np.meshgrid(
        np.arange(0.36, 0.94, 0.08), np.arange(0.05, 0.33, 0.04), np.arange(0.0, 360.0, 12.0), indexing="ij"
    )
    lab = oklch_to_oklab(lightness.ravel(), chroma.ravel(), hue.ravel())
    return np.unique(oklab_to_rgb(lab[in_gamut(lab)]), axis=0)


def _as_seen(rgb: np.ndarray, *, simulated: bool) -> np.ndarray:
    """Return colours in OKLab as everyone sees them, [visions count 3]."""
    light = linear(rgb)
    seen = [light]
    if simulated:
        seen += [np.clip(light @ np.array(matrix).T, 0.0, 1.0) for matrix in _DEFICIENCIES]
    return np.stack([linear_to_oklab(one) for one in seen])


@lru_cache(maxsize=16)
def category_colours(palette: str, count: int) -> tuple[str, ...]:
    """Return colours for the values 0 to ``count - 1``; a value's colour never depends on ``count``.

    The first ten are the palette's. Each further one is the colour of a lattice in OKLCH that is farthest, in
    OKLab, from all before it (farthest-first traversal: Gonzalez, "Clustering to minimize the maximum
    intercluster distance", 1985; used for palettes by Glasbey and others, "Colour displays for categorical
    images", 2007). In the palette ``colorblind`` the distance is the least of four: in normal vision and in
    simulated deuteranopia, protanopia and tritanopia.

    Args:
        palette: name of a palette.
        count: how many, at most 256.
    """
    start = get_palette(palette)
    taken = list(start.colours)
    if count <= len(taken):
        return tuple(taken[:count])
    simulated = palette == "colorblind"
    candidates = _candidates()
    seen = _as_seen(candidates, simulated=simulated)
    nearest = np.full(len(candidates), np.inf)
    for lab in np.moveaxis(_as_seen(from_hex((*taken, start.outside)), simulated=simulated), 1, 0):
        nearest = np.minimum(nearest, _distances(seen, lab))
    while len(taken) < count:
        best = int(np.argmax(nearest))
        taken.extend(to_hex(candidates[best : best + 1]))
        nearest = np.minimum(nearest, _distances(seen, seen[:, best]))
    return tuple(taken)


def _distances(seen: np.ndarray, one: np.ndarray) -> np.ndarray:
    """Return how far every colour is from one, by the vision that tells them apart least.

    Rounded, so that the same one is chosen wherever the last bits of a cube root differ.
    """
    return np.linalg.norm(seen - one[:, None], axis=-1).min(axis=0).round(5)
