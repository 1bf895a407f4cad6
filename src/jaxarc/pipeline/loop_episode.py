"""One open episode of a plain Python loop."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np

from jaxarc.errors import CaptureError, RecorderClosedError
from jaxarc.pipeline.loop_steps import Constants, EpisodeSteps, LoopSpec
from jaxarc.pipeline.spare_columns import SpareColumns
from jaxarc.records.chunk import End
from jaxarc.records.clock import CLOCK
from jaxarc.records.lane_chunk import LaneChunk
from jaxarc.records.layout import (
    FLAG_ACTIVE,
    FLAG_MARK,
    FLAG_START,
    FLAG_SUCCESS,
    FLAG_TERMINATED,
    FLAG_TRUNCATED,
    Layout,
)
from jaxarc.records.table import ENDED

__all__ = ["Lane", "LoopEpisode", "OpenEpisode", "UnrecordedEpisode"]

_FIRST_STEPS = 32
_GROWTH = 4


class LoopEpisode(Protocol):
    """What ``recorder.episode`` gives to a Python loop."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    priority: int

    @property
    def env_id(self) -> int:
        """The environment that the episode is played in."""
        ...

    @property
    def num_steps(self) -> int:
        """Steps so far."""
        ...

    def step(
        self,
        observation: Any,
        action: Any,
        reward: Any,
        next_observation: Any = None,
        terminated: Any = False,
        truncated: Any = False,
        *,
        success: Any = None,
        metrics: Mapping[str, Any] | None = None,
        info: Any = None,
        state: Any = None,
        key: Any = None,
        mark: Any = None,
    ) -> None:
        """Record one transition."""
        ...

    def send(self, until: float | None = None) -> bool:
        """Queue the steps so far; return whether there was room by ``until``."""
        ...

    def close(self, ended: str = "cut", *, task: str | None = None, success: bool = False) -> None:
        """End the episode."""
        ...


@dataclass
class Lane:
    """Where the episodes of one environment of one member go.

    Attributes:
        member, env_id: whose they are.
        counted: yields how many environment steps the stream and member took before this one.
        submit: queues a chunk, waiting for room until the time (``time.monotonic``) that is given, None for
            as long as it takes; False where nobody takes it any more, or there was no room by then.
        release: called once when the episode is over.
        intern: returns the one layout object for layouts that are equal.
        number_of: numbers the names of labels.
        columns: where the columns of episodes come from.
        last_queued: the last chunk that was queued, of this episode or of the one before it in the same
            environment; None where there is none, or nobody holds it any more: the writer had it.
    """

    member: int
    env_id: int
    counted: Iterator[int]
    submit: Callable[[LaneChunk, float | None], bool]
    release: Callable[[OpenEpisode], None]
    intern: Callable[[Layout], Layout]
    number_of: Callable[[str, str], int]
    columns: SpareColumns
    last_queued: Callable[[], LaneChunk | None] = lambda: None


