"""The frame of a picture, and as SVG text the small parts that all pictures share."""

from __future__ import annotations

from jaxarc.rendering import parts
from jaxarc.rendering.shapes import svg_of
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import FONT_FAMILY, escape

__all__ = ["arrow", "badge", "document", "glyph", "headline", "meter", "outcome_badge", "place"]


def document(width: float, height: float, body: str, style: Style, description: str) -> str:
    """Return a whole SVG document.

    Args:
        width, height: size in pixels.
        body: SVG elements.
        style: the look; its background is painted.
        description: what a screen reader says; escaped here.
    """
    size = f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{FONT_FAMILY}"'
    about = f'role="img" aria-label="{escape(description)}"'
    back = f'<rect width="{width:g}" height="{height:g}" fill="{style.colours.background}"/>'
    return f"{head} {about}>{back}{body}</svg>\n"


def place(x: float, y: float, body: str) -> str:
    """Return ``body`` moved to (x, y) pixels."""
    return f'<g transform="translate({x:g} {y:g})">{body}</g>'


def badge(right: float, top: float, words: str, colour: str, style: Style) -> str:
    """Return a filled badge as SVG elements; arguments as those of ``parts.badge``."""
    return svg_of(parts.badge(right, top, words, colour, style))


def outcome_badge(right: float, top: float, success: bool | None, ended: str, style: Style) -> str:
    """Return the badge of how an episode went as SVG elements; an empty string while it goes on."""
    return svg_of(parts.outcome_badge(right, top, success, ended, style))


def headline(y: float, words: str, after: str, style: Style) -> str:
    """Return a large line of text with its base line at ``y``, followed by a small quiet one."""
    return parts.Headline(y, words, after, style.colours).svg()


def meter(x: float, y: float, width: float, share: float, style: Style) -> str:
    """Return a bar filled to ``share`` as SVG elements; arguments as those of ``parts.meter``."""
    return svg_of(parts.meter(x, y, width, share, style))


def arrow(x: float, y: float, style: Style, *, dashed: bool = False) -> str:
    """Return an arrow to the right as SVG elements; arguments as those of ``parts.arrow``."""
    return svg_of(parts.arrow(x, y, style, dashed=dashed))


def glyph(kind: str, x: float, y: float, style: Style) -> str:
    """Return the mark that a legend explains as SVG elements; arguments as those of ``parts.glyph``."""
    return svg_of(parts.glyph(kind, x, y, style))
