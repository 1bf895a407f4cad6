"""StructuredLogger: episodes logged call by call, into the store that a Recorder writes. Needs no JAX.

It stands beside the recorder and not in ``storage``: it joins pipeline, storage and replay, which do not know
each other.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import nan
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from jaxarc.config import CaptureConfig, Config, EpisodeConfig, LoggingConfig
from jaxarc.errors import CaptureError, EpisodeNotFoundError, RecorderClosedError
from jaxarc.pipeline import (
    EXITS,
    Assembler,
    AsyncLogger,
    ChunkItem,
    EpisodeWriter,
    EventItem,
    LoopEpisode,
    PythonLoops,
    Readers,
)
from jaxarc.records.clock import CLOCK
from jaxarc.records.events import Event
from jaxarc.records.json_arrays import decode_array, encode_array
from jaxarc.records.log_entries import EpisodeLogEntry, StepLogEntry
from jaxarc.records.provenance import provenance
from jaxarc.records.trees import as_array, children, leaf_of
from jaxarc.replay import ReplaySystem
from jaxarc.storage import LabelNames, RunStore, find_runs

__all__ = ["StructuredLogger"]

_STREAM = "log"
_ARRAY = "$array"
_EPISODE_LABEL = "number"
_CONFIG_LABEL = "config"


@dataclass
class _Current:
    """The episode that a thread is logging."""

    entry: EpisodeLogEntry
    recorded: LoopEpisode
    stores_actions: bool | None = None


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
        pipeline = self._config.pipeline
        self._store = RunStore(
            storage, self._describe, pipeline.flush_interval, segment_format=self._logging.format
        )
        self._names = LabelNames(self._store.write_document)
        self._assembler = Assembler(capture, self._names.of)
        self._writer = EpisodeWriter(
            self._assembler, self._store, storage.segment_bytes, Readers(), self._names.store_documents
        )
        self._loops = PythonLoops(
            capture,
            pipeline.queue_bytes,
            lambda chunk, until: self._logger.submit(ChunkItem(chunk), until),
            self._names.number_of,
            _as_numpy,
        )
        self._writer.gather = self._loops.gather
        self._logger = AsyncLogger(pipeline, self._writer, at_end=self._end_run)
        self._threads = threading.local()
        self._closed, self._status = False, "FINISHED"
        self._pid = os.getpid()
        self._exit_handle = EXITS.add(self.close, signals=pipeline.handle_signals, hurry=self._logger.hurry)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def run_dir(self) -> Path | None:
        """The run that this logger writes; None before its first episode."""
        return self._store.run_dir

    @property
    def current_episode(self) -> EpisodeLogEntry | None:
        """The episode that this thread is logging, its steps left out; None between episodes."""
        current = self._current
        return None if current is None else current.entry

    def start_episode(self, episode_num: int, task_id: str, config_hash: str) -> None:
        """Begin an episode; one that this thread left open ends as ``cut``.

        Args:
            episode_num: the number to load it by; of several with one number the last one is loaded.
            task_id: name of the task.
            config_hash: hash of the configuration it is played with.

        Raises:
            RecorderClosedError: the logger is closed.
        """
        if self._closed:
            raise RecorderClosedError("start_episode after close; make a new StructuredLogger")
        if self._current is not None:
            self._end("cut")
        labels = {_EPISODE_LABEL: episode_num, _CONFIG_LABEL: str(config_hash)}
        recorded = self._loops.episode(str(task_id), stream=_STREAM, labels=labels)
        now = CLOCK.now_s()
        entry = EpisodeLogEntry(int(episode_num), now, now, 0, 0.0, nan, str(task_id), str(config_hash))
        self._threads.current = _Current(entry, recorded)

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
        info = {} if info is None else info
        now, entry = CLOCK.now_s(), current.entry
        similarity = info.get("similarity")
        if current.stores_actions is None:
            current.stores_actions = action is not None and _is_numeric(action)
            current.entry = replace(entry, start_timestamp=now)
        apart: dict[str, Any] = {"info": _tagged(info)} if info else {}
        if visualization_path is not None:
            apart["visualization_path"] = str(visualization_path)
        if action is not None and not current.stores_actions:
            apart["action"] = _tagged(action)
        if apart:
            place = {"episode": entry.episode_num, "step": int(step_num), "timestamp": now}
            self._submit("log_step", {**place, **apart})
        success = info.get("success")
        current.recorded.step(
            before_state,
            action if current.stores_actions else None,
            reward,
            after_state,
            info={"step_num": int(step_num), "timestamp": now},
            metrics={"similarity": nan if similarity is None else float(similarity)},
            success=None if success is None else bool(success),
        )
        current.entry = replace(
            current.entry,
            end_timestamp=now,
            total_steps=entry.total_steps + 1,
            total_reward=entry.total_reward + float(reward),
            final_similarity=nan if similarity is None else float(similarity),
        )

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
        if summary_visualization_path is not None:
            path = str(summary_visualization_path)
            payload = {"episode": current.entry.episode_num, "summary_visualization_path": path}
            self._submit("log_episode", payload)
        self._end("terminated")

    def load_episode(self, episode_num: int) -> EpisodeLogEntry:
        """Return a logged episode, from this logger's run or from an earlier one below ``output_dir``.

        After a crash it has the steps that were on disk.

        Raises:
            EpisodeNotFoundError: no run below ``output_dir`` has it.
        """
        if not self._closed:
            self.flush()
        for run_dir in reversed(find_runs(self.output_dir)):
            run = ReplaySystem(run_dir)
            if not len(run) or _EPISODE_LABEL not in next(iter(run)):
                continue
            rows = list(run.episodes(f"stream == '{_STREAM}' and {_EPISODE_LABEL} == {int(episode_num)}"))
            if rows:
                return _entry_of(run, rows[-1])
        raise EpisodeNotFoundError(f"no run below {self.output_dir} has a logged episode {episode_num}")

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until what was logged is on disk; return whether it is."""
        self._loops.send()
        return self._logger.flush(timeout)

    def close(self, status: str = "FINISHED") -> None:
        """Write everything and end the run; episodes that are open end as ``cut``. Closing twice is fine.

        Args:
            status: FINISHED, FAILED or KILLED.
        """
        if self._closed or os.getpid() != self._pid:
            return
        self._closed, self._status = True, status
        EXITS.ending(self._exit_handle)
        try:
            self._loops.close()
            self._logger.close()
        finally:
            EXITS.remove(self._exit_handle)

    @property
    def _current(self) -> _Current | None:
        return getattr(self._threads, "current", None)

    def _end(self, ended: str) -> None:
        current, self._threads.current = self._current, None
        if current is not None:
            current.recorded.close(ended)

    def _submit(self, kind: str, payload: Mapping[str, Any]) -> None:
        if self._logging.structured_logging:
            self._logger.submit(EventItem(Event(kind, payload)))

    def _end_run(self) -> None:
        counts = self._assembler.counts
        self._store.finish(self._status, {"episodes": counts.episodes, "env_steps": counts.env_steps})

    def _describe(self) -> dict[str, Any]:
        return {
            "created": CLOCK.now_s(),
            "config": self._config.to_dict(),
            "config_hash": self._config.hash,
            "level": self._config.capture.level,
            **provenance([]),
        }


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


