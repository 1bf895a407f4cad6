"""What is said of an experiment besides its episodes: one dataclass a type of event, its codec beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import lru_cache
from typing import Any, ClassVar, Self

from jaxarc.records.events import Event

__all__ = [
    "ARTIFACT_CHECKS",
    "DESCRIPTION_TAG",
    "DIRECTIONS",
    "EXPERIMENT_EVENTS",
    "SUMMARIES",
    "Artifact",
    "ArtifactRemoved",
    "Checkpoint",
    "DefineMetric",
    "ExperimentEvent",
    "Log",
    "Media",
    "MetricBatch",
    "Param",
    "RunEnd",
    "RunStart",
    "Status",
    "Summary",
    "Table",
    "Tag",
    "is_warning",
    "read_experiment_event",
]

DIRECTIONS = ("minimize", "maximize")
"""Which way a metric gets better; declared, never guessed."""

SUMMARIES = ("last", "min", "max", "mean", "first", "best", "none")
"""What of a series stands in the run's summary; ``best`` goes by the declared direction."""

ARTIFACT_CHECKS = ("exists", "size", "digest")
"""How well an artifact is verified, each with those before it."""


DESCRIPTION_TAG = "description"
"""The tag whose value says in words what the run is for."""


@dataclass(frozen=True, kw_only=True)
class ExperimentEvent:
    """One thing said of an experiment.

    Attributes:
        more: keys of the payload that this version does not know; they are kept.
    """

    TYPE: ClassVar[str] = ""
    more: Mapping[str, Any] = field(default_factory=dict)

    def event(self) -> Event:
        """Return it as an event, whose payload has a key for each field."""
        known = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "more"}
        return Event(self.TYPE, {**self.more, **known})

    @classmethod
    def of(cls, event: Event) -> Self:
        """Read an event of this type; what it lacks has its default.

        Raises:
            ValueError: a key without a default is missing.
        """
        known = _keys(cls)
        for name, is_needed in known.items():
            if is_needed and name not in event.payload:
                raise ValueError(f"an event {cls.TYPE} without {name}: {dict(event.payload)!r:.200}")
        said = {name: value for name, value in event.payload.items() if name in known}
        return cls(**said, more={name: value for name, value in event.payload.items() if name not in known})


@lru_cache(maxsize=64)
def _keys(kind: type[ExperimentEvent]) -> dict[str, bool]:
    """Return the keys of a type's payload, and whether each has to be there."""
    return {
        each.name: each.default is MISSING and each.default_factory is MISSING
        for each in fields(kind)
        if each.name != "more"
    }


@dataclass(frozen=True, kw_only=True)
class RunStart(ExperimentEvent):
    """A run, or another attempt at it, begins.

    Attributes:
        run_id: the run's identity.
        name: what people call it.
        experiment: what it belongs to.
        parent_run_id: the run that it is a part of; None where it stands alone.
        tags: values by name; a tag without a value has None.
        source: ``git_commit``, ``git_branch``, ``git_repo`` and ``git_dirty`` (None outside a repository),
            ``entrypoint`` and ``argv``.
        env: ``python_version``, ``platform``, ``hostname``, ``devices``, and ``versions`` of packages.
    """

    TYPE = "run_start"
    run_id: str
    name: str = ""
    experiment: str = ""
    parent_run_id: str | None = None
    tags: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_run(cls, said: Mapping[str, Any]) -> RunStart:
        """Say what ``run.json`` says at the beginning; its keys stay beside those of the event.

        Args:
            said: ``run_id``, what ``provenance`` returns, and more.
        """
        git = said.get("git") or {}
        versions = said.get("versions") or {}
        source = {f"git_{name}": git.get(name) for name in ("commit", "branch", "repo", "dirty")}
        env = {"python_version": versions.get("python"), "versions": versions}
        known = {each.name for each in fields(cls)}
        return cls(
            run_id=str(said["run_id"]),
            name=str(said.get("name") or said["run_id"]),
            experiment=str(said.get("experiment") or ""),
            parent_run_id=said.get("parent_run_id"),
            tags=said.get("tags") or {},
            source={**source, "entrypoint": said.get("entrypoint"), "argv": said.get("argv")},
            env={**env, **{name: said.get(name) for name in ("platform", "hostname", "devices")}},
            more={name: value for name, value in said.items() if name not in known},
        )


@dataclass(frozen=True, kw_only=True)
class RunEnd(ExperimentEvent):
    """A run, or an attempt at it, ends.

    Attributes:
        status: of ``ENDED_STATUSES`` (`run_status`).
        error: ``type``, ``message`` and ``traceback`` of what ended a FAILED one; None for others.
        duration_ms: milliseconds since it began.
    """

    TYPE = "run_end"
    status: str
    error: Mapping[str, Any] | None = None
    duration_ms: int | None = None


@dataclass(frozen=True, kw_only=True)
class Param(ExperimentEvent):
    """A hyper-parameter.

    Attributes:
        key: its name, with dots between levels.
        value: any value that has a JSON form.
        nested_key: the same name, a level an entry, where it has several.
    """

    TYPE = "param"
    key: str
    value: Any
    nested_key: Sequence[str] | None = None


