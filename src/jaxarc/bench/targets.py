"""The figures to reach: ratios to no recorder, and compile times, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

__all__ = ["COMPILE_EXTRA_S", "COMPILE_RATIO", "TARGETS", "TARGET_PAIRS", "compile_is_within", "target_of"]

TARGETS: Mapping[str, Mapping[str, float]] = {
    "arc-1": {"minimal": 1.15, "verbose": 1.20, "full": 1.30},
    "arc-64": {"minimal": 1.03, "verbose": 1.05, "full": 1.10},
    "arc-1024": {"minimal": 1.02, "verbose": 1.03, "full": 1.04},
    "ppo-arc": {"minimal": 1.02, "verbose": 1.03, "full": 1.05},
    "ppo-cartpole": {"minimal": 1.10, "verbose": 1.15, "full": 1.20},
}
"""By workload and level: what the upper end of the 95 % interval of the ratio may be, on two cores."""

TARGET_PAIRS = 30
"""Pairs that such an interval needs."""

COMPILE_RATIO = 1.25
COMPILE_EXTRA_S = 0.3
"""Compiling may take so many times as long, or so many seconds longer."""


def target_of(workload: str, variant: str) -> float | None:
    """Return what the upper end of the interval may be, or None where nothing is asked for."""
    return TARGETS.get(workload, {}).get(variant)


def compile_is_within(none_s: Sequence[float], variant_s: Sequence[float]) -> bool:
    """Say whether compiling with a recorder takes as long as it may.

    Args:
        none_s: seconds of the program without a recorder, at least one.
        variant_s: seconds with one.
    """
    without, recorded = median(none_s), median(variant_s)
    return recorded <= COMPILE_RATIO * without or recorded - without <= COMPILE_EXTRA_S
