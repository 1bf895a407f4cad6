"""What a picture of gates shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ["GatePicture", "GatedCurve"]


def _none() -> np.ndarray:
    return np.zeros(0)


@dataclass(frozen=True, eq=False)
class GatedCurve:
    """A metric with what it has to come to.

    Attributes:
        metric: its name.
        value: what it comes to; NaN where it is missing or no number.
        value_words: the same in words (``0.31 (min)``, ``missing``).
        passed: whether it is good enough.
        reasons: why not.
        at, values: its series, float64[n] each; empty where it has none.
        axis: what ``at`` counts.
        low, high: limits; None for none.
        bound: the worst that passes against the baseline; None without one.
        baseline: what the baseline comes to; None without one.
        baseline_at, baseline_values: its series.
    """

    metric: str
    value: float
    value_words: str
    passed: bool
    reasons: Sequence[str] = ()
    at: np.ndarray = field(default_factory=_none)
    values: np.ndarray = field(default_factory=_none)
    axis: str = "step"
    low: float | None = None
    high: float | None = None
    bound: float | None = None
    baseline: float | None = None
    baseline_at: np.ndarray = field(default_factory=_none)
    baseline_values: np.ndarray = field(default_factory=_none)


@dataclass(frozen=True, eq=False)
class GatePicture:
    """The gates of a run.

    Attributes:
        run: the run's name.
        status: how it ended.
        passed: whether it passes as a whole.
        baseline: the baseline's run; empty without one.
        reasons: why the run as a whole does not pass.
        curves: its metrics.
    """

    run: str
    status: str
    passed: bool
    baseline: str
    reasons: Sequence[str]
    curves: Sequence[GatedCurve]
