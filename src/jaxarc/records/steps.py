"""Steps of episodes on their way to a segment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxarc.records.layout import OBSERVED, Layout
from jaxarc.records.table import EpisodeTable

__all__ = ["PendingSegment", "StepBlock"]


@dataclass
class StepBlock:
    """Steps of some episodes that share a layout, episode after episode, packed as they crossed.

    Attributes:
        layout: what the numbers mean.
        uid: joins the steps to their episodes' rows, int64[b]; the steps of ``uid[0]`` come first.
        count: steps of each of those, int64[b].
        steps: index of each step in its episode, int64[n], ascending within an entry of ``uid``.
        scalars: int32[n scalar_words].
        fields: the words or octets of each row field, int32[n words] or int8[n octets]; of a field that is
            constant over an episode only those of the first step of each entry of ``uid``, [b numbers].
            Where the layout is ``chained``, an observation and the one after the step are the same array
            [m numbers], in which each observation is once.
        seen: in a ``chained`` layout the row of that array which is each step's observation, int64[n]; the
            one after the step is the next row. Else None.
    """

    layout: Layout
    uid: np.ndarray
    count: np.ndarray
    steps: np.ndarray
    scalars: np.ndarray
    fields: list[np.ndarray]
    seen: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def nbytes(self) -> int:
        """Bytes that the steps take in memory."""
        fields = {id(numbers): numbers.nbytes for numbers in self.fields}
        return self.steps.nbytes + self.scalars.nbytes + sum(fields.values())

    @property
    def first(self) -> np.ndarray:
        """Position of the first step of each entry of ``uid``, int64[b]."""
        return np.cumsum(self.count) - self.count

    def take(self, selected: np.ndarray) -> StepBlock:
        """Return the steps that a boolean mask selects; entries that lose all of theirs are gone."""
        count = np.add.reduceat(selected, self.first, dtype=np.int64) if len(self.uid) else self.count
        rows, left = np.flatnonzero(selected), np.flatnonzero(count)
        seen, observed = None, rows
        if self.seen is not None:
            chosen = self.seen[rows]
            needed = np.zeros(int(self.seen[-1]) + 2 if len(self.seen) else 0, bool)
            needed[chosen] = needed[chosen + 1] = True
            seen, observed = (np.cumsum(needed) - 1)[chosen], np.flatnonzero(needed)
        taken: dict[int, np.ndarray] = {}
        for field, numbers in zip(self.layout.rows, self.fields, strict=True):
            if id(numbers) not in taken:
                which = left if field.role == "episode" else rows
                taken[id(numbers)] = numbers[observed if field.role in OBSERVED else which]
        fields = [taken[id(numbers)] for numbers in self.fields]
        return StepBlock(
            self.layout, self.uid[left], count[left], self.steps[rows], self.scalars[rows], fields, seen
        )


@dataclass
class PendingSegment:
    """What the next committed segment will hold.

    Attributes:
        episodes: rows of the episodes that ended.
        blocks: steps to store, of those and of episodes that are still open.
        open: rows of all episodes that are open, as they stand; None where nothing is new of them.
    """

    episodes: EpisodeTable
    blocks: list[StepBlock]
    open: EpisodeTable | None = None

    def __bool__(self) -> bool:
        """Whether there is something for a segment, which open rows are not part of."""
        return bool(len(self.episodes) or self.blocks)
