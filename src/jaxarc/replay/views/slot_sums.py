"""Episodes summed in slots of environment steps: what the curves of a run are made of."""

from __future__ import annotations

import numpy as np

from jaxarc.records.run_pictures import SlotCurve
from jaxarc.replay.row_slabs import Slab

__all__ = ["SlotSums", "slot_width"]

_MAX_SLOTS = 96
_MAX_CELLS = 4_000_000
"""Members times slots: what the sums of one stream may take."""


def slot_width(last_step: int, num_episodes: int, num_members: int) -> int:
    """Return environment steps of a slot: a round number, so that about enough episodes fall into each.

    There are at most 96 slots, and about twice the square root of a member's episodes.

    Args:
        last_step: the last environment step.
        num_episodes: episodes of all members.
        num_members: members.
    """
    wanted = round(2 * (num_episodes / max(num_members, 1)) ** 0.5)
    count = max(1, min(wanted, _MAX_SLOTS, _MAX_CELLS // max(num_members, 1)))
    least = max(1, -(-last_step // count))
    power = 10 ** (len(str(least)) - 1)
    # 25 and its tens are whole from there on; 2.5 is not.
    factors = (1, 2, 2.5, 5, 10) if power >= 10 else (1, 2, 5, 10)
    return next(int(factor * power) for factor in factors if factor * power >= least)


class SlotSums:
    """Sums over the episodes of a stream, by member and slot.

    Args:
        slot_steps: environment steps of a slot.
        last_step: the last environment step.
        num_members: members.
    """

    def __init__(self, slot_steps: int, last_step: int, num_members: int):
        self.slot_steps = slot_steps
        self.num_slots = max(1, -(-last_step // slot_steps))
        self.num_members = num_members
        self._sums = {name: np.zeros(num_members * self.num_slots) for name in ("count", "end_step")}
        size = num_members * self.num_slots
        # Sums of whole numbers are exact; returns lie anywhere.
        self._values = {"return": _Sums(size), "success": _Sums(size, 0.0), "length": _Sums(size, 0.0)}

    def slots_of(self, end_step: np.ndarray) -> np.ndarray:
        """Return the slot in which episodes ended."""
        return np.clip((end_step - 1) // self.slot_steps, 0, self.num_slots - 1)

    def add(self, slab: Slab, rows: np.ndarray, members: np.ndarray) -> None:
        """Add rows with ``end_step, total_reward, success, total_steps``.

        Args:
            slab: the rows.
            rows: which of them, bool[n].
            members: the member of each chosen row, from 0.
        """
        end_step = slab["end_step"][rows]
        cell = members * self.num_slots + self.slots_of(end_step)
        size = len(self._sums["count"])
        self._sums["count"] += np.bincount(cell, minlength=size)
        self._sums["end_step"] += np.bincount(cell, end_step, minlength=size)
        for name, column in (("return", "total_reward"), ("success", "success"), ("length", "total_steps")):
            self._values[name].add(cell, slab[column][rows].astype(float))

    @property
    def episodes(self) -> np.ndarray:
        """Episodes that ended in each slot, int64[slots]."""
        return self._sums["count"].reshape(self.num_members, -1).sum(axis=0).astype(np.int64)

    @property
    def at(self) -> np.ndarray:
        """Mean environment step at which the episodes of a slot ended, float64[slots]."""
        total = self._sums["end_step"].reshape(self.num_members, -1).sum(axis=0)
        count = self.episodes
        return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)

    def without(self, name: str) -> int:
        """Return how many episodes have no finite value of a number."""
        return int(self._sums["count"].sum() - self._values[name].count.sum())

    def curve(self, name: str) -> SlotCurve:
        """Return ``return``, ``success`` or ``length``: the mean over members, with its band."""
        return self._values[name].curve(self.num_members)


class _Sums:
    """Count, sum and sum of squares of the finite values in each cell."""

    def __init__(self, size: int, origin: float | None = None):
        self.count = np.zeros(size)
        self._sum = np.zeros(size)
        self._squares = np.zeros(size)
        self._origin = origin

    def add(self, cell: np.ndarray, values: np.ndarray) -> None:
        finite = np.isfinite(values) & (np.abs(values) < 1e100)
        if not finite.all():
            cell, values = cell[finite], values[finite]
        if not len(values):
            return
        if self._origin is None:
            self._origin = float(values.mean())  # keeps the squares small beside what they differ in
        moved = values - self._origin
        size = len(self.count)
        self.count += np.bincount(cell, minlength=size)
        self._sum += np.bincount(cell, moved, minlength=size)
        self._squares += np.bincount(cell, moved * moved, minlength=size)

    def curve(self, num_members: int) -> SlotCurve:
        count, total, squares = (
            each.reshape(num_members, -1) for each in (self.count, self._sum, self._squares)
        )
        mean = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
        origin = self._origin or 0.0
        if num_members == 1:
            m, n = mean[0], count[0]
            spread = np.maximum(squares[0] - n * np.nan_to_num(m) ** 2, 0.0)
            error = np.sqrt(np.divide(spread, n * (n - 1), out=np.full(len(n), np.nan), where=n > 1))
            return SlotCurve(m + origin, m - error + origin, m + error + origin)
        known = np.isfinite(mean)
        num_known = known.sum(axis=0)
        some = num_known > 0
        middle = np.full(mean.shape[1], np.nan)
        np.divide(np.where(known, mean, 0.0).sum(axis=0), num_known, out=middle, where=some)
        low = np.where(some, np.where(known, mean, np.inf).min(axis=0), np.nan)
        high = np.where(some, np.where(known, mean, -np.inf).max(axis=0), np.nan)
        return SlotCurve(middle + origin, low + origin, high + origin)
