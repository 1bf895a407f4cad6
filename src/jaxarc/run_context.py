"""RunContext: the one object that a training loop of its own needs."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from jaxarc.config import ArtifactConfig, DiagnosticsConfig, RunMeta, tracking_config
from jaxarc.config.rules import tamed
from jaxarc.errors import DiagnosticsError, JaxArcError, RecorderClosedError, TrackingError
from jaxarc.pipeline import Health
from jaxarc.records.events import Event
from jaxarc.records.experiment_events import ExperimentEvent
from jaxarc.records.run_status import ENDED_STATUSES
from jaxarc.records.trees import children
from jaxarc.storage import RunFolders
from jaxarc.tracking.experiment_tracker import ExperimentTracker
from jaxarc.visualization.builder_group import BuilderGroup, BuilderHealth
from jaxarc.visualization.configured_builders import configured_builders

if TYPE_CHECKING:
    from jaxarc.config import Config
    from jaxarc.diagnostics import DiagnosticsRecorder
    from jaxarc.recorder import Recorder

__all__ = ["ContextHealth", "RunContext"]

logger = logging.getLogger(__name__)

_PROGRESS_S = 2.0
"""Seconds between two times that a run says how far it is."""

_DIAGNOSTICS = "diagnostics"
"""The event that a value beyond its threshold is to builders."""


@dataclass(frozen=True)
class ContextHealth:
    """How a run's parts fared.

    Attributes:
        recording: what was accepted, written and lost.
        builders: what was drawn, what it took of the loop, and what went wrong.
    """

    recording: Health
    builders: BuilderHealth


class RunContext:
    """Track, measure and draw a training loop: the loop speaks to this object and to no other.

    ::

        with RunContext(tracking_cfg, artifact_cfg, diagnostics_cfg, run_meta, out_dir) as context:
            for step in range(steps):
                context.on_step_start(step, state)
                state = advance(state)
                metrics = context.log_step(step, state)
                context.maybe_snapshot(step, state)
            context.end(state)

    Everything is in one run on disk, ``<out_dir>/<experiment>/<name>-<suffix>``, which ``jaxarc.open`` reads
    and trackers are fed from. Its status is true: FINISHED; FAILED with the traceback and the step;
    KILLED after Ctrl-C, when nothing is drawn any more, and after SIGTERM. Without a ``with`` block ``start``
    begins it, and ``end`` or the end of the program ends it.

    Args:
        tracking_cfg: where the run is sent besides the disk: the section ``logging`` of the configuration, as
            a LoggingConfig, a mapping or a DictConfig (``{"trackers": ["wandb"]}``); or a whole
            configuration, as a Recorder takes it.
        artifact_cfg: what is drawn and when: an ArtifactConfig, or a mapping or DictConfig of its fields.
        diagnostics_cfg: what is measured of the state: a DiagnosticsConfig, or a mapping or DictConfig of its
            fields.
        run_meta: what the run is called, its params and tags: a RunMeta, a mapping or DictConfig of its
            fields, or its name.
        out_dir: where runs live; ``storage.base_output_dir`` when left off.
        recorder: a Recorder that is open, into whose run everything goes, and which ends it; or True to open
            one of the same configuration and to close it with the run, so that episodes are recorded besides.
        backends: trackers besides those of the configuration, as ExperimentTracker takes them.
        functions, host_functions: functions of the state that are measured besides, as DiagnosticsRecorder
            takes them.

    Raises:
        ConfigError: with everything that is wrong with one of the configurations.
        RenderError: a builder that is asked for needs a package that is not installed.
        TrackingError: ``backends`` beside a Recorder that is open.
    """

    def __init__(
        self,
        tracking_cfg: Any = None,
        artifact_cfg: Any = None,
        diagnostics_cfg: Any = None,
        run_meta: Any = None,
        out_dir: str | Path | None = None,
        *,
        recorder: Recorder | bool | None = None,
        backends: Sequence[Any] | None = None,
        functions: Mapping[str, Callable[..., Any]] | None = None,
        host_functions: Mapping[str, Callable[..., Any]] | None = None,
    ):
        self.meta = RunMeta.of(run_meta)
        self.artifacts = ArtifactConfig.of(artifact_cfg)
        self.diagnostics_config = DiagnosticsConfig.of(diagnostics_cfg)
        if backends is not None and recorder not in (None, False, True):
            raise TrackingError("a Recorder that is open has its backends; give backends= to the Recorder")
        self._given = recorder
        self._config = self._run_config(tracking_cfg, out_dir)
        self._backends = backends
        self._functions, self._host_functions = functions, host_functions
        self._builders = configured_builders(self.artifacts)
        self._tracker: ExperimentTracker | None = None
        self._recorder: Recorder | None = None
        self._diagnostics: DiagnosticsRecorder | None = None
        self._group: BuilderGroup | None = None
        self._step: int | None = None
        self._state: Any = None
        self._state_step: int | None = None
        self._metrics: Mapping[str, Any] = {}
        self._event: str | None = None
        self._findings = 0
        self._has_ended = False
        self._progress_at = 0.0
        self._timed: tuple[int, float] | None = None

    def __enter__(self) -> Self:
        return self if self._group is not None else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tracker is None or self._has_ended:
            return
        if error is not None:
            self._say_where(error)
        if isinstance(error, KeyboardInterrupt):
            self._end_run(lambda owner: owner.__exit__(kind, error, trace), reports=False)
            return
        try:
            self._end_builders(None, "FINISHED" if error is None else "FAILED")
        except Exception:
            raised = sys.exc_info()
            self._end_run(lambda owner: owner.__exit__(*raised))
            raise
        self._end_run(lambda owner: owner.__exit__(kind, error, trace))

    def __repr__(self) -> str:
        status = self._tracker.status if self._tracker is not None else "not started"
        return f"RunContext({status}, run_dir={str(self.run_dir)!r})"

    @property
    def run_dir(self) -> Path | None:
        """The run's directory; None before `start`."""
        return None if self._tracker is None else self._tracker.run_dir

    @property
    def folders(self) -> RunFolders:
        """The folders of the run (``folders.checkpoints``).

        Raises:
            TrackingError: the run was not begun.
        """
        return RunFolders(self.tracker._open_dir())

    @property
    def tracker(self) -> ExperimentTracker:
        """Logs whatever else there is: ``context.tracker.log_table(…)``.

        Raises:
            TrackingError: the run was not begun.
        """
        if self._tracker is None:
            raise TrackingError("the run was not begun; call start() first, or use a with block")
        return self._tracker

    @property
    def recorder(self) -> Recorder | None:
        """The Recorder whose run this is; None where episodes are not recorded."""
        return self._recorder

    @property
    def diagnostics(self) -> DiagnosticsRecorder:
        """Measures the state; knows what was beyond its threshold.

        Raises:
            TrackingError: the run was not begun.
        """
        if self._diagnostics is None:
            self._diagnostics = self._new_diagnostics(self.tracker)
        return self._diagnostics

    @property
    def _owner(self) -> Any:
        """Whoever ends the run; None where that is not ours to do."""
        if self._recorder is not None:
            return self._recorder if self._given is True else None
        return self._tracker

    def start(self) -> Self:
        """Begin the run: its directory and folders, its params and tags, the trackers, the builders.

        Raises:
            TrackingError: it was begun already.
            StorageError: its directory cannot be made.
        """
        if self._tracker is not None:
            raise TrackingError(f"run {self.run_dir} was begun already; make a new RunContext")
        meta = self.meta
        self._tracker = tracker = self._begun_tracker()
        tracker.start_run(
            meta.name,
            experiment=meta.experiment,
            params=meta.params or None,
            tags=meta.tags or None,
            description=meta.description,
            parent_run_id=meta.parent_run_id,
        )
        try:
            self._start_parts(tracker)
        except BaseException:
            raised = sys.exc_info()
            self._end_run(lambda owner: owner.__exit__(*raised), reports=False)
            raise
        return self

    def _start_parts(self, tracker: ExperimentTracker) -> None:
        if self._functions or self._host_functions or self.diagnostics_config.functions:
            self._diagnostics = self._new_diagnostics(tracker)  # what cannot be imported is told at once
        # Where the process that this one joined records nothing, there is nowhere to draw to.
        run_dir = Path() if tracker._is_silent else self.folders.make().run_dir
        self._group = BuilderGroup(
            () if tracker._is_silent else self._builders,
            run_dir,
            self._tell,
            name=run_dir.name,
            max_files=self.artifacts.max_files,
            strict=self.artifacts.strict,
        )
        self._group.start()

    def _run_config(self, tracking_cfg: Any, out_dir: str | Path | None) -> Config:
        """Return the whole configuration of the run; without a Recorder no episodes are recorded."""
        config, meta = tracking_config(tracking_cfg), self.meta
        storage = config.storage
        if out_dir is not None:
            storage = replace(storage, base_output_dir=str(out_dir))
        if self._given:
            named = {"run_name": meta.name, "experiment": meta.experiment}
            storage = replace(storage, **{key: tamed(each) for key, each in named.items() if each})
            return replace(config, storage=storage)
        return replace(config, storage=storage, capture=replace(config.capture, level="off", streams={}))

    def _begun_tracker(self) -> ExperimentTracker:
        """Return the tracker of the run, which a Recorder has where there is one."""
        if not self._given:
            return ExperimentTracker(self._config, backends=self._backends)
        if self._given is True:
            from jaxarc.recorder import Recorder

            self._recorder = Recorder(self._config, backends=self._backends)
        else:
            self._recorder = self._given
        return self._recorder.tracker

    def _new_diagnostics(self, tracker: ExperimentTracker) -> DiagnosticsRecorder:
        from jaxarc.diagnostics import DiagnosticsRecorder  # which needs JAX: only who measures a state does

        return DiagnosticsRecorder(
            self.diagnostics_config,
            tracker=tracker,
            functions=self._functions,
            host_functions=self._host_functions,
        )

    def on_step_start(self, step: int, state: Any = None) -> None:
        """Hear that a step begins: what goes wrong from here on is said to have gone wrong in it.

        Args:
            step: the step.
            state: the state before it; not kept.
        """
        self._begun()
        self._step = int(step)

    def log_step(
        self,
        step: int,
        state: Any = None,
        metrics: Mapping[str, Any] | None = None,
        *,
        params: Any = None,
        grads: Any = None,
        updates: Any = None,
    ) -> dict[str, Any]:
        """Measure the state and log what was measured, with metrics of yours; return all of it.

        Where ``diagnostics.every`` does not divide the step only your metrics are logged.

        Args:
            step: the step.
            state: the state after it: any pytree of numbers; None where nothing is measured.
            metrics: what you know yourself: a loss, a learning rate.
            params, grads, updates: pytrees that are measured besides.

        Raises:
            DiagnosticsError: a value is beyond a threshold whose action is ``raise``, or any with ``strict``;
                the row is on disk, and the state was drawn by the builders that want that.
        """
        group, tracker, step = self._begun(), self.tracker, int(step)
        self._step = step
        if metrics:
            tracker.log_metrics(metrics, step=step)
        row: dict[str, Any] = dict(metrics or {})
        try:
            if state is not None:
                measured = self.diagnostics.measure(step, state, params=params, grads=grads, updates=updates)
                row |= measured
                if measured:
                    row |= self._timing(step)
        except DiagnosticsError as error:
            self._metrics = row | error.row
            group.log(step, self._metrics)
            group.offer(step, state, self._metrics, _DIAGNOSTICS)
            raise
        if row:
            self._metrics = row
            group.log(step, row)
        self._notice_findings()
        self._say_progress(step)
        return row

    def maybe_snapshot(self, step: int, state: Any, *, event: str | None = None) -> bool:
        """Let those builders draw for which it is time; return whether one did.

        Args:
            step: the step.
            state: the state; the last one that was handed over is kept until the next, for the end.
            event: what happened, where something did: builders whose cadence names it draw.
        """
        group = self._begun()
        event, self._event = event or self._event, None
        self._step = self._state_step = int(step)
        self._state = state
        return group.offer(self._step, state, self._metrics, event)

    def end(self, final_state: Any = None, status: str = "FINISHED") -> None:
        """Draw the last state, write what there is, end the run, and make its report.

        Of a Recorder that was given the run goes on until that is closed.

        Args:
            final_state: the last state; the last one that `maybe_snapshot` was given when left off.
            status: FINISHED, FAILED or KILLED.

        Raises:
            TrackingError: there is no such status; the run goes on.
            StorageError: ``pipeline.strict`` is set and something was lost or could not be written.
        """
        if self._tracker is None or self._has_ended:
            return
        if status not in ENDED_STATUSES:
            raise TrackingError(f"a run ends as {', '.join(ENDED_STATUSES)}, got {status!r}")
        if status == "KILLED":
            self._end_run(lambda owner: _close(owner, status), reports=False)
            return
        try:
            self._end_builders(final_state, status)
        except Exception:
            self._end_run(lambda owner: _close(owner, "FAILED"))
            raise
        self._end_run(lambda owner: _close(owner, status))

    def health(self) -> ContextHealth:
        """Return what was accepted, written, drawn and lost so far.

        Raises:
            TrackingError: the run was not begun.
        """
        source = self._recorder or self.tracker
        return ContextHealth(source.health(), self._begun(ended=True).health())

    def _end_run(self, close: Callable[[Any], None], *, reports: bool = True) -> None:
        """End the run where that is ours to do, and make its report."""
        self._has_ended, self._state = True, None
        owner = self._owner
        if owner is not None:
            close(owner)
            if reports:
                self._write_report()

    def _begun(self, *, ended: bool = False) -> BuilderGroup:
        if self._group is None:
            raise TrackingError("the run was not begun; call start() first, or use a with block")
        if self._has_ended and not ended:
            raise RecorderClosedError(f"run {self.run_dir} has ended; make a new RunContext")
        return self._group

    def _tell(self, said: ExperimentEvent | Event) -> None:
        """Record what a part says; after the end nobody listens."""
        with suppress(RecorderClosedError):
            self.tracker.log_event(said)

    def _timing(self, step: int) -> dict[str, float]:
        """Return how many steps a second there were since the state was measured last."""
        now, before = time.perf_counter(), self._timed
        self._timed = step, now
        if before is None or step <= before[0] or now <= before[1]:
            return {}
        rate = {"time/steps_per_s": (step - before[0]) / (now - before[1])}
        self.tracker.log_metrics(rate, step=step)
        return rate

    def _notice_findings(self) -> None:
        """Remember that a value went beyond its threshold for the first time: the next snapshot shows it."""
        if self._diagnostics is None:
            return
        findings = len(self.diagnostics.breaches) + len(self.diagnostics.found)
        if findings > self._findings:
            self._event = _DIAGNOSTICS
        self._findings = findings

    def _say_progress(self, step: int) -> None:
        total, now = self.meta.total_steps, time.monotonic()
        if total is None or (now < self._progress_at and step + 1 < total):
            return
        self._progress_at = now + _PROGRESS_S
        self.tracker.log_status(current=step + 1, total=total, unit=self.meta.unit)

    def _say_where(self, error: BaseException) -> None:
        if self._step is not None:
            words = f"{type(error).__name__} in step {self._step:,}"
            with suppress(RecorderClosedError):
                self.tracker.log_message(words, "ERROR", step=self._step)

    def _end_builders(self, final_state: Any, status: str) -> None:
        if self._group is not None:
            # What failed in a step left the state of the one before.
            handed_over = final_state is None and self._state_step is not None
            step, state = (self._state_step, self._state) if handed_over else (self._step, final_state)
            if _is_gone(state):
                state = None
                if self._builders:
                    words = "the last state was donated to a program, so it is not drawn; give it to end()"
                    self.tracker.log_message(words, "WARNING", step=step)
            self._group.end(step, state, self._metrics, status)
            if self._diagnostics is not None and not self.tracker._is_silent:
                self._diagnostics.write_plots(self.folders.run_dir)

    def _write_report(self) -> None:
        """Make the page about the run; a run without one is a run all the same."""
        run_dir = self.run_dir
        if not self.artifacts.report or run_dir is None:
            return
        from jaxarc.replay import ReplaySystem
        from jaxarc.visualization.report import write_report

        try:
            write_report(ReplaySystem(run_dir))
        except (JaxArcError, OSError) as error:
            logger.warning("the report of run %s could not be made: %s", run_dir, error)


def _close(owner: Any, status: str) -> None:
    """End a run with a status that was said."""
    end = owner.end_run if isinstance(owner, ExperimentTracker) else owner.close
    end(status)


def _is_gone(tree: Any) -> bool:
    """Say whether a tree has arrays that a program was given to keep (``donate_argnums``)."""
    below = children(tree)
    if below is not None:
        return any(_is_gone(value) for _, value in below)
    is_deleted = getattr(tree, "is_deleted", None)
    return bool(is_deleted()) if callable(is_deleted) else False
