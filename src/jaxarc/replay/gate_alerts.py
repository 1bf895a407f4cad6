"""What is written into a run where a gate is not passed."""

from __future__ import annotations

from collections.abc import Iterator

from jaxarc.records.experiment_events import Log
from jaxarc.replay.gates import GateCheck, GateResult

__all__ = ["ALERT_LOGGER", "alert_of", "alerts_of"]

ALERT_LOGGER = "jaxarc.gates"
"""Who says the alerts of gates, in the record's log."""


def alerts_of(found: GateResult) -> Iterator[Log]:
    """Yield an alert for each gate that is not passed, and one where the run as a whole does not pass."""
    for check in found.failed:
        yield alert_of(check, baseline=found.baseline)
    for reason in found.reasons:
        title = f"{found.run} passes no gate"
        fields = {"alert": True, "title": title}
        yield Log(level="WARNING", msg=reason, logger=ALERT_LOGGER, fields=fields)


def alert_of(check: GateCheck, *, baseline: str = "", step: int | None = None) -> Log:
    """Return the alert of a gate that is not passed.

    Args:
        check: what became of it.
        baseline: the baseline's run.
        step: the step at which it was found; None for none.
    """
    title = f"{check.gate.metric} is not good enough"
    fields = {"alert": True, "title": title, **check.to_dict(), "baseline_run": baseline or None}
    msg = f"{check.gate.metric}: {'; '.join(check.reasons)}"
    return Log(level="WARNING", msg=msg, logger=ALERT_LOGGER, step=step, fields=fields)
