"""OKLab, where distances between colours are about as large as they look.

Björn Ottosson, "A perceptual color space for image processing" (2020): linear sRGB to the responses of the
cones, their cube roots, and a rotation into lightness and two opponent axes. OKLCH is the same in polar form.
"""

from __future__ import annotations

import numpy as np

__all__ = ["from_hex", "max_chroma", "oklab_to_rgb", "oklch_to_oklab", "rgb_to_oklab", "to_hex"]

_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_FROM_CONES = np.linalg.inv(_TO_CONES)
_FROM_LAB = np.linalg.inv(_TO_LAB)


def from_hex(colours: tuple[str, ...]) -> np.ndarray:
    """Return CSS colours ``#RRGGBB`` as uint8[count 3]."""
    return np.frombuffer(bytes.fromhex("".join(colour[1:] for colour in colours)), np.uint8).reshape(-1, 3)


def to_hex(rgb: np.ndarray) -> tuple[str, ...]:
    """Return uint8[count 3] as CSS colours ``#RRGGBB``."""
    return tuple("#" + bytes(row).hex().upper() for row in rgb)


def linear(rgb: np.ndarray) -> np.ndarray:
    """Return sRGB uint8[... 3] as linear light, 0 to 1."""
    share = rgb / 255.0
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def rgb_to_oklab(rgb: np.ndarray) -> np.ndarray:
    """Return sRGB uint8[... 3] as lightness (0 to 1), a and b."""
    return linear_to_oklab(linear(rgb))


def linear_to_oklab(light: np.ndarray) -> np.ndarray:
    """Return linear sRGB [... 3] as lightness, a and b."""
    return np.cbrt(light @ _TO_CONES.T) @ _TO_LAB.T


def oklch_to_oklab(lightness: np.ndarray, chroma: np.ndarray, hue: np.ndarray) -> np.ndarray:
    """Return colours in polar form, the hue in degrees, as OKLab [... 3]."""
    angle = np.deg2rad(hue)
    return np.stack((lightness, chroma * np.cos(angle), chroma * np.sin(angle)), axis=-1)


def _oklab_to_linear(lab: np.ndarray) -> np.ndarray:
    return (lab @ _FROM_LAB.T) ** 3 @ _FROM_CONES.T


def in_gamut(lab: np.ndarray) -> np.ndarray:
    """Return which colours of OKLab [... 3] a screen of sRGB can show."""
    light = _oklab_to_linear(lab)
    return np.asarray(((light > -1e-4) & (light < 1 + 1e-4)).all(axis=-1))


def max_chroma(lightness: np.ndarray, hue: np.ndarray) -> np.ndarray:
    """Return the largest chroma that sRGB has at each lightness and hue in degrees, to 0.001."""
    low, high = np.zeros_like(lightness), np.full_like(lightness, 0.4)
    for _ in range(9):
        middle = (low + high) / 2
        fits = in_gamut(oklch_to_oklab(lightness, middle, hue))
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return low


def oklab_to_rgb(lab: np.ndarray) -> np.ndarray:
    """Return OKLab [... 3] as sRGB uint8[... 3]; what sRGB has not is clipped."""
    light = np.clip(_oklab_to_linear(lab), 0.0, 1.0)
    share = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    return (share * 255 + 0.5).astype(np.uint8)
