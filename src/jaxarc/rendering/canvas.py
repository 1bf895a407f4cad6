"""Pixels to draw on: an image of colour numbers, so that a picture of few colours stays one of few colours.

Places and sizes are those of the SVG drawing, in its pixels; the canvas multiplies them by its scale. Edges
that fall between two pixels are blended in sixteenths.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from itertools import pairwise

import numpy as np

from jaxarc.rendering.colours import blend, ramp, rgb
from jaxarc.rendering.glyphs import LEVELS, advance_of, foreign_mask, text_mask
from jaxarc.rendering.kerning import has_glyphs
from jaxarc.rendering.png import frame_to_png, indexed_png
from jaxarc.rendering.raster import svg_pixels

__all__ = ["Canvas"]

_NAMED = re.compile(r'(<path id="([^"]+)"[^>]*/>)')
_USED = re.compile(r'<use href="#([^"]+)"')


@lru_cache(maxsize=256)
def _round_box(
    left: float, top: float, width: float, height: float, radius: float, line: float
) -> np.ndarray:
    """Return the coverage of a box with round corners, or of a ``line`` along its edge, uint8 to LEVELS."""
    rows = np.arange(math.ceil(top + height + line / 2))[:, None] + 0.5 - (top + height / 2)
    columns = np.arange(math.ceil(left + width + line / 2))[None, :] + 0.5 - (left + width / 2)
    across, down = np.abs(columns) - width / 2 + radius, np.abs(rows) - height / 2 + radius
    outside = np.hypot(np.maximum(across, 0), np.maximum(down, 0))
    distance = outside + np.minimum(np.maximum(across, down), 0) - radius
    if line:
        distance = np.abs(distance) - line / 2
    return (np.clip(0.5 - distance, 0, 1) * LEVELS + 0.5).astype(np.uint8)


@lru_cache(maxsize=256)
def _stroke(points: tuple[tuple[float, float], ...], width: float, round_: bool) -> np.ndarray:
    """Return the coverage of lines through points, uint8 to LEVELS."""
    right = math.ceil(max(x for x, _ in points) + width)
    bottom = math.ceil(max(y for _, y in points) + width)
    ys, xs = np.mgrid[0:bottom, 0:right] + 0.5
    covered = np.zeros((bottom, right))
    for (x0, y0), (x1, y1) in pairwise(points):
        length = math.hypot(x1 - x0, y1 - y0) or 1.0
        along = ((xs - x0) * (x1 - x0) + (ys - y0) * (y1 - y0)) / length
        across = np.abs((xs - x0) * (y1 - y0) - (ys - y0) * (x1 - x0)) / length
        beyond = np.maximum(np.maximum(-along, along - length), 0)
        if round_:
            part = np.clip(width / 2 + 0.5 - np.hypot(across, beyond), 0, 1)
        else:
            part = np.clip(width / 2 + 0.5 - across, 0, 1) * np.clip(0.5 - beyond, 0, 0.5) * 2
        covered = np.maximum(covered, part)
    return (covered * LEVELS + 0.5).astype(np.uint8)


class Canvas:
    """An image that shapes paint on.

    Attributes:
        scale: pixels for one of the SVG drawing.
        background: colour of the empty canvas, ``#RRGGBB``.
        indices: the number of each pixel's colour, uint16[height width]; 0 is the background.
    """

    def __init__(self, width: float, height: float, scale: float, background: str) -> None:
        self.scale = scale
        self.background = background
        shape = (max(math.floor(height * scale + 0.5), 1), max(math.floor(width * scale + 0.5), 1))
        self.indices = np.zeros(shape, np.uint16)
        self._colours: list[int] = [rgb(background)]
        self._numbers: dict[int, int] = {self._colours[0]: 0}
        self._ramps: dict[tuple[int, int], np.ndarray] = {}
        self._images: list[tuple[int, int, np.ndarray]] = []
        self._paths: dict[str, str] = {}

    def number(self, colour: int) -> int:
        """Return the number of a colour, 0xRRGGBB."""
        number = self._numbers.get(colour)
        if number is None:
            number = self._numbers[colour] = len(self._colours)
            self._colours.append(colour)
        return number

    def mixed(self, below: str, colour: str, share: float) -> int:
        """Return the number of ``share`` of a colour on another, both ``#RRGGBB``."""
        return self.number(blend(rgb(below), rgb(colour), share))

    def ramp(self, below: str, colour: str) -> np.ndarray:
        """Return the numbers of a colour in every coverage on another, uint16[LEVELS + 1]."""
        return self._ramp(self.number(rgb(below)), rgb(colour))

    def _ramp(self, below: int, colour: int) -> np.ndarray:
        key = (below, colour)
        numbers = self._ramps.get(key)
        if numbers is None:
            colours = ramp(self._colours[below], colour, LEVELS)
            numbers = self._ramps[key] = np.array([self.number(mixed) for mixed in colours], np.uint16)
        return numbers

    def view(self, left: int, top: int, width: int, height: int) -> np.ndarray:
        """Return the numbers of a part of the image, to be written into; uint16[height width].

        A part that reaches over the edge is a copy, and what is written into it is lost.
        """
        inside = left >= 0 and top >= 0
        part = self.indices[top : top + height, left : left + width] if inside else self.indices[:0, :0]
        return part if part.shape == (height, width) else np.zeros((height, width), np.uint16)

    def stamp(self, coverage: np.ndarray, left: int, top: int, colour: str) -> None:
        """Paint a colour through a mask.

        Args:
            coverage: uint8[height width], 0 to ``LEVELS``.
            left, top: the pixel of its top left corner.
            colour: ``#RRGGBB``.
        """
        height, width = self.indices.shape
        if left < 0 or top < 0 or left + coverage.shape[1] > width or top + coverage.shape[0] > height:
            coverage = coverage[max(-top, 0) : max(height - top, 0), max(-left, 0) : max(width - left, 0)]
            left, top = max(left, 0), max(top, 0)
        if not coverage.size:
            return
        region = self.indices[top : top + coverage.shape[0], left : left + coverage.shape[1]]
        below = int(region[0, 0])
        if (region == below).all():
            region[...] = self._ramp(below, rgb(colour))[coverage]
            return
        inked = np.flatnonzero(coverage)
        pairs = region.flat[inked].astype(np.intp) * (LEVELS + 1) + coverage.flat[inked]
        found, which = np.unique(pairs, return_inverse=True)
        above = rgb(colour)
        mixed = []
        for pair in found.tolist():
            below, level = divmod(pair, LEVELS + 1)
            mixed.append(self.number(blend(self._colours[below], above, level / LEVELS)))
        region.flat[inked] = np.array(mixed, np.uint16)[which]

    def text(
        self, x: float, y: float, words: str, size: float, colour: str, anchor: str, bold: bool
    ) -> float:
        """Write one line of text with its base line at ``y`` and return where it ends.

        Arguments are those of ``text.label``; nothing is cut off or cleaned here.
        """
        size *= self.scale
        start = x * self.scale
        width = advance_of(words, size, bold=bold)
        if not has_glyphs(words, bold):
            quarters = round(start * 4)
            coverage, column, row = foreign_mask(words, size, bold, anchor, quarters % 4)
            self.stamp(coverage, quarters // 4 + column, round(y * self.scale) + row, colour)
            return (start + width) / self.scale
        if anchor != "start":
            start -= width * (0.5 if anchor == "middle" else 1.0)
        quarters = round(start * 4)
        mask = text_mask(words, size, bold, quarters % 4)
        if mask is not None:
            coverage, column, row = mask
            self.stamp(coverage, quarters // 4 + column, round(y * self.scale) + row, colour)
        return (start + width) / self.scale

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        colour: str,
        radius: float = 0.0,
        line: float = 0.0,
    ) -> None:
        """Fill a box, or with ``line`` draw that wide a line along its edge."""
        x, y, width, height = (float(v * self.scale) for v in (x, y, width, height))
        radius, line = float(radius * self.scale), float(line * self.scale)
        if width <= 0 or height <= 0:
            return
        if not radius and not line and all(v == int(v) for v in (x, y, width, height)):
            left, top = int(x), int(y)
            self.indices[max(top, 0) : top + int(height), max(left, 0) : left + int(width)] = self.number(
                rgb(colour)
            )
            return
        left, top = math.floor(x - line / 2), math.floor(y - line / 2)
        radius = min(radius, width / 2, height / 2)
        numbers = (round(v, 3) for v in (x - left, y - top, width, height, radius, line))
        self.stamp(_round_box(*numbers), left, top, colour)

    def dashes(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        line: float,
        dash: tuple[float, float],
        colour: str,
    ) -> None:
        """Draw a dashed line along the edge of a box, or a level one where ``height`` is 0."""
        on, off = dash
        for index in range(math.ceil(width / (on + off))):
            start = index * (on + off)
            for side in (0.0, height) if height else (0.0,):
                self.box(x + start, y + side - line / 2, min(on, width - start), line, colour)
        for index in range(math.ceil(height / (on + off))):
            start = index * (on + off)
            for side in (0.0, width):
                self.box(x + side - line / 2, y + start, line, min(on, height - start), colour)

    def stroke(
        self, points: tuple[tuple[float, float], ...], width: float, colour: str, *, round_: bool = False
    ) -> None:
        """Draw straight lines from point to point, with flat or round ends."""
        width *= self.scale
        scaled = [(x * self.scale, y * self.scale) for x, y in points]
        left = math.floor(min(x for x, _ in scaled) - width)
        top = math.floor(min(y for _, y in scaled) - width)
        moved = tuple((round(x - left, 3), round(y - top, 3)) for x, y in scaled)
        self.stamp(_stroke(moved, width, round_), left, top, colour)

    def svg(self, x: float, y: float, width: float, height: float, body: str) -> None:
        """Draw SVG elements into a place of this size; nothing shows outside it but a margin of 4 pixels.

        Paths that they use from elements drawn before are found there.
        """
        margin = 4
        used = self._paths.keys() & set(_USED.findall(body))
        named = {name: path for path, name in _NAMED.findall(body)}
        self._paths.update(named)
        defs = "".join(self._paths[name] for name in sorted(used - named.keys()))
        left, top = math.floor(x * self.scale) - margin, math.floor(y * self.scale) - margin
        dx, dy = x - left / self.scale, y - top / self.scale
        size = f'width="{dx + width + margin:.6g}" height="{dy + height + margin:.6g}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="Lato">'
        back = f'<rect width="100%" height="100%" fill="{self.background}"/>'
        moved = f'<defs>{defs}</defs><g transform="translate({dx:.6g} {dy:.6g})">{body}</g>'
        self._images.append((left, top, svg_pixels(f"{head}{back}{moved}</svg>", self.scale)))

    def pixels(self) -> np.ndarray:
        """Return the image, uint8[height width 3]."""
        table = np.array(self._colours, np.uint32).astype("<u4")
        bytes_ = table[self.indices].view(np.uint8).reshape(*self.indices.shape, 4)
        drawn = np.ascontiguousarray(bytes_[..., 2::-1])
        for left, top, image in self._images:
            part = image[max(-top, 0) :, max(-left, 0) :]
            place = drawn[max(top, 0) :, max(left, 0) :][: part.shape[0], : part.shape[1]]
            place[:] = part[: place.shape[0], : place.shape[1]]
        return drawn

    def png(self) -> bytes:
        """Return the image as the bytes of a PNG file, with a palette where there are at most 256 colours."""
        if self._images or len(self._colours) > 256:
            return frame_to_png(self.pixels())
        return indexed_png(self.indices, self._colours)
