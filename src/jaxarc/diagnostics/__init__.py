"""What a state is like while it is computed: reductions, thresholds, the first number that is not finite."""

from __future__ import annotations

from jaxarc.diagnostics.diagnostics_recorder import DiagnosticsRecorder
from jaxarc.diagnostics.reductions import ratios, statistics

__all__ = ["DiagnosticsRecorder", "ratios", "statistics"]
