"""The colours of cells and of everything around them."""

from __future__ import annotations

from dataclasses import dataclass

from jaxarc.errors import RenderError, closest

__all__ = ["MARK_DARK", "MARK_LIGHT", "OUTSIDE", "PALETTES", "THEMES", "Palette", "Theme", "get_palette"]

OUTSIDE = 10
"""The code of every value that is neither a colour nor padding."""

MARK_DARK = "#15181C"
MARK_LIGHT = "#FFFFFF"


@dataclass(frozen=True)
class Palette:
    """Colours of the cells.

    Attributes:
        name: what ``Style.palette`` calls it.
        colours: ten CSS colours, ``#RRGGBB``, for the values 0 to 9.
        outside: colour of a cell whose value is none of these and no padding.
        outside_mark: colour of the line that crosses such a cell.
    """

    name: str
    colours: tuple[str, ...]
    outside: str = "#E8DFCF"
    outside_mark: str = "#8A7B5C"


@dataclass(frozen=True)
class Theme:
    """Colours of all but the cells, as CSS colours.

    Attributes:
        background: behind everything.
        ink, muted: text that is read first, and second.
        line: rules and empty bars.
        grid, grid_opacity: the lines between cells.
        accent: similarity, and whatever a curve shows first.
        good, bad: reward above and below zero, solved and not solved.
        wrong: marks of cells that differ from the target.
        series: colours of curves that are compared.
    """

    background: str
    ink: str
    muted: str
    line: str
    grid: str
    grid_opacity: float
    accent: str
    good: str
    bad: str
    wrong: str
    series: tuple[str, ...]


_DEFAULT = Palette(
    "default",
    (
        *("#000000", "#0074D9", "#FF4136", "#2ECC40", "#FFDC00"),
        *("#AAAAAA", "#F012BE", "#FF851B", "#7FDBFF", "#870C25"),
    ),
)
_COLORBLIND = Palette(
    "colorblind",
    (
        *("#000000", "#2A6AA6", "#FF4A09", "#35A26A", "#FEEB51"),
        *("#B0B0B1", "#EB41E9", "#FFA31E", "#9DE3FF", "#880812"),
    ),
)
_HIGH_CONTRAST = Palette(
    "high_contrast",
    (
        *("#000000", "#2668D4", "#FF133A", "#00D95A", "#FBEE00"),
        *("#8E8E8D", "#F11FCF", "#FF9714", "#58D5FB", "#8C0807"),
    ),
)

PALETTES: dict[str, Palette] = {palette.name: palette for palette in (_DEFAULT, _COLORBLIND, _HIGH_CONTRAST)}
"""The palettes by name.

- ``default``: the colours of ARC's own testing page (``apps/css/common.css`` of the ARC-AGI repository). Two
  of them come as near as 0.037 in deuteranopia.
- ``colorblind``: found by a search that starts from ``default`` and keeps each hue while any two colours are
  to stay at least 0.105 apart, in normal vision and as a person with deuteranopia, protanopia or tritanopia
  sees them.
- ``high_contrast``: found by the same search for normal vision alone; any two colours are at least 0.2 apart,
  where ``default`` has 0.128.

Distances are Euclidean in OKLab (Björn Ottosson, "A perceptual color space for image processing", 2020),
where black and white are 1 apart. The three kinds of vision are simulated in linear RGB by the matrices of
severity 1.0 of Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision
Deficiency", IEEE TVCG 15 (6), 2009. ``tests/rendering/test_palette.py`` holds the matrices and the distances.
"""

THEMES: dict[str, Theme] = {
    "light": Theme(
        background="#FFFFFF",
        ink="#1B1F24",
        muted="#656D76",
        line="#E1E5EA",
        grid="#7D8590",
        grid_opacity=0.55,
        accent="#2F6FDE",
        good="#0B7A5B",
        bad="#BC4A12",
        wrong="#E5172F",
        series=("#2B5876", "#C34501", "#328067", "#BD60A9", "#9F9456", "#3F94EC", "#7245B5", "#3C3C3C"),
    ),
    "dark": Theme(
        background="#14171C",
        ink="#E8EBEF",
        muted="#98A1AC",
        line="#2C323A",
        grid="#7D8590",
        grid_opacity=0.55,
        accent="#6EA3FF",
        good="#3CC39A",
        bad="#F08A4B",
        wrong="#E5172F",
        series=("#7BB5F6", "#E49E36", "#41904F", "#BD799E", "#F0CB49", "#9BDCEF", "#9480E8", "#B1B1B1"),
    ),
}
"""The themes by name.

The colours of curves were searched for from those of Okabe and Ito (2008), each near its hue: any two are at
least 0.1 apart in normal vision and in the three simulated ones, and each has a contrast of 3 to its
background.
"""


def get_palette(name: str) -> Palette:
    """Return the palette called ``name``, or raise RenderError naming those that exist."""
    if name not in PALETTES:
        known = ", ".join(PALETTES)
        raise RenderError(f"palette must be one of {known}, got {name!r}{closest(name, PALETTES)}")
    return PALETTES[name]
