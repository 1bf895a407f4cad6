"""LocalTracker: an experiment in a directory of yours: lifecycle, progress, files. Needs no JAX."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jaxarc.config import Config
from jaxarc.errors import StorageError, TrackingError
from jaxarc.recorded_run import RecordedRun
from jaxarc.records.clock import CLOCK
from jaxarc.records.events import Event
from jaxarc.records.experiment_events import ExperimentEvent, Status, Summary, Tag
from jaxarc.records.failure import failure
from jaxarc.records.run_status import ENDED_STATUSES, checked_transition
from jaxarc.storage.given_directory import GivenDirectory, given_run_status
from jaxarc.tracking.artifact_arguments import declared_direction
from jaxarc.tracking.artifact_verbs import ArtifactVerbs
from jaxarc.tracking.backend import Backend
from jaxarc.tracking.choosing import backends_of
from jaxarc.tracking.experiment_metadata import BEST_PREFIX, TRAINING_TIME, ExperimentMetadata
from jaxarc.tracking.held_values import held_items
from jaxarc.tracking.live import LiveTrackers
from jaxarc.tracking.log_verbs import Said
from jaxarc.tracking.media_verbs import MediaVerbs

__all__ = ["LocalTracker"]

_RESUMABLE = ("FAILED", "KILLED", "LOST")


class LocalTracker(MediaVerbs, ArtifactVerbs):
    """Track an experiment in a directory of yours: lifecycle, progress, description, tags and artifacts.

    The directory is the run's: ``jaxarc.open(experiment_dir)`` reads it, ``jaxarc sync`` sends it. What lies
    in it stays; what was said before is kept and added to. Several processes may track one directory: each
    writes a file of its own. After the end, files, tags and a description can still be added; the status
    stays.

    Within a ``with`` block the experiment starts and ends by itself.

    Args:
        experiment_dir: the directory; made when missing.
        experiment_id: the run's identity; None for the directory's name.
        experiment_name: what people call it; None for the id.
        config: the experiment's configuration: a DictConfig, a mapping, a dataclass. It becomes the params.
        auto_save: whether lifecycle, progress, params, tags and artifacts are on disk when a call returns;
            without it after some seconds, at `save`, and at the end. Metrics never wait for the disk.

        backends: who shows the experiment elsewhere while it goes on, as for `ExperimentTracker`.

    Raises:
        ConfigError: the package of a backend is missing.
        StorageError: the directory cannot be written, or holds something that is no run.
        TrackingError: ``config`` is no configuration.
    """

    def __init__(
        self,
        experiment_dir: str | os.PathLike[str],
        experiment_id: str | None = None,
        experiment_name: str | None = None,
        config: Any = None,
        auto_save: bool = True,
        *,
        backends: Sequence[str | Backend] = (),
    ):
        self.experiment_dir = Path(experiment_dir).expanduser()
        self.experiment_id = str(experiment_id or self.experiment_dir.name)
        self.experiment_name = str(experiment_name or self.experiment_id)
        self.auto_save = bool(auto_save)
        self._config = config
        self._backends = backends_of(Config(), backends)
        self._run: RecordedRun | None = None
        self._owns_status = False
        self._declared: dict[str, str | None] = {}
        self._status = given_run_status(self.experiment_dir)
        if not self._status:
            self._open(resume=False)
            self._queue(Status(status="SCHEDULED"))
            self._status = "SCHEDULED"
            if config is not None:
                self.log_params(config)
            self._saved()

    def __enter__(self) -> Self:
        self.start_experiment()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._run is None or self._status in ENDED_STATUSES:
            return
        status = self._run.end_of_block(kind, error)
        try:
            self._end(status)
        except StorageError:
            if kind is None:
                raise

    def __repr__(self) -> str:
        return f"LocalTracker({self.experiment_name!r}, {self._status}, {str(self.experiment_dir)!r})"

    @property
    def run_dir(self) -> Path:
        """The run's directory, which is the experiment's."""
        return self.experiment_dir

    def start_experiment(self) -> None:
        """Say that the experiment runs; one that failed, was killed or lost goes on in a new attempt.

        Raises:
            TrackingError: it is finished.
        """
        if self._status in _RESUMABLE:
            self._release()
            self._open(resume=True)
            self._status = ""
            if self._config is not None:
                self.log_params(self._config)
        elif self._status == "FINISHED":
            raise TrackingError(
                f"{self.experiment_dir}: a finished experiment is not started again; name another directory"
            )
        self._transition("RUNNING")
        self._saved()

    def complete_experiment(self) -> None:
        """End the experiment as FINISHED; one that is finished stays so.

        Raises:
            TrackingError: it ended in another way, or was never started.
        """
        if self._status != "FINISHED":
            self._end("FINISHED")

    def fail_experiment(self, error_message: str = "") -> None:
        """End the experiment as FAILED, with the message, and the traceback of what is being handled.

        Args:
            error_message: what went wrong, in words.

        Raises:
            TrackingError: it has ended in another way.
        """
        if self._status == "FAILED":
            return
        raised = sys.exc_info()[1]
        said = {"type": "", "message": "", "traceback": ""} if raised is None else failure(raised)
        if error_message:
            said["message"] = str(error_message)
        self._end("FAILED", said)

    def update_training_progress(
        self,
        current_epoch: int,
        total_epochs: int | None = None,
        best_metrics: Mapping[str, Any] | None = None,
        training_time_seconds: float | None = None,
    ) -> None:
        """Say how far training is.

        Args:
            current_epoch, total_epochs: how far, and of how many epochs.
            best_metrics: the best values so far; those that are not named stay as they were.
            training_time_seconds: how long it took.

        Raises:
            TrackingError: the experiment does not run.
        """
        if self._status not in ("RUNNING", "PAUSED"):
            raise TrackingError(
                f"an experiment that is {self._status} makes no progress; call start_experiment first"
            )
        progress = {"cur": current_epoch, "total": total_epochs, "unit": "epoch"}
        self._queue(Status(status=self._status, progress=progress))
        values = {f"{BEST_PREFIX}{name}": value for name, value in held_items(best_metrics or {}).items()}
        if training_time_seconds is not None:
            values[TRAINING_TIME] = training_time_seconds
        if values:
            self._queue(Summary(values=values))
        self._saved()

    def pause_experiment(self, msg: str = "") -> None:
        """Say that the experiment pauses; `start_experiment` goes on.

        Args:
            msg: why.

        Raises:
            TrackingError: it does not run.
        """
        self._transition("PAUSED", msg)
        self._saved()

    def log_params(self, params: Any) -> None:
        """Log hyper-parameters, as `ExperimentTracker` does."""
        super().log_params(params)
        self._saved()

    def get_metadata(self) -> ExperimentMetadata:
        """Return what the record says of the experiment, as it is now."""
        self.flush()
        return ExperimentMetadata.of(self.experiment_dir, CLOCK.now_ns() // 1000)

    def get_metadata_dict(self) -> dict[str, Any]:
        """Return the metadata as plain values."""
        return self.get_metadata().to_dict()

    def get_experiment_summary(self) -> dict[str, Any]:
        """Return the experiment in a few values: names, status, progress, time, number of artifacts."""
        said = self.get_metadata_dict()
        names = ("experiment_id", "experiment_name", "experiment_dir", "status", "description", "tags")
        names += ("created_at", "started_at", "completed_at", "current_epoch", "total_epochs")
        names += ("best_metrics", TRAINING_TIME)
        artifacts = said["artifacts"]
        return {
            **{name: said[name] for name in names},
            "artifact_count": len(artifacts),
            "error": said["error"],
        }

    def save(self) -> bool:
        """Wait until everything that was said is on disk; return whether it is."""
        return self.flush()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until what was said is on disk; return whether it is.

        Args:
            timeout: seconds to wait at most; None waits as long as it takes.
        """
        run = self._run
        if run is None or run.is_closed:
            return True
        return not run.is_elsewhere and run.queue.flush(timeout)

    def _open_dir(self) -> Path:
        return self._opened().store.open()

    def _declare(self, key: str, direction: str | None) -> None:
        self._declared[key] = direction

    def _direction_of(self, metric: str) -> str | None:
        return declared_direction(self._declared, metric)

    def _opened(self) -> RecordedRun:
        if self._run is None or self._run.is_closed:
            self._open(resume=False)
        assert self._run is not None
        return self._run

    def _open(self, *, resume: bool) -> None:
        """Come to write the run: begin it, go on with it, or add to it."""
        storage = replace(Config().storage, experiment=_experiment_of(self.experiment_dir))
        said = {"run_id": self.experiment_id, "name": self.experiment_name}
        origin = GivenDirectory(self.experiment_dir, resume=resume)
        run = RecordedRun(replace(Config(), storage=storage), origin=origin, said=said)
        try:
            run.store.open()
        except BaseException:
            run.queue.close()
            raise
        LiveTrackers.start(run, self._backends if run.store.owns_run else ())
        self._run, self._owns_status = run, run.store.owns_run
        run.close_at_exit(self._leave)

    def _release(self) -> None:
        """Close what this tracker has open without saying how the experiment ended."""
        if self._run is not None and self._run.begin_close():
            self._run.close("FINISHED")

    def _leave(self, status: str) -> None:
        """End with the process: an experiment that nobody completed was ended from outside."""
        run = self._run
        if run is None or not run.begin_close():
            return
        if self._owns_status and self._status not in ENDED_STATUSES:
            if status == "FINISHED":
                status = "KILLED"
                said = Status(status=self._status, msg="the process ended without complete_experiment")
                run.submit(said.event())
            self._status = status
        run.close(status)

    def _transition(self, status: str, msg: str = "") -> None:
        after = checked_transition(self._status, status)
        self._queue(Status(status=after, msg=str(msg)))
        self._status = after

    def _end(self, status: str, error: Mapping[str, str] | None = None) -> None:
        after = checked_transition(self._status, status)
        run = self._opened()
        if error is not None:
            run.ending.error = error
        if not self._owns_status:
            self._queue(
                Status(status=self._status, msg=f"{after}, says a process that joined the experiment")
            )
        self._status = after
        if run.begin_close():
            run.close(after)

    def _queue(self, said: ExperimentEvent) -> None:
        """Queue without waiting for the disk."""
        self._opened().submit(said.event())

    def _saved(self) -> None:
        if self.auto_save:
            self.flush()

    def _submit(self, said: Said, nbytes: int = 200) -> None:
        if not self._opened().submit(said.event() if isinstance(said, ExperimentEvent) else said, nbytes):
            raise TrackingError(f"{self.experiment_dir}: this process was forked; make a tracker of its own")
        if isinstance(said, (Event, Tag)):
            self._saved()


def _experiment_of(run_dir: Path) -> str:
    """Return what a directory's runs belong to: the folder that it lies in."""
    from jaxarc.config.rules import tamed

    return tamed(run_dir.absolute().parent.name)
