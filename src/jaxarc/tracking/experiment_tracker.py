"""ExperimentTracker: one record of an experiment, which every backend reads. Needs no JAX."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jaxarc.config import Config
from jaxarc.errors import RecorderClosedError, StorageError, TrackingError
from jaxarc.pipeline import Health
from jaxarc.recorded_run import RecordedRun
from jaxarc.records.experiment_events import ExperimentEvent, Status
from jaxarc.records.failure import failure
from jaxarc.records.run_status import ENDED_STATUSES, checked_transition
from jaxarc.storage import JOIN_VARIABLE, NoRun, choose_origin, remember
from jaxarc.tracking.artifact_arguments import declared_direction
from jaxarc.tracking.artifact_verbs import ArtifactVerbs
from jaxarc.tracking.backend import Backend
from jaxarc.tracking.choosing import backends_of
from jaxarc.tracking.live import LiveTrackers
from jaxarc.tracking.log_verbs import Said, as_tags
from jaxarc.tracking.media_verbs import MediaVerbs

__all__ = ["ExperimentTracker"]


class ExperimentTracker(MediaVerbs, ArtifactVerbs):
    """Track an experiment: params, metrics, summary, tables, pictures, artifacts, tags and status.

    All of it goes into one run on disk, which ``jaxarc.open`` reads, and from there to the backends: one that
    is slow, breaks or is not there costs nothing but its own copy, which ``jaxarc sync`` sends later. Within
    a ``with`` block the run ends by itself: FINISHED, FAILED with the traceback, or KILLED after Ctrl-C.

    ``recorder.tracker`` is one that writes into the run of a Recorder, and leaves its end to the Recorder.

    Args:
        config: a Config, a Hydra DictConfig, a mapping, a list of overrides, or nothing for the defaults.
        backends: names (``wandb``, ``mlflow``, ``tensorboard``, ``trackio``) or objects of the protocol
            ``jaxarc.tracking.Backend``; None for ``logging.trackers``.

    Raises:
        ConfigError: with everything that is wrong with the configuration, or a backend's package is missing.
        TrackingError: two backends have one name.
    """

    def __init__(self, config: Any = None, *, backends: Sequence[str | Backend] | None = None):
        if not isinstance(config, Config):
            from jaxarc.config import coerce_config

            config = coerce_config(config)
        self._config: Config = config
        self._backends = backends_of(config, backends)
        self._run: RecordedRun | None = None
        self._owns_run = True
        self._is_silent = False
        self._invitation = ""
        self._status = ""
        self._declared: dict[str, str | None] = {}

    @classmethod
    def of_run(cls, run: RecordedRun, *, is_silent: bool = False) -> Self:
        """Return a tracker that writes into a run that somebody else begins and ends.

        Args:
            run: that run.
            is_silent: whether nothing is recorded, as where the process that this one joined records nothing.
        """
        tracker = cls(run.config, backends=())
        tracker._run, tracker._owns_run, tracker._status = run, False, "RUNNING"
        tracker._is_silent = is_silent
        return tracker

    def __enter__(self) -> Self:
        if self._run is None:
            self.start_run()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        run = self._run
        if run is None or not self._owns_run:
            return
        status = run.end_of_block(kind, error)
        try:
            self.end_run(status)
        except StorageError:
            if kind is None:
                raise  # else what the block raised is what its caller is to see; this one is in the log

    def __repr__(self) -> str:
        state = self._status or "not started"
        return f"{type(self).__name__}({state}, run_dir={str(self.run_dir)!r})"

    @property
    def run_dir(self) -> Path | None:
        """The run's directory; None before `start_run`, or where nothing is recorded."""
        return None if self._run is None else self._run.store.run_dir

    @property
    def status(self) -> str:
        """What the run says of itself (``RUNNING``, ``PAUSED``, …); empty before `start_run`."""
        return self._status

    def start_run(
        self,
        name: str | None = None,
        *,
        experiment: str | None = None,
        params: Any = None,
        tags: Mapping[str, Any] | Iterable[str] | None = None,
        description: str = "",
        parent_run_id: str | None = None,
        resume: Any = None,
        join: str | None = None,
    ) -> Self:
        """Begin a run, or go on with one; return the tracker, to be used in a ``with`` block.

        Versions, devices, the machine, git and the command line are recorded with it. A process that finds
        an invitation in ``JAXARC_RUN`` (`share`) writes into that run. Of a Recorder's tracker only the
        params, tags and description are taken: the run is there.

        Args:
            name: what people call it; it begins the name of the run's directory. None for the time in UTC.
            experiment: what it belongs to; None for ``storage.experiment``.
            params: hyper-parameters, as for `log_params`.
            tags: tags, as for `set_tags`.
            description: what the run is for.
            parent_run_id: the run that it is a part of.
            resume: a run to go on with, as ``jaxarc.open`` takes it.
            join: what `invite` or `share` returned in another process: this one writes into its run.

        Raises:
            TrackingError: a run was begun already.
            StorageError: the run's directory cannot be made, or the run may not be resumed.
            RunNotFoundError: there is no such run to resume.
        """
        if self._owns_run:
            if self._run is not None and not self._run.is_closed:
                raise TrackingError(f"run {self.run_dir} is being tracked; end_run first")
            given = {} if tags is None else as_tags(tags)
            self._begin(name, experiment, given, parent_run_id, resume, join)
        elif tags is not None:
            self.set_tags(tags)
        if description:
            self.update_description(description)
        if params is not None:
            self.log_params(params)
        return self

    def _begin(
        self,
        name: str | None,
        experiment: str | None,
        tags: Mapping[str, Any],
        parent_run_id: str | None,
        resume: Any,
        join: str | None,
    ) -> None:
        from jaxarc.config.rules import tamed

        storage = self._config.storage
        if name is not None:
            storage = replace(storage, run_name=tamed(str(name)))
        if experiment is not None:
            storage = replace(storage, experiment=tamed(str(experiment)))
        config = replace(self._config, storage=storage)
        origin = choose_origin(
            root=Path(storage.base_output_dir).expanduser(),
            join=join,
            resume=getattr(resume, "run_dir", resume),
            environment=os.environ,
        )
        self._is_silent = isinstance(origin, NoRun)
        said: dict[str, Any] = {"tags": dict(tags), "parent_run_id": parent_run_id}
        if name is not None:
            said["name"] = str(name)
        run = RecordedRun(config, origin=origin, said=said)
        try:
            if not self._is_silent:
                run.store.open()
        except BaseException:
            run.queue.close()
            raise
        LiveTrackers.start(run, self._backends)
        self._run, self._status, self._artifact_store = run, "RUNNING", None
        if tags and not run.store.owns_run:  # a run's own tags are in its first event
            self.set_tags(tags)
        run.close_at_exit(self._end_at_exit)

    def _end_at_exit(self, status: str) -> None:
        self.end_run(status)

    def end_run(self, status: str = "FINISHED", error: BaseException | None = None) -> None:
        """Write everything and end the run. Ending it twice does nothing; a Recorder ends its own.

        Args:
            status: FINISHED, FAILED or KILLED.
            error: what ended a FAILED one; None for what is being handled just now.

        Raises:
            TrackingError: there is no such status.
            StorageError: ``pipeline.strict`` is set and something was lost or could not be written.
        """
        if status not in ENDED_STATUSES:
            raise TrackingError(f"a run ends as {', '.join(ENDED_STATUSES)}, got {status!r}")
        run = self._run
        if run is None or not self._owns_run or not run.begin_close():
            return
        if self._invitation and os.environ.get(JOIN_VARIABLE) == self._invitation:
            del os.environ[JOIN_VARIABLE]
        self._status = checked_transition(self._status or "RUNNING", status)
        if error is not None:
            run.ending.error = failure(error)
        run.close(status)

    def log_status(
        self,
        status: str | None = None,
        msg: str = "",
        *,
        current: float | None = None,
        total: float | None = None,
        unit: str = "step",
    ) -> None:
        """Say how the run is, and how far: ``log_status(current=5, total=100, unit="epoch")``.

        Args:
            status: ``RUNNING`` or ``PAUSED``; None for the one it has. The end is said by `end_run`.
            msg: words.
            current, total: how far it is, and of how much.
            unit: what is counted.

        Raises:
            TrackingError: the status cannot follow the one that the run has.
        """
        if status in ENDED_STATUSES:
            raise TrackingError(f"end_run({status!r}) ends a run, and the end of a Recorder that of its own")
        after = checked_transition(self._status, status or self._status or "RUNNING")
        progress = None if current is None else {"cur": current, "total": total, "unit": unit}
        self._submit(Status(status=after, msg=str(msg), progress=progress))
        self._status = after

    def share(self) -> str:
        """Let other processes write into this run; return what they join it with.

        Sets the environment variable ``JAXARC_RUN``, which processes that are started from now on inherit:
        their `start_run`, and a Recorder that they open, write into this run, each as a writer of its own.
        The variable goes when this run ends.

        Raises:
            TrackingError: no run was begun.
            StorageError: ``share.json`` cannot be written.
        """
        self._invitation = os.environ[JOIN_VARIABLE] = self.invite()
        return self._invitation

    def invite(self) -> str:
        """Let processes that are told so write into this run; return what they join it with.

        Other than `share` it says nothing to those that are not told: ``start_run(join=…)`` takes it.

        Raises:
            TrackingError: no run was begun.
            StorageError: ``share.json`` cannot be written.
        """
        invitation = self._begun().store.share()
        remember(invitation)
        return str(invitation)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until what was logged is on disk; return whether it is.

        Args:
            timeout: seconds to wait at most; None waits as long as it takes.
        """
        run = self._run
        if run is None or run.is_elsewhere:
            return False
        return run.queue.flush(timeout)

    def health(self) -> Health:
        """Return what was accepted, written and lost so far.

        Raises:
            TrackingError: no run was begun.
        """
        return self._begun().health()

    def _open_dir(self) -> Path:
        return self._begun().store.open()

    def _records_artifacts(self) -> bool:
        return not self._is_silent

    def _direction_of(self, metric: str) -> str | None:
        return declared_direction(self._declared, metric)

    def _declare(self, key: str, direction: str | None) -> None:
        self._declared[key] = direction

    def _begun(self) -> RecordedRun:
        if self._run is None:
            raise TrackingError("no run is being tracked; call start_run first, or use a with block")
        return self._run

    def _submit(self, said: Said, nbytes: int = 200) -> None:
        run = self._begun()
        if self._is_silent or run.submit(said.event() if isinstance(said, ExperimentEvent) else said, nbytes):
            return
        if run.is_elsewhere:
            raise TrackingError(
                "this process was forked from the one that tracks the run; start one of its own with "
                "start_run, or join the run by share()"
            )
        raise RecorderClosedError(f"run {run.store.run_dir} has ended; start_run begins another")
