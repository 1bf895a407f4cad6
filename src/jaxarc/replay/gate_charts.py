"""The picture of a gate's result."""

from __future__ import annotations

import math

import numpy as np

from jaxarc.records.gate_pictures import GatedCurve, GatePicture
from jaxarc.rendering.gate_chart import render_gates
from jaxarc.rendering.style import Style
from jaxarc.replay.experiment import Series
from jaxarc.replay.gates import GateCheck, GateResult, shown_number
from jaxarc.replay.picture import Picture

__all__ = ["gate_chart"]


def gate_chart(found: GateResult, theme: str = "light") -> Picture:
    """Draw what became of gates.

    Args:
        found: the result.
        theme: ``light`` or ``dark``.

    Raises:
        RenderError: there is no such theme.
    """
    data = GatePicture(
        run=found.run,
        status=found.status,
        passed=found.passed,
        baseline=found.baseline,
        reasons=found.reasons,
        curves=[_curve(check) for check in found.checks],
    )
    verdict = "passed" if found.passed else "failed"
    return Picture(render_gates(data, Style(theme=theme)), f"gates of {found.run}: {verdict}")


def _curve(check: GateCheck) -> GatedCurve:
    value, before = check.found.value, check.baseline
    how = f" ({check.found.of})" if check.found.of not in ("last", "summary") else ""
    at, values, axis = _points(check.found.series)
    other_at, other_values, _ = _points(None if before is None else before.series)
    return GatedCurve(
        metric=check.gate.metric,
        value=_number(value),
        value_words="missing" if value is None else f"{shown_number(value)}{how}",
        passed=check.passed,
        reasons=check.reasons,
        at=at,
        values=values,
        axis=axis,
        low=check.gate.min,
        high=check.gate.max,
        bound=check.limit,
        baseline=None if before is None else _number(before.value),
        baseline_at=other_at,
        baseline_values=other_values,
    )


def _points(series: Series | None) -> tuple[np.ndarray, np.ndarray, str]:
    """Return the points of a series in the order of its steps, or of its values where it has no steps."""
    if series is None or not len(series):
        return np.zeros(0), np.zeros(0), "step"
    if np.isnan(series.step).all():
        return np.arange(len(series), dtype=float), series.value, "value"
    known = np.flatnonzero(np.isfinite(series.step))
    order = known[np.argsort(series.step[known], kind="stable")]
    return series.step[order], series.value[order], "step"


def _number(value: object) -> float:
    return float(value) if isinstance(value, (bool, int, float)) else math.nan
