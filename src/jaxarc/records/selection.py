"""What a level sends, and the environments whose steps are captured: the same for programs and for loops."""

from __future__ import annotations

from collections.abc import Sequence

from jaxarc.errors import CaptureError

__all__ = ["PROGRAM_OF_LEVEL", "select_envs"]

PROGRAM_OF_LEVEL = {
    "off": "off",
    "minimal": "scalars",
    "standard": "steps",
    "verbose": "steps",
    "full": "states",
}


def select_envs(envs: int | Sequence[int], num_envs: int) -> tuple[int, ...]:
    """Return the ids of the environments whose steps are captured, ascending.

    Args:
        envs: a count, spread evenly over ``range(num_envs)``, or the ids themselves.
        num_envs: how many environments step together.

    Raises:
        CaptureError: an id is outside ``range(num_envs)``.
    """
    if isinstance(envs, int):
        count = min(envs, num_envs)
        return tuple(i * num_envs // count for i in range(count)) if count else ()
    outside = [env for env in envs if not 0 <= env < num_envs]
    if outside:
        raise CaptureError(
            f"capture.envs names env {outside[0]}, but the program steps {num_envs} envs "
            f"(0..{num_envs - 1}); lower the id or give a count: capture.envs=4"
        )
    return tuple(sorted(set(envs)))
