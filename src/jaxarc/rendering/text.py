"""Text that is safe in XML, and its width: the one place where strings from outside enter a picture."""

from __future__ import annotations

import math
import re

__all__ = ["FONT_FAMILY", "MINUS", "TIMES", "clean", "escape", "fit", "label", "number", "width_of"]

FONT_FAMILY = "Lato,Helvetica,Arial,sans-serif"
MINUS = "\u2212"
TIMES = "\u00d7"

# What XML 1.0 forbids, C1 controls, lone surrogates, and the marks that reorder the text around them.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]"
)
_SPACES = re.compile(r"\s+")

# Advance widths of printable ASCII in hundredths of an em, as DejaVu Sans has them. It is the widest of the
# faces that "sans-serif" stands for, so a text measured with it fits in any of the others.
_ASCII = (
    *(32, 40, 46, 84, 64, 95, 78, 28, 39, 39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64),
    *(64, 64, 34, 34, 84, 84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75, 79),
    *(60, 79, 69, 63, 61, 73, 68, 99, 69, 61, 69, 39, 34, 39, 84, 50, 50, 61, 63, 55, 63, 62, 35, 63),
    *(63, 28, 28, 58, 28, 97, 63, 61, 63, 63, 41, 52, 39, 63, 59, 82, 59, 59, 52, 64, 34, 64, 84),
)
_WIDTHS = {chr(32 + index): width / 100 for index, width in enumerate(_ASCII)}
_WIDTHS |= {"…": 1.0, "·": 0.32, MINUS: 0.84, "\u2013": 0.5, TIMES: 0.84}
_BOLD = 1.1


def clean(value: object) -> str:
    """Return ``value`` as one line of text without characters that XML forbids or that reorder text."""
    text = str(value)
    if text.isprintable() and "  " not in text:
        return text.strip()
    return _SPACES.sub(" ", _FORBIDDEN.sub("\ufffd", text)).strip()


def escape(value: object) -> str:
    """Return ``value`` as text that is safe between tags and inside a quoted attribute."""
    return _markup(clean(value))


def _markup(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;").replace("'", "&#39;")


def width_of(value: str, size: float, *, bold: bool = False) -> float:
    """Return an upper estimate of how wide a text is drawn.

    Args:
        value: the text, not escaped.
        size: font size in pixels.
        bold: whether it is drawn bold.

    Returns:
        The width in pixels; what lies outside Latin counts as a full em a character.
    """
    known = _WIDTHS.get
    ems = sum([known(char) or (0.7 if char < "\u0500" else 1.05) for char in value])
    return ems * size * (_BOLD if bold else 1.0)


def fit(value: object, max_width: float, size: float, *, bold: bool = False) -> str:
    """Return the text shortened with an ellipsis so that it stays within ``max_width`` pixels."""
    text = clean(value)
    if text and max(text) >= "\u0500":
        max_width /= _BOLD  # one strange character can move the whole text to a wider face
    if len(text) * size * 0.25 <= max_width and width_of(text, size, bold=bold) <= max_width:
        return text
    room = max_width - width_of("…", size, bold=bold)
    used = 0.0
    for index, char in enumerate(text):
        used += width_of(char, size, bold=bold)
        if used > room:
            return text[:index].rstrip() + "…" if index else ""
    return text


def number(value: float, *, signed: bool = False) -> str:
    """Return a number as people read it: three decimals at most, a true minus, ``NaN`` and ``inf`` as such.

    Args:
        value: any real number, a bool or a NumPy scalar.
        signed: write the plus of positive numbers too.
    """
    value = float(value)
    if math.isnan(value):
        return "NaN"
    sign = MINUS if value < 0 else "+" if signed and value > 0 else ""
    size = abs(value)
    if math.isinf(size):
        return f"{sign}inf"
    if size and (size < 0.001 or size >= 1e6):
        mantissa, exponent = f"{size:.2e}".split("e")
        return f"{sign}{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}".replace("e-", f"e{MINUS}")
    text = f"{size:,.3f}" if size < 1e3 else f"{size:,.1f}" if size < 1e5 else f"{size:,.0f}."
    return sign + text.rstrip("0").rstrip(".")


def label(
    x: float,
    y: float,
    value: object,
    size: float,
    colour: str,
    *,
    anchor: str = "start",
    bold: bool = False,
    max_width: float | None = None,
) -> str:
    """Return a ``<text>`` element with its base line at ``y``.

    Args:
        x, y: where the text starts, in pixels (where it ends or is centred, with another ``anchor``).
        value: what it says; escaped here.
        size: font size in pixels.
        colour: a CSS colour.
        anchor: ``start``, ``middle`` or ``end``.
        bold: whether it is drawn bold.
        max_width: cut with an ellipsis beyond this many pixels.
    """
    text = fit(value, max_width, size, bold=bold) if max_width is not None else clean(value)
    if not text:
        return ""
    extra = (f' text-anchor="{anchor}"' if anchor != "start" else "") + (' font-weight="700"' if bold else "")
    return f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{colour}"{extra}>{_markup(text)}</text>'
