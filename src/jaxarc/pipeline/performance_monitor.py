"""PerformanceMonitor: what recording costs the program that is recorded."""

from __future__ import annotations

import dataclasses
import functools
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

__all__ = ["PerformanceMonitor", "RecordingCosts", "wait_for_arrays"]

P = ParamSpec("P")
R = TypeVar("R")

_DEFAULT_SHARE = 0.05
"""The share of wall time that recording may cost where no ``capture.budget`` says another."""

_WINDOW_S = 30.0
"""Seconds that ``should_reduce_logging`` looks back: what was slow before them is forgotten."""

_LEAST_S = 1.0
"""Seconds that have to pass before it says anything: of the first milliseconds recording may take all."""

_RECOVERED = 0.7
"""The part of the share below which it takes its advice back."""

_MOST_CALLS = 1_000
"""Calls of which single times are kept."""

_MOST_SAMPLES = 256


@dataclass(frozen=True)
class RecordingCosts:
    """What recording took so far.

    Attributes:
        callback_s: seconds in the host function that takes the chunks, waiting left out, of all threads.
        blocked_s: seconds that it waited for room in the queue, of all threads.
        write_s: seconds that the writer worked, on a thread of its own.
        accepted_bytes: bytes that crossed to the host.
        segment_bytes: bytes that they came to on disk.
        dropped_steps: steps that were shed or given up.
    """

    callback_s: float = 0.0
    blocked_s: float = 0.0
    write_s: float = 0.0
    accepted_bytes: int = 0
    segment_bytes: int = 0
    dropped_steps: int = 0

    @property
    def felt_s(self) -> float:
        """Seconds that the program was held up for."""
        return self.callback_s + self.blocked_s


