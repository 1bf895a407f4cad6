"""Text as masks of coverage: each glyph of Lato is drawn once a size, and text is put together from them.

FreeType fits glyphs to the pixels that it draws on, which moves stems and base lines; SVG viewers don't. So a
glyph is drawn several times as large and averaged down, at one of four positions between two pixels.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from jaxarc.rendering.kerning import kerning
from jaxarc.rendering.raster import font_files, svg_pixels
from jaxarc.rendering.text import label, width_of

if TYPE_CHECKING:
    from PIL import ImageFont

__all__ = ["LEVELS", "Mask", "advance_of", "foreign_mask", "text_mask"]

LEVELS = 15
"""The coverage of a pixel is a whole number from 0 to this."""

_PHASES = 4
_EM = 1000

Mask = tuple[np.ndarray, int, int]
"""Coverage, uint8[height width], and the column and row of its top left pixel, counted from its origin."""


@lru_cache(maxsize=64)
def _font(bold: bool, size: float) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont  # here, so that who draws without text needs no moment for it

    return ImageFont.truetype(font_files()[bold], size, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=1024)
def _advance(char: str, bold: bool) -> float:
    """Return how far a character moves the pen, in ems."""
    return _font(bold, _EM).getlength(char) / _EM


@lru_cache(maxsize=4096)
def _places(words: str, bold: bool) -> tuple[tuple[float, ...], float]:
    """Return where each character of a text starts and where the text ends, in ems."""
    pen, places, before = 0.0, [], ""
    for char in words:
        pen += kerning(before, char, bold) if before else 0.0
        places.append(pen)
        pen += _advance(char, bold)
        before = char
    return tuple(places), pen


def advance_of(words: str, size: float, *, bold: bool = False) -> float:
    """Return the width of a text in Lato, exactly, in the unit of ``size``."""
    return _places(words, bold)[1] * size


@lru_cache(maxsize=2048)
def _glyph(char: str, size: float, bold: bool, phase: int) -> Mask | None:
    """Return the coverage of one character, uint8 to 255, its origin on the base line; None for a blank."""
    finer = 8 if size < 24 else 4
    font = _font(bold, size * finer)
    left, top, right, bottom = font.getbbox(char, anchor="ls")
    shift = phase * finer // _PHASES
    column, row = math.floor((left + shift) / finer), math.floor(top / finer)
    width = math.ceil((right + shift) / finer) - column
    height = math.ceil(bottom / finer) - row
    if width <= 0 or height <= 0:
        return None
    from PIL import Image, ImageDraw

    image = Image.new("L", (width * finer, height * finer))
    at = (shift - column * finer, -row * finer)
    ImageDraw.Draw(image).text(at, char, 255, font, anchor="ls")
    coverage = np.asarray(image).reshape(height, finer, width, finer).mean(axis=(1, 3))
    return coverage.round().astype(np.uint8), column, row


@lru_cache(maxsize=2048)
def text_mask(words: str, size: float, bold: bool, phase: int) -> Mask | None:
    """Return the coverage of a text; None where there is nothing to see.

    Args:
        words: one line of text.
        size: font size in pixels.
        bold: the face.
        phase: quarters of a pixel by which the text starts to the right of its origin.

    Returns:
        Coverage from 0 to ``LEVELS``; the origin is on the base line.
    """
    placed: list[tuple[np.ndarray, int, int]] = []
    for char, place in zip(words, _places(words, bold)[0], strict=True):
        quarters = round(place * size * _PHASES) + phase
        glyph = _glyph(char, size, bold, quarters % _PHASES)
        if glyph is not None:
            coverage, column, row = glyph
            placed.append((coverage, column + quarters // _PHASES, row))
    if not placed:
        return None
    left, top = min(column for _, column, _ in placed), min(row for _, _, row in placed)
    right = max(column + coverage.shape[1] for coverage, column, _ in placed)
    bottom = max(row + coverage.shape[0] for coverage, _, row in placed)
    whole = np.zeros((bottom - top, right - left), np.uint16)
    for coverage, column, row in placed:
        height, width = coverage.shape
        whole[row - top : row - top + height, column - left : column - left + width] += coverage
    levels = (np.minimum(whole, 255) * LEVELS + 127) // 255
    return levels.astype(np.uint8), left, top


@lru_cache(maxsize=256)
def foreign_mask(words: str, size: float, bold: bool, anchor: str, phase: int) -> Mask:
    """Return the coverage of a text with characters that Lato lacks, drawn as in the SVG; see ``text_mask``.

    Args:
        words, size, bold, phase: as there.
        anchor: which point of the text is its origin, as in ``text.label``.
    """
    width = math.ceil(width_of(words, size, bold=bold) + 2 * size)
    height, base = math.ceil(2 * size), math.ceil(1.4 * size)
    origin = {"start": math.ceil(size), "middle": width // 2}.get(anchor, width - math.ceil(size))
    text = label(origin + phase / _PHASES, base, words, size, "#fff", anchor=anchor, bold=bold)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="Lato">'
    drawn = svg_pixels(f'{head}<rect width="100%" height="100%"/>{text}</svg>').max(axis=2)
    levels = (drawn.astype(np.uint16) * LEVELS + 127) // 255
    return levels.astype(np.uint8), -origin, -base
