"""The small parts that drawings share, as shapes: badge, bar, arrow, headline, legend glyphs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from jaxarc.rendering.palette import MARK_DARK, MARK_LIGHT, Theme
from jaxarc.rendering.shapes import Box, Disc, Frame, Line, Shape, Text
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import clean, escape, width_of

if TYPE_CHECKING:
    from jaxarc.rendering.canvas import Canvas

__all__ = ["Headline", "arrow", "badge", "glyph", "meter", "outcome_badge"]


class Headline(NamedTuple):
    """A large line of text with its base line at ``y``, followed by a small quiet one."""

    y: float
    words: str
    after: str
    theme: Theme

    def svg(self) -> str:
        """Return SVG elements."""
        look = f'font-size="22" font-weight="700" fill="{self.theme.ink}"'
        large = f'<text x="0" y="{self.y:g}" {look}>{escape(self.words)}'
        if not self.after:
            return f"{large}</text>"
        small = f'<tspan dx="8" font-size="14" font-weight="400" fill="{self.theme.muted}">'
        return f"{large}{small}{escape(self.after)}</tspan></text>"

    def paint(self, canvas: Canvas, x: float, y: float) -> None:
        """Paint it with its origin at (x, y)."""
        end = canvas.text(x, y + self.y, clean(self.words), 22, self.theme.ink, "start", bold=True)
        if self.after:
            canvas.text(end + 8, y + self.y, clean(self.after), 14, self.theme.muted, "start", bold=False)


def badge(right: float, top: float, words: str, colour: str, style: Style) -> list[Shape]:
    """Return a filled badge, 22 pixels high, that ends at ``right``."""
    width = round(width_of(words, 12, bold=True)) + 18
    ink = style.colours.background
    return [
        Box(right - width, top, width, 22, colour, 4),
        Text(right - width / 2, top + 15.4, words, 12, ink, "middle", bold=True),
    ]


def outcome_badge(right: float, top: float, success: bool | None, ended: str, style: Style) -> list[Shape]:
    """Return the badge of how an episode went; nothing while it goes on."""
    theme = style.colours
    if success:
        return badge(right, top, "Solved", theme.good, style)
    if not ended:
        return []
    words = ended[:1].upper() + ended[1:]
    if success is None or ended in ("cut", "running"):
        return badge(right, top, words, theme.muted, style)
    return badge(right, top, f"Not solved · {ended}", theme.bad, style)


def meter(x: float, y: float, width: float, share: float, style: Style) -> list[Shape]:
    """Return a bar 6 pixels high, filled to ``share`` (0 to 1; NaN leaves it empty)."""
    theme = style.colours
    rail = Box(x, y, width, 6, theme.line, 3)
    filled = width * min(max(share, 0.0), 1.0) if share == share else 0.0
    if filled < 0.5:
        return [rail]
    return [rail, Box(x, y, float(f"{filled:.4g}"), 6, theme.accent, 3)]


def arrow(x: float, y: float, style: Style, *, dashed: bool = False) -> list[Shape]:
    """Return an arrow 24 pixels long to the right, its shaft at ``y``; dashed means "not there yet"."""
    colour = style.colours.muted
    shaft = Line(((x, y), (x + 22, y)), colour, 2, dash=3 if dashed else 0)
    return [shaft, Line(((x + 17, y - 6), (x + 24, y), (x + 17, y + 6)), colour, 2, round_=True)]


def glyph(kind: str, x: float, y: float, style: Style) -> list[Shape]:
    """Return the mark that a legend explains (``selected``, ``changed`` or ``wrong``), 10 pixels wide."""
    if kind == "selected":
        return [Frame(x + 1, y - 9, 8, 8, MARK_DARK, 3.4), Frame(x + 1, y - 9, 8, 8, MARK_LIGHT, 1.6)]
    if kind == "changed":
        return [Disc(x + 5, y - 4.5, 3.4, MARK_LIGHT, MARK_DARK, 1.6)]
    return [Box(x + 1.5, y - 8, 7, 7, style.colours.wrong)]