def wait_for_arrays(value: Any) -> None:
    """Wait for every array in ``value`` that is still being computed.

    An array is what has a method ``block_until_ready``. It is looked for in tuples, lists, mappings and
    dataclasses, however deep; in other containers it is not found.

    Args:
        value: what a function returned.
    """
    if isinstance(value, type):
        return
    wait = getattr(value, "block_until_ready", None)
    if callable(wait):
        wait()
    elif isinstance(value, Mapping):
        for item in value.values():
            wait_for_arrays(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            wait_for_arrays(item)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            wait_for_arrays(getattr(value, field.name, None))


class PerformanceMonitor:
    """Measure what recording costs, over all and within the calls of a function.

    What counts as cost is what the program feels: the time that its callbacks take on the host and the time
    that they wait for the disk. The writer works beside it and is reported apart; where it has no core of its
    own it costs more than is seen here, and so does what JAX itself does for a callback. ``jaxarc bench``
    measures those by comparing with a program without a recorder.

    Args:
        costs: returns what recording took so far; ``Recorder.performance`` has that of its recorder. None:
            nothing is recorded, and calls are only timed.
        share: the most that recording should cost of the wall time; None for 5 %.
        clock: seconds that pass.

    Attributes:
        step_times: seconds of each of the last calls of measured functions.
        visualization_times: seconds of those that recording took.
    """

    def __init__(
        self,
        costs: Callable[[], RecordingCosts] | None = None,
        *,
        share: float | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ):
        self._costs = costs or RecordingCosts
        self._share = _DEFAULT_SHARE if share is None else share
        self._clock = clock
        self._lock = threading.Lock()
        self._opened = clock()
        self._began = self._costs()
        self._samples: deque[tuple[float, float]] = deque([(self._opened, self._began.felt_s)])
        self._should_reduce = False
        self._calls = 0
        self._calls_s = 0.0
        self._recording_s = 0.0
        self.step_times: deque[float] = deque(maxlen=_MOST_CALLS)
        self.visualization_times: deque[float] = deque(maxlen=_MOST_CALLS)

    def measure_step_impact(
        self, step_func: Callable[P, R], *, wait: Callable[[Any], object] | None = wait_for_arrays
    ) -> Callable[P, R]:
        """Return ``step_func`` timed: how long each call takes, and how much of that recording took.

        A compiled program returns before it has run. So each call waits for what it returns, which a loop
        that would have gone on meanwhile pays for; ``wait=None`` does not wait, and times the dispatch
        alone. Callbacks that arrive after the results count for the next call.

        Args:
            step_func: what is called, such as a jitted training step.
            wait: waits for what it returned; ``jax.block_until_ready`` finds arrays in every pytree.
        """

        @functools.wraps(step_func)
        def measured(*args: P.args, **kwargs: P.kwargs) -> R:
            before, began = self._costs().felt_s, self._clock()
            try:
                result = step_func(*args, **kwargs)
                if wait is not None:
                    wait(result)
                return result
            finally:
                taken = self._clock() - began
                self._add_call(taken, min(taken, max(0.0, self._costs().felt_s - before)))

        return measured

    def get_performance_report(self) -> dict[str, Any]:
        """Return what recording cost since the monitor was made.

        Returns:
            ``wall_s``, and of it ``callback_s`` and ``blocked_s``, which the program felt, and ``share``,
            what they are of the wall time; ``write_s``, beside it; ``accepted_bytes``, ``segment_bytes``,
            ``dropped_steps``; ``calls`` of measured functions: their ``count``, ``total_s``,
            ``recording_s`` and ``share``, and of the last thousand ``median_s``, ``worst_s``,
            ``recording_median_s``, ``recording_worst_s``; ``recent_share``, ``share_limit`` and
            ``should_reduce_logging``.
        """
        costs, wall = self._costs(), self._clock() - self._opened
        told = {
            name: getattr(costs, name) - getattr(self._began, name)
            for name in (field.name for field in dataclasses.fields(RecordingCosts))
        }
        felt = costs.felt_s - self._began.felt_s
        reduce = self.should_reduce_logging()
        with self._lock:
            steps, recording = list(self.step_times) or [0.0], list(self.visualization_times) or [0.0]
            calls = {
                "count": self._calls,
                "total_s": self._calls_s,
                "recording_s": self._recording_s,
                "share": self._recording_s / self._calls_s if self._calls_s else 0.0,
                "median_s": statistics.median(steps),
                "worst_s": max(steps),
                "recording_median_s": statistics.median(recording),
                "recording_worst_s": max(recording),
            }
        return {
            "wall_s": wall,
            "share": felt / wall if wall > 0 else 0.0,
            **told,
            "calls": calls,
            "recent_share": self._recent_share() or 0.0,
            "share_limit": self._share,
            "should_reduce_logging": reduce,
        }

    def should_reduce_logging(self) -> bool:
        """Say whether recording costs more than its share now: of the last half minute, not of all time.

        Once true it stays so until the cost is well below the share, and then it is false again: a slow call
        is forgotten after half a minute. The share is ``capture.budget``, or 5 % without one.
        """
        self._sample()
        share = self._recent_share()
        if share is not None:
            self._should_reduce = share > self._share * (_RECOVERED if self._should_reduce else 1.0)
        return self._should_reduce

    def _add_call(self, taken: float, recording: float) -> None:
        self._sample()
        with self._lock:
            self._calls += 1
            self._calls_s += taken
            self._recording_s += recording
            self.step_times.append(taken)
            self.visualization_times.append(recording)

    def _sample(self) -> None:
        """Note what recording took until now, not more often than the window can hold."""
        now, felt = self._clock(), self._costs().felt_s
        with self._lock:
            newest = self._samples[-1][0]
            if now - newest >= _WINDOW_S / _MOST_SAMPLES:
                self._samples.append((now, felt))
            # The newest of those that lie a window back is where the window begins.
            while len(self._samples) > 1 and self._samples[1][0] <= now - _WINDOW_S:
                self._samples.popleft()

    def _recent_share(self) -> float | None:
        """Return the share of the last half minute; None before there is enough of it to say."""
        now, felt = self._clock(), self._costs().felt_s
        with self._lock:
            then, before = self._samples[0]
        # Nobody may have asked for a while: what lies further back than the window counts for its part of it.
        return (felt - before) / (now - then) if now - then >= _LEAST_S else None
