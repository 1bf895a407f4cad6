"""What metrics of a run are held against while it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from jaxarc.config.frozen_mapping import FrozenMapping
from jaxarc.config.rules import RejectedError, checked, integer, number, one_of, optional, shown, text
from jaxarc.config.section import Section
from jaxarc.errors import ConfigError, ConfigProblem

__all__ = ["GateConfig", "gate_configs"]


def tolerance(value: Any) -> str:
    """Accept a number from 0, or a share such as ``5%``."""
    words = text(value) if isinstance(value, str) else str(value)
    try:
        amount = float(words.strip().removesuffix("%"))
    except ValueError:
        amount = -1.0
    if isinstance(value, bool) or not 0 <= amount < float("inf"):
        raise RejectedError(f"must be a number from 0, or a share such as 5%, got {shown(value)}")
    return words.strip()


@dataclass(frozen=True, kw_only=True)
class GateConfig(Section):
    """What one metric is held against.

    Attributes:
        max, min: limits, both inclusive; None for none.
        baseline: the name of a baseline, or of a run, than which the metric may not be worse at the same
            step; None for none.
        tolerance: how much worse than the baseline it may be: a number, or a share such as ``5%``.
        direction: ``minimize`` or ``maximize``; None for what was declared (``define_metric``).
        patience: how many values in a row are not good enough before an alert is written.
    """

    key: ClassVar[str] = "logging.gates.METRIC"

    max: float | None = checked(None, optional(number()))
    min: float | None = checked(None, optional(number()))
    baseline: str | None = checked(None, optional(text))
    tolerance: str = checked("0", tolerance)
    direction: str | None = checked(None, optional(one_of("minimize", "maximize", fold=str.lower)))
    patience: int = checked(3, integer(1))


def gate_configs(value: Any) -> FrozenMapping[GateConfig]:
    """Accept a mapping from names of metrics to what they are held against."""
    if not isinstance(value, Mapping):
        names = ", ".join(each.name for each in fields(GateConfig))
        raise RejectedError(f"must be a mapping from metrics to their {names}, got {shown(value)}", {})
    gates: dict[str, GateConfig] = {}
    problems: list[ConfigProblem] = []
    for name, gate in value.items():
        key = f"logging.gates.{name}"
        if isinstance(gate, GateConfig):
            made = gate
        elif not isinstance(gate, Mapping):
            problems.append(
                ConfigProblem(
                    key, f"must be a mapping, such as {{max: 0.5}}, got {shown(gate)}", f"{key}.max=0.5"
                )
            )
            continue
        else:
            try:
                made = GateConfig.from_dict(gate)
            except ConfigError as error:
                for each in error.problems:
                    parts = (each.key, each.message, each.override)
                    problems.append(ConfigProblem(*(part.replace(GateConfig.key, key) for part in parts)))
                continue
        if made.max is None and made.min is None and made.baseline is None:
            problems.append(
                ConfigProblem(key, "must have a max, a min or a baseline, got none", f"{key}.max=0.5")
            )
        elif made.max is not None and made.min is not None and made.min > made.max:
            limits = f"{made.min:g} and {made.max:g}"
            problems.append(
                ConfigProblem(key, f"min must be at most max, got {limits}", f"{key}.min={made.max:g}")
            )
        gates[str(name)] = made
    if problems:
        raise ConfigError(problems)
    return FrozenMapping(gates)
