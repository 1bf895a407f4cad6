"""Gates: whether a metric of a run is good enough, by limits or against a baseline."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jaxarc.errors import QueryError, closest
from jaxarc.records.experiment_events import DIRECTIONS
from jaxarc.rendering.text import escape
from jaxarc.replay.baseline import baseline_run_dir
from jaxarc.replay.experiment import ExperimentRecord, number_of
from jaxarc.replay.experiment_glance import full_record
from jaxarc.replay.metric_choice import MetricValue, direction_of, metric_value

if TYPE_CHECKING:
    from jaxarc.replay.picture import Picture
    from jaxarc.replay.run_reader import RunReader

__all__ = [
    "BROKEN_STATUSES",
    "Gate",
    "GateCheck",
    "GateResult",
    "Tolerance",
    "check_gates",
    "check_value",
    "gate_of_run",
    "number_problem",
    "shown_number",
]

BROKEN_STATUSES = ("FAILED", "KILLED", "LOST")
"""Runs that ended so pass no gate, unless that is asked for."""

_PASSING_OVER = ("min", "max", "mean", "first", "best")
"""Measures that a value at the end does not show in: a run that diverged may still have a fine one."""


@dataclass(frozen=True)
class Tolerance:
    """How much worse than the baseline is good enough: ``0.02``, or ``5%`` of the baseline's value."""

    amount: float = 0.0
    is_share: bool = False

    @classmethod
    def of(cls, value: Any) -> Tolerance:
        """Read a number, or text such as ``5%``.

        Raises:
            QueryError: it is neither, or below 0.
        """
        if isinstance(value, Tolerance):
            return value
        text = str(value).strip()
        is_share = text.endswith("%")
        try:
            amount = float(text.removesuffix("%")) / (100 if is_share else 1)
        except ValueError:
            amount = -1.0
        if isinstance(value, bool) or not 0 <= amount < math.inf:
            raise QueryError(f"tolerance must be a number from 0, or a share such as 5%, got {value!r}")
        return cls(amount, is_share)

    def around(self, baseline: float) -> float:
        """Return how much worse than ``baseline`` may be."""
        return self.amount * (abs(baseline) if self.is_share else 1.0)

    def __str__(self) -> str:
        return f"{100 * self.amount:g}%" if self.is_share else f"{self.amount:g}"


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What a metric has to come to.

    Attributes:
        metric: its name; ``loss[phase=val]`` for one of several series.
        max, min: limits, both inclusive; None for none.
        of: what of the series counts; None for what the run says.
        direction: ``minimize`` or ``maximize``; None for what was declared. A baseline needs one.
        tolerance: how much worse than the baseline is good enough.

    Raises:
        QueryError: a limit is no number, or they exclude each other.
    """

    metric: str
    max: float | None = None
    min: float | None = None
    of: str | None = None
    direction: str | None = None
    tolerance: Tolerance = field(default_factory=Tolerance)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tolerance", Tolerance.of(self.tolerance))
        for name in ("max", "min"):
            limit = getattr(self, name)
            if limit is not None and (isinstance(limit, bool) or not _is_number(limit) or limit != limit):
                raise QueryError(f"{name} of a gate must be a number, got {limit!r}")
        if self.max is not None and self.min is not None and self.min > self.max:
            raise QueryError(f"min must be at most max, got {self.min:g} and {self.max:g}")
        if self.direction is not None and self.direction not in DIRECTIONS:
            near = closest(self.direction, DIRECTIONS)
            raise QueryError(f"direction must be minimize or maximize, got {self.direction!r}{near}")


@dataclass(frozen=True)
class GateCheck:
    """What became of one gate.

    Attributes:
        gate: the gate.
        passed: whether the metric is good enough.
        found: what the metric comes to.
        baseline: what it comes to in the baseline; None without one.
        limit: the worst that passes against the baseline; None without one.
        reasons: why it does not pass, in words; empty where it does.
    """

    gate: Gate
    passed: bool
    found: MetricValue
    baseline: MetricValue | None = None
    limit: float | None = None
    reasons: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The check in a sentence."""
        value = "is missing" if self.found.value is None else f"= {shown_number(self.found.value)}"
        how = f" ({self.found.of})" if self.found.of not in ("last", "summary") else ""
        asked = ", ".join(self._limits())
        return f"{self.gate.metric}{how} {value}{f'; asked: {asked}' if asked else ''}"

    def _limits(self) -> Iterator[str]:
        if self.gate.min is not None:
            yield f"at least {self.gate.min:g}"
        if self.gate.max is not None:
            yield f"at most {self.gate.max:g}"
        if self.limit is not None and self.baseline is not None:
            bound = "at most" if self.found.direction == "minimize" else "at least"
            tolerance = f", tolerance {self.gate.tolerance}" if self.gate.tolerance.amount else ""
            yield f"{bound} {self.limit:.6g} (baseline {shown_number(self.baseline.value)}{tolerance})"

    def to_dict(self) -> dict[str, Any]:
        """Return the check as plain values, for JSON."""
        return {
            "metric": self.gate.metric,
            "passed": self.passed,
            "value": self.found.value,
            "of": self.found.of,
            "direction": self.found.direction,
            "min": self.gate.min,
            "max": self.gate.max,
            "baseline": None if self.baseline is None else self.baseline.value,
            "tolerance": None if self.baseline is None else str(self.gate.tolerance),
            "limit": self.limit,
            "reasons": list(self.reasons),
        }


