"""ExperimentRecord: params, series, summary, tags and files of a run, folded from its events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jaxarc.errors import closest
from jaxarc.records.events import Event
from jaxarc.records.experiment_events import (
    DESCRIPTION_TAG,
    Artifact,
    Checkpoint,
    DefineMetric,
    Log,
    Media,
    MetricBatch,
    Param,
    RunEnd,
    RunStart,
    Status,
    Summary,
    Table,
    Tag,
    is_warning,
    read_experiment_event,
)
from jaxarc.records.name_patterns import fits
from jaxarc.records.non_finite import NonFinite

__all__ = ["ExperimentRecord", "Series", "SeriesKey", "SeriesList", "number_of", "series_key", "summarised"]

SeriesKey = tuple[str, tuple[tuple[str, Any], ...]]
"""Name of a metric, and its context in order of names: train and validation ``loss`` are two series."""


@dataclass(frozen=True, eq=False)
class Series:
    """The values of one metric in one context, in the order in which they were logged.

    Attributes:
        key: name of the metric.
        ctx: what tells it apart from others of that name.
        step: where each value stands on the axis, float64[n]; NaN where it has no step.
        epoch: the epoch of each, float64[n]; NaN where there is none.
        value: the values, float64[n]; those that are no numbers are NaN here, and in ``others``.
        timestamp_us: when each was logged, int64[n].
        others: values that are no numbers, by position.
    """

    key: str
    ctx: Mapping[str, Any]
    step: np.ndarray
    epoch: np.ndarray
    value: np.ndarray
    timestamp_us: np.ndarray
    others: Mapping[int, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        context = ", ".join(f"{name}={value!r}" for name, value in self.ctx.items())
        last = f", last={self.value[-1]:.6g}" if len(self) else ""
        return f"Series({self.key!r}{', ' + context if context else ''}, {len(self)} values{last})"

    def _repr_html_(self) -> str:
        from jaxarc.replay.metric_display import metrics_html

        return metrics_html([self])


class SeriesList(list[Series]):
    """Several series; in a notebook they show themselves as charts."""

    def _repr_html_(self) -> str:
        from jaxarc.replay.metric_display import metrics_html

        return metrics_html(self)


@dataclass
class _Growing:
    """A series that is being read."""

    step: list[float] = field(default_factory=list)
    epoch: list[float] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    timestamp_us: list[int] = field(default_factory=list)
    others: dict[int, Any] = field(default_factory=dict)

    def add(self, step: float, epoch: float, value: Any, timestamp_us: int) -> None:
        number = number_of(value)
        if number is None:
            self.others[len(self.value)] = value
        self.value.append(np.nan if number is None else number)
        self.step.append(step)
        self.epoch.append(epoch)
        self.timestamp_us.append(timestamp_us)

    def series(self, key: SeriesKey) -> Series:
        step, epoch, value = (np.array(column, np.float64) for column in (self.step, self.epoch, self.value))
        stamps = np.array(self.timestamp_us, np.int64)
        return Series(key[0], dict(key[1]), step, epoch, value, stamps, self.others)


def number_of(value: Any) -> float | None:
    """Return a value as a float; None where it is no number, or a whole one beyond what a float holds."""
    try:
        return float(value) if isinstance(value, (bool, int, float)) else None
    except OverflowError:
        return None


def _axis(step: Any) -> float:
    return np.nan if step is None else float(step)


def in_order_of_time(events: Iterable[Event]) -> list[Event]:
    """Return events of several writers as they came, each writer's in its order whatever its clock did."""
    latest: dict[str, int] = {}
    keyed = []
    for event in events:
        latest[event.writer] = max(latest.get(event.writer, 0), event.timestamp_us)
        keyed.append((latest[event.writer], event))
    if len(latest) > 1:
        keyed.sort(key=lambda pair: pair[0])
    return [event for _, event in keyed]


