"""Steps of one episode on their way to a segment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jaxarc.records.layout import Layout
from jaxarc.records.table import EpisodeTable

__all__ = ["PendingSegment", "StepBlock"]


@dataclass
class StepBlock:
    """Some steps of one episode, packed as they crossed.

    Attributes:
        layout: what the numbers mean.
        uid: joins the steps to their episode's row.
        steps: index of each step in its episode, int64[n], ascending.
        scalars: int32[n scalar_words].
        words: int32[n words].
        octets: int8[n octets].
    """

    layout: Layout
    uid: int
    steps: np.ndarray
    scalars: np.ndarray
    words: np.ndarray
    octets: np.ndarray

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def nbytes(self) -> int:
        """Bytes that the steps take in memory."""
        return self.steps.nbytes + self.scalars.nbytes + self.words.nbytes + self.octets.nbytes

    def take(self, selector: np.ndarray) -> StepBlock:
        """Return the steps that an index array selects."""
        return StepBlock(
            self.layout,
            self.uid,
            self.steps[selector],
            self.scalars[selector],
            self.words[selector],
            self.octets[selector],
        )

    def copy(self) -> StepBlock:
        """Return the steps in memory of their own, so that the chunk they came in can go."""
        return StepBlock(
            self.layout, self.uid, self.steps, self.scalars.copy(), self.words.copy(), self.octets.copy()
        )

    @classmethod
    def concatenate(cls, blocks: Sequence[StepBlock]) -> StepBlock:
        """Join blocks of one episode and layout."""
        if len(blocks) == 1:
            return blocks[0]
        return cls(
            blocks[0].layout,
            blocks[0].uid,
            np.concatenate([block.steps for block in blocks]),
            np.concatenate([block.scalars for block in blocks]),
            np.concatenate([block.words for block in blocks]),
            np.concatenate([block.octets for block in blocks]),
        )


@dataclass
class PendingSegment:
    """What the next committed segment will hold.

    Attributes:
        episodes: rows of the episodes that ended.
        blocks: steps to store, of those and of episodes that are still open.
    """

    episodes: EpisodeTable
    blocks: list[StepBlock]

    def __bool__(self) -> bool:
        return bool(len(self.episodes) or self.blocks)
