"""A rollout is cut into calls of one compiled program: enough to see progress, never one a step."""

from __future__ import annotations

from jaxarc.cli.rollout import _steps_per_call


def test_the_calls_divide_the_rollout_and_are_at_most_fifty() -> None:
    """A prime number of steps is one call; else each call would be a step, and pay for itself."""
    for num_steps in range(1, 600):
        per_call = _steps_per_call(num_steps)
        assert num_steps % per_call == 0
        assert num_steps // per_call <= 50
    assert _steps_per_call(97) == 97
    assert _steps_per_call(200) == 20
