"""What a plot of diagnostics shows: curves over steps, and what was wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ["DiagnosticPanel", "DiagnosticPicture"]


@dataclass(frozen=True)
class DiagnosticPanel:
    """One panel.

    Attributes:
        name: what it is of.
        steps: float[n], ascending.
        lines: values by name, float[n] each; the first is drawn before all others.
        between: low and high values of an area, float[n] each; None for none.
        limits: values that the first line must not pass.
        breached: the steps at which one of the lines was beyond its threshold.
        is_log: whether the scale may be logarithmic, where the values ask for it.
    """

    name: str
    steps: np.ndarray
    lines: Mapping[str, np.ndarray]
    between: tuple[np.ndarray, np.ndarray] | None = None
    limits: Sequence[float] = ()
    breached: Sequence[float] = ()
    is_log: bool = False


@dataclass(frozen=True)
class DiagnosticPicture:
    """Panels over one axis of steps.

    Attributes:
        title: what it is of.
        panels: from top to bottom.
        words: a line beneath the title.
        wrong_from: the step from which on numbers were not finite; None where all are.
        left_out: how many panels there are besides.
    """

    title: str
    panels: Sequence[DiagnosticPanel] = field(default_factory=list)
    words: str = ""
    wrong_from: float | None = None
    left_out: int = 0
