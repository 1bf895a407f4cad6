"""Recorder: a configuration becomes a run that records."""

from __future__ import annotations

import logging
import os
import sys
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
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
    CLOSE_S,
    EXITS,
    Assembler,
    AsyncLogger,
    Budget,
    ChunkItem,
    CommittedReader,
    EpisodeWriter,
    Health,
    LoopRecorder,
    PerformanceMonitor,
    PythonLoops,
    Readers,
    RecordingCosts,
    RunEnding,
    VisualizationLog,
    assumed_bytes_per_env_step,
)
from jaxarc.records.chunk import Chunk
from jaxarc.records.clock import CLOCK
from jaxarc.records.provenance import provenance
from jaxarc.storage import (
    JOIN_VARIABLE,
    EpisodeManager,
    Invitation,
    LabelNames,
    NoRun,
    SteadyStore,
    choose_origin,
    remember,
    writer_number,
)
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

    Raises:
        ConfigError: with everything that is wrong with the configuration.
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
    ):
        if not isinstance(config, Config):
            from jaxarc.config import coerce_config

            config = coerce_config(config)
        capture.check_jax()
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
        self._closed = False
        self._started = CLOCK.now_s()
        logger.setLevel(config.logging.log_level)
        self._store = SteadyStore(
            config.storage,
            self._describe,
            config.pipeline.flush_interval,
            origin,
            segment_format=config.logging.format,
        )
        self._names = LabelNames(self._store.write_document)
        budget = Budget(config.capture.budget, self._recording_s, on_change=self._tell_of_budget)
        self._assembler = Assembler(config.capture, self._names.of, budget, self._store.steps_before)
        self._readers = Readers()
        self._writer = EpisodeWriter(
            self._assembler,
            self._store,
            config.storage.segment_bytes,
            self._readers,
            self._names.store_documents,
        )
        episodes = config.logging.structured_logging
        self._loops = PythonLoops(
            config.capture if episodes else replace(config.capture, level="off", streams={}),
            config.pipeline.queue_bytes,
            lambda chunk, until: self._logger.submit(ChunkItem(chunk), until),
            self._names.number_of,
            capture.as_numpy,
            self._store.steps_before,
        )
        self._writer.gather = self._loops.gather
        self._pid = os.getpid()
        self._slot = -1
        self._coerced: dict[str, int] = {}
        self._taken_s: float | None = None
        self._live: LiveDrawing | None = None
        self._failed_before = SLOTS.failed_chunks
        self._ending = RunEnding(
            self._store, lambda ended: self._counted(has_ended=ended), self._wait_for_drawing
        )
        # Rows of programs that run already arrive as soon as the slot is taken: the queue comes first.
        self._logger = AsyncLogger(
            config.pipeline,
            self._writer,
            on_shedding=self._tell_of_shedding,
            at_end=lambda: self._ending.finish(self._logger),
        )
        self._logger.visualizations = VisualizationLog(self._loops, capture.as_numpy)
        try:
            self._slot = self._take_slot(slot)
            super().__init__(program_settings(config, self._slot))
            if records_anything(self.config):
                self._store.open()
            self._live = self._live_drawing()
        except BaseException:
            SLOTS.free(self._slot)
            self._logger.close()
            raise
        self.performance = PerformanceMonitor(self._costs, share=config.capture.budget)
        self._exit_handle = EXITS.add(self.close, signals=config.pipeline.handle_signals, hurry=self._hurry)
        _OPEN[self._slot] = self
        logger.info("%s", self.announcement())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
            self.close()
            return
        interrupted = issubclass(kind, KeyboardInterrupt)
        if interrupted:
            self._hurry(CLOSE_S)
            EXITS.ending(self._exit_handle, hurried=True)
        try:
            self.close("KILLED" if interrupted else "FAILED")
        except StorageError as lost:
            # What the block raised is what its caller is to see.
            logger.error("recording: %s", lost)

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"slot {self._slot}"
        return f"Recorder({state}, level={self.config.capture.level!r}, run_dir={str(self.run_dir)!r})"

    @property
    def run_dir(self) -> Path | None:
        """The run's directory; None at level ``off``, which leaves nothing on disk."""
        return self._store.run_dir

    @property
    def slot(self) -> int:
        """The slot that compiled programs send to."""
        return self._slot

    @property
    def async_logger(self) -> AsyncLogger:
        """The queue and its writer; takes steps and summaries that were made for pictures."""
        return self._logger

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
        self._names.add(names)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until everything accepted before this call is on disk.

        Waits first for the programs that this thread dispatched (``jax.effects_barrier``); those of other
        threads are not waited for.

        Args:
            timeout: seconds to wait for the disk at most; None waits as long as it takes.

        Returns:
            True when it is on disk; False when the time ran out or a write failed (see ``health``).
        """
        if self._closed:
            raise RecorderClosedError("flush after close; open a new Recorder")
        if os.getpid() != self._pid:
            return False
        capture.wait_for_programs()
        return self._logger.flush(timeout)

    def share(self) -> str:
        """Let other processes write into this run; return what they join it with.

        Sets the environment variable ``JAXARC_RUN``, which processes that are started from now on inherit:
        a Recorder that is opened there joins this run, as a writer of its own. Where this recorder records
        nothing, theirs record nothing either. The variable goes when this recorder closes; keep it open
        until the others have closed theirs.

        Raises:
            StorageError: ``share.json`` cannot be written.
        """
        if self._closed:
            raise RecorderClosedError("share after close; open a new Recorder")
        if records_anything(self.config):
            invitation = self._store.share()
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
        return {**self._store.env_steps, **self._writer.position}

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
        measured = self._writer.disk_use.bytes_per_env_step(stream, self._store.segment_bytes)
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
        return self._counted(has_ended=self._logger.has_ended or self._ending.was_cut_short)

    def close(self, status: str = "FINISHED") -> None:
        """Write everything that was accepted, end the run and free the slot. Closing twice does nothing.

        Waits for the programs that this thread dispatched; rows of programs that other threads still run
        are counted as orphaned. Episodes that are open end as ``cut``.

        Args:
            status: FINISHED, FAILED or KILLED.

        Raises:
            StorageError: ``pipeline.strict`` is set and something was lost or could not be written.
        """
        if os.getpid() != self._pid:
            self._closed = True
            SLOTS.free(self._slot)
            return  # a forked child: the run is its parent's
        with self._lock:
            if self._closed:
                return
            self._closed = True
        EXITS.ending(self._exit_handle)
        if self._invitation and os.environ.get(JOIN_VARIABLE) == self._invitation:
            del os.environ[JOIN_VARIABLE]
        problem = ""
        try:
            try:
                capture.wait_for_programs()
                self._taken_s = SLOTS.taken_s(self._slot)
                SLOTS.free(self._slot)
                self._ending.status = status
                self._loops.close()
                self._logger.close()
            finally:
                problem = self._ending.problem(self._logger)
        finally:
            EXITS.remove(self._exit_handle)
        if self.config.pipeline.strict and problem:
            raise StorageError(problem)

    def add_reader(self, reader: CommittedReader) -> None:
        """Let ``reader`` hear of every commit; it must return at once."""
        self._readers.add(reader)

    def _counted(self, *, has_ended: bool) -> Health:
        live, coerced = self._live, self._store.coerced
        return Health.of(
            self._assembler,
            self._logger,
            self._writer,
            self._readers,
            has_ended=has_ended,
            callback_s=self._costs().callback_s,
            orphaned_chunks=SLOTS.orphaned_chunks,
            failed_chunks=SLOTS.failed_chunks - self._failed_before,
            coerced={**self._coerced, **({"of an event to text": coerced} if coerced else {})},
            segments=self._store.segments_written,
            segment_bytes=self._store.segment_bytes,
            storage_actions=dict(self._store.actions),
            cleaned_episodes=self._store.cleaned_episodes,
            cleaned_steps=self._store.cleaned_steps,
            pictures=live.files_drawn if live else 0,
            drawn_episodes=len(live.episodes_drawn) if live else 0,
            partly_drawn_episodes=live.episodes_cut_short if live else 0,
            passed_over_episodes=live.episodes_passed_over if live else 0,
            drawing_s=live.seconds_spent if live else 0.0,
            drawing_errors=(live.errors, live.first_error) if live else (0, ""),
            first_failure=SLOTS.first_failure if SLOTS.failed_chunks > self._failed_before else "",
        )

    def _wait_for_drawing(self) -> None:
        if self._live is not None:
            self._live.close(self.config.visualization.live.max_seconds + _LAST_PICTURE_S)

    def _hurry(self, seconds: float | None) -> None:
        """Let nobody wait longer than this for the disk. Called in signal handlers: takes no lock."""
        self._logger.hurry(seconds)
        self._writer.hurry(seconds)

    def _tell_of_budget(self, exceeded: bool, spent_s: float, passed_s: float) -> None:
        share = self.config.capture.budget or 0.0
        self._writer.tell_of_shedding("budget", on=exceeded, spent_s=spent_s, passed_s=passed_s, share=share)

    def _tell_of_shedding(self, on: bool) -> None:
        counts = self._logger.counts
        self._writer.tell_of_shedding(
            "overflow", on=on, shed_bytes=counts.shed_bytes, queue_bytes=self.config.pipeline.queue_bytes
        )

    def _live_drawing(self) -> LiveDrawing | None:
        """Return the reader that draws while the run goes on, where the configuration wants one."""
        live = self.config.visualization.live
        if self.run_dir is None or not live.enabled or not live.max_files or not live.max_seconds:
            return None
        writer = writer_number(self._store.writer) or 0
        manager = EpisodeManager(self.config.storage, self.run_dir, writer=writer)
        visualizer = EnhancedVisualizer(self.config.visualization, manager)
        reader = LiveDrawing(live, visualizer, lambda: (self.run_dir, writer_number(self._store.writer) or 0))
        self.add_reader(reader)
        self._ending.report = reader.report
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

    def _recording_s(self) -> float:
        """Return the seconds that recording took so far, in callbacks and in the writer."""
        costs = self._costs()
        return costs.callback_s + costs.write_s

    def _costs(self) -> RecordingCosts:
        queue, counts = self._logger.counts, self._assembler.counts
        taken_s = SLOTS.taken_s(self._slot) if self._taken_s is None else self._taken_s
        return RecordingCosts(
            callback_s=queue.submit_s + taken_s,
            blocked_s=queue.blocked_s,
            write_s=queue.handle_s,
            accepted_bytes=queue.accepted_bytes,
            segment_bytes=self._store.segment_bytes,
            dropped_steps=counts.steps_lost + self._writer.steps_given_up,
        )

    def _accept(self, chunk: Chunk) -> None:
        if not self._nothing:
            self._logger.submit(ChunkItem(chunk))

    def _tell_coerced(self, kind: str) -> None:
        with self._lock:
            self._coerced[kind] = self._coerced.get(kind, 0) + 1

    def _check_open(self) -> None:
        if self._closed:
            raise RecorderClosedError(
                "the recorder is closed; open a new one before tracing a program with it"
            )

    def _describe(self) -> dict[str, Any]:
        return {
            "created": self._started,
            "config": self.config.to_dict(),
            "config_hash": self.config.hash,
            "level": self.config.capture.level,
            **provenance([str(device) for device in jax.devices()]),
        }


register_as_argument(Recorder)
