"""RunGates: a run that is judged: by gates, against a baseline, beside another's settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jaxarc.replay.run_questions import RunQuestions
from jaxarc.replay.run_reader import RunReader

if TYPE_CHECKING:
    from jaxarc.replay.config_difference import ConfigDifference
    from jaxarc.replay.gates import Gate, GateResult

__all__ = ["RunGates"]


class RunGates(RunQuestions):
    """A run that is judged.

    Args:
        run_dir: the run's directory.
        include_hidden: as for RunReader.
    """

    def gate(
        self,
        metric: str | Gate | Sequence[str | Gate],
        *,
        max: float | None = None,
        min: float | None = None,
        baseline: str | RunReader | None = None,
        tolerance: float | str = 0.0,
        of: str | None = None,
        direction: str | None = None,
        any_status: bool = False,
    ) -> GateResult:
        """Return whether metrics are good enough: ``if not run.gate("loss", max=0.5): …``.

        A metric that is missing, NaN, infinite or no number does not pass; neither does a run that FAILED,
        was KILLED or is LOST. Printed, the result says what is wrong; ``.chart()`` draws it.

        Args:
            metric: a name, ``loss[phase=val]`` for one of several series, a `Gate`, or several of these.
            max, min: limits, both inclusive.
            baseline: a run, or the name of a baseline or of a run, than which it may not be worse.
            tolerance: how much worse it may be: a number, or a share of the baseline's such as ``"5%"``.
            of: what of the series counts: ``last``, ``min``, ``max``, ``mean``, ``first`` or ``best``; None
                for what the run says of the metric.
            direction: ``minimize`` or ``maximize``; None for what was declared.
            any_status: let runs pass however they ended.

        Raises:
            QueryError: a gate asks for nothing, a name means several series, a limit is no number, or a
                baseline is given for a metric whose direction nobody declared.
            RunNotFoundError: there is no such baseline.
        """
        from jaxarc.replay.gates import Gate, Tolerance, gate_of_run

        asked = [metric] if isinstance(metric, (str, Gate)) else list(metric)
        limits: dict[str, Any] = {
            "tolerance": Tolerance.of(tolerance),
            "max": max,
            "min": min,
            "of": of,
            "direction": direction,
        }
        gates = [each if isinstance(each, Gate) else Gate(metric=each, **limits) for each in asked]
        return gate_of_run(self, gates, baseline, any_status=any_status)

    def config_diff(self, other: RunReader | str) -> ConfigDifference:
        """Return in which parameters, settings and versions another run differs; printed, it is a list.

        Args:
            other: the run, or what ``jaxarc.open`` takes.

        Raises:
            RunNotFoundError: there is no such run.
        """
        from jaxarc.replay.baseline import base_dir_of
        from jaxarc.replay.config_difference import config_difference
        from jaxarc.replay.experiment import ExperimentRecord
        from jaxarc.storage import resolve_run

        run = other if isinstance(other, RunReader) else RunReader(resolve_run(other, base_dir_of(self)))
        params = [ExperimentRecord(each.events("param")).params for each in (self, run)]
        return config_difference(self, run, (params[0], params[1]))
