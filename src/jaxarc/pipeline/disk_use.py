"""How much disk a stream takes for each environment step: as it was so far, or as it is assumed to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from jaxarc.records.layout import Field, Layout
from jaxarc.records.steps import PendingSegment

__all__ = ["DiskUse", "assumed_bytes_per_env_step"]

_ROW_BYTES = 200
"""Bytes of an episode's row in memory, of which a stream's part of a segment is reckoned."""

_EPISODE_STEPS = 50
"""Steps that an episode is assumed to have."""

_PACKED_ROW_BYTES = 60
_PACKED = {"small": 1 / 15, "flags": 1 / 3, "numbers": 1 / 2}
"""What compression is assumed to leave: of arrays of 8-bit integers, of booleans, and of everything else."""


@dataclass
class DiskUse:
    """What of the segments belongs to which stream.

    Attributes:
        env_steps: environment steps of each stream at the last commit.
    """

    env_steps: dict[str, int] = field(default_factory=dict)
    _raw: dict[str, float] = field(default_factory=dict)

    def wrote(self, pending: PendingSegment, env_steps: Mapping[str, int]) -> None:
        """Hear of a segment that is on disk, and how many environment steps there were until then."""
        for block in pending.blocks:
            self._add(block.layout.stream, block.nbytes)
        if len(pending.episodes):
            names, counts = np.unique(pending.episodes["stream"], return_counts=True)
            for name, count in zip(names.tolist(), counts.tolist(), strict=True):
                self._add(name.decode() if isinstance(name, bytes) else name, count * _ROW_BYTES)
        self.env_steps.update(env_steps)

    def bytes_per_env_step(self, stream: str, segment_bytes: int) -> float | None:
        """Return what a step of any environment of the stream took so far; None before there was a commit.

        Args:
            stream: its name.
            segment_bytes: bytes of all segments.
        """
        steps, raw = self.env_steps.get(stream, 0), self._raw.get(stream, 0.0)
        if not steps or not raw:
            return None
        return segment_bytes * raw / sum(self._raw.values()) / steps

    def _add(self, stream: str, nbytes: float) -> None:
        self._raw[stream] = self._raw.get(stream, 0.0) + nbytes


def assumed_bytes_per_env_step(
    layout: Layout, level: str, key_steps: int, num_envs: int, num_selected: int, *, is_compressed: bool
) -> float:
    """Return what an environment step is assumed to take on disk before any was recorded.

    Assumed are episodes of 50 steps that are all kept, observations of which each is stored once, and a
    compression that leaves a fifteenth of arrays of 8-bit integers, a third of booleans and half of the rest.

    Args:
        layout: what crosses.
        level, key_steps: what of it is stored.
        num_envs: environments that are stepped.
        num_selected: those whose steps cross.
        is_compressed: whether ``storage.compression`` is on.
    """

    def of(fields: tuple[Field, ...]) -> float:
        size = 0.0
        for each in fields:
            if each.role == "next_observation":
                continue
            kind = "flags" if each.dtype == "bool" else "small" if each.dtype.endswith("int8") else "numbers"
            part = each.num_bytes / (_EPISODE_STEPS if each.role == "episode" else 1)
            size += part * (_PACKED[kind] if is_compressed else 1.0)
        return size

    share = num_selected / max(num_envs, 1)
    if level == "standard":
        share *= min(1.0, key_steps / _EPISODE_STEPS)
    size = (_PACKED_ROW_BYTES if is_compressed else _ROW_BYTES) / _EPISODE_STEPS
    if level != "minimal" and layout.program != "scalars":
        size += share * (of(layout.rows) + of(layout.scalars))
    if layout.journal:
        journalled = 1.0 if layout.journal_envs == "all" else num_selected / max(num_envs, 1)
        size += journalled * of(layout.journal)
    return size