class OpenEpisode:
    """Record the steps of one episode, from any thread; made by ``recorder.episode``.

    Leaving the ``with`` block, or ``close``, ends the episode: as ``cut`` where no step was terminal.

    Attributes:
        priority: where steps are shed for lack of room, those of lower priority go first.

    Args:
        lane: where it goes.
        spec: what is taken of its steps.
        update: the update count, -1 when not given.
        labels, constants: what holds for all of its steps.
    """

    def __init__(self, lane: Lane, spec: LoopSpec, update: int, labels: Constants, constants: Constants):
        self._lane = lane
        self._spec = spec
        self._update = update
        self._labels, self._constants = labels, constants
        # A signal may close the recorder while its thread is in here: both locks let their holder in again.
        self._lock = threading.RLock()
        self._sending = threading.RLock()
        self._unsent: deque[LaneChunk] = deque()
        self._last_sent: LaneChunk | None = None
        self._refusal = ""
        self._end_of = End("cut")
        self.priority = 0
        self._steps: EpisodeSteps | None = None
        self._room = 0
        self._row = 0
        self._taken = 0
        self._success = self._mark = self._is_over = False
        self._before = self._after = 0
        self._started = 0.0
        self._pid = os.getpid()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = self._refusal or "open"
        where = f"stream={self._spec.stream!r}, env_id={self.env_id}"
        return f"OpenEpisode({where}, {self.num_steps} steps, {state})"

    @property
    def env_id(self) -> int:
        """The environment that the episode is played in."""
        return self._lane.env_id

    @property
    def last_queued(self) -> Callable[[], LaneChunk | None]:
        """What the next episode of this environment comes after."""
        return self._lane.last_queued

    @property
    def num_steps(self) -> int:
        """Steps so far."""
        return self._taken + self._row

    def step(
        self,
        observation: Any,
        action: Any,
        reward: Any,
        next_observation: Any = None,
        terminated: Any = False,
        truncated: Any = False,
        *,
        success: Any = None,
        metrics: Mapping[str, Any] | None = None,
        info: Any = None,
        state: Any = None,
        key: Any = None,
        mark: Any = None,
    ) -> None:
        """Record one transition. Arrays are copied: an environment may use them again.

        Trees are dicts, lists, tuples, named tuples and dataclasses of numbers and arrays, as in JAX. Dtypes
        stay as NumPy has them: a Python int is int64, a Python float float64 (rewards and metrics always).
        After the first step a Python number takes on the dtype that its leaf had there. What the level does
        not store is not looked at.

        Args:
            observation: what the agent saw before it acted; any tree.
            action: what it did; any tree.
            reward: one number.
            next_observation: the true observation after the step; leave it out at every step or at none.
                Without it the episode is marked ``last_observation_lost``.
            terminated: the episode ended inside the task.
            truncated: it was stopped from outside. No step may follow one of these.
            success: the task is solved at this step.
            metrics: numbers by name; the episode's row holds first, last, min and max of each.
            info: anything else worth keeping; any tree.
            state: the environment's state before the action; stored at level ``full``.
            key: the PRNG key of the step.
            mark: keep this step whatever the level's choice of key steps.

        Raises:
            CaptureError: the episode has ended; a leaf is no number and no array, too large, or not what it
                was in the first step (it is named).
            RecorderClosedError: the recorder is closed.
        """
        if os.getpid() != self._pid:
            return  # a forked child: the run is its parent's
        values = (reward, metrics, observation, next_observation, action, info, key, state)
        flags = FLAG_ACTIVE
        if terminated is not False and _flag("terminated", terminated):
            flags |= FLAG_TERMINATED
        if truncated is not False and _flag("truncated", truncated):
            flags |= FLAG_TRUNCATED
        if success is not None and _flag("success", success):
            flags |= FLAG_SUCCESS
        if mark is not None and _flag("mark", mark):
            flags |= FLAG_MARK
        is_last = bool(flags & (FLAG_TERMINATED | FLAG_TRUNCATED))
        with self._lock:
            if self._refusal:
                raise self._refused()
            if self._steps is None:
                self._steps = self._lane.columns.take(self._spec, values, self._labels, self._constants)
            steps = self._steps
            if self._row and self._row == self._room:
                # Another thread filled it, or was interrupted when it had, and has not queued it yet.
                self._put_by(ends=False)
            row = self._row
            if not row:
                self._begin_chunk(steps)
                if not self._taken:
                    flags |= FLAG_START
            steps.put(row, values)
            steps.flags[row] = flags
            self._success |= success is not None
            self._mark |= mark is not None
            count = next(self._lane.counted)
            if not row:
                self._before = count
            self._after = count + 1
            self._row = row + 1
            is_full = self._row == self._room
            if is_last:
                self._refusal = "ended"
        if is_last:
            self._end()
        elif is_full:
            self.send()

    def close(self, ended: str = "cut", *, task: str | None = None, success: bool = False) -> None:
        """End the episode. Closing it twice, or after a terminal step, does nothing.

        What is known too late for the last step to say it can be said here, for the episode's row.

        Args:
            ended: how it ended: ``cut``, ``terminated`` or ``truncated``.
            task: the name of its task, where the episode was opened with one or with a number of -1.
            success: that it was solved.
        """
        if os.getpid() != self._pid:
            return
        if ended not in ENDED:
            raise CaptureError(f"ended={ended!r}; it is one of {', '.join(ENDED)}")
        with self._lock:
            if not self._refusal:
                number = None if task is None else self._lane.number_of("task", task)
                self._refusal, self._end_of = "ended", End(ended, number, success)
        self._end()

    def send(self, until: float | None = None) -> bool:
        """Queue the steps so far.

        Args:
            until: when to stop waiting for room in the queue (``time.monotonic``); None waits.

        Returns:
            False when there was no room by then: they wait here.
        """
        if os.getpid() != self._pid:
            return False
        return self._send(ends=False, until=until)

    def gather(self) -> LaneChunk | None:
        """Return the steps that wait here, for the writer, which must not wait for its own queue.

        None where it does not have all earlier ones yet: then these come with the next commit.
        """
        if not self._sending.acquire(blocking=False):
            return None
        try:
            with self._lock:
                if self._unsent or (self._last_sent is not None and not self._last_sent.is_taken):
                    return None
                queued = self._lane.last_queued()
                if queued is not None and not queued.is_taken:
                    return None  # the episode before: it would end where this one begins
                chunk = self._waiting_steps(ends=False)
                if chunk is not None:
                    self._taken, self._row, self._last_sent = self._taken + self._row, 0, chunk
                return chunk
        finally:
            self._sending.release()

    def refuse(self) -> None:
        """Queue the steps so far and take no more: the recorder closes."""
        with self._lock:
            self._refusal = self._refusal or "closed"
        self._end()

    def _refused(self) -> Exception:
        if self._refusal == "closed":
            return RecorderClosedError("episode.step after the recorder was closed; open a new Recorder")
        return CaptureError(
            f"the episode ended with its step {self.num_steps - 1}; open the next one with recorder.episode()"
        )

    def _end(self) -> None:
        """Queue what is left. Ctrl-C may come while this waits for room: then ``close`` goes on with it."""
        self._send(ends=True)
        with self._lock:  # two threads may end it, and its columns serve one other episode
            steps, self._steps = self._steps, None
        if steps is not None:
            self._lane.columns.give_back(self._spec, self._labels, self._constants, steps)
        self._lane.release(self)

    def _send(self, *, ends: bool, until: float | None = None) -> bool:
        if not self._sending.acquire(timeout=-1 if until is None else max(0.0, until - time.monotonic())):
            return False
        try:
            with self._lock:
                # What had no room before is sent first: a flush that comes again makes no more of it.
                if until is None or not self._unsent:
                    self._put_by(ends=ends)
            while self._unsent:
                if not self._queue_next(until):
                    return False
                if until is not None and not self._unsent:
                    with self._lock:
                        self._put_by(ends=False)
            return True
        finally:
            self._sending.release()

    def _queue_next(self, until: float | None) -> bool:
        """Queue what comes next; False when there was no room in time."""
        accepted = self._lane.submit(self._unsent[0], until)
        if not accepted and until is not None and time.monotonic() >= until:
            return False
        self._last_sent = self._unsent.popleft()
        if accepted:
            self._lane.last_queued = weakref.ref(self._last_sent)
        return True

    def _put_by(self, *, ends: bool) -> None:
        """Put the steps that wait behind what is to be queued; called with the lock held."""
        chunk = self._waiting_steps(ends=ends)
        if chunk is not None:
            # Nothing is called from here on, so that Ctrl-C comes before or after both lines, not between.
            self._taken, self._row, self._is_over = self._taken + self._row, 0, ends
            self._unsent += (chunk,)

    def _begin_chunk(self, steps: EpisodeSteps) -> None:
        wanted = _FIRST_STEPS if not self._taken else _GROWTH * self._room
        self._room = min(wanted, steps.steps_per_chunk)
        steps.make_room(self._room)
        self._started = CLOCK.now_s()

    def _waiting_steps(self, *, ends: bool) -> LaneChunk | None:
        """Return the steps that wait, as a chunk; when the episode ends without any, one that says so."""
        steps, rows = self._steps, self._row
        if steps is None or self._is_over or not (rows or ends):
            return None
        if not rows:
            steps.make_room(1)
            steps.flags[0] = 0
            self._started, self._before = CLOCK.now_s(), self._after
        layout = steps.layout(self._lane.intern, success=self._success, mark=self._mark)
        return LaneChunk(
            layout,
            steps.take(max(rows, 1), self._taken),
            member=self._lane.member,
            env_id=self._lane.env_id,
            is_selected=self._spec.is_selected,
            update=self._update,
            env_steps=(self._before, self._after),
            ends=self._end_of if ends else None,
            priority=self.priority,
            started=self._started,
            received=CLOCK.now_s(),
        )


class UnrecordedEpisode:
    """An episode of a stream at level ``off``: takes everything, keeps nothing."""

    def __init__(self, env_id: int):
        self.env_id = env_id
        self.num_steps = self.priority = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def step(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""

    def send(self, until: float | None = None) -> bool:
        """Do nothing."""
        return True

    def close(self, ended: str = "cut", *, task: str | None = None, success: bool = False) -> None:
        """Do nothing."""


def _flag(name: str, value: Any) -> bool:
    if value is True or value is False:
        return value
    array = np.asarray(value)
    if array.shape or array.dtype.kind not in "biu":
        what = f"has shape {list(array.shape)}" if array.shape else f"is a {type(value).__name__}"
        raise CaptureError(f"step.{name} {what}, it is one flag: True or False")
    return bool(array)
