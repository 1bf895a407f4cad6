"""Recorder: a configuration becomes a run that records."""

from __future__ import annotations

import logging
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import jax

from jaxarc import capture
from jaxarc.capture import (
    SLOTS,
    CapturePlan,
    RecorderProgram,
    Step,
    announcement,
    program_settings,
    records_anything,
    register_as_argument,
)
from jaxarc.config import Config
from jaxarc.errors import CaptureError, RecorderClosedError, StorageError
from jaxarc.pipeline import (
    AsyncLogger,
    CommittedReader,
    Health,
    LoopRecorder,
    PerformanceMonitor,
    VisualizationLog,
    assumed_bytes_per_env_step,
)
from jaxarc.recorded_run import RecordedRun
from jaxarc.records.chunk import Chunk
from jaxarc.records.events import Event
from jaxarc.storage import (
    JOIN_VARIABLE,
    EpisodeManager,
    Invitation,
    NoRun,
    choose_origin,
    remember,
    writer_number,
)
from jaxarc.tracking.backend import Backend
from jaxarc.tracking.choosing import backends_of
from jaxarc.tracking.experiment_tracker import ExperimentTracker
from jaxarc.tracking.live import LiveTrackers
from jaxarc.visualization import EnhancedVisualizer, LiveDrawing

__all__ = ["Recorder"]

logger = logging.getLogger("jaxarc")

Carry = TypeVar("Carry")

_LAST_PICTURE_S = 10.0  # that close waits for the picture that is being drawn when the budget ends

_OPEN: weakref.WeakValueDictionary[int, Recorder] = weakref.WeakValueDictionary()


def _in_notebook() -> bool:
    """Say whether a notebook kernel runs this process."""
    interactive = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive is not None else None
    return getattr(shell, "kernel", None) is not None