def series_key(key: str, ctx: Mapping[str, Any]) -> SeriesKey:
    """Return what a series goes by; context values that are no plain ones go by their text."""
    plain = (
        (name, value if isinstance(value, (str, int, float)) else repr(value)) for name, value in ctx.items()
    )
    return key, tuple(sorted((str(name), value) for name, value in plain if value is not None))


class ExperimentRecord:
    """What was said of an experiment; of what was said twice the last counts, ``conflicts`` keeps the others.

    Args:
        events: the run's events, each writer's in its order.

    Attributes:
        starts, ends: beginnings and ends of the run's attempts, each with its time in microseconds.
        params: hyper-parameters by name.
        definitions: what was said of metrics beforehand, by name or pattern.
        tags: tags by name.
        artifacts: files, in the order in which they were logged.
        checkpoints: checkpoints, in the order in which they were logged.
        statuses: the statuses the run had, each with its time in microseconds.
        tables, media, logs: what they say.
        conflicts: parameters that were logged with several values, all of them in order.
        problems: events that lack what their type needs.
    """

    def __init__(self, events: Iterable[Event]):
        self.starts: list[tuple[int, RunStart]] = []
        self.ends: list[tuple[int, RunEnd]] = []
        self.params: dict[str, Any] = {}
        self.definitions: dict[str, DefineMetric] = {}
        self.tags: dict[str, Any] = {}
        self.artifacts: list[Artifact] = []
        self.checkpoints: list[Checkpoint] = []
        self.statuses: list[tuple[int, Status]] = []
        self.tables: list[Table] = []
        self.media: list[Media] = []
        self.logs: list[Log] = []
        self.conflicts: dict[str, list[Any]] = {}
        self.problems: list[str] = []
        self._said: dict[str, Any] = {}
        self._status = ""
        self._growing: dict[SeriesKey, _Growing] = {}
        for event in in_order_of_time(events):
            try:
                self._take(read_experiment_event(event), event.timestamp_us)
            except (ValueError, TypeError, AttributeError, OverflowError) as error:
                self.problems.append(f"event {event.seq} of {event.writer}: {error}")
        self._series: dict[SeriesKey, Series] = {}

    def _take(self, read: object, timestamp_us: int) -> None:
        match read:
            case MetricBatch():
                step, epoch = _axis(read.step), _axis(read.epoch)
                ctx = series_key("", read.ctx)[1]
                for key, value in read.metrics.items():
                    found = self._growing.get((str(key), ctx))
                    if found is None:
                        found = self._growing[str(key), ctx] = _Growing()
                    found.add(step, epoch, value, timestamp_us)
            case RunStart():
                self.starts.append((timestamp_us, read))
                self.tags.update(read.tags)
                self._status = "RUNNING"
            case RunEnd():
                self.ends.append((timestamp_us, read))
                self._status = read.status
            case Param():
                if read.key in self.params and not _same(self.params[read.key], read.value):
                    self.conflicts.setdefault(read.key, [self.params[read.key]]).append(read.value)
                self.params[read.key] = read.value
            case DefineMetric():
                self.definitions[read.key] = read
            case Summary():
                self._said.update(read.values)
            case Tag():
                self.tags.update(read.tags)
                for name in read.removed:
                    self.tags.pop(name, None)
            case Status():
                self.statuses.append((timestamp_us, read))
                self._status = read.status
            case Artifact():
                self.artifacts.append(read)
            case Checkpoint():
                self.checkpoints.append(read)
            case Table():
                self.tables.append(read)
            case Media():
                self.media.append(read)
            case Log():
                self.logs.append(read)

    @property
    def warnings(self) -> list[Log]:
        """What somebody should know: entries of the log from WARNING up, in their order."""
        return [said for said in self.logs if is_warning(said)]

    @property
    def non_finite(self) -> list[NonFinite]:
        """Where numbers first were NaN or infinite, as ``recorder.watch`` and diagnostics located it."""
        return [found for found in map(NonFinite.of, self.logs) if found is not None]

    @property
    def status(self) -> str:
        """What the run says of itself: SCHEDULED, RUNNING, PAUSED, or how it ended; empty where nothing."""
        return self._status

    @property
    def progress(self) -> Mapping[str, Any] | None:
        """How far the run said that it is: ``cur``, ``total`` and ``unit``; None where it never did."""
        return next((said.progress for _, said in reversed(self.statuses) if said.progress), None)

    @property
    def said(self) -> dict[str, Any]:
        """What was said of the summary, without what series come to."""
        return dict(self._said)

    @property
    def tag_names(self) -> tuple[str, ...]:
        """Names of the tags, in the order in which they came; without the description."""
        return tuple(name for name in self.tags if name != DESCRIPTION_TAG)

    @property
    def description(self) -> str:
        """What the run is for, in words."""
        return str(self.tags.get(DESCRIPTION_TAG) or "")

    @property
    def keys(self) -> tuple[SeriesKey, ...]:
        """Every series, in the order in which they began."""
        return tuple(self._growing)

    def series(self, key: str, **ctx: Any) -> Series:
        """Return the series of a metric in a context.

        Args:
            key: name of the metric.
            **ctx: what is known of its context; exactly one series has to have it.

        Raises:
            KeyError: no series has it, or several have; what there is is named.
        """
        named = [each for each in self._growing if each[0] == key]
        found = [
            each for each in named if all(dict(each[1]).get(name) == value for name, value in ctx.items())
        ]
        if len(found) == 1:
            return self.of(found[0])
        if not named:
            names = {each[0] for each in self._growing}
            raise KeyError(f"no metric {key!r} was logged{closest(key, names)}")
        contexts = "; ".join(", ".join(f"{n}={v!r}" for n, v in each[1]) or "none" for each in found or named)
        which = "several series have that context" if found else "no series has that context"
        raise KeyError(f"{key}: {which}; there are {contexts}")

    def all_series(self, **ctx: Any) -> SeriesList:
        """Return every series that has this context, in the order in which they began."""
        return SeriesList(
            self.of(key)
            for key in self._growing
            if all(dict(key[1]).get(name) == value for name, value in ctx.items())
        )

    def of(self, key: SeriesKey) -> Series:
        """Return a series by what it goes by."""
        if key not in self._series:
            self._series[key] = self._growing[key].series(key)
        return self._series[key]

    def definition(self, key: str) -> DefineMetric | None:
        """Return what was said of a metric beforehand, by its name or by the longest pattern that it fits."""
        if key in self.definitions:
            return self.definitions[key]
        fitting = [pattern for pattern in self.definitions if fits(key, pattern)]
        return self.definitions[max(fitting, key=len)] if fitting else None

    @property
    def summary(self) -> dict[str, Any]:
        """Final numbers: what each series comes to by its definition, and above it what was said."""
        found: dict[str, Any] = {}
        for key in self._growing:
            definition = self.definition(key[0])
            if definition is None or definition.summary != "none":
                name = key[0] if not key[1] else f"{key[0]} ({', '.join(f'{n}={v}' for n, v in key[1])})"
                found[name] = summarised(self.of(key), definition)
        return {**found, **self._said}

    @property
    def said_summary(self) -> dict[str, Any]:
        """Final numbers that were said as such; not what series come to."""
        return dict(self._said)


def summarised(series: Series, definition: DefineMetric | None = None) -> Any:
    """Return the one number of a series: its last, or what its definition asks for; NaN are passed over."""
    how = "last" if definition is None else definition.summary
    if how == "best":
        directions = {"minimize": "min", "maximize": "max"}
        how = directions.get(definition.direction or "", "last") if definition is not None else "last"
    if how == "last":
        last = len(series) - 1
        return series.others.get(last, float(series.value[last]))
    if how == "first":
        return series.others.get(0, float(series.value[0]))
    known = series.value[~np.isnan(series.value)]
    if not len(known):
        return float("nan")
    return float({"min": np.min, "max": np.max, "mean": np.mean}[how](known))


def _same(a: Any, b: Any) -> bool:
    return a == b or (a != a and b != b)
