"""SVG to PNG through resvg, with a font that comes along."""

from __future__ import annotations

import io
import re
from functools import lru_cache
from importlib.resources import files

import numpy as np

from jaxarc.errors import RenderError

__all__ = ["font_files", "is_latin", "svg_pixels", "svg_to_png"]

_FACES = ("Lato-Regular.ttf", "Lato-Bold.ttf")
_NOT_LATIN = re.compile("[^\x00-\u017f\u2013\u2014\u2018-\u201d\u2026\u2212\u00d7\u2022]")


def is_latin(text: str) -> bool:
    """Say whether Lato has every letter of a text."""
    return _NOT_LATIN.search(text) is None


@lru_cache(maxsize=1)
def font_files() -> tuple[str, ...]:
    """Return the paths of Lato regular and bold (SIL Open Font License), which ``font-lato`` installs."""
    try:
        folder = files("font_lato") / "files"
    except ModuleNotFoundError as error:
        raise RenderError("PNG text needs the font package font-lato: pip install font-lato") from error
    return tuple(str(folder / face) for face in _FACES)


def svg_to_png(svg: str, scale: int | float = 1.0) -> bytes:
    """Return an SVG document as the bytes of a PNG file.

    resvg drops text without a word when no face matches, and by itself it knows only what the machine has
    installed. So it is given Lato, and the same SVG gives the same bytes everywhere. The machine's own fonts
    are read besides only where a document holds characters that Lato lacks (emoji, CJK); what no font has is
    drawn as an empty box or left out.

    Args:
        svg: SVG text.
        scale: pixels of the PNG for one of the SVG.

    Raises:
        RenderError: the text is no SVG that can be drawn, or ``scale`` is not above 0.
    """
    if not 0 < scale <= 64:
        raise RenderError(f"scale must be above 0 and at most 64, got {scale}")
    import resvg_py  # here, so that who prints in a terminal needs no moment for it

    try:
        return resvg_py.svg_to_bytes(
            svg_string=svg,
            zoom=scale,
            skip_system_fonts=is_latin(svg),
            font_files=list(font_files()),
            font_family="Lato",
            sans_serif_family="Lato",
        )
    except ValueError as error:
        raise RenderError(f"resvg cannot draw this SVG: {error}") from error


def svg_pixels(svg: str, scale: int | float = 1.0) -> np.ndarray:
    """Return an SVG document as pixels, uint8[height width 3]; arguments and errors as in ``svg_to_png``."""
    from PIL import Image

    with Image.open(io.BytesIO(svg_to_png(svg, scale))) as image:
        return np.asarray(image.convert("RGB"))
