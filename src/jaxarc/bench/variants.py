"""What stands beside a program without a recorder: the levels, and what people write by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import ArrayLike

__all__ = ["BATCHED", "DRAWING", "LEVELS", "NAIVE", "NONE", "Hook", "Variant", "sink"]

Hook = Literal["", "batched", "naive"]

SELECTED_ENVS = 4
"""Environments of which every step is recorded."""

_DRAWING_S = 1.0
"""Seconds that a run draws: longer than a batch, and no longer than that needs."""


@dataclass(frozen=True)
class Variant:
    """One way of recording, or of not recording, the same program.

    Attributes:
        name: as it stands in the tables.
        level: ``capture.level``; empty where there is no recorder.
        hook: a ``jax.debug.callback`` in place of a recorder: ``batched`` is one a step outside the vmap,
            ``naive`` one in the vmapped step.
        draws: pictures are drawn while it runs.
        num_steps: steps of a call where they are fewer than those of the workload.
        max_pairs: pairs that are enough, for what is many times slower anyway.
    """

    name: str
    level: str = ""
    hook: Hook = ""
    draws: bool = False
    num_steps: int | None = None
    max_pairs: int | None = None

    def overrides(self, folder: str) -> list[str]:
        """Return the recorder's configuration: 4 selected environments, every episode kept."""
        return [
            f"capture.level={self.level}",
            f"capture.envs={SELECTED_ENVS}",
            "capture.keep=[all]",
            f"visualization.live.enabled={str(self.draws).lower()}",
            f"visualization.live.max_seconds={_DRAWING_S}",
            f"storage.base_output_dir={folder}",
        ]


NONE = Variant("none")
LEVELS = tuple(Variant(level, level=level) for level in ("off", "minimal", "verbose", "full"))
DRAWING = Variant("verbose, drawing", level="verbose", draws=True)
BATCHED = Variant("callback a step", hook="batched", max_pairs=9)
NAIVE = Variant("callback in vmap", hook="naive", num_steps=8, max_pairs=9)


def sink(*values: ArrayLike) -> None:
    """Take what a hand-written callback gets, as NumPy arrays, and leave it at that."""
    _arrays(values)


def _arrays(values: Sequence[ArrayLike]) -> list[np.ndarray]:
    return [np.asarray(value) for value in values]
