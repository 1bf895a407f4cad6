"""Journal: what an episode can be simulated again from."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np

from jaxarc.errors import NotRecordedError
from jaxarc.records.layout import Field
from jaxarc.records.step_sources import StepSource, StepSources
from jaxarc.records.table import EpisodeRow

__all__ = ["Journal"]

_ROLES = ("action", "key", "state_hash")
_WAY_OUT = {
    "state_hash": "capture.journal=selected records it, and capture.journal=all for every environment",
    "keyframe": "capture.journal=selected records it, and capture.journal=all for every environment",
}


class Journal:
    """Actions, keys and hashes of the states of an episode: of every step, whatever else is stored.

    Read from the journal (``capture.journal``) and from stored steps alike. All arrays have one entry a
    step of ``step``.

    Args:
        row: the episode's row.
        sources: everything that is stored of the episode.

    Attributes:
        sources: of these, what holds steps of the journal.
    """

    def __init__(self, row: EpisodeRow, sources: Iterable[StepSource]):
        self._row = row
        everything = StepSources(sources)
        self.sources = everything.of_kind("steps", "journal").with_role(*_ROLES)
        self._keyframes = everything.of_kind("keyframes")

    def __len__(self) -> int:
        return len(self.step)

    @cached_property
    def step(self) -> np.ndarray:
        """Index in the episode of every step whose action, key or hashes are stored, int64[n]."""
        return self.sources.step

    @property
    def complete(self) -> bool:
        """Whether every step that happened is there."""
        return 0 < len(self.step) == self._row.total_steps

    @cached_property
    def action(self) -> Any:
        """Actions, a tree of [n, …]."""
        return self._tree("action")

    @cached_property
    def key(self) -> Any:
        """PRNG keys of the steps; typed keys as their uint32 words [n, …]."""
        return self._tree("key")

    @cached_property
    def state_hash(self) -> Any:
        """Hash of every leaf of the states before the actions (docs/format.md), a tree of uint32[n]."""
        return self._tree("state_hash")

    @cached_property
    def keyframe_step(self) -> np.ndarray:
        """Index in the episode of every state that was recorded for re-simulation, int64[m]."""
        return self._keyframes.step

    @cached_property
    def keyframe(self) -> Any:
        """States before the actions of ``keyframe_step``, a tree of [m, …]; typed keys as their words."""
        if not self._keyframes:
            raise self._not_recorded("keyframe")
        return self._keyframes.tree("state")

    def has(self, role: str) -> bool:
        """Say whether ``action``, ``key``, ``state_hash`` or ``keyframe`` was recorded."""
        return bool(self._keyframes) if role == "keyframe" else role in _ROLES and self.sources.has(role)

    def fields(self, role: str) -> tuple[Field, ...]:
        """Return the leaves of ``action``, ``key``, ``state_hash`` or ``keyframe``: dtypes, kinds of keys."""
        return self._keyframes.fields("state") if role == "keyframe" else self.sources.fields(role)

    def _tree(self, role: str) -> Any:
        sources = self.sources.with_role(role)
        if not sources:
            raise self._not_recorded(role)
        missing = np.setdiff1d(self.step, sources.step)
        if len(missing):
            raise NotRecordedError(
                f"{role} was not recorded at step {missing[0]} of episode {self._row.episode}, and at "
                f"{len(missing)} of {len(self.step)} journalled steps in all"
            )
        return sources.tree(role)

    def _not_recorded(self, role: str) -> NotRecordedError:
        way_out = _WAY_OUT.get(role, f"give it to the Step, Step({role}=…), and set capture.journal=selected")
        return NotRecordedError(f"{role} was not recorded in episode {self._row.episode}; {way_out}")
