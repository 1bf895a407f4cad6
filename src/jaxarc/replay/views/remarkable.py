"""The episodes of a run that people want to see first: the best, the worst, the longest, the first solved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxarc.replay.row_slabs import Slab, has_ended

__all__ = ["Remarkable", "StoredPositions"]

_RULES = ("best", "worst", "longest", "first_solved")
_MAX_POSITIONS = 1 << 16


@dataclass
class _Found:
    value: float = float("inf")
    position: int = -1
    is_stored: bool = False


class Remarkable:
    """Find the extremes of a run slab by slab.

    Among equals an episode whose steps are stored comes first, then the one that was committed first.
    Episodes that are running, or that the end of the recording cut, are none of these.
    """

    def __init__(self) -> None:
        self._found = {rule: _Found() for rule in _RULES}

    @property
    def positions(self) -> dict[str, int]:
        """Positions in the table, by ``best``, ``worst``, ``longest`` and ``first_solved``, where any is."""
        return {rule: found.position for rule, found in self._found.items() if found.position >= 0}

    def add(self, slab: Slab) -> None:
        """Look at rows with ``total_reward, total_steps, success, end_time, stored_steps, ended``."""
        reward = slab["total_reward"].astype(float)
        ended = has_ended(slab)
        solved = slab["success"] & ended
        costs = {
            "best": np.where(ended & np.isfinite(reward), -reward, np.inf),
            "worst": np.where(ended & np.isfinite(reward), reward, np.inf),
            "longest": np.where(ended, -slab["total_steps"].astype(float), np.inf),
            "first_solved": np.where(solved, slab["end_time"], np.inf),
        }
        stored = slab["stored_steps"] > 0
        for rule, cost in costs.items():
            least = float(cost.min(initial=np.inf))
            known = self._found[rule]
            if not np.isfinite(least) or least > known.value:
                continue
            equal = np.flatnonzero(cost == least)
            kept = equal[stored[equal]]
            chosen = int(kept[0]) if len(kept) else int(equal[0])
            if least < known.value or (len(kept) and not known.is_stored):
                position = int(slab["position"][chosen])
                self._found[rule] = _Found(least, position, bool(stored[chosen]))


class StoredPositions:
    """Positions of the episodes whose steps are stored, thinned evenly where there are very many."""

    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []
        self._every = 1
        self._seen = 0
        self.total = 0

    def add(self, slab: Slab) -> None:
        """Add the rows of a slab with ``stored_steps``."""
        found = slab["position"][slab["stored_steps"] > 0]
        self.total += len(found)
        numbers = self._seen + np.arange(len(found))
        self._seen += len(found)
        self._parts.append(found[numbers % self._every == 0])
        while sum(map(len, self._parts)) > _MAX_POSITIONS:
            self._parts = [np.concatenate(self._parts)[::2]]
            self._every *= 2

    def spread(self, count: int) -> list[int]:
        """Return at most ``count`` positions from the first to the last, evenly spaced."""
        found = np.concatenate([np.zeros(0, np.int64), *self._parts])
        if not len(found) or count < 1:
            return []
        chosen = np.linspace(0, len(found) - 1, min(count, len(found))).round().astype(int)
        return found[np.unique(chosen)].tolist()