class Recorder(RecorderProgram, LoopRecorder):
    """Record what compiled programs do, into one run on disk.

    A Recorder takes a slot, which is all that compiled programs know of it: opening another one later
    neither recompiles them nor loses their rows. It may be an argument of a jitted function, where it holds
    no arrays: the function is compiled again for a Recorder that captures something else, and for no other.

    It closes at the end of its ``with`` block, on an exception, at interpreter exit and on SIGTERM; after
    Ctrl-C within a second and a half, rows first. ``performance`` measures what it costs.

    Args:
        config: a Config, a Hydra DictConfig, a mapping, a list of overrides, or nothing for the defaults.
        slot: the slot to take; None for the lowest free one. In a notebook None means slot 0, and a
            Recorder that still holds it is closed first.
        join: what ``share`` returned in another process: this one writes into its run. A process that finds
            it in the environment variable ``JAXARC_RUN`` joins without being told.
        resume: a run to go on with, as ``jaxarc.open`` takes it, or opened by it.
        at_step: the environment steps (``position``) at which it goes on, by stream; a number is for the
            stream ``train`` or the only one. What was recorded beyond is hidden, for it comes again. None
            goes on after the last step on disk.
        backends: who shows the run elsewhere: names, or objects of the protocol
            ``jaxarc.tracking.Backend``; None for ``logging.trackers``.

    Raises:
        ConfigError: with everything that is wrong with the configuration, or a tracker's package is missing.
        TrackingError: two backends have one name.
        CaptureError: the slot is taken, or this JAX cannot deliver callbacks.
        StorageError: the run's directory cannot be made; the run to join is gone, has ended or is another;
            the run to resume is still written, is damaged, or does not reach ``at_step``.
        RunNotFoundError: there is no such run to resume.
    """

    def __init__(
        self,
        config: Any = None,
        *,
        slot: int | None = None,
        join: str | None = None,
        resume: Any = None,
        at_step: int | Mapping[str, int] | None = None,
        backends: Sequence[str | Backend] | None = None,
    ):
        if not isinstance(config, Config):
            from jaxarc.config import coerce_config

            config = coerce_config(config)
        capture.check_jax()
        shown_by = backends_of(config, backends)
        origin = choose_origin(
            root=Path(config.storage.base_output_dir).expanduser(),
            join=join,
            resume=getattr(resume, "run_dir", resume),
            at_step=at_step,
            environment=os.environ,
        )
        self._nothing = origin.reason if isinstance(origin, NoRun) else ""
        if self._nothing:
            config = replace(config, capture=replace(config.capture, level="off", streams={}))
        self.config: Config = config.as_logged
        config = self.config
        self._invitation = ""
        self._lock = threading.Lock()
        logger.setLevel(config.logging.log_level)
        self._slot = -1
        self._coerced: dict[str, int] = {}
        self._taken_s: float | None = None
        self._live: LiveDrawing | None = None
        self._failed_before = SLOTS.failed_chunks
        # Rows of programs that run already arrive as soon as the slot is taken: the queue comes first.
        self._run = run = RecordedRun(
            config,
            origin=origin,
            devices=lambda: [str(device) for device in jax.devices()],
            as_numpy=capture.as_numpy,
            taken_s=lambda: SLOTS.taken_s(self._slot) if self._taken_s is None else self._taken_s,
            also_counted=self._also_counted,
            notes=self._said_of_pictures,
            before_end=self._wait_for_drawing,
        )
        self._loops = run.loops
        self._tracker = ExperimentTracker.of_run(run, is_silent=bool(self._nothing))
        run.queue.visualizations = VisualizationLog(run.loops, capture.as_numpy)
        try:
            self._slot = self._take_slot(slot)
            super().__init__(program_settings(config, self._slot))
            if records_anything(self.config):
                run.store.open()
            self._live = self._live_drawing()
            LiveTrackers.start(run, shown_by)
        except BaseException:
            SLOTS.free(self._slot)
            run.queue.close()
            raise
        self.performance = PerformanceMonitor(run.costs, share=config.capture.budget)
        run.close_at_exit(self.close)
        _OPEN[self._slot] = self
        logger.info("%s", self.announcement())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        status = self._run.end_of_block(kind, error)
        if status == "FINISHED":
            self.close()
            return
        try:
            self.close(status)
        except StorageError as lost:
            # What the block raised is what its caller is to see.
            logger.error("recording: %s", lost)

    def __repr__(self) -> str:
        state = "closed" if self._run.is_closed else f"slot {self._slot}"
        return f"Recorder({state}, level={self.config.capture.level!r}, run_dir={str(self.run_dir)!r})"

    @property
    def run_dir(self) -> Path | None:
        """The run's directory; None at level ``off``, which leaves nothing on disk."""
        return self._run.store.run_dir

    @property
    def slot(self) -> int:
        """The slot that compiled programs send to."""
        return self._slot

    @property
    def async_logger(self) -> AsyncLogger:
        """The queue and its writer; takes steps and summaries that were made for pictures."""
        return self._run.queue

    @property
    def tracker(self) -> ExperimentTracker:
        """Params, metrics, summary, tables, pictures and tags of this run: ``recorder.tracker.log_params``.

        What it logs goes into this run, and the run ends with this recorder.
        """
        return self._tracker

    def announcement(self) -> str:
        """Say in a sentence what this recorder records and what it does not."""
        return f"records nothing, as {self._nothing}" if self._nothing else announcement(self.config)

    def names(self, **names: Sequence[str]) -> None:
        """Name the values of labels: ``recorder.names(task=tasks.ids)`` fills the column ``task_id``.

        A sequence with a method ``document(index)`` gives a document for each value met, stored once with
        the run (``tasks/<id>.json``).

        Args:
            names: for each label, the names of its values from 0 on.

        Raises:
            CaptureError: what is given for a label is no sequence.
        """
        self._run.names.add(names)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until everything accepted before this call is on disk.

        Waits first for the programs that this thread dispatched (``jax.effects_barrier``); those of other
        threads are not waited for.

        Args:
            timeout: seconds to wait for the disk at most; None waits as long as it takes.

        Returns:
            True when it is on disk; False when the time ran out or a write failed (see ``health``).
        """
        if self._run.is_closed:
            raise RecorderClosedError("flush after close; open a new Recorder")
        if self._run.is_elsewhere:
            return False
        capture.wait_for_programs()
        return self._run.queue.flush(timeout)

    def share(self) -> str:
        """Let other processes write into this run; return what they join it with.

        Sets the environment variable ``JAXARC_RUN``, which processes that are started from now on inherit:
        a Recorder that is opened there joins this run, as a writer of its own. Where this recorder records
        nothing, theirs record nothing either. The variable goes when this recorder closes; keep it open
        until the others have closed theirs.

        Raises:
            StorageError: ``share.json`` cannot be written.
        """
        if self._run.is_closed:
            raise RecorderClosedError("share after close; open a new Recorder")
        if records_anything(self.config):
            invitation = self._run.store.share()
        else:
            reason = self._nothing or f"process {os.getpid()} shares a run at capture.level=off"
            invitation = Invitation.to_nothing(reason)
        remember(invitation)
        self._invitation = os.environ[JOIN_VARIABLE] = str(invitation)
        return self._invitation

    def position(self) -> dict[str, int]:
        """Return the environment steps that each stream took, to be saved beside a checkpoint.

        Flushes first, so that ``Recorder(config, resume=run, at_step=position)`` finds them on disk; where
        that fails it says so, and what it returns is what is on disk.
        """
        if not self.flush():
            logger.warning("recording: position() is behind the program, for a write failed (see health())")
        return {**self._run.store.env_steps, **self._run.writer.position}

    def plan(
        self,
        f: Callable[[Any, Any], tuple[Any, tuple[Step, Any]]],
        init: Any,
        xs: Any = None,
        length: int | None = None,
        *,
        stream: str = "train",
    ) -> CapturePlan:
        """Say what ``scan`` with these arguments would send and store, without running anything.

        ``plan.disk_bytes_per_hour(env_steps_per_s)`` predicts the disk. Once this recorder has committed
        segments of the stream it goes by what they took (``plan.disk_basis`` is ``measured``); before that it
        assumes that episodes of 50 steps are all kept and compress as boards do, which is a rough guess.
        """
        plan = super().plan(f, init, xs, length, stream=stream)
        if plan.layout is None:
            return plan
        measured = self._run.writer.disk_use.bytes_per_env_step(stream, self._run.store.segment_bytes)
        if measured is not None:
            return replace(plan, disk_bytes_per_env_step=measured, disk_basis="measured")
        assumed = assumed_bytes_per_env_step(
            plan.layout,
            self.config.capture.for_stream(stream).level,
            self.config.capture.key_steps,
            plan.num_envs,
            plan.num_selected,
            is_compressed=self.config.storage.compression != "none",
        )
        return replace(plan, disk_bytes_per_env_step=assumed, disk_basis="assumed")

    def health(self) -> Health:
        """Return what was accepted, written and lost so far."""
        return self._run.health()

    def close(self, status: str = "FINISHED") -> None:
        """Write everything that was accepted, end the run and free the slot. Closing twice does nothing.

        Waits for the programs that this thread dispatched; rows of programs that other threads still run
        are counted as orphaned. Episodes that are open end as ``cut``.

        Args:
            status: FINISHED, FAILED or KILLED.

        Raises:
            StorageError: ``pipeline.strict`` is set and something was lost or could not be written.
        """
        if self._run.is_elsewhere:
            SLOTS.free(self._slot)  # a forked child: the run is its parent's
        if not self._run.begin_close():
            return
        if self._invitation and os.environ.get(JOIN_VARIABLE) == self._invitation:
            del os.environ[JOIN_VARIABLE]
        self._run.close(status, self._give_back_slot)

    def add_reader(self, reader: CommittedReader) -> None:
        """Let ``reader`` hear of every commit; it must return at once."""
        self._run.readers.add(reader)

    def _give_back_slot(self) -> None:
        capture.wait_for_programs()
        self._taken_s = SLOTS.taken_s(self._slot)
        SLOTS.free(self._slot)

    def _also_counted(self) -> dict[str, Any]:
        """Return what is counted of programs and of drawing, as fields of Health."""
        live, failed = self._live, SLOTS.failed_chunks - self._failed_before
        return {
            "orphaned_chunks": SLOTS.orphaned_chunks,
            "failed_chunks": failed,
            "first_failure": SLOTS.first_failure if failed > 0 else "",
            "coerced": dict(self._coerced),
            "pictures": live.files_drawn if live else 0,
            "drawn_episodes": len(live.episodes_drawn) if live else 0,
            "partly_drawn_episodes": live.episodes_cut_short if live else 0,
            "passed_over_episodes": live.episodes_passed_over if live else 0,
            "drawing_s": live.seconds_spent if live else 0.0,
            "drawing_errors": (live.errors, live.first_error) if live else (0, ""),
        }

    def _wait_for_drawing(self) -> None:
        if self._live is not None:
            self._live.close(self.config.visualization.live.max_seconds + _LAST_PICTURE_S)
            self._run.writer.add_last(self._said_of_pictures())

    def _said_of_pictures(self) -> Iterator[Event]:
        """Yield what is to be said of pictures that were drawn, once; for the writer thread."""
        if self._live is not None:
            yield from (said.event() for said in self._live.take_media())

    def _live_drawing(self) -> LiveDrawing | None:
        """Return the reader that draws while the run goes on, where the configuration wants one."""
        live = self.config.visualization.live
        if self.run_dir is None or not live.enabled or not live.max_files or not live.max_seconds:
            return None
        writer = writer_number(self._run.store.writer) or 0
        manager = EpisodeManager(self.config.storage, self.run_dir, writer=writer)
        visualizer = EnhancedVisualizer(self.config.visualization, manager)
        reader = LiveDrawing(
            live, visualizer, lambda: (self.run_dir, writer_number(self._run.store.writer) or 0)
        )
        self.add_reader(reader)
        self._run.ending.report = reader.report
        return reader

    def _take_slot(self, slot: int | None) -> int:
        replaced = 0 if slot is None else slot
        if _in_notebook() and replaced in _OPEN:
            logger.info("closing the Recorder that held slot %d", replaced)
            _OPEN[replaced].close()
        taken = SLOTS.take(self._accept, 0 if slot is None and _in_notebook() else slot)
        if taken is None:
            raise CaptureError(f"slot {slot} is held by another Recorder; close it, or leave slot= out")
        return taken

    def _accept(self, chunk: Chunk) -> None:
        if not self._nothing:
            self._run.submit_chunk(chunk)

    def _tell_coerced(self, kind: str) -> None:
        with self._lock:
            self._coerced[kind] = self._coerced.get(kind, 0) + 1

    def _check_open(self) -> None:
        if self._run.is_closed:
            raise RecorderClosedError(
                "the recorder is closed; open a new one before tracing a program with it"
            )


register_as_argument(Recorder)
