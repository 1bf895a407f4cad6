"""The clock of rows and events."""

from __future__ import annotations

from jaxarc.records.clock import Clock


def test_time_goes_on_where_the_systems_clock_is_set_back():
    """Durations stay right; a clock that is set forward is followed."""
    wall = [100, 110, 40, 45, 46, 300, 310]
    clock = Clock(lambda: wall.pop(0))
    assert [clock.now_ns() for _ in range(7)] == [100, 110, 110, 115, 116, 370, 380]
