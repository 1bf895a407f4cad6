"""TrackioBackend: a run appears in Trackio's local store, and from there in a Space."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from jaxarc.config.trackio import TrackioConfig
from jaxarc.errors import StartOverError
from jaxarc.records.experiment_events import (
    Artifact,
    Checkpoint,
    Log,
    Media,
    MetricBatch,
    Param,
    Summary,
    Table,
    Tag,
)
from jaxarc.records.json_values import plain_value
from jaxarc.tracking.backend import RunInfo, TrackedRecord
from jaxarc.tracking.series_names import is_of_several, member_of, series_name
from jaxarc.tracking.whole_steps import LARGEST_STEP, whole_step

__all__ = ["TrackioBackend"]

logger = logging.getLogger(__name__)

_ALL = ""
"""The run of all members, which has their mean."""

_ALERTS = {"WARNING": "warn", "ERROR": "error", "CRITICAL": "error"}


class TrackioBackend:
    """Show a run in Trackio.

    Series are metrics at the record's steps and times; parameters, tags and the summary are the run's
    config; warnings and errors of logs are alerts. Each record has a name of its own in the store, which
    keeps it once. A run of several members is a group: a run for each, and one with their mean. Pictures,
    tables and files stay in the run on disk.

    Args:
        settings: ``logging.trackio`` of the configuration.
    """

    name = "trackio"

    def __init__(self, settings: TrackioConfig | None = None):
        # It writes to the store itself: trackio.log knows neither the time at which something was said, nor
        # what it was given before, and begins a thread and a run of the whole process.
        from trackio.sqlite_storage import SQLiteStorage

        self.settings = settings or TrackioConfig()
        self._store: Any = SQLiteStorage
        self._info: RunInfo | None = None
        self._project = ""
        self._config: dict[str, Any] = {}
        self._is_split = False
        self._has_several = False
        self._has_members = False
        self._has_told = False

    @property
    def target(self) -> str:
        """The project and the Space that show the run."""
        return "/".join(part for part in (self.settings.space_id, self.settings.project) if part)

    def open(self, run: RunInfo) -> None:
        """Begin the run, or go on with it."""
        self._info = run
        self._project = self.settings.project or run.experiment or "jaxarc"
        self._store.validate_project_name(self._project)
        self._is_split = self._has_several or bool(run.ticket.get("is_split"))
        self._has_members = bool(run.ticket.get("has_members"))
        self._config = dict(run.ticket.get("config", {}))
        began = datetime.fromtimestamp(run.created_us / 1e6, UTC).isoformat()
        self._config.setdefault("_Created", began)
        self._config.setdefault("_Group", None)

    def write(self, records: Sequence[TrackedRecord]) -> None:
        """Show records; those that the store has already change nothing."""
        if not self._is_split and any(is_of_several(record.said) for record in records):
            self._split()
        rows: dict[str, list[TrackedRecord]] = {}
        for record in records:
            said = record.said
            match said:
                case MetricBatch():
                    rows.setdefault(self._home(said), []).append(record)
                case Param():
                    self._config[said.key] = plain_value(said.value)
                case Tag():
                    for name in said.removed:
                        self._config.pop(f"tag/{name}", None)
                    self._config.update({f"tag/{name}": plain_value(v) for name, v in said.tags.items()})
                case Summary():
                    self._config.update({f"summary/{key}": plain_value(v) for key, v in said.values.items()})
                case Log() if said.level.upper() in _ALERTS:
                    self._alert(record, said)
                case Media() | Table() | Artifact() | Checkpoint():
                    self._tell_of_files()
        for home in {_ALL: None, **dict.fromkeys(rows)}:
            self._send(home, rows.get(home, []))

    def ticket(self) -> Mapping[str, Any]:
        """Return what the store has of the run besides its series."""
        return {
            "project": self._project,
            "config": self._config,
            "is_split": self._is_split,
            "has_members": self._has_members,
            "shown_at": f"trackio show --project {self._project}",
        }

    def close(self, status: str) -> None:
        """Say how the run ended, and send the project to its Space where there is one."""
        self._config["status"] = status
        self._send(_ALL, [])
        if self.settings.space_id is not None:
            import trackio

            trackio.sync(self._project, space_id=self.settings.space_id)

    def _home(self, said: MetricBatch) -> str:
        member = member_of(said)
        self._has_members |= member is not None and not self._is_split
        return _ALL if member is None or not self._is_split else str(member)

    def _split(self) -> None:
        """Show every member in a run of its own from now on."""
        assert self._info is not None
        self._is_split = self._has_several = True
        if self._has_members:
            self._store.delete_run(self._project, *self._named(_ALL))
            raise StartOverError("Trackio: the run turned out to have several members; it is written anew")

    def _named(self, home: str) -> tuple[str, str]:
        """Return what a run is called, and what it is known by."""
        assert self._info is not None
        if home == _ALL:
            return self._info.name, self._info.run_id
        return f"{self._info.name} member {home}", f"{self._info.run_id}-member-{home}"

    def _send(self, home: str, records: Sequence[TrackedRecord]) -> None:
        """Write rows of one run, and the config as it is now; without a row there is no place for it."""
        assert self._info is not None
        name, run_id = self._named(home)
        rows, steps, times, ids = [], [], [], []
        for record in records:
            said = record.said
            assert isinstance(said, MetricBatch)
            ctx = said.ctx
            rows.append({series_name(str(key), ctx): _plain(value) for key, value in said.metrics.items()})
            steps.append(record.seq if said.step is None else whole_step(said.step, ", ".join(said.metrics)))
            times.append(datetime.fromtimestamp(record.timestamp_us / 1e6, UTC).isoformat())
            ids.append(f"{run_id}:{record.source}:{record.seq}")
        group = self._info.name if self._is_split else None
        config = {**self._config, "_Group": group, **({"member": int(home)} if home else {})}
        if not rows:  # the store takes a config with a row alone
            rows, steps, times, ids = [{}], [0], [self._config["_Created"]], [f"{run_id}:config"]
        self._store.bulk_log(self._project, name, rows, steps, times, config, ids, run_id=run_id)

    def _alert(self, record: TrackedRecord, said: Log) -> None:
        name, run_id = self._named(_ALL)
        time = datetime.fromtimestamp(record.timestamp_us / 1e6, UTC).isoformat()
        alert_id = f"{run_id}:{record.source}:{record.seq}"
        level = _ALERTS[said.level.upper()]
        self._store.bulk_alert(
            self._project, name, [said.msg], [said.logger], [level], [said.step], [time], [alert_id], run_id
        )

    def _tell_of_files(self) -> None:
        if not self._has_told:
            self._has_told = True
            logger.info("tracking: trackio does not get pictures, tables and files; they stay in the run")


def _plain(value: Any) -> Any:
    """Return a value as the store takes it: numbers and text as they are, all else as text."""
    if isinstance(value, bool) or value is None or isinstance(value, (float, str)):
        return value
    if isinstance(value, int):
        return value if abs(value) <= LARGEST_STEP else float(value)
    return str(plain_value(value))
