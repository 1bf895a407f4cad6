"""An SVG that somebody else drew, shown as an image: nothing in it runs, and nothing is fetched for it."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping, Sequence

import numpy as np

from jaxarc.errors import RenderError
from jaxarc.rendering.board import Marks, Picture
from jaxarc.rendering.style import Style

__all__ = ["SvgImage", "embedded_pictures"]

_BYTES_AT_MOST = 4_000_000
_LENGTH = re.compile(r"\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*(?:px)?\s*")
_DECLARATION = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)


class SvgImage:
    """An SVG document to be shown as an image.

    Browsers load an image without its scripts and without what it refers to, so it is never put among the
    elements of a picture, however harmless it looks.

    Args:
        text: the document.

    Raises:
        RenderError: it is no SVG document, is over 4 MB, declares a document type, or has no size.
    """

    __slots__ = ("aspect", "text")

    def __init__(self, text: str):
        size = len(text.encode("utf-8", "replace"))
        if size > _BYTES_AT_MOST:
            raise RenderError(
                f"an SVG has at most {_BYTES_AT_MOST:,} bytes, got {size:,}; return pixels instead"
            )
        if _DECLARATION.search(text):
            raise RenderError("an SVG declares no document type and no entities; leave the <!DOCTYPE> out")
        from xml.etree import ElementTree  # here, so that who draws no SVG of others needs no moment for it

        try:
            root = ElementTree.fromstring(text.strip().lstrip("\ufeff"))
        except (ElementTree.ParseError, ValueError) as error:
            raise RenderError(f"the text is no SVG: {error}") from error
        if root.tag != "{http://www.w3.org/2000/svg}svg":
            raise RenderError(f'the root is {root.tag!r}; write <svg xmlns="http://www.w3.org/2000/svg">')
        self.text = text.strip().lstrip("\ufeff")
        self.aspect = _aspect(root.attrib)
        """Width over height."""


def _aspect(attributes: Mapping[str, str]) -> float:
    sides = [_LENGTH.fullmatch(attributes.get(name, "")) for name in ("width", "height")]
    lengths = [float(side[1]) for side in sides if side]
    if len(lengths) < 2:
        numbers = re.split(r"[\s,]+", attributes.get("viewBox", "").strip())[2:]
        lengths = [float(n) for n in numbers if _LENGTH.fullmatch(n)]
    if len(lengths) != 2 or not all(length > 0 and math.isfinite(length) for length in lengths):
        raise RenderError("the SVG has no size; give its root width and height in pixels, or a viewBox")
    return lengths[0] / lengths[1]


def embedded_pictures(
    values: Sequence[np.ndarray], style: Style, size: int | float, marks: Sequence[Marks]
) -> list[Picture]:
    """Draw SVG images as they are, as large as there is room.

    Args:
        values: one ``SvgImage`` each, as arrays of objects without axes.
        style: not used; the image has its own.
        size: the longest side, in pixels.
        marks: not drawn.
    """
    del style, marks
    pictures = []
    for value in values:
        drawn: SvgImage = value.item()
        width, height = size * min(drawn.aspect, 1.0), size / max(drawn.aspect, 1.0)
        width, height = max(round(width, 1), 1.0), max(round(height, 1), 1.0)
        data = base64.b64encode(drawn.text.encode("utf-8")).decode("ascii")
        box = f'width="{width:g}" height="{height:g}"'
        pictures.append(Picture(width, height, f'<image {box} href="data:image/svg+xml;base64,{data}"/>'))
    return pictures
