"""StructuredLogger: episodes logged call by call, into the store that a Recorder writes. Needs no JAX.

It stands beside the recorder and not in ``storage``: it joins pipeline, storage and replay, which do not know
each other.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from jaxarc.config import CaptureConfig, Config, EpisodeConfig, LoggingConfig
from jaxarc.errors import CaptureError, EpisodeNotFoundError, RecorderClosedError
from jaxarc.pipeline import (
    Health,
    LoopEpisode,
    StepNotes,
)
from jaxarc.recorded_run import RecordedRun
from jaxarc.records.clock import CLOCK
from jaxarc.records.events import Event
from jaxarc.records.log_entries import EpisodeLogEntry
from jaxarc.records.trees import as_array, children, leaf_of
from jaxarc.replay import ReplaySystem
from jaxarc.replay.logged_episodes import CONFIG_LABEL, ENTRY_LABEL, EPISODE_LABEL, STREAM, logged_episode
from jaxarc.storage import find_runs
from jaxarc.tracking.choosing import backends_of
from jaxarc.tracking.live import LiveTrackers

__all__ = ["StructuredLogger"]


@dataclass(eq=False)
class _Current:
    """The episode that a thread is logging."""

    number: int
    task: str
    config_hash: str
    recorded: LoopEpisode
    notes: StepNotes
    started: float
    ended: float
    similarity: float = nan
    steps: int = 0
    reward: float = 0.0
    stores_actions: bool = False


class StructuredLogger:
    """Log episodes step by step and load them again, in this process or another.

    They go into a run below ``output_dir`` that ``jaxarc.open`` reads like any other; the run is made with
    the first of them. Each thread may log an episode of its own. What was logged is on disk after
    ``flush_interval`` seconds (5), after ``flush``, and at the end of the process at the latest.

    Args:
        output_dir: where its runs live.
        config: ``structured_logging=False`` logs nothing; ``format`` and ``compression`` say how it is
            stored. States that are given to ``log_step`` are stored whole: ``include_full_states`` is about
            those that a Recorder captures.
    """

    def __init__(self, output_dir: str | os.PathLike[str], config: LoggingConfig | None = None):
        self.output_dir = Path(output_dir).expanduser()
        self._logging = config or LoggingConfig()
        storage = EpisodeConfig(base_output_dir=str(self.output_dir))
        if not self._logging.compression:
            storage = replace(storage, compression="none")
        capture = CaptureConfig(level="verbose" if self._logging.structured_logging else "off")
        self._config = Config(capture=capture, logging=self._logging, storage=storage)
        self._run = RecordedRun(self._config, as_numpy=_as_numpy, notes=self._waiting_notes)
        self._threads = threading.local()
        # A signal may close the logger while its thread is in here: it may come in again.
        self._lock = threading.RLock()
        self._open: list[_Current] = []
        self._entries = itertools.count()
        LiveTrackers.start(self._run, backends_of(self._config))
        self._run.close_at_exit(self.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(self._run.end_of_block(kind, error))

    @property
    def run_dir(self) -> Path | None:
        """The run that this logger writes; None before its first episode."""
        return self._run.store.run_dir

    @property
    def current_episode(self) -> EpisodeLogEntry | None:
        """The episode that this thread is logging, its steps left out; None between episodes."""
        current = self._current
        if current is None:
            return None
        return EpisodeLogEntry(
            episode_num=current.number,
            start_timestamp=current.started,
            end_timestamp=current.ended,
            total_steps=current.steps,
            total_reward=current.reward,
            final_similarity=current.similarity,
            task_id=current.task,
            config_hash=current.config_hash,
        )

    def start_episode(self, episode_num: int, task_id: str, config_hash: str) -> None:
        """Begin an episode; one that this thread left open ends as ``cut``.

        Args:
            episode_num: the number to load it by; of several with one number the last one is loaded.
            task_id: name of the task.
            config_hash: hash of the configuration it is played with.

        Raises:
            RecorderClosedError: the logger is closed.
        """
        if self._run.is_closed:
            raise RecorderClosedError("start_episode after close; make a new StructuredLogger")
        if self._current is not None:
            self._end("cut")
        number, entry = int(episode_num), next(self._entries)
        labels = {EPISODE_LABEL: number, CONFIG_LABEL: str(config_hash), ENTRY_LABEL: entry}
        recorded = self._run.loops.episode(str(task_id), stream=STREAM, labels=labels)
        notes = StepNotes({"episode": number, ENTRY_LABEL: entry}, self._run.submit)
        now = CLOCK.now_s()
        current = _Current(number, str(task_id), str(config_hash), recorded, notes, now, now)
        with self._lock:
            self._open.append(current)
        self._threads.current = current

    def log_step(
        self,
        step_num: int,
        before_state: Any,
        action: Any,
        after_state: Any,
        reward: float,
        info: Mapping[str, Any] | None = None,
        visualization_path: str | os.PathLike[str] | None = None,
    ) -> None:
        """Log a step of the episode that this thread began.

        Args:
            step_num: its number.
            before_state, after_state: trees of numbers and arrays, of one structure over the episode.
            action: what was done; a tree of numbers and arrays, or anything that has a JSON form.
            reward: one number.
            info: anything that has a JSON form, and arrays; ``similarity`` becomes the episode's metric,
                ``success`` its success.
            visualization_path: a picture of the step.

        Raises:
            CaptureError: no episode was begun, or a state cannot be taken; the leaf is named.
            RecorderClosedError: the logger is closed.
        """
        current = self._current
        if current is None:
            raise CaptureError("log_step outside of an episode; call start_episode first")
        now, step_num = CLOCK.now_s(), int(step_num)
        if not current.steps:
            current.stores_actions = action is not None and _is_numeric(action)
            current.started = now
        similarity, success = nan, None
        said: dict[str, Any] = {}
        if info:
            if not isinstance(info, Mapping):
                raise CaptureError(f"info is a {type(info).__name__}; give a mapping")
            similarity, success = _similarity(info.get("similarity")), info.get("success")
            said["info"] = info
        if visualization_path is not None:
            said["visualization_path"] = str(visualization_path)
        if action is not None and not current.stores_actions:
            said["action"] = action
        if said and self._logging.structured_logging:
            current.notes.add(step_num, now, said)
        current.recorded.step(
            before_state,
            action if current.stores_actions else None,
            reward,
            after_state,
            info={"step_num": step_num, "timestamp": now},
            metrics={"similarity": similarity},
            success=success,
        )
        current.ended, current.similarity = now, similarity
        current.steps += 1
        current.reward += float(reward)

    def end_episode(self, summary_visualization_path: str | os.PathLike[str] | None = None) -> None:
        """End the episode that this thread began.

        Args:
            summary_visualization_path: a picture of the episode.

        Raises:
            CaptureError: no episode was begun.
        """
        current = self._current
        if current is None:
            raise CaptureError("end_episode outside of an episode; call start_episode first")
        if summary_visualization_path is not None and self._logging.structured_logging:
            path = str(summary_visualization_path)
            self._run.submit(
                Event("log_episode", {**current.notes.place, "summary_visualization_path": path})
            )
        self._end("terminated")

    def load_episode(self, episode_num: int) -> EpisodeLogEntry:
        """Return a logged episode, from this logger's run or from an earlier one below ``output_dir``.

        After a crash it has the steps that were on disk.

        Raises:
            EpisodeNotFoundError: no run below ``output_dir`` has it.
        """
        if not self._run.is_closed:
            self.flush()
        moved = [self.run_dir] if self._run.store.moves and self.run_dir is not None else []
        for run_dir in (*moved, *reversed(find_runs(self.output_dir))):
            found = logged_episode(ReplaySystem(run_dir), int(episode_num))
            if found is not None:
                return found
        raise EpisodeNotFoundError(f"no run below {self.output_dir} has a logged episode {episode_num}")

    def health(self) -> Health:
        """Return what was accepted, written and lost so far."""
        return self._run.health()

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until what was logged is on disk; return whether it is.

        Args:
            timeout: seconds to wait at most; None waits as long as it takes.
        """
        if self._run.is_elsewhere:
            return False
        until = None if timeout is None else time.monotonic() + timeout
        if not self._run.loops.send(until):
            return False
        return self._run.queue.flush(None if until is None else max(0.0, until - time.monotonic()))

    def close(self, status: str = "FINISHED") -> None:
        """Write everything and end the run; episodes that are open end as ``cut``. Closing twice is fine.

        Args:
            status: FINISHED, FAILED or KILLED.
        """
        if self._run.begin_close():
            self._run.close(status, self._send_notes)

    @property
    def _current(self) -> _Current | None:
        return getattr(self._threads, "current", None)

    def _end(self, ended: str) -> None:
        current = self._current
        if current is not None:
            current.notes.send()
            current.recorded.close(ended)
            self._threads.current = None
            with self._lock:
                self._open.remove(current)

    def _now_open(self) -> list[_Current]:
        with self._lock:
            return list(self._open)

    def _waiting_notes(self) -> Iterator[Event]:
        """Yield what waits in open episodes; for the writer thread, before it commits."""
        for current in self._now_open():
            notes = current.notes.take()
            if notes is not None:
                yield notes

    def _send_notes(self) -> None:
        for current in self._now_open():
            current.notes.send()


def _as_numpy(value: Any) -> tuple[np.ndarray, str]:
    """Return an array as a NumPy one; who gives typed PRNG keys has imported JAX."""
    if "jax" in sys.modules and not isinstance(value, (np.ndarray, np.generic)):
        from jaxarc.capture import as_numpy

        return as_numpy(value)
    return as_array(value)


def _is_numeric(tree: Any) -> bool:
    below = children(tree)
    if below is not None:
        return all(_is_numeric(value) for _, value in below)
    try:
        leaf_of("action", (), tree, _as_numpy)
    except CaptureError:
        return False
    return True


def _similarity(value: Any) -> float:
    if value is None:
        return nan
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise CaptureError(f"info['similarity'] is {value!r}; it is one number") from error
