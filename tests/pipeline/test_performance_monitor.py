"""PerformanceMonitor: honest about what recording costs, and quick to forget."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

import jaxarc
from jaxarc.pipeline import PerformanceMonitor, RecordingCosts
from jaxarc.pipeline.performance_monitor import wait_for_arrays


class World:
    """A clock, and what recording cost so far."""

    def __init__(self) -> None:
        self.now = 100.0
        self.costs = RecordingCosts()

    def monitor(self, **options: Any) -> PerformanceMonitor:
        return PerformanceMonitor(lambda: self.costs, clock=lambda: self.now, **options)

    def spend(
        self, seconds: float, *, callback: float = 0.0, blocked: float = 0.0, write: float = 0.0
    ) -> None:
        """Let time pass, of which recording took a part."""
        self.now += seconds
        self.costs = replace(
            self.costs,
            callback_s=self.costs.callback_s + callback,
            blocked_s=self.costs.blocked_s + blocked,
            write_s=self.costs.write_s + write,
        )


def test_calls_are_timed_and_recording_gets_its_part():
    """Callbacks and waiting count, the writer beside the program and what is outside the calls do not."""
    world = World()
    world.spend(5.0, callback=1.0)
    monitor = world.monitor()
    step = monitor.measure_step_impact(world.spend, wait=None)
    step(1.0, callback=0.1, blocked=0.2, write=0.9)
    world.spend(2.0, blocked=1.0)
    step(3.0)
    report = monitor.get_performance_report()
    assert list(monitor.step_times) == pytest.approx([1.0, 3.0])
    assert list(monitor.visualization_times) == pytest.approx([0.3, 0.0])
    assert report["calls"] == pytest.approx(
        {
            "count": 2,
            "total_s": 4.0,
            "recording_s": 0.3,
            "share": 0.075,
            "median_s": 2.0,
            "worst_s": 3.0,
            "recording_median_s": 0.15,
            "recording_worst_s": 0.3,
        }
    )
    assert report["wall_s"] == pytest.approx(6.0)
    assert report["share"] == pytest.approx(1.3 / 6.0)
    assert (report["callback_s"], report["blocked_s"], report["write_s"]) == pytest.approx((0.1, 1.2, 0.9))


def test_a_call_that_raises_is_timed_and_its_error_is_its_callers():
    """The decorator hides nothing, and keeps the name."""
    world = World()
    monitor = world.monitor()

    @monitor.measure_step_impact
    def step() -> None:
        """Fail after a second."""
        world.spend(1.0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        step()
    assert list(monitor.step_times) == pytest.approx([1.0])
    assert (step.__name__, step.__doc__) == ("step", "Fail after a second.")


@dataclass
class Later:
    """An array that is still being computed."""

    world: World

    def block_until_ready(self) -> Later:
        self.world.spend(1.0)
        return self


def test_results_are_waited_for_where_the_rule_says():
    """Arrays in tuples, lists, mappings and dataclasses, at any depth; nothing with ``wait=None``."""

    @dataclass
    class State:
        board: Any
        other: Any = 3

    world = World()
    monitor = world.monitor()
    nested = (State(Later(world)), [{"a": Later(world)}, 5, None], "text", World)
    wait_for_arrays(nested)
    assert world.now == 102.0
    monitor.measure_step_impact(lambda: nested)()
    monitor.measure_step_impact(lambda: nested, wait=None)()
    waited: list[Any] = []
    monitor.measure_step_impact(lambda: nested, wait=waited.append)()
    assert list(monitor.step_times) == pytest.approx([2.0, 0.0, 0.0])
    assert waited == [nested]


def test_one_slow_call_does_not_silence_logging_for_ever():
    """The advice goes on with it, stays while it is within the window, and is taken back."""
    world = World()
    monitor = world.monitor(share=0.05)
    assert not monitor.should_reduce_logging()
    for _ in range(10):
        world.spend(1.0, callback=0.01)
        assert not monitor.should_reduce_logging()
    world.spend(4.0, blocked=4.0)
    assert monitor.should_reduce_logging()
    told = []
    for _ in range(60):
        world.spend(1.0, callback=0.01)
        told.append(monitor.should_reduce_logging())
    assert told[:20] == [True] * 20
    assert told[31:] == [False] * 29
    world.spend(4.0, blocked=4.0)
    assert monitor.should_reduce_logging()


def test_the_advice_does_not_flicker_around_the_share():
    """Above the share it comes, and it goes only well below it."""
    world = World()
    monitor = world.monitor(share=0.10)
    for cost, expected in ((0.11, True), (0.09, True), (0.06, False), (0.09, False), (0.11, True)):
        for _ in range(40):
            world.spend(1.0, callback=cost)
        assert monitor.should_reduce_logging() is expected, cost
    assert monitor.get_performance_report()["share_limit"] == 0.10


def test_the_first_moments_say_nothing():
    """Of the first milliseconds recording may take all."""
    world = World()
    monitor = world.monitor()
    world.spend(0.5, callback=0.5)
    assert not monitor.should_reduce_logging()
    world.spend(0.5)
    assert monitor.should_reduce_logging()


def test_without_a_recorder_calls_are_only_timed():
    """``jaxarc.PerformanceMonitor()``, as the seed has it."""
    monitor = jaxarc.PerformanceMonitor()
    assert monitor.measure_step_impact(lambda x: x + 1)(2) == 3
    report = monitor.get_performance_report()
    assert report["calls"]["count"] == 1
    assert report["calls"]["recording_s"] == report["share"] == 0.0
    assert monitor.should_reduce_logging() is False
