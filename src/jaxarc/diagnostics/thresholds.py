"""Which numbers of a row go beyond their limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jaxarc.config import ACTIONS, ThresholdConfig
from jaxarc.errors import closest
from jaxarc.records.experiment_events import Log
from jaxarc.records.name_patterns import fits
from jaxarc.records.non_finite import DIAGNOSTICS_LOGGER

__all__ = ["Breach", "Thresholds", "severest", "told"]


@dataclass(frozen=True)
class Breach:
    """A number beyond a limit.

    Attributes:
        metric: its name.
        value: the number.
        limit: the limit.
        is_above: whether it is too large, or NaN beside an upper limit; False for too small.
        action: one of ``ACTIONS``.
    """

    metric: str
    value: float
    limit: float
    is_above: bool
    action: str

    def __str__(self) -> str:
        if self.value != self.value:
            allowed = "at most" if self.is_above else "at least"
            return f"{self.metric} is nan, {allowed} {self.limit:g} is allowed"
        return f"{self.metric} is {self.value:g}, {'above' if self.is_above else 'below'} {self.limit:g}"

    def log(self, step: int) -> Log:
        """Return it as an entry of the run's log."""
        return Log(
            level="ERROR" if self.action in ("alert", "raise") else "WARNING",
            msg=str(self),
            logger=DIAGNOSTICS_LOGGER,
            step=step,
            fields={
                **told("threshold", self.action, f"{self.metric} is beyond its threshold"),
                "metric": self.metric,
                "value": self.value,
                "limit": self.limit,
                "is_above": self.is_above,
            },
        )


def told(kind: str, action: str, title: str) -> dict[str, Any]:
    """Return the fields of an entry of the log that say what it is, and whether trackers are to alert."""
    alert = {"alert": True, "title": title} if action in ("alert", "raise") else {}
    return {"kind": kind, "action": action, **alert}


def severest(actions: list[str], *, strict: bool) -> str:
    """Return the action that holds where several do; ``raise`` where strict."""
    return "raise" if strict else max(actions, key=ACTIONS.index)


class Thresholds:
    """Check rows against limits.

    Args:
        limits: by metric; names may be patterns.
    """

    def __init__(self, limits: Mapping[str, ThresholdConfig]):
        self._limits = limits
        self._metrics: tuple[str, ...] = ()
        self._matched: list[tuple[str, ThresholdConfig]] = []

    def unmatched(self, row: Mapping[str, float]) -> list[str]:
        """Return a sentence for each threshold that no metric of the row has."""
        return [
            f"no metric is called {pattern!r}, which has a threshold{closest(pattern, row)}"
            for pattern in self._limits
            if not any(fits(metric, pattern) for metric in row)
        ]

    def check(self, row: Mapping[str, float]) -> list[Breach]:
        """Return what is beyond its limits, in the order of the row."""
        metrics = tuple(row)
        if metrics != self._metrics:
            self._metrics = metrics
            self._matched = [
                (metric, limits)
                for metric in metrics
                for pattern, limits in self._limits.items()
                if fits(metric, pattern)
            ]
        breaches = []
        for metric, limits in self._matched:
            value = row[metric]
            if limits.max is not None and not value <= limits.max:
                breaches.append(Breach(metric, value, limits.max, True, limits.action))
            if limits.min is not None and not value >= limits.min:
                breaches.append(Breach(metric, value, limits.min, False, limits.action))
        # One number may break the limits of two patterns: the severest action counts, and is told once.
        worst: dict[str, Breach] = {}
        for breach in breaches:
            known = worst.get(breach.metric)
            if known is None or ACTIONS.index(breach.action) > ACTIONS.index(known.action):
                worst[breach.metric] = breach
        return list(worst.values())
