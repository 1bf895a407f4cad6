"""The frame of a picture, and the small parts that all pictures share: badge, bar, arrow, legend glyphs."""

from __future__ import annotations

from jaxarc.rendering.palette import MARK_DARK, MARK_LIGHT
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import FONT_FAMILY, escape, label, width_of

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
    """Return a filled badge, 22 pixels high, that ends at ``right``."""
    width = round(width_of(words, 12, bold=True)) + 18
    box = f'<rect x="{right - width:g}" y="{top:g}" width="{width}" height="22" rx="4" fill="{colour}"/>'
    ink = style.colours.background
    return box + label(right - width / 2, top + 15.4, words, 12, ink, anchor="middle", bold=True)


def outcome_badge(right: float, top: float, success: bool | None, ended: str, style: Style) -> str:
    """Return the badge of how an episode went; an empty string while it goes on."""
    theme = style.colours
    if success:
        return badge(right, top, "Solved", theme.good, style)
    if not ended:
        return ""
    words = ended[:1].upper() + ended[1:]
    if success is None or ended in ("cut", "running"):
        return badge(right, top, words, theme.muted, style)
    return badge(right, top, f"Not solved · {ended}", theme.bad, style)


def headline(y: float, words: str, after: str, style: Style) -> str:
    """Return a large line of text with its base line at ``y``, followed by a small quiet one."""
    theme = style.colours
    large = f'<text x="0" y="{y:g}" font-size="22" font-weight="700" fill="{theme.ink}">{escape(words)}'
    if not after:
        return f"{large}</text>"
    small = f'<tspan dx="8" font-size="14" font-weight="400" fill="{theme.muted}">{escape(after)}</tspan>'
    return f"{large}{small}</text>"


def meter(x: float, y: float, width: float, share: float, style: Style) -> str:
    """Return a bar 6 pixels high, filled to ``share`` (0 to 1; NaN leaves it empty)."""
    theme = style.colours
    rail = f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="6" rx="3" fill="{theme.line}"/>'
    filled = width * min(max(share, 0.0), 1.0) if share == share else 0.0
    if filled < 0.5:
        return rail
    return rail + f'<rect x="{x:g}" y="{y:g}" width="{filled:.4g}" height="6" rx="3" fill="{theme.accent}"/>'


def arrow(x: float, y: float, style: Style, *, dashed: bool = False) -> str:
    """Return an arrow 24 pixels long to the right, its shaft at ``y``; dashed means "not there yet"."""
    colour = style.colours.muted
    dash = ' stroke-dasharray="3 3"' if dashed else ""
    shaft = f'<path d="M{x:g} {y:g}h22" stroke="{colour}" stroke-width="2" fill="none"{dash}/>'
    head = f'<path d="M{x + 17:g} {y - 6:g}l7 6l-7 6" stroke="{colour}" stroke-width="2" fill="none"'
    return shaft + head + ' stroke-linecap="round" stroke-linejoin="round"/>'


def glyph(kind: str, x: float, y: float, style: Style) -> str:
    """Return the mark that a legend explains (``selected``, ``changed`` or ``wrong``), 10 pixels wide."""
    if kind == "selected":
        box = f'<rect x="{x + 1:g}" y="{y - 9:g}" width="8" height="8" fill="none"'
        return (
            f'{box} stroke="{MARK_DARK}" stroke-width="3.4"/>{box} stroke="{MARK_LIGHT}" stroke-width="1.6"/>'
        )
    if kind == "changed":
        dot = f'<circle cx="{x + 5:g}" cy="{y - 4.5:g}" r="3.4" fill="{MARK_LIGHT}"'
        return f'{dot} stroke="{MARK_DARK}" stroke-width="1.6"/>'
    return f'<rect x="{x + 1.5:g}" y="{y - 8:g}" width="7" height="7" fill="{style.colours.wrong}"/>'