@dataclass(frozen=True)
class GateResult:
    """What became of a run's gates: true where all are passed. Printed, it says so in words.

    Attributes:
        run: the run's name.
        status: how the run ended.
        checks: what became of each gate.
        baseline: name of the baseline's run; empty without one.
        reasons: why the run as a whole does not pass; empty where that depends on the gates alone.
        problems: files of the run, or of the baseline, that could not be read: what they held did not count.
    """

    run: str
    status: str
    checks: tuple[GateCheck, ...]
    baseline: str = ""
    reasons: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every gate is passed."""
        return not self.reasons and all(check.passed for check in self.checks)

    def __bool__(self) -> bool:
        return self.passed

    @property
    def failed(self) -> tuple[GateCheck, ...]:
        """The gates that are not passed."""
        return tuple(check for check in self.checks if not check.passed)

    def __str__(self) -> str:
        against = f", against {self.baseline}" if self.baseline else ""
        verdict = "passed" if self.passed else "failed"
        lines = [f"{verdict}: {self.run} ({self.status}){against}"]
        for check in self.checks:
            lines.append(f"  {'passed' if check.passed else 'FAILED'}  {check.words}")
            lines += [f"          {reason}" for reason in check.reasons]
        lines += [f"  FAILED  {reason}" for reason in self.reasons]
        lines += [f"  damaged: {problem}" for problem in self.problems]
        return "\n".join(lines)

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return {
            "run": self.run,
            "status": self.status,
            "passed": self.passed,
            "baseline": self.baseline or None,
            "gates": [check.to_dict() for check in self.checks],
            "reasons": list(self.reasons),
            "problems": list(self.problems),
        }

    def chart(self, *, theme: str = "light") -> Picture:
        """Draw each metric over its steps with its limits and the baseline's curve.

        Args:
            theme: ``light`` or ``dark``.

        Raises:
            RenderError: there is no such theme.
        """
        from jaxarc.replay.gate_charts import gate_chart

        return gate_chart(self, theme)

    def _repr_html_(self) -> str:
        from jaxarc.rendering.notebook_style import notebook_cell

        said = "".join(f'<p class="note">{escape(line)}</p>' for line in str(self).split("\n")[1:])
        verdict, look = ("passed", "good") if self.passed else ("failed", "bad")
        head = f'<h4>{escape(self.run)} <span class="badge {look}">{verdict}</span></h4>'
        return notebook_cell(f"{head}{self.chart()._repr_html_()}{said}")


def check_gates(
    record: ExperimentRecord,
    gates: Sequence[Gate],
    *,
    run: str,
    status: str,
    baseline: ExperimentRecord | None = None,
    baseline_name: str = "",
    any_status: bool = False,
    problems: Sequence[str] = (),
) -> GateResult:
    """Hold a run against gates.

    A metric that the run does not have, or that is no finite number, does not pass; nor does a run that
    FAILED, was KILLED or is LOST.

    Args:
        record: the run's record.
        gates: the gates.
        run, status: name and status of the run.
        baseline: what it is compared with; None for the limits alone.
        baseline_name: its name.
        any_status: let runs pass however they ended.
        problems: files that could not be read.

    Raises:
        QueryError: a gate asks for nothing, means several series, or needs a direction that nobody declared.
    """
    if not gates:
        raise QueryError("a gate names a metric: --metric loss --max 0.5")
    checks = tuple(_checked(record, gate, baseline) for gate in gates)
    reasons = []
    if status in BROKEN_STATUSES and not any_status:
        reasons.append(f"the run is {status}; --any-status lets it pass all the same")
    return GateResult(run, status, checks, baseline_name, tuple(reasons), tuple(problems))


def gate_of_run(
    run: RunReader,
    gates: Sequence[Gate],
    baseline: str | RunReader | None = None,
    *,
    root: str | os.PathLike[str] | None = None,
    any_status: bool = False,
) -> GateResult:
    """Hold a run against gates; arguments and errors as those of ``ReplaySystem.gate``.

    Args:
        run, gates, baseline, any_status: as there.
        root: where runs and baselines are looked for; None for the folder that the run is in.
    """
    record, problems = full_record(run.run_dir)
    before, name = None, ""
    if baseline is not None:
        run_dir = baseline_run_dir(baseline, run, root) if isinstance(baseline, str) else baseline.run_dir
        before, more = full_record(run_dir)
        problems, name = [*problems, *more], run_dir.name
    return check_gates(
        record,
        gates,
        run=run.name,
        status=run.status,
        baseline=before,
        baseline_name=name,
        any_status=any_status,
        problems=[str(problem) for problem in problems],
    )


def _checked(record: ExperimentRecord, gate: Gate, baseline: ExperimentRecord | None) -> GateCheck:
    if gate.max is None and gate.min is None and baseline is None:
        raise QueryError(f"a gate has a max, a min or a baseline; that of {gate.metric} has none")
    direction, before = gate.direction, None
    if baseline is not None:
        direction = direction or direction_of(record, gate.metric) or direction_of(baseline, gate.metric)
        if direction is None:
            raise QueryError(
                f"which way {gate.metric} gets better was not declared; give --direction minimize or "
                "maximize, or declare it while recording with define_metric"
            )
        before = metric_value(baseline, gate.metric, gate.of, direction)
    found = metric_value(record, gate.metric, gate.of, direction)
    return check_value(gate, found, before, list(_value_problems(record, gate, found)))


def check_value(
    gate: Gate, found: MetricValue, before: MetricValue | None, problems: Sequence[str] = ()
) -> GateCheck:
    """Hold one value against a gate.

    Args:
        gate: the gate.
        found: the value, with the direction in which it gets better.
        before: the baseline's; None without one.
        problems: what is wrong with the value itself.
    """
    reasons = list(problems)
    limit = None
    value = found.value if _is_number(found.value) else math.nan
    if gate.min is not None and value < gate.min:
        reasons.append(f"{shown_number(value)} is below {gate.min:g}")
    if gate.max is not None and value > gate.max:
        reasons.append(f"{shown_number(value)} is above {gate.max:g}")
    if before is not None:
        if not _is_number(before.value) or not math.isfinite(before.value):
            said = "has no such metric" if before.value is None else f"has {shown_number(before.value)} there"
            reasons.append(f"the baseline {said}: there is nothing to compare with")
        else:
            sign = 1 if found.direction == "minimize" else -1
            limit = float(before.value) + sign * gate.tolerance.around(float(before.value))
            if sign * value > sign * limit:
                worse = f"{shown_number(value)} is worse than the baseline's {shown_number(before.value)}"
                by = f" by more than {gate.tolerance}" if gate.tolerance.amount else ""
                reasons.append(worse + by)
    return GateCheck(gate, not reasons, found, before, limit, tuple(reasons))


def _value_problems(record: ExperimentRecord, gate: Gate, found: MetricValue) -> Iterator[str]:
    """Yield why a value cannot be held against anything."""
    if found.value is None:
        names = {*record.summary, *(key for key, _ in record.keys)}
        if gate.metric in names:
            yield f"{gate.metric} has no value"
            return
        yield f"the run has no metric {gate.metric!r}{closest(gate.metric, names)}"
        return
    if (problem := number_problem(found.value)) is not None:
        yield problem
        return
    series = found.series
    if (
        series is not None
        and len(series)
        and found.of in _PASSING_OVER
        and not math.isfinite(series.value[-1])
    ):
        last = series.others.get(len(series) - 1, float(series.value[-1]))
        yield f"its last value is {shown_number(last)}: the run diverged after its {found.of}"


def number_problem(value: Any) -> str | None:
    """Return why a value cannot be compared; None where it can."""
    if not _is_number(value):
        problem = "is larger than what can be compared" if isinstance(value, int) else "is no number"
        return f"{value!r:.80} {problem}"
    return None if math.isfinite(value) else f"{shown_number(value)} is not finite"


def _is_number(value: Any) -> bool:
    return number_of(value) is not None


def shown_number(value: Any) -> str:
    """Return a value as it is printed."""
    return f"{value:.6g}" if _is_number(value) else f"{value!r:.80}"
