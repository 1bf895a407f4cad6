"""What a chart of a metric shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["MetricLine", "MetricPicture"]


@dataclass(frozen=True, eq=False)
class MetricLine:
    """One line of a chart.

    Attributes:
        at: where its points stand, float64[n], ascending.
        value: the values, float64[n]; those that are not finite are gaps.
        is_main: whether it is what the chart is about; the others are faint behind it.
    """

    at: np.ndarray
    value: np.ndarray
    is_main: bool = True


@dataclass(frozen=True, eq=False)
class MetricPicture:
    """A metric in one context: a line, or those of several members with their mean.

    Attributes:
        name: what the metric is called, with its context.
        lines: the lines; those that are not the main one first.
        axis: what the points stand at: ``step``, or ``value`` where none was given.
        last: the last value of the main line, as text where it is no number.
        num_values: values of the main line.
        num_not_finite: values of all lines that are NaN, infinite or no numbers.
        num_members: members that have a line of their own.
    """

    name: str
    lines: Sequence[MetricLine]
    axis: str = "step"
    last: float | str = float("nan")
    num_values: int = 0
    num_not_finite: int = 0
    num_members: int = 0