@dataclass(frozen=True, kw_only=True)
class MetricBatch(ExperimentEvent):
    """Values of metrics at one step. A ``metric`` is one of a single key, as other programs write it.

    Attributes:
        metrics: values by key; NaN and infinities are values.
        step: the step on the axis that the metric is defined over; None where it has none.
        epoch: the epoch, where there is one.
        ctx: what tells series of one key apart (``phase``, ``stream``, ``member``, ``agg``): part of the key.
    """

    TYPE = "metric_batch"
    metrics: Mapping[str, Any]
    step: int | None = None
    epoch: int | None = None
    ctx: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DefineMetric(ExperimentEvent):
    """What is known of a metric beforehand.

    Attributes:
        key: its name, or a pattern that ends in ``*``.
        step_metric: the metric that is its axis (``env_step``, ``update``, ``episode``).
        direction: ``minimize`` or ``maximize``; None where it is not said.
        summary: of ``SUMMARIES``.
    """

    TYPE = "define_metric"
    key: str
    step_metric: str | None = None
    direction: str | None = None
    summary: str = "last"


@dataclass(frozen=True, kw_only=True)
class Summary(ExperimentEvent):
    """Final numbers: no series, the last value of each key counts."""

    TYPE = "summary"
    values: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Tag(ExperimentEvent):
    """Tags that the run has, or has no more.

    Attributes:
        tags: values by name; a tag without a value has None.
        removed: names that go.
    """

    TYPE = "tag"
    tags: Mapping[str, Any] = field(default_factory=dict)
    removed: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Artifact(ExperimentEvent):
    """A file that belongs to the run.

    Attributes:
        path: where it lies; relative to the run's directory where it lies in it.
        type: what it is: an open vocabulary (``checkpoint``, ``dataset``, ``plot``, …).
        name: what it is called; of several with one name each is a version.
        size: bytes.
        checksum: ``sha256:`` and its hexadecimal digest; empty where it was not computed.
        meta: everything else: id, aliases, tags, description, step, metrics, lineage.
    """

    TYPE = "artifact"
    path: str
    type: str
    name: str
    size: int | None = None
    checksum: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Checkpoint(ExperimentEvent):
    """A checkpoint of the training.

    Attributes:
        step, epoch: when it was taken.
        path: where it lies.
        metrics: numbers at that time.
        is_best: whether it is the best so far by ``best_key``.
        best_key: the metric that says which is best.
        meta: everything else.
    """

    TYPE = "checkpoint"
    step: int | None = None
    epoch: int | None = None
    path: str
    metrics: Mapping[str, Any] = field(default_factory=dict)
    is_best: bool = False
    best_key: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ArtifactRemoved(ExperimentEvent):
    """A version of an artifact whose file the run keeps no more; what was said of it stays.

    Attributes:
        name: what the artifact is called.
        path: where the file lay, as the artifact said it.
        checksum: as the artifact said it.
        reason: why it went.
    """

    TYPE = "artifact_removed"
    name: str
    path: str
    checksum: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Status(ExperimentEvent):
    """How the run is.

    Attributes:
        status: of ``STATUSES`` (`run_status`).
        msg: words.
        progress: ``cur``, ``total`` and ``unit``; None where it is not said.
    """

    TYPE = "status"
    status: str
    msg: str = ""
    progress: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class Log(ExperimentEvent):
    """A line of a log.

    Attributes:
        level: ``DEBUG`` to ``CRITICAL``.
        msg: its words.
        logger: who says it.
        step: the step, where there is one.
        fields: values beside the words.
    """

    TYPE = "log"
    level: str
    msg: str
    logger: str = ""
    step: int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


def is_warning(said: Log) -> bool:
    """Return whether somebody should know of a line: its level is WARNING or more."""
    return str(said.level).upper() in ("WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True, kw_only=True)
class Table(ExperimentEvent):
    """A small table: several values a row, for comparisons.

    Attributes:
        key: its name.
        columns: names of its columns.
        rows: a list of values a row.
        step: the step, where there is one.
    """

    TYPE = "table"
    key: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    step: int | None = None


@dataclass(frozen=True, kw_only=True)
class Media(ExperimentEvent):
    """A picture, a film, a page or a text.

    Attributes:
        key: its name; of several with one name each has a step of its own.
        kind: ``image``, ``video``, ``html``, ``plotly`` or ``text``.
        path: the file, relative to the run's directory.
        caption: words beneath it.
        step: the step, where there is one.
        meta: everything else (episode, format, size).
    """

    TYPE = "media"
    key: str
    kind: str
    path: str
    caption: str = ""
    step: int | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


EXPERIMENT_EVENTS: Mapping[str, type[ExperimentEvent]] = {
    each.TYPE: each
    for each in (
        RunStart, RunEnd, Param, MetricBatch, DefineMetric, Summary, Tag, Artifact, ArtifactRemoved,
        Checkpoint, Status, Log, Table, Media,
    )
}  # fmt: skip
"""The dataclass of each type."""


def read_experiment_event(event: Event) -> ExperimentEvent | None:
    """Return what an event says of the experiment; None for events of other things.

    A ``metric`` becomes the MetricBatch of its one key.

    Raises:
        ValueError: it lacks what its type needs.
    """
    if event.type == "metric":
        payload = dict(event.payload)
        try:
            metrics = {payload.pop("key"): payload.pop("value")}
        except KeyError as error:
            raise ValueError(f"an event metric without {error}: {dict(event.payload)!r:.200}") from error
        return MetricBatch.of(Event("metric_batch", {**payload, "metrics": metrics}))
    kind = EXPERIMENT_EVENTS.get(event.type)
    return None if kind is None else kind.of(event)
