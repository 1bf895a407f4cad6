"""One run of W&B: what is said of a run lands where W&B has a place for it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxarc.records.experiment_events import (
    Artifact,
    Checkpoint,
    DefineMetric,
    Log,
    Media,
    MetricBatch,
    Param,
    RunStart,
    Status,
    Summary,
    Table,
    Tag,
)
from jaxarc.records.name_patterns import fits
from jaxarc.tracking.log_verbs import DESCRIPTION_TAG
from jaxarc.tracking.wandb_files import FILES, artifact_of, keep_file, media_of, table_of, was_removed
from jaxarc.tracking.wandb_names import BY_LOG_STEP, is_of_gradients, series_name, tag_words

if TYPE_CHECKING:
    from jaxarc.tracking.backend import TrackedRecord
    from jaxarc.tracking.wandb_backend import WandbBackend

__all__ = ["MetricAxes", "WandbRun"]

_SENT = "jaxarc_sent/"
"""Rows carry the number of their record, so that W&B itself knows what it has."""

_ENV_STEP, _STEP = "env_step", "step"

TOPOLOGY = "model/topology"
"""The table of the tree of parameters."""


class MetricAxes:
    """How metrics were defined, by name or pattern.

    Args:
        plain: what ``plain`` returned before.
    """

    def __init__(self, plain: Mapping[str, Any] | None = None):
        self._definitions = {
            key: DefineMetric(
                key=key, step_metric=each["step_metric"], direction=each["direction"], summary=each["summary"]
            )
            for key, each in (plain or {}).items()
        }

    def define(self, said: DefineMetric) -> None:
        """Go by this from now on."""
        self._definitions[said.key] = said

    def of(self, key: str) -> DefineMetric | None:
        """Return what was said of a metric, by its name or by the longest pattern that it fits."""
        if key in self._definitions:
            return self._definitions[key]
        fitting = [pattern for pattern in self._definitions if fits(key, pattern)]
        return self._definitions[max(fitting, key=len)] if fitting else None

    def plain(self) -> dict[str, Any]:
        """Return the definitions as plain values."""
        return {
            key: {"step_metric": each.step_metric, "direction": each.direction, "summary": each.summary}
            for key, each in self._definitions.items()
        }


class WandbRun:
    """Put records into one run of W&B.

    Args:
        run: the run of W&B.
        is_joined: whether somebody else began it, and will finish it.
        ticket: what ``ticket`` returned for it before.
        run_id: the run that is shown; another may be in the same run of W&B where that was joined.

    Attributes:
        run: the run of W&B.
        is_joined: whether somebody else began it.
        has_members: whether it shows a member's series.
    """

    def __init__(self, run: Any, *, is_joined: bool, ticket: Mapping[str, Any], run_id: str):
        self.run = run
        self.is_joined = is_joined
        self._marks = f"{_SENT}{run_id}/" if is_joined else _SENT
        self.has_members = bool(ticket.get("has_members"))
        self._sent: dict[str, int] = {str(name): int(next_) for name, next_ in ticket.get("sent", {}).items()}
        self._axis_of: dict[str, str] = {}
        self._names: dict[str, set[str]] = {}
        if getattr(run, "resumed", False):
            self._ask_what_it_has()
        run.define_metric(f"{_SENT}*", hidden=True)

    @property
    def folder(self) -> str:
        """Where its local files are: what ``wandb sync`` takes."""
        return str(Path(self.run.dir).parent)

    def ticket(self) -> dict[str, Any]:
        """Return its identity and what it has."""
        return {
            "id": self.run.id,
            "entity": self.run.entity,
            "project": self.run.project,
            "folder": self.folder,
            "is_joined": self.is_joined,
            "has_members": self.has_members,
            "sent": dict(self._sent),
        }

    def lacks(self, record: TrackedRecord) -> bool:
        """Say whether it does not have a record yet."""
        return record.seq >= self._sent.get(record.source, 0)

    def has(self, record: TrackedRecord) -> None:
        """Remember that it has a record."""
        self._sent[record.source] = record.seq + 1

    def configure(self, values: Mapping[str, Any]) -> None:
        """Put what is not empty into its config."""
        self.run.config.update(
            {key: value for key, value in values.items() if value not in (None, "", {})},
            allow_val_change=True,
        )

    def begin_like(self, whole: WandbRun, member: int) -> None:
        """Begin the run of a member with the config and the tags of the run of all."""
        config = {key: value for key, value in dict(whole.run.config).items() if not key.startswith("_")}
        self.configure({**config, "member": member})
        self.run.tags = tuple(dict.fromkeys([*(whole.run.tags or ()), *(self.run.tags or ())]))

    def show(self, record: TrackedRecord, axes: MetricAxes, backend: WandbBackend) -> None:
        """Show a record.

        Args:
            record: what is said.
            axes: how metrics were defined.
            backend: knows the settings, and how much may still be uploaded.

        Raises:
            RefusedRecordError: it can never be shown: its file is missing, or beyond the upload budget.
        """
        said, row = record.said, functools.partial(self._log, record)
        if _is_between(said, backend.settings.log_frequency):
            return
        match said:
            case MetricBatch():
                self._show_metrics(record, said, axes, with_gradients=backend.settings.log_gradients)
            case DefineMetric():
                for key in [key for key in self._names if fits(key, said.key)]:
                    self._define(key, axes)
            case Param():
                self._show_param(said)
            case Summary():
                self.run.summary.update({str(key): value for key, value in said.values.items()})
            case Tag():
                self._show_tags(said)
            case RunStart():
                self._show_tags(Tag(tags=said.tags))
            case Table():
                if said.key != TOPOLOGY or backend.settings.log_model_topology:
                    row({said.key: table_of(said), **self._place(said.key, said.step, axes)})
            case Media():
                shown = media_of(said, backend)
                if shown:
                    places = {name: said.meta[name] for name in (_ENV_STEP, "episode") if name in said.meta}
                    at = {**self._place(said.key, said.step, axes), **places}
                    for key in shown if at else ():
                        self._define_media(key, next(iter(at)))
                    row({**shown, **at})
            case Artifact() | Checkpoint():
                if was_removed(said, backend.run_dir):
                    return
                if said.meta.get("place") == FILES:
                    keep_file(self.run, said, backend)
                    return
                artifact, aliases = artifact_of(said, backend)
                self.run.log_artifact(artifact, aliases=aliases)
            case Status():
                self._show_status(said)
            case Log():
                self._show_log(said)

    def _show_metrics(
        self, record: TrackedRecord, said: MetricBatch, axes: MetricAxes, *, with_gradients: bool
    ) -> None:
        if isinstance(said.ctx.get("member"), int):
            self.has_members = True
        env_step = said.more.get(_ENV_STEP)
        is_curve = record.source.startswith("curves/")
        values, places = {}, {}
        for key, value in said.metrics.items():
            if is_of_gradients(key) and not with_gradients:
                continue
            definition = axes.of(key)
            if is_curve or (env_step is not None and (definition is None or not definition.step_metric)):
                axis, at = _ENV_STEP, said.step if is_curve else env_step
            else:
                axis, at = (definition and definition.step_metric) or _STEP, said.step
            name = series_name(key, said.ctx)
            if name not in self._names.setdefault(key, set()) or self._axis_of.get(name) != axis:
                self._names[key].add(name)
                self._axis_of[name] = axis
                self._define(key, axes)
            values[name] = value
            if at is not None:
                places[axis] = at
        if not values:
            return
        update = said.more.get("update") if is_curve else (said.step if env_step is not None else None)
        if update is not None:
            places.setdefault("update", update)
        if said.epoch is not None:
            places["epoch"] = said.epoch
        self._log(record, {**places, **values})

    def _define(self, key: str, axes: MetricAxes) -> None:
        """Tell W&B of the axis and the summary of every series of a metric."""
        definition = axes.of(key)
        summary = None
        if definition is not None and definition.summary != "last":
            summary = definition.summary
            if summary == "best":
                summary = {"minimize": "min", "maximize": "max"}.get(definition.direction or "")
        for name in self._names[key]:
            axis = self._axis_of[name]
            if definition is not None and definition.step_metric and axis == _STEP:
                axis = self._axis_of[name] = definition.step_metric
            if axis != name:
                self.run.define_metric(name, step_metric=axis, summary=summary, overwrite=True)

    def _define_media(self, key: str, axis: str) -> None:
        if self._axis_of.get(key) != axis:
            self._axis_of[key] = axis
            self.run.define_metric(key, step_metric=axis, overwrite=True)

    def _place(self, key: str, step: int | None, axes: MetricAxes) -> dict[str, Any]:
        definition = axes.of(key)
        return {} if step is None else {(definition and definition.step_metric) or _STEP: step}

    def _log(self, record: TrackedRecord, row: Mapping[str, Any]) -> None:
        at = {"_timestamp": record.timestamp_us / 1e6, f"{self._marks}{record.source}": record.seq}
        self.run.log({**row, **at})

    def _show_param(self, said: Param) -> None:
        levels = [str(level) for level in said.nested_key or ()] or [said.key]
        value = said.value
        if len(levels) > 1:
            # W&B knows the first level alone: what stands beside the value goes with it.
            before = self.run.config.get(levels[0])
            value = _with(before if isinstance(before, Mapping) else {}, levels[1:], value)
        self.run.config.update({levels[0]: value}, allow_val_change=True)

    def _show_tags(self, said: Tag) -> None:
        tags = {name: value for name, value in said.tags.items() if name != DESCRIPTION_TAG}
        if DESCRIPTION_TAG in said.tags:
            self.run.notes = str(said.tags[DESCRIPTION_TAG])
        gone = set(said.removed) | set(tags)
        kept = [tag for tag in self.run.tags or () if tag not in gone and tag.partition(":")[0] not in gone]
        self.run.tags = tuple(dict.fromkeys([*kept, *(tag_words(*each) for each in tags.items())]))

    def _show_status(self, said: Status) -> None:
        values: dict[str, Any] = {"status": said.status}
        if said.msg:
            values["status_msg"] = said.msg
        if said.progress:
            values["progress"] = dict(said.progress)
        self.run.summary.update(values)

    def _show_log(self, said: Log) -> None:
        """Show an alert as one; other lines stand in the run's own log."""
        if said.logger == "alert" or said.fields.get("alert"):
            level = {"ERROR": "ERROR", "CRITICAL": "ERROR", "WARNING": "WARN"}.get(said.level, "INFO")
            title = str(said.fields.get("title") or said.msg)
            self.run.alert(title=title[:64], text=said.msg, level=level)

    def _ask_what_it_has(self) -> None:
        """Go by what W&B has itself: a crash may have come before the ticket was saved."""
        for key, value in dict(self.run.summary).items():
            if key.startswith(self._marks) and isinstance(value, (int, float)):
                source = key.removeprefix(self._marks)
                self._sent[source] = max(self._sent.get(source, 0), int(value) + 1)


def _is_between(said: object, frequency: int) -> bool:
    """Say whether it is of a step between those that are sent: steps are counted as they were given."""
    if isinstance(said, MetricBatch):
        known = said.more
    elif isinstance(said, Media):
        known = said.meta
    else:
        return False
    nth = known.get("nth")
    return known.get("by") == BY_LOG_STEP and isinstance(nth, int) and nth % frequency != 0


def _with(nested: Mapping[str, Any], levels: list[str], value: Any) -> dict[str, Any]:
    """Return nested values with one of them set."""
    if len(levels) == 1:
        return {**nested, levels[0]: value}
    within = nested.get(levels[0])
    return {**nested, levels[0]: _with(within if isinstance(within, Mapping) else {}, levels[1:], value)}
