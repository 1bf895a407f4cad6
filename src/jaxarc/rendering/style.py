"""How pictures look: the choices a user has, and what they resolve to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from jaxarc.errors import RenderError, closest
from jaxarc.rendering.palette import THEMES, Palette, Theme, get_palette

__all__ = ["Style"]


@dataclass(frozen=True)
class Style:
    """The look of a picture.

    Attributes:
        palette: colours of the cells: ``default``, ``colorblind`` or ``high_contrast``.
        theme: ``light`` or ``dark``.
        show_coordinates: number the rows and columns of boards.
        show_operation_names: write the name of the operation of a step.
        highlight_changes: mark the cells that changed, and on the target those that are still wrong.
        include_metrics: show reward, similarity and further numbers.
        show_digits: write the value of each cell into it, where cells are large enough (10 pixels).
    """

    palette: str = "default"
    theme: str = "light"
    show_coordinates: bool = False
    show_operation_names: bool = True
    highlight_changes: bool = True
    include_metrics: bool = True
    show_digits: bool = False

    def __post_init__(self) -> None:
        get_palette(self.palette)
        if self.theme not in THEMES:
            known = ", ".join(THEMES)
            raise RenderError(
                f"theme must be one of {known}, got {self.theme!r}{closest(self.theme, THEMES)}"
            )

    @cached_property
    def cells(self) -> Palette:
        """The palette of the cells."""
        return get_palette(self.palette)

    @cached_property
    def colours(self) -> Theme:
        """The colours of everything else."""
        return THEMES[self.theme]
