"""What a run warned of while it went on, as a report shows it."""

from __future__ import annotations

from dataclasses import dataclass

from jaxarc.records.experiment_events import Log, is_warning, read_experiment_event
from jaxarc.replay import ReplaySystem
from jaxarc.visualization.report_media import is_too_large

__all__ = ["ReportWarnings", "report_warnings"]

_MOST = 10


@dataclass(frozen=True)
class ReportWarnings:
    """Entries of a run's log from WARNING up: the first of them, and how many there are."""

    first: tuple[Log, ...]
    count: int


def report_warnings(run: ReplaySystem) -> ReportWarnings:
    """Return what a run warned of: values beyond their limits, the first NaN, builders that failed."""
    first: list[Log] = []
    count = 0
    if is_too_large(run):
        return ReportWarnings((), 0)
    for event in run.events(Log.TYPE):
        try:
            said = read_experiment_event(event)
        except (ValueError, TypeError):
            continue
        if isinstance(said, Log) and is_warning(said):
            count += 1
            if len(first) < _MOST:
                first.append(said)
    return ReportWarnings(tuple(first), count)
