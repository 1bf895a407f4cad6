"""One run of MLflow: records become metrics, parameters, tags and files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from jaxarc.errors import RefusedRecordError
from jaxarc.records.artifact_paths import is_uri
from jaxarc.records.experiment_events import (
    Artifact,
    Checkpoint,
    DefineMetric,
    Media,
    MetricBatch,
    Param,
    RunEnd,
    RunStart,
    Status,
    Summary,
    Table,
    Tag,
)
from jaxarc.tracking.mlflow_names import file_name, metric_number, metric_value, name_of, series_of, text_of
from jaxarc.tracking.whole_steps import whole_step

if TYPE_CHECKING:
    from jaxarc.tracking.backend import TrackedRecord
    from jaxarc.tracking.mlflow_backend import MlflowBackend

__all__ = ["SENT", "MlflowRun"]

SENT = "jaxarc.sent"
"""The tag in which a run of MLflow says what it has, by source; where it was joined our run's id follows."""

_MOST_METRICS, _MOST_OTHERS = 1_000, 100

_ERROR = ("type", "message", "traceback")

T = TypeVar("T")


class MlflowRun:
    """Put records into one run of MLflow, each once.

    Args:
        backend: whose run it is.
        run: the run, as MLflow gives it.
        is_joined: whether the user began it.
        is_new: whether nothing was written to it.

    Attributes:
        run_id, experiment_id: its identity in MLflow, and what it belongs to.
        is_joined: whether the user began it: it is not ended here.
        has_members: whether it shows numbers of a member.
    """

    def __init__(self, backend: MlflowBackend, run: Any, *, is_joined: bool, is_new: bool):
        self._backend = backend
        self._client = backend.client
        self.run_id: str = run.info.run_id
        self.experiment_id: str = run.info.experiment_id
        self.is_joined = is_joined
        self.has_members = False
        self._params: dict[str, str] = dict(run.data.params)
        # Several of ours may join one run, one after the other: each has a tag of its own.
        self._sent_tag = name_of(f"{SENT}.{backend.run_id}") if is_joined else SENT
        self._sent = _watermarks(run.data.tags.get(self._sent_tag, ""))
        self._had = dict(self._sent)
        self._is_unsure = not is_new
        self._latest_us = 0
        self._ended_us = 0

    def show(self, records: Sequence[TrackedRecord]) -> None:
        """Show records; those that are there already are passed over."""
        new = [record for record in records if record.seq >= self._had.get(record.source, 0)]
        if not new:
            return
        gathered = _Gathered(self._params)
        for record in new:
            gathered.add(record)
            self.has_members |= isinstance(record.said, MetricBatch) and "member" in record.said.ctx
        is_unsure, self._is_unsure = self._is_unsure, True
        if is_unsure:
            gathered.metrics = [each for each in gathered.metrics if not self._has(*each)]
        self._send(gathered)
        for record in new:
            self._send_file(record)
            self._sent[record.source] = max(self._sent.get(record.source, 0), record.seq + 1)
            self._latest_us = max(self._latest_us, record.timestamp_us)
            if isinstance(record.said, RunEnd):
                self._ended_us = record.timestamp_us
        self._client.set_tag(self.run_id, self._sent_tag, json.dumps(self._sent))
        self._params.update(gathered.params)
        self._backend.remember(self.run_id, gathered.metrics)
        self._is_unsure = False

    def end(self, status: str) -> None:
        """Say how the run ended; a joined one is its owner's."""
        if not self.is_joined and status != "RUNNING":
            ended = (self._ended_us or self._latest_us) // 1000
            self._client.set_terminated(self.run_id, status, ended or None)

    def begin_like(self, params: Mapping[str, str]) -> None:
        """Have the parameters of the run of all members."""
        gathered = _Gathered({})
        gathered.params = dict(params)
        self._send(gathered)
        self._params.update(params)

    def write_document(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a small JSON file into the run's artifacts."""
        self._client.log_dict(self.run_id, dict(content), name)

    def _send(self, gathered: _Gathered) -> None:
        from mlflow.entities import Metric, RunTag
        from mlflow.entities import Param as MlflowParam

        for params in _batches(gathered.params.items(), _MOST_OTHERS):
            self._client.log_batch(self.run_id, params=[MlflowParam(key, value) for key, value in params])
        for tags in _batches(gathered.tags.items(), _MOST_OTHERS):
            self._client.log_batch(self.run_id, tags=[RunTag(key, value) for key, value in tags])
        there = self._client.get_run(self.run_id).data.tags if gathered.removed else {}
        for name in gathered.removed:
            if name in there:
                self._client.delete_tag(self.run_id, name)
        for metrics in _batches(gathered.metrics, _MOST_METRICS):
            self._client.log_batch(self.run_id, metrics=[Metric(*each) for each in metrics])

    def _has(self, key: str, value: float, timestamp_ms: int, step: int) -> bool:
        """Say whether a value arrived with a call that failed, or that a crash came after."""
        return (metric_number(value), timestamp_ms, step) in self._backend.history(self.run_id, key)

    def _send_file(self, record: TrackedRecord) -> None:
        """Copy what a record names into the run's artifacts."""
        said = record.said
        if isinstance(said, Table):
            step = "" if said.step is None else f"-{said.step}"
            content = {"columns": [str(column) for column in said.columns], "data": [*map(list, said.rows)]}
            self.write_document(f"tables/{file_name(said.key)}{step}.json", content)
        elif isinstance(said, Media):
            path = self._backend.file_of(said.path, f"media {said.key}")
            self._backend.upload(path, f"media {said.key}")
            self._client.log_artifact(self.run_id, str(path), f"media/{file_name(said.key)}")
        elif isinstance(said, (Artifact, Checkpoint)):
            self._send_artifact(said, record.seq)

    def _send_artifact(self, said: Artifact | Checkpoint, seq: int) -> None:
        """Write what is known of an artifact, and its file where that is wanted, and it is the run's.

        A run may come from somebody else, and name any file of this machine: only its own are copied.
        """
        kind = "checkpoint" if isinstance(said, Checkpoint) else said.type
        name = str(said.meta.get("name") or "checkpoint") if isinstance(said, Checkpoint) else said.name
        folder = f"artifacts/{file_name(kind)}"
        content = dict(said.event().payload)
        self.write_document(f"{folder}/{file_name(name or 'artifact')}-{seq}.json", content)
        if not self._backend.settings.log_artifacts:
            return
        if os.path.isabs(said.path) or is_uri(said.path):
            return  # a reference: the document says where it lies
        path = self._backend.file_of(said.path, f"{kind} {name}")
        self._backend.upload(path, f"{kind} {name}")
        log = self._client.log_artifacts if path.is_dir() else self._client.log_artifact
        log(self.run_id, str(path), f"{folder}/{path.name}" if path.is_dir() else folder)


class _Gathered:
    """What is sent of several records with as few calls as possible.

    Args:
        known: the parameters that the run has.
    """

    def __init__(self, known: Mapping[str, str]):
        self._known = known
        self.metrics: list[tuple[str, float, int, int]] = []
        self.params: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self.removed: dict[str, None] = {}

    def add(self, record: TrackedRecord) -> None:
        """Take a record.

        Raises:
            RefusedRecordError: a number in it is larger than MLflow takes.
        """
        said, stamp = record.said, record.timestamp_us // 1000
        match said:
            case MetricBatch():
                step = 0 if said.step is None else whole_step(said.step, ", ".join(said.metrics))
                for key, value in said.metrics.items():
                    self._metric(series_of(str(key), said.ctx), value, stamp, step)
            case Summary():
                for key, value in said.values.items():
                    self._metric(name_of(f"summary/{key}"), value, stamp, 0)
            case Param():
                self._param(name_of(said.key), text_of(said.value))
            case Tag():
                for name in said.removed:
                    self.tags.pop(name_of(str(name)), None)
                    self.removed[name_of(str(name))] = None
                for name, value in said.tags.items():
                    self._tag(str(name), "" if value is None else value)
            case DefineMetric():
                self._tag(f"metric/{said.key}", _without_nothing(said))
            case Status():
                progress = said.progress or {}
                done = " ".join(str(progress[name]) for name in ("cur", "total", "unit") if name in progress)
                self._tag("status", " ".join(word for word in (said.status, said.msg, done) if word))
            case RunStart():
                for name, value in _origin(said):
                    self._tag(name, value)
                for name in _ERROR:  # of an attempt that failed, and that this one goes on with
                    self.tags.pop(f"error/{name}", None)
                    self.removed[f"error/{name}"] = None
            case RunEnd():
                for name, value in (said.error or {}).items():
                    self._tag(f"error/{name}", value)

    def _metric(self, name: str, value: Any, timestamp_ms: int, step: int) -> None:
        try:
            number = metric_value(value)
        except OverflowError as error:
            raise RefusedRecordError(f"MLflow takes no integer as large as that of {name}") from error
        if number is None:
            self._tag(name, value)
        else:
            self.metrics.append((name, number, timestamp_ms, step))

    def _param(self, name: str, value: str) -> None:
        """Log a parameter; MLflow lets none change: of one that does a tag has the last value."""
        before = self.params.get(name, self._known.get(name))
        if before is None:
            self.params[name] = value
        elif before != value or f"param/{name}" in self.tags:
            self._tag(f"param/{name}", value)

    def _tag(self, name: str, value: Any) -> None:
        name = name_of(name)
        self.removed.pop(name, None)
        self.tags[name] = text_of(value)


def _origin(said: RunStart) -> Iterator[tuple[str, Any]]:
    """Yield the tags by which MLflow shows where a run comes from, and those of the run."""
    for name, value in said.tags.items():
        yield str(name), "" if value is None else value
    known = {
        "mlflow.source.name": said.source.get("entrypoint"),
        "mlflow.source.git.commit": said.source.get("git_commit"),
        "mlflow.source.git.branch": said.source.get("git_branch"),
        "jaxarc.parent_run_id": said.parent_run_id,
    }
    yield from ((name, value) for name, value in known.items() if value)


def _without_nothing(said: DefineMetric) -> dict[str, Any]:
    found = {"step_metric": said.step_metric, "direction": said.direction, "summary": said.summary}
    return {name: value for name, value in found.items() if value is not None}


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    each = iter(items)
    while batch := list(islice(each, size)):
        yield batch


def _watermarks(text: str) -> dict[str, int]:
    try:
        content = json.loads(text or "{}")
        return {str(name): int(seq) for name, seq in content.items()}
    except (ValueError, TypeError, AttributeError):
        return {}
