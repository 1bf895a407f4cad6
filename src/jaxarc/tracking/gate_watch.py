"""GateWatch: an alert is written into a run as soon as a metric is not good enough."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from jaxarc.errors import QueryError, RunNotFoundError
from jaxarc.records.experiment_events import DefineMetric, Log, MetricBatch
from jaxarc.replay.baseline import baseline_run_dir
from jaxarc.replay.experiment import ExperimentRecord, SeriesKey, series_key
from jaxarc.replay.experiment_glance import full_record
from jaxarc.replay.gate_alerts import ALERT_LOGGER, alert_of
from jaxarc.replay.gates import Gate, GateCheck, Tolerance, check_value, number_problem
from jaxarc.replay.metric_choice import MetricValue, chosen_key, direction_of, metric_value
from jaxarc.replay.run_reader import RunReader
from jaxarc.storage import Annotations, annotation_files, read_events
from jaxarc.tracking.backend import RunInfo, TrackedRecord

if TYPE_CHECKING:
    from jaxarc.config.gates import GateConfig

__all__ = ["GateWatch"]


@dataclass(frozen=True)
class _Watched:
    """A gate, the baseline that it is compared with, and how patient it is."""

    gate: Gate
    baseline: str | None
    patience: int


class GateWatch:
    """A backend that shows nothing: it holds metrics against gates while the run goes on.

    Of a metric that is not good enough for several values in a row an alert is written into the run, once
    until it is good enough again; backends that know alerts show it. A baseline is compared at the same step;
    a value without a step with what the baseline comes to. ``logging.gates`` makes one.

    Args:
        gates: the gates.
        baseline: a baseline's or a run's name; None for limits alone.
        patience: how many values in a row are not good enough before an alert is written. One that is no
            finite number is told at once.
    """

    name = "gates"

    def __init__(self, gates: Sequence[Gate], baseline: str | None = None, patience: int = 3):
        self._watched = [_Watched(gate, baseline, patience) for gate in gates]
        self._begin({})

    @classmethod
    def of_config(cls, gates: Mapping[str, GateConfig]) -> Self:
        """Return one for what ``logging.gates`` says, by metric."""
        watch = cls(())
        for metric, said in gates.items():
            limits = {"max": said.max, "min": said.min, "direction": said.direction}
            gate = Gate(metric=metric, tolerance=Tolerance.of(said.tolerance), **limits)
            watch._watched.append(_Watched(gate, said.baseline, said.patience))
        return watch

    def _begin(self, ticket: Mapping[str, Any]) -> None:
        behind, counts = ticket.get("behind", ()), ticket.get("counts", {})
        self._behind: set[str] = set(behind)
        self._counts: dict[str, int] = dict(counts)
        self._seen: dict[SeriesKey, None] = {}
        self._definitions = ExperimentRecord(())
        self._baselines: dict[str, ExperimentRecord | None] = {}
        self._told: set[tuple[str, str, int]] = set()
        self._annotations: Annotations | None = None

    def open(self, run: RunInfo) -> None:
        """Begin, or go on."""
        self._begin(run.ticket)
        self._annotations = Annotations(run.run_dir)
        self._definitions = ExperimentRecord(_definitions(run.run_dir))
        self._told = set(_told_before(run.run_dir))
        reader = RunReader(run.run_dir)
        for name in {each.baseline for each in self._watched if each.baseline is not None}:
            try:
                found = baseline_run_dir(name, reader)
                self._baselines[name] = None if found == run.run_dir.resolve() else full_record(found)[0]
            except RunNotFoundError as error:
                self._baselines[name] = None
                self._say_once(f"baseline {name}", f"nothing is compared with the baseline {name!r}: {error}")

    def write(self, records: Sequence[TrackedRecord]) -> None:
        """Hold the metrics among the records against the gates."""
        for record in records:
            if isinstance(record.said, MetricBatch):
                keys = (series_key(str(key), record.said.ctx) for key in record.said.metrics)
                self._seen |= dict.fromkeys(keys)
            elif isinstance(record.said, DefineMetric):
                self._definitions.definitions[record.said.key] = record.said
        chosen = [(self._chosen(watched), watched) for watched in self._watched]
        for record in records:
            if isinstance(record.said, MetricBatch):
                for key, value in record.said.metrics.items():
                    found = series_key(str(key), record.said.ctx)
                    for meant, watched in chosen:
                        if meant == found:
                            self._look(watched, record, record.said, value)

    def ticket(self) -> Mapping[str, Any]:
        """Return which metrics are behind, and for how long."""
        return {"behind": sorted(self._behind), "counts": self._counts}

    def close(self, status: str) -> None:
        """End: what was written is in the run."""

    def _chosen(self, watched: _Watched) -> SeriesKey | None:
        try:
            return chosen_key(self._seen, watched.gate.metric)
        except QueryError as error:
            self._say_once(watched.gate.metric, f"a gate is not watched: {error}")
            return None

    def _look(self, watched: _Watched, record: TrackedRecord, said: MetricBatch, value: Any) -> None:
        """Hold one value against a gate, and tell where it falls behind or is good enough again."""
        metric = watched.gate.metric
        check = self._check(watched, said, value)
        if check.passed:
            self._counts.pop(metric, None)
            if metric in self._behind:
                msg = f"{metric} is good enough again: {check.words}"
                self._write(Log(level="INFO", msg=msg, logger=ALERT_LOGGER, step=said.step), metric, record)
                self._behind.discard(metric)
            return
        count = self._counts.get(metric, 0) + 1
        is_told = count >= watched.patience or number_problem(value) is not None
        if metric not in self._behind and is_told:
            baseline = watched.baseline if check.baseline is not None else None
            self._write(alert_of(check, baseline=baseline or "", step=said.step), metric, record)
            self._behind.add(metric)
        self._counts[metric] = count

    def _check(self, watched: _Watched, said: MetricBatch, value: Any) -> GateCheck:
        gate = watched.gate
        baseline = None if watched.baseline is None else self._baselines.get(watched.baseline)
        direction = gate.direction or direction_of(self._definitions, gate.metric)
        if baseline is not None:
            direction = direction or direction_of(baseline, gate.metric)
        before = None
        if baseline is not None and direction is None:
            way = "nobody declared which way it gets better (define_metric, or direction of the gate)"
            self._say_once(gate.metric, f"{gate.metric} is not compared with the baseline: {way}")
        elif baseline is not None:
            before = _value_at(baseline, gate, said.step, direction)
        problem = number_problem(value)
        found = MetricValue(value, "last", None, direction)
        return check_value(gate, found, before, () if problem is None else (problem,))

    def _write(self, log: Log, metric: str, record: TrackedRecord) -> None:
        """Write into the run, once for a record however often it comes."""
        place = (metric, record.source, record.seq)
        if place in self._told or self._annotations is None:
            return
        event = replace(log, fields={**log.fields, "metric": metric, "record": list(place[1:])}).event()
        self._annotations.append(event.type, dict(event.payload))
        self._told.add(place)

    def _say_once(self, about: str, msg: str) -> None:
        place = (about, "", 0)
        if place in self._told or self._annotations is None:
            return
        fields = {"metric": about, "record": ["", 0]}
        event = Log(level="WARNING", msg=msg, logger=ALERT_LOGGER, fields=fields).event()
        self._annotations.append(event.type, dict(event.payload))
        self._told.add(place)


def _definitions(run_dir: Path) -> Iterator[Any]:
    """Yield what is declared of metrics, cheaply: nothing else of the event files is read."""
    for path in sorted((run_dir / "events").glob("p*.jsonl")):
        yield from read_events(path, types=[DefineMetric.TYPE])


def _told_before(run_dir: Path) -> Iterator[tuple[str, str, int]]:
    """Yield of which records the run holds an alert already."""
    for path in annotation_files(run_dir):
        for event in read_events(path, types=[Log.TYPE]):
            fields = event.payload.get("fields")
            if event.payload.get("logger") != ALERT_LOGGER or not isinstance(fields, Mapping):
                continue
            place = fields.get("record")
            if isinstance(place, list) and len(place) == 2:
                yield str(fields.get("metric")), str(place[0]), int(place[1])


def _value_at(
    baseline: ExperimentRecord, gate: Gate, step: int | None, direction: str | None
) -> MetricValue | None:
    """Return what a baseline had reached at a step; None where it had nothing then."""
    found = metric_value(baseline, gate.metric, None, direction)
    series = found.series
    if step is None or series is None or np.isnan(series.step).all():
        return found
    reached = np.flatnonzero((series.step <= step) & np.isfinite(series.value))
    if not len(reached):
        return None
    last = reached[series.step[reached] == series.step[reached].max()][-1]
    return replace(found, value=float(series.value[last]), of="last")
