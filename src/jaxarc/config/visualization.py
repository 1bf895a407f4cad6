"""How steps and episodes are drawn, and how much of that happens while training runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from jaxarc.config.rules import boolean, checked, import_path, integer, listed, number, one_of, optional
from jaxarc.config.section import Section, section

__all__ = ["LIVE_RULES", "LiveConfig", "VisualizationConfig"]

LIVE_RULES = ("first", "first_success", "best", "capped_cubic")


@dataclass(frozen=True, kw_only=True)
class LiveConfig(Section):
    """The budget for pictures that are drawn while training runs.

    Attributes:
        enabled: whether anything is drawn before it is asked for.
        rules: episodes worth a picture: the ``first``, the ``first_success`` of a task, each that is
            the ``best`` so far, and ``capped_cubic`` (0, 1, 8, 27, … up to 1000, then every 1000th).
        max_files: the most pictures a run draws by itself.
        max_seconds: the most seconds a run spends on them.
        max_memory_mb: the most megabytes of recorded arrays that are read at once; of a longer episode a
            part of the steps at a time, and one of which a dozen steps are larger is not drawn.
    """

    key: ClassVar[str] = "visualization.live"

    enabled: bool = checked(True, boolean)
    rules: Sequence[str] = checked(LIVE_RULES, listed(one_of(*LIVE_RULES)))
    max_files: int = checked(200, integer(0))
    max_seconds: float = checked(30.0, number(minimum=0.0))
    max_memory_mb: float = checked(64.0, number(above=0.0))


@dataclass(frozen=True, kw_only=True)
class VisualizationConfig(Section):
    """What a picture shows and which files it becomes.

    Attributes:
        output_formats: ``svg``, ``png`` and ``html`` (a page that plays the episode), one or several.
        image_quality: size of a PNG, a GIF or a video: ``low``, ``medium`` or ``high``.
        show_coordinates: whether rows and columns are numbered.
        show_operation_names: whether the operation is named in words.
        highlight_changes: whether cells that changed are marked.
        include_metrics: whether reward and similarity are written beside the boards.
        show_digits: whether the value of a cell is written into it.
        color_scheme: ``default``, ``colorblind`` or ``high_contrast``.
        theme: ``light`` or ``dark``.
        render: a function of yours that draws what is observed, as ``module:function``.
        report: whether a run that drew pictures has a page about itself when it is closed.
        live: what is drawn while training runs.
    """

    key: ClassVar[str] = "visualization"

    output_formats: Sequence[str] = checked(("svg",), listed(one_of("svg", "png", "html"), minimum=1))
    image_quality: str = checked("high", one_of("low", "medium", "high"))
    show_coordinates: bool = checked(False, boolean)
    show_operation_names: bool = checked(True, boolean)
    highlight_changes: bool = checked(True, boolean)
    include_metrics: bool = checked(True, boolean)
    show_digits: bool = checked(False, boolean)
    color_scheme: str = checked("default", one_of("default", "colorblind", "high_contrast"))
    theme: str = checked("light", one_of("light", "dark"))
    render: str | None = checked(None, optional(import_path))
    report: bool = checked(True, boolean)
    live: LiveConfig = section(LiveConfig)
