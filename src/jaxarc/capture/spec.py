"""What a program is told of its recorder when it is traced: a few plain values."""

from __future__ import annotations

from dataclasses import dataclass

from jaxarc.records.selection import PROGRAM_OF_LEVEL, select_envs

__all__ = ["PROGRAM_OF_LEVEL", "CaptureSpec", "select_envs"]


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
