"""MlflowBackend: a run appears in MLflow, on a server, in SQL, or in files."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jaxarc.config.mlflow import MlflowConfig
from jaxarc.errors import ConfigError, ConfigProblem, RefusedRecordError, StartOverError
from jaxarc.records.experiment_events import DefineMetric, Param, Tag
from jaxarc.records.secrets import redacted
from jaxarc.tracking.backend import RunInfo, TrackedRecord
from jaxarc.tracking.mlflow_names import metric_number
from jaxarc.tracking.mlflow_run import MlflowRun
from jaxarc.tracking.series_names import is_of_several, member_of

__all__ = ["MlflowBackend"]

logger = logging.getLogger(__name__)

_RUN_ID, _MEMBER = "jaxarc.run_id", "jaxarc.member"
_ALL = ""
"""The run of all members, the parent of theirs."""

_OF_SQL = ("sqlite", "postgresql", "mysql", "mssql")


class MlflowBackend:
    """Show a run in MLflow.

    Series are metrics over the record's steps, at the times at which they were logged; parameters,
    tags and files are what they are. A run of several members is a parent with a run for each member; its
    own series are their mean. A run that the user began is joined, and not ended.

    MLflow lets no parameter change: of one that does, the tag ``param/<name>`` has the last value. Values of
    metrics that are no numbers are tags. Lines of logs have no place there.

    Args:
        settings: ``logging.mlflow`` of the configuration.

    Attributes:
        upload_bytes: the most bytes of pictures, pages, films and artifacts; None for no limit.
        client: MLflow's client, once it is open.

    Raises:
        ConfigError: the store needs SQLAlchemy, which is not installed.
    """

    name = "mlflow"

    def __init__(self, settings: MlflowConfig | None = None):
        import mlflow

        self.settings = settings or MlflowConfig()
        self.upload_bytes: int | None = None
        self.client: Any = None
        self._uri = self.settings.tracking_uri or str(mlflow.get_tracking_uri())
        if self._uri.split(":")[0].split("+")[0] in _OF_SQL and find_spec("sqlalchemy") is None:
            raise ConfigError([_without_sql(self._uri)])
        self._active = ""
        self._info: RunInfo | None = None
        self._runs: dict[str, MlflowRun] = {}
        self._histories: dict[tuple[str, str], set[tuple[str, int, int]]] = {}
        self._is_split = False
        self._has_several = False
        self._uploaded = 0

    @property
    def target(self) -> str:
        """The store that shows the run, without passwords."""
        return str(redacted(self._uri))

    @property
    def run_id(self) -> str:
        """The identity of the run that is shown; empty before it is open."""
        return self._info.run_id if self._info is not None else ""

    def join_active(self) -> None:
        """Join the run of MLflow that is active in this thread, or that MLFLOW_RUN_ID names."""
        mlflow = sys.modules.get("mlflow")
        active = mlflow.active_run() if mlflow is not None else None
        self._active = active.info.run_id if active is not None else os.environ.get("MLFLOW_RUN_ID", "")

    def open(self, run: RunInfo) -> None:
        """Begin the run in MLflow, or go on with it.

        Raises:
            StartOverError: it is not there any more.
        """
        from mlflow.tracking import MlflowClient

        self.client = MlflowClient(tracking_uri=self._uri)
        self._info = run
        self._runs, self._histories = {}, {}
        self._is_split = self._has_several or bool(run.ticket.get("is_split"))
        self._uploaded = int(run.ticket.get("uploaded_bytes", 0))
        self._run_of(_ALL)

    def write(self, records: Sequence[TrackedRecord]) -> None:
        """Show records; those that MLflow has already are passed over."""
        if not self._is_split and any(is_of_several(record.said) for record in records):
            self._split()
        by_home: dict[str, list[TrackedRecord]] = {_ALL: []}
        if self._is_split:
            for member in sorted({member_of(record.said) for record in records} - {None}, key=str):
                self._run_of(str(member))
        for record in records:
            for home in self._homes(record):
                by_home.setdefault(home, []).append(record)
        with _as_ours():
            for home, of_home in by_home.items():
                self._run_of(home).show(of_home)

    def ticket(self) -> Mapping[str, Any]:
        """Return the runs of MLflow, and what was uploaded."""
        return {
            "runs": {name: run.run_id for name, run in self._runs.items()},
            "is_joined": _ALL in self._runs and self._runs[_ALL].is_joined,
            "is_split": self._is_split,
            "uploaded_bytes": self._uploaded,
            "shown_at": self._shown_at(),
        }

    def _shown_at(self) -> str:
        """Return where people see the run: its page on a server, or the command that serves its store."""
        if _ALL not in self._runs:
            return ""
        run, uri = self._runs[_ALL], str(redacted(self._uri))
        if not uri.startswith(("http://", "https://")):
            return f"mlflow ui --backend-store-uri {uri}"
        return f"{uri.rstrip('/')}/#/experiments/{run.experiment_id}/runs/{run.run_id}"

    def close(self, status: str) -> None:
        """End the runs that this began; one that was joined goes on."""
        for run in self._runs.values():
            run.end(status)

    def history(self, run_id: str, key: str) -> set[tuple[str, int, int]]:
        """Return what MLflow has of a metric: values, times and steps; it is asked once."""
        if (run_id, key) not in self._histories:
            self._histories[run_id, key] = {
                (metric_number(metric.value), metric.timestamp, metric.step)
                for metric in self.client.get_metric_history(run_id, key)
            }
        return self._histories[run_id, key]

    def remember(self, run_id: str, metrics: Iterable[tuple[str, float, int, int]]) -> None:
        """Hear what MLflow has besides, by name, value, time and step."""
        for key, value, timestamp_ms, step in metrics:
            if (run_id, key) in self._histories:
                self._histories[run_id, key].add((metric_number(value), timestamp_ms, step))

    def file_of(self, path: str, what: str) -> Path:
        """Return a file that a record names.

        Raises:
            RefusedRecordError: it is missing, or lies outside the run.
        """
        assert self._info is not None
        run_dir = self._info.run_dir.resolve()
        found = (run_dir / path).resolve()
        if not found.is_relative_to(run_dir):
            raise RefusedRecordError(f"{what}: {path} lies outside the run")
        if not found.exists():
            raise RefusedRecordError(f"{what}: {path} is missing")
        return found

    def upload(self, path: Path, what: str) -> None:
        """Count what is about to be uploaded.

        Raises:
            RefusedRecordError: it is beyond the budget.
        """
        files = path.rglob("*") if path.is_dir() else [path]
        nbytes = sum(file.stat().st_size for file in files if file.is_file())
        if self.upload_bytes is not None and self._uploaded + nbytes > self.upload_bytes:
            raise RefusedRecordError(
                f"{what} ({nbytes} bytes) is beyond the upload budget; it stays in the run: raise"
                " logging.upload_bytes"
            )
        self._uploaded += nbytes

    def _homes(self, record: TrackedRecord) -> list[str]:
        """Return the runs that show a record."""
        if isinstance(record.said, (Param, Tag, DefineMetric)):
            return [_ALL, *(name for name in self._runs if name != _ALL)]
        member = member_of(record.said) if self._is_split else None
        return [_ALL if member is None else str(member)]

    def _split(self) -> None:
        """Show every member in a run of its own from now on."""
        self._is_split = self._has_several = True
        main = self._runs[_ALL]
        if main.has_members:
            if not main.is_joined:
                self.client.delete_run(main.run_id)
            raise StartOverError("MLflow: the run turned out to have several members; it is written anew")

    def _run_of(self, name: str) -> MlflowRun:
        if name not in self._runs:
            self._runs[name] = self._member(name) if name else self._main()
        return self._runs[name]

    def _main(self) -> MlflowRun:
        info = self._info
        assert info is not None
        known, was_joined = info.ticket.get("runs", {}), bool(info.ticket.get("is_joined"))
        if _ALL in known:
            return self._again(known[_ALL], is_joined=was_joined)
        if self._active and info.is_live:
            logger.info("MLflow: joined the active run %s", self._active)
            joined = self._again(self._active, is_joined=True)
            self.client.set_tag(self._active, _RUN_ID, info.run_id)
            return joined
        experiment = self._experiment(info)
        found = self.client.search_runs([experiment], f"tags.`{_RUN_ID}` = '{_quoted(info.run_id)}'")
        mine = [run for run in found if _MEMBER not in run.data.tags]
        if mine:
            return self._again(mine[0].info.run_id, is_joined=False)
        made = self._begin(experiment, info.name, {_RUN_ID: info.run_id})
        made.write_document("config.json", info.config)
        made.write_document("environment.json", info.environment)
        logger.info("MLflow: run %s of experiment %s in %s", made.run_id, experiment, self.target)
        return made

    def _member(self, name: str) -> MlflowRun:
        info = self._info
        assert info is not None
        known = info.ticket.get("runs", {})
        if name in known:
            return self._again(known[name], is_joined=False)
        main = self.client.get_run(self._runs[_ALL].run_id)
        wanted = {"mlflow.parentRunId": main.info.run_id, _RUN_ID: _quoted(info.run_id), _MEMBER: name}
        where = " and ".join(f"tags.`{tag}` = '{value}'" for tag, value in wanted.items())
        found = self.client.search_runs([main.info.experiment_id], where)
        if found:
            return self._again(found[0].info.run_id, is_joined=False)
        kept = {
            key: value for key, value in main.data.tags.items() if not key.startswith(("mlflow.", "jaxarc."))
        }
        tags = {**kept, _RUN_ID: info.run_id, _MEMBER: name, "mlflow.parentRunId": main.info.run_id}
        made = self._begin(main.info.experiment_id, f"{info.name} member {name}", tags)
        made.begin_like(main.data.params)
        return made

    def _begin(self, experiment: str, name: str, tags: Mapping[str, str]) -> MlflowRun:
        info = self._info
        assert info is not None
        began = info.created_us // 1000 or None
        run = self.client.create_run(experiment, start_time=began, tags=dict(tags), run_name=name)
        return MlflowRun(self, run, is_joined=False, is_new=True)

    def _again(self, run_id: str, *, is_joined: bool) -> MlflowRun:
        from mlflow.exceptions import MlflowException

        try:
            run = self.client.get_run(run_id)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                raise StartOverError(f"MLflow: run {run_id} is not there any more") from error
            raise
        if run.info.lifecycle_stage == "deleted":
            raise StartOverError(f"MLflow: run {run_id} was deleted")
        if not is_joined and run.info.status != "RUNNING":
            self.client.update_run(run_id, status="RUNNING")
        return MlflowRun(self, run, is_joined=is_joined, is_new=False)

    def _experiment(self, info: RunInfo) -> str:
        from mlflow.exceptions import MlflowException

        name = self.settings.experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME") or info.experiment
        found = self.client.get_experiment_by_name(name)
        if found is not None:
            return found.experiment_id
        try:
            return self.client.create_experiment(name)
        except MlflowException as error:
            found = self.client.get_experiment_by_name(name)
            if found is None or error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            return found.experiment_id


@contextmanager
def _as_ours() -> Iterator[None]:
    """Turn what MLflow says of one record into what the feed understands."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code == "INVALID_PARAMETER_VALUE":
            raise RefusedRecordError(f"MLflow: {error.message}"[:500]) from error
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            raise StartOverError(f"MLflow: {error.message}") from error
        raise


def _quoted(text: str) -> str:
    return text.replace("'", "")


def _without_sql(uri: str) -> ConfigProblem:
    return ConfigProblem(
        "logging.mlflow.tracking_uri",
        f"must be one that the installed packages can open, got {redacted(uri)}: it needs SQLAlchemy and"
        " alembic: pip install 'jaxarc-toolkit[mlflow]'",
        "logging.mlflow.tracking_uri=http://localhost:5000",
    )
