"""ExperimentMetadata: what a LocalTracker knows of its experiment, read from the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jaxarc.replay.run_tracking import RunTracking

__all__ = ["BEST_PREFIX", "TRAINING_TIME", "ExperimentMetadata"]

BEST_PREFIX = "best/"
"""Begins the name of a best metric in the run's summary."""

TRAINING_TIME = "training_time_seconds"
"""The summary's name for the time that training took."""


@dataclass(frozen=True, kw_only=True)
class ExperimentMetadata:
    """An experiment as its record has it.

    Attributes:
        experiment_id, experiment_name: what it was constructed with.
        experiment_dir: its directory, which is the run's.
        status: SCHEDULED, RUNNING, PAUSED, FINISHED, FAILED, KILLED, or LOST: nobody writes it any more.
        created_at, started_at, completed_at: times with their zone, as ISO 8601; None where it was not yet.
        description: what it is for.
        tags: names of its tags, in the order in which they came.
        current_epoch, total_epochs: how far training is; None where it was never said.
        best_metrics: the best values so far, by name.
        training_time_seconds: as it was said last; else from the start to the end, or to now.
        error: ``type``, ``message`` and ``traceback`` of what ended a FAILED one.
        params: the configuration, flat.
        environment: versions, platform, machine, devices, command line; no secrets.
        git: commit, branch, dirty, repo; None outside a repository.
        artifacts: ids of its artifacts.
        problems: parts of the record that cannot be read; the rest counts.
    """

    experiment_id: str
    experiment_name: str
    experiment_dir: str
    status: str
    created_at: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    description: str = ""
    tags: list[str] = field(default_factory=list)
    current_epoch: int | None = None
    total_epochs: int | None = None
    best_metrics: dict[str, Any] = field(default_factory=dict)
    training_time_seconds: float | None = None
    error: Mapping[str, Any] | None = None
    params: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    git: Mapping[str, Any] | None = None
    artifacts: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, run_dir: Path, now_us: int) -> ExperimentMetadata:
        """Read it from a run.

        Args:
            run_dir: the run's directory.
            now_us: the time, in microseconds since the epoch.
        """
        run = RunTracking(run_dir)
        record, info = run.record(), run.info
        summary = record.said
        began = next((at for at, said in record.statuses if said.status == "RUNNING"), None)
        ended = record.ends[-1][0] if record.ends else None
        seconds = summary.get(TRAINING_TIME)
        if seconds is None and began is not None:
            seconds = ((now_us if ended is None else ended) - began) / 1e6
        progress = record.progress or {}
        created = info.get("created")
        machine = ("versions", "platform", "hostname", "devices", "argv")
        return cls(
            experiment_id=str(info.get("run_id", run.name)),
            experiment_name=str(info.get("name", run.name)),
            experiment_dir=str(run_dir),
            status=run.experiment_status,
            created_at=_iso(created * 1e6) if isinstance(created, (int, float)) else None,
            started_at=_iso(began),
            completed_at=_iso(ended),
            description=record.description,
            tags=list(record.tag_names),
            current_epoch=progress.get("cur"),
            total_epochs=progress.get("total"),
            best_metrics={
                name.removeprefix(BEST_PREFIX): value
                for name, value in summary.items()
                if name.startswith(BEST_PREFIX)
            },
            training_time_seconds=seconds,
            error=info.get("error"),
            params=dict(record.params),
            environment={name: info.get(name) for name in machine},
            git=info.get("git"),
            artifacts=run.artifacts().ids,
            problems=[*map(str, run.problems), *record.problems],
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}


def _iso(timestamp_us: float | None) -> str | None:
    if timestamp_us is None:
        return None
    return datetime.fromtimestamp(timestamp_us / 1e6, UTC).isoformat(timespec="milliseconds")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
