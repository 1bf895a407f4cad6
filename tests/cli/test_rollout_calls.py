"""A rollout is cut into calls of one compiled program: enough to see progress, never one a step."""

from __future__ import annotations

import pytest
from rich.console import Console
from rich.progress import Progress

from jaxarc.cli.rollout import _show, _steps_per_call
from jaxarc.pipeline import Health


def test_the_calls_divide_the_rollout_and_are_at_most_fifty() -> None:
    """A prime number of steps is one call; else each call would be a step, and pay for itself."""
    for num_steps in range(1, 600):
        per_call = _steps_per_call(num_steps)
        assert num_steps % per_call == 0
        assert num_steps // per_call <= 50
    assert _steps_per_call(97) == 97
    assert _steps_per_call(200) == 20


@pytest.mark.parametrize(
    ("width", "lost", "expected"),
    [
        (120, {}, "5/9 solved · queue 0.0 MB · nothing lost"),
        (60, {}, "5/9 solved · queue 0.0 MB"),
        (
            120,
            {"dropped_steps": 40, "lost_events": 1},
            "lost: 40 steps dropped, 1 event · 5/9 solved · queue",
        ),
        (70, {"dropped_steps": 40, "lost_events": 1}, "lost: 40 steps dropped, 1 event"),
        (50, {"dropped_steps": 40, "lost_events": 1}, "lost: 41"),
    ],
)
def test_the_progress_line_shows_every_kind_of_loss(width: int, lost: dict[str, int], expected: str) -> None:
    """First, so that a narrow terminal cuts off everything else before."""
    progress = Progress(console=Console(width=width))
    bar = progress.add_task("playing", total=100, numbers="")
    _show(progress, bar, 10, 0, 0.0, Health(successes=5, episodes=9, **lost))
    assert progress.tasks[0].fields["numbers"].startswith(expected)
