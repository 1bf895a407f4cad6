"""SVG to PDF through CairoSVG: vectors and selectable text, the same bytes for the same picture."""

from __future__ import annotations

import ctypes
import ctypes.util
from functools import lru_cache
from typing import Any

from jaxarc.errors import RenderError
from jaxarc.rendering.optional import import_extra
from jaxarc.rendering.raster import font_files

__all__ = ["svg_to_pdf"]

_NO_CAIRO = (
    "PDF needs the system library cairo, which was not found ({error}): "
    "apt-get install libcairo2, or brew install cairo"
)
_DATE = "1970-01-01T00:00:00Z"
_OLDEST_WITH_DATES = 11600
_SHARP = ('style="image-rendering:pixelated"', 'image-rendering="optimizeSpeed"')
"""What browsers and resvg call pixels with sharp edges, and what CairoSVG does."""


@lru_cache(maxsize=1)
def _offer_font() -> bool:
    """Tell fontconfig, which finds cairo's fonts, of the faces that come along; False if it cannot."""
    name = ctypes.util.find_library("fontconfig")
    if name is None:
        return False
    try:
        fontconfig = ctypes.CDLL(name)
        add = fontconfig.FcConfigAppFontAddFile
    except (OSError, AttributeError):
        return False
    add.argtypes, add.restype = (ctypes.c_void_p, ctypes.c_char_p), ctypes.c_int
    return all(add(None, path.encode()) for path in font_files())


@lru_cache(maxsize=1)
def _surface() -> Any:
    """Return CairoSVG's PDF surface, changed to write no time of creation."""
    try:
        surface = import_extra("cairosvg.surface", "pdf", "PDF")
    except OSError as error:  # cairocffi's, when libcairo is missing; its message has one line a name tried
        raise RenderError(_NO_CAIRO.format(error=str(error).splitlines()[0])) from error
    cairo = import_extra("cairocffi", "pdf", "PDF")

    class Undated(cairo.PDFSurface):
        def __init__(self, *args: Any, **keywords: Any) -> None:
            super().__init__(*args, **keywords)
            if cairo.cairo_version() >= _OLDEST_WITH_DATES:
                self.set_metadata(cairo.PDF_METADATA_CREATE_DATE, _DATE)

    class Surface(surface.PDFSurface):
        surface_class = Undated

    return Surface


def svg_to_pdf(svg: str) -> bytes:
    """Return an SVG document as the bytes of a PDF file of one page.

    Boards stay vectors and text stays text, in Lato where the machine's fontconfig can be told of it and in
    the machine's own sans-serif elsewhere. One pixel of the SVG is 1/96 inch. The file carries 1 January 1970
    as its date, so that the same SVG gives the same bytes.

    Args:
        svg: SVG text.

    Raises:
        RenderError: CairoSVG or the cairo library is missing, or the text is no SVG that can be drawn.
    """
    surface = _surface()
    _offer_font()
    try:
        return surface.convert(bytestring=svg.replace(*_SHARP).encode("utf-8"))
    except (ValueError, SyntaxError) as error:
        raise RenderError(f"CairoSVG cannot draw this SVG: {error}") from error