def _tagged(value: Any) -> Any:
    """Return a copy in which NumPy's and JAX's arrays and numbers carry their dtype."""
    if isinstance(value, Mapping):
        return {str(key): _tagged(below) for key, below in value.items()}
    if isinstance(value, (list, tuple)):
        return [_tagged(below) for below in value]
    if type(value) in (bool, int, float, str) or value is None or not hasattr(value, "__array__"):
        return value
    array = np.asarray(value)
    return value if array.dtype.kind in "OUMm" else {_ARRAY: encode_array(array)}


def _untagged(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {_ARRAY}:
            return decode_array(value[_ARRAY])[()]
        return {key: _untagged(below) for key, below in value.items()}
    return [_untagged(below) for below in value] if isinstance(value, list) else value


def _at(tree: Any, index: int) -> Any:
    if isinstance(tree, dict):
        return {key: _at(below, index) for key, below in tree.items()}
    if isinstance(tree, tuple):
        return tuple(_at(below, index) for below in tree)
    return tree[index]


def _entry_of(run: ReplaySystem, row: Any) -> EpisodeLogEntry:
    number = int(row[_EPISODE_LABEL])
    said: dict[tuple[int, float], Mapping[str, Any]] = {}
    summary = None
    for event in run.events():
        if event.payload.get("episode") == number and event.type == "log_step":
            said[event.payload["step"], event.payload["timestamp"]] = event.payload
        elif event.payload.get("episode") == number and event.type == "log_episode":
            summary = event.payload["summary_visualization_path"]
    episode = run.load_episode(row.episode)
    steps = []
    if episode.num_stored_steps:
        has_states, has_actions = episode.has("observation"), episode.has("action")
        numbers, times = episode.info["step_num"].tolist(), episode.info["timestamp"].tolist()
        for index, (step_num, timestamp) in enumerate(zip(numbers, times, strict=True)):
            apart = said.get((step_num, timestamp), {})
            steps.append(
                StepLogEntry(
                    step_num=step_num,
                    timestamp=timestamp,
                    before_state=_at(episode.observation, index) if has_states else None,
                    action=_at(episode.action, index) if has_actions else _untagged(apart.get("action")),
                    after_state=_at(episode.next_observation, index) if has_states else None,
                    reward=float(episode.reward[index]),
                    info=_untagged(apart.get("info", {})),
                    visualization_path=apart.get("visualization_path"),
                )
            )
    return EpisodeLogEntry(
        episode_num=number,
        start_timestamp=steps[0].timestamp if steps else row.start_time,
        end_timestamp=steps[-1].timestamp if steps else row.end_time,
        total_steps=row.total_steps,
        total_reward=row.total_reward,
        final_similarity=row.final_similarity,
        task_id=row.task_id,
        config_hash=row[f"{_CONFIG_LABEL}_id"],
        steps=tuple(steps),
        summary_visualization_path=summary,
    )
