"""What is measured of a state while it is computed, and what is done where a number goes too far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from jaxarc.config.frozen_mapping import FrozenMapping
from jaxarc.config.rules import (
    RejectedError,
    boolean,
    checked,
    import_path,
    integer,
    listed,
    number,
    one_of,
    optional,
    shown,
    text,
)
from jaxarc.config.section import Section
from jaxarc.errors import ConfigError, ConfigProblem

__all__ = ["ACTIONS", "STATISTICS", "DiagnosticsConfig", "ThresholdConfig"]

STATISTICS = ("min", "max", "mean", "std", "norm", "nan", "inf")
"""What can be known of a leaf. The first five are of its finite numbers; the last two count the others."""

ACTIONS = ("record", "warn", "alert", "raise")
"""What is done where a threshold is breached, each with those before it."""


@dataclass(frozen=True, kw_only=True)
class ThresholdConfig(Section):
    """How far a number may go. NaN is beyond every limit.

    Attributes:
        min, max: the limits, both allowed; at least one is given.
        action: ``record`` (an entry of the run's log), ``warn`` (and a line on the console), ``alert`` (and
            an alert of the trackers that know such) or ``raise`` (and a ``DiagnosticsError``).
    """

    key: ClassVar[str] = "diagnostics.thresholds.METRIC"

    min: float | None = checked(None, optional(number()))
    max: float | None = checked(None, optional(number()))
    action: str = checked("warn", one_of(*ACTIONS))

    def conflicts(self, rejected: frozenset[str]) -> Iterator[ConfigProblem]:
        """Yield what is wrong between the limits."""
        if rejected:
            return
        if self.min is None and self.max is None:
            yield ConfigProblem(
                self.key, "has neither min nor max, so nothing breaches it", f"{self.key}.max=1.0"
            )
        elif self.min is not None and self.max is not None and self.min > self.max:
            yield ConfigProblem(
                self.key_of("min"),
                f"must not be above max, got {self.min:g} and {self.max:g}",
                f"~{self.key}.min",
            )

    @classmethod
    def of_metric(cls, name: str, value: Any) -> Self:
        """Read the threshold of the metric ``name``; errors carry its key."""
        key = f"diagnostics.thresholds.{name}"
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            names = ", ".join(declared.name for declared in fields(cls))
            problem = f"must be a mapping of {names}, got {shown(value)}"
            raise ConfigError([ConfigProblem(key, problem, f"{key}.max=1.0")])
        try:
            return cls.from_dict(value)
        except ConfigError as error:
            raise ConfigError(
                [
                    ConfigProblem(*(part.replace(cls.key, key) for part in (p.key, p.message, p.override)))
                    for p in error.problems
                ]
            ) from None


def thresholds(value: Any) -> FrozenMapping[ThresholdConfig]:
    """Accept a mapping from metrics (or patterns such as ``*/max``) to their limits."""
    if not isinstance(value, Mapping):
        raise RejectedError(f"must be a mapping from metrics to min, max and action, got {shown(value)}", {})
    read: dict[str, ThresholdConfig] = {}
    problems: list[ConfigProblem] = []
    for name, limits in value.items():
        try:
            read[text(name)] = ThresholdConfig.of_metric(str(name), limits)
        except ConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigError(problems)
    return FrozenMapping(read)


def functions(value: Any) -> FrozenMapping[str]:
    """Accept a mapping from names to where functions are imported from."""
    if not isinstance(value, Mapping):
        raise RejectedError(f"must be a mapping from names to module:function, got {shown(value)}", {})
    return FrozenMapping({text(name): import_path(path) for name, path in value.items()})


@dataclass(frozen=True, kw_only=True)
class DiagnosticsConfig(Section):
    """What a DiagnosticsRecorder measures, and what it does where a number goes too far.

    Attributes:
        every: measure at every so many steps, those that it divides.
        statistics: which of ``STATISTICS`` are given for each leaf.
        leaves: patterns (``*``, ``?``) of the leaves that have numbers of their own; totals are of all.
        axes: names of the leading axes that all leaves of the state have (``member``, ``step``, ``env``): a
            number that is not finite is located by them.
        functions: names and places (``module:function``) of functions of the state that are measured besides,
            within the same compiled program: proxy losses, energies.
        non_finite: what is done where a number is NaN or infinite; one of ``ACTIONS``.
        thresholds: limits by metric; a name may be a pattern (``*/max``).
        strict: every breach raises, whatever its action says.
        plots: whether ``write_plots`` draws.
        history: rows that are kept for the plots; of a longer run every second, fourth, … one.
    """

    key: ClassVar[str] = "diagnostics"

    every: int = checked(1, integer(1))
    statistics: Sequence[str] = checked(STATISTICS, listed(one_of(*STATISTICS)))
    leaves: Sequence[str] = checked(("*",), listed(text))
    axes: Sequence[str] = checked((), listed(text))
    functions: Mapping[str, str] = checked(FrozenMapping(), functions)
    non_finite: str = checked("warn", one_of(*ACTIONS))
    thresholds: Mapping[str, ThresholdConfig] = checked(FrozenMapping(), thresholds)
    strict: bool = checked(False, boolean)
    plots: bool = checked(True, boolean)
    history: int = checked(2_000, integer(2))

    @classmethod
    def of(cls, value: Any = None) -> Self:
        """Turn what a user has into a DiagnosticsConfig.

        Args:
            value: one, which is returned as it is; a mapping or a ``DictConfig`` of its fields; None for the
                defaults.

        Raises:
            ConfigError: with every problem.
        """
        if isinstance(value, cls):
            return value
        if value is None:
            return cls()
        if type(value).__module__.partition(".")[0] == "omegaconf":
            from jaxarc.config.hydra_bridge import plain_container

            value = plain_container(value)
        if not isinstance(value, Mapping):
            problem = f"must be a DiagnosticsConfig, a mapping or None, got {shown(value)}"
            raise ConfigError([ConfigProblem("diagnostics", problem, "diagnostics.strict=true")])
        return cls.from_dict(value)
