"""What a program is told of its recorder when it is traced: a few plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxarc.errors import CaptureError

__all__ = ["PROGRAM_OF_LEVEL", "CaptureSpec", "select_envs"]

PROGRAM_OF_LEVEL = {
    "off": "off",
    "minimal": "scalars",
    "standard": "steps",
    "verbose": "steps",
    "full": "states",
}


@dataclass(frozen=True)
class CaptureSpec:
    """What one stream of one recorder captures.

    Attributes:
        slot: the slot that the rows are sent to.
        stream: name of the stream.
        program: ``off``, ``scalars``, ``steps`` or ``states``.
        envs: how many environments are selected (spread evenly), or their ids.
        chunk_bytes: bytes of selected environments' steps that one callback should carry at most.
        max_step_bytes: bytes that a single step of all environments may take; more is refused.
        journal: ``off``, or whose journal crosses: that of the ``selected`` environments, or of ``all``.
        keyframe_steps: steps of a scan between two keyframes of the journal.
    """

    slot: int
    stream: str
    program: str
    envs: int | tuple[int, ...]
    chunk_bytes: int
    max_step_bytes: int
    journal: str = "off"
    keyframe_steps: int = 64


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
