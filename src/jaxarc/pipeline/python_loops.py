"""Episodes of plain Python loops: which are open, and in which lane each is played."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jaxarc.config import CaptureConfig
from jaxarc.config.capture import StreamCapture
from jaxarc.errors import CaptureError, RecorderClosedError
from jaxarc.pipeline.loop_episode import Lane, LoopEpisode, OpenEpisode, UnrecordedEpisode
from jaxarc.pipeline.loop_steps import LoopSpec, constant_fields, label_fields
from jaxarc.pipeline.spare_columns import SpareColumns
from jaxarc.records.lane_chunk import LaneChunk
from jaxarc.records.layout import Layout
from jaxarc.records.selection import PROGRAM_OF_LEVEL, select_envs
from jaxarc.records.trees import AsArray, as_array

__all__ = ["NumberOf", "PythonLoops"]

NumberOf = Callable[[str, str], int]
"""``(label, name) -> value``: the number of a label's name, learnt when it is new."""


@dataclass
class _Member:
    """The lanes of one member of a stream.

    Attributes:
        counted: yields how many environment steps were taken before each.
        taken: environments in which an episode is open.
        last_queued: of the others, what was queued last, as `Lane` has it.
    """

    counted: Iterator[int]
    taken: set[int] = field(default_factory=set)
    last_queued: dict[int, Callable[[], LaneChunk | None]] = field(default_factory=dict)


class PythonLoops:
    """Open episodes for Python loops, and see to it that their steps reach the writer.

    Args:
        capture: levels, environments and limits.
        max_step_bytes: bytes that a step may take.
        submit: queues a chunk, as ``Lane.submit`` does.
        number_of: numbers the names of labels.
        convert: makes NumPy arrays of what NumPy does not know.
        steps_before: how many environment steps a stream took before, where a run goes on.
    """

    def __init__(
        self,
        capture: CaptureConfig,
        max_step_bytes: int,
        submit: Callable[[LaneChunk, float | None], bool],
        number_of: NumberOf,
        convert: AsArray = as_array,
        steps_before: Callable[[str], int] = lambda stream: 0,
    ):
        self._capture = capture
        self._max_step_bytes = max_step_bytes
        self._submit = submit
        self._number_of = number_of
        self._convert = convert
        self._steps_before = steps_before
        self._lock = threading.RLock()
        self._members: dict[tuple[str, int], _Member] = {}
        self._captured: dict[str, StreamCapture] = {}
        self._layouts: dict[Layout, Layout] = {}
        self._columns = SpareColumns()
        self._open: dict[OpenEpisode, _Member] = {}
        self._closed = False
        self._pid = os.getpid()

    def episode(
        self,
        task: str | int | None = None,
        *,
        stream: str = "train",
        env_id: int | None = None,
        member: int = 0,
        num_envs: int | None = None,
        update: int | None = None,
        seed: int | None = None,
        labels: Mapping[str, Any] | None = None,
        constants: Mapping[str, Any] | None = None,
    ) -> LoopEpisode:
        """Open an episode; ``Recorder.episode`` says what the arguments mean.

        Raises:
            CaptureError: an argument that cannot be recorded.
            RecorderClosedError: the recorder is closed.
        """
        captured = self._captured.get(stream)
        if captured is None:
            captured = self._captured[stream] = self._capture.for_stream(stream)
        program = PROGRAM_OF_LEVEL[captured.level]
        _check_count("env_id", env_id)
        _check_count("member", member)
        _check_count("update", update)
        if self._closed:
            raise RecorderClosedError("recorder.episode after close; open a new Recorder")
        if program == "off" or os.getpid() != self._pid:
            return UnrecordedEpisode(env_id or 0)
        values = {"task": task, "seed": seed, **(labels or {})}
        label_values = label_fields(
            {
                name: self._number_of(name, value) if isinstance(value, str) else value
                for name, value in values.items()
                if value is not None
            }
        )
        held = constant_fields(constants, self._convert)
        chosen = captured.envs
        if num_envs is not None:
            chosen = select_envs(captured.envs, num_envs)
            if env_id is not None and env_id >= num_envs:
                raise CaptureError(f"env_id={env_id} is outside of num_envs={num_envs} (0..{num_envs - 1})")
        with self._lock:
            if self._closed:
                raise RecorderClosedError("recorder.episode after close; open a new Recorder")
            lanes = self._members.get((stream, member))
            if lanes is None:
                lanes = _Member(itertools.count(self._steps_before(stream)))
                self._members[stream, member] = lanes
            if env_id is None:
                env_id = next(i for i in itertools.count() if i not in lanes.taken)
            elif env_id in lanes.taken:
                raise CaptureError(
                    f"an episode of env_id={env_id} is open already in stream {stream}; close it first, or "
                    "leave env_id= out"
                )
            lane = Lane(
                member=member,
                env_id=env_id,
                counted=lanes.counted,
                submit=self._submit,
                release=self._release,
                intern=self._intern,
                number_of=self._number_of,
                columns=self._columns,
                last_queued=lanes.last_queued.pop(env_id, _nothing),
            )
            spec = LoopSpec(
                stream=stream,
                program=program,
                is_selected=isinstance(chosen, int) or env_id in chosen,
                journal=captured.journal,
                chunk_bytes=self._capture.chunk_bytes,
                max_step_bytes=self._max_step_bytes,
                keyframe_steps=self._capture.keyframe_steps,
                convert=self._convert,
            )
            episode = OpenEpisode(lane, spec, -1 if update is None else update, label_values, held)
            lanes.taken.add(env_id)
            self._open[episode] = lanes
        return episode

    def send(self, until: float | None = None) -> bool:
        """Queue the steps that wait in open episodes, so that a flush covers them.

        Args:
            until: when to stop waiting for room in the queue (``time.monotonic``); None waits.

        Returns:
            Whether all of them were queued.
        """
        if os.getpid() != self._pid:
            return False
        sent = [episode.send(until) for episode in self._now_open()]
        return all(sent)

    def gather(self) -> Iterator[LaneChunk]:
        """Yield the steps that wait in open episodes; for the writer thread, before it commits."""
        for episode in self._now_open():
            chunk = episode.gather()
            if chunk is not None:
                yield chunk

    def close(self) -> None:
        """Queue what waits and refuse further steps; open episodes end as ``cut``."""
        with self._lock:  # an episode that is being opened is among those that are open, or refused
            self._closed = True
        for episode in self._now_open():
            episode.refuse()

    def _now_open(self) -> list[OpenEpisode]:
        with self._lock:
            return list(self._open)

    def _release(self, episode: OpenEpisode) -> None:
        with self._lock:
            lanes = self._open.pop(episode, None)
            if lanes is not None:
                lanes.taken.discard(episode.env_id)
                lanes.last_queued[episode.env_id] = episode.last_queued

    def _intern(self, layout: Layout) -> Layout:
        return self._layouts.setdefault(layout, layout)


def _nothing() -> None:
    """Return what was queued in a lane that is new."""


def _check_count(name: str, value: Any) -> None:
    if value is not None and (isinstance(value, bool) or not hasattr(value, "__index__") or value < 0):
        raise CaptureError(f"{name}={value!r}; it is a whole number from 0 on")
