"""Rows in memory: where the steps of episodes lie in the chunks that brought them, until they are stored.

A chunk's rows stay where they arrived. What is noted is which of them belong to which episode, a few numbers
for every run of steps; bytes are moved once, when an episode is stored or when a chunk is mostly dead weight.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from jaxarc.pipeline.gathering import Gathered, gather
from jaxarc.pipeline.pieces import Piece, is_among

__all__ = ["HeldRows"]

_DEAD_BYTES = 4_000_000
"""Bytes of dead rows that may lie among living ones, besides as many as there are living ones."""

_SMALL_BYTES = 64_000
"""Bytes of rows from which on a piece stays as it is."""

_MOST_FRESH = 256
"""Pieces that may come until the small ones among all of them are joined."""


@dataclass
class HeldRows:
    """Rows of episodes that are open, or that ended and wait to be stored.

    Attributes:
        row_bytes: bytes of rows that are held, dead ones included.
        nbytes: bytes that are held in all.
    """

    _pieces: list[Piece] = field(default_factory=list)
    _num_fresh: int = 0
    row_bytes: int = 0
    nbytes: int = 0

    @property
    def num_pieces(self) -> int:
        """In how many pieces the rows lie."""
        return len(self._pieces)

    def add(self, piece: Piece) -> None:
        """Hold rows."""
        self._pieces.append(piece)
        self.row_bytes += piece.row_bytes
        self.nbytes += piece.nbytes
        self._num_fresh += 1
        if self._num_fresh >= _MOST_FRESH:
            self._join_small()

    def take(self, uids: np.ndarray, *, by_choice: bool | None = None) -> list[Gathered]:
        """Return the rows of some episodes, a block a layout, and hold them no longer.

        Args:
            uids: the episodes, ascending.
            by_choice: only rows of which some are chosen, or only those that are stored whole.
        """
        wanted: dict[tuple[int, bool], list[Piece]] = {}
        remaining: list[Piece] = []
        for piece in self._pieces:
            asked = by_choice is None or piece.by_choice == by_choice
            taken = is_among(piece.uid, uids) if asked else np.zeros(len(piece.uid), bool)
            if not taken.any():
                remaining.append(piece)
                continue
            chosen = piece if taken.all() else piece.select(taken)
            wanted.setdefault((piece.layout.id, piece.by_choice), []).append(chosen)
            if chosen is not piece:
                remaining.append(piece.select(~taken))
        self._pieces = remaining
        self._count()
        return [gather(pieces) for pieces in wanted.values()]

    def keep_only(self, uids: np.ndarray) -> None:
        """Forget every row but those of some episodes (ascending); copy these out of what is mostly dead."""
        remaining = []
        for piece in self._pieces:
            alive = is_among(piece.uid, uids)
            if not alive.any():
                continue
            kept = piece if alive.all() else piece.select(alive)
            rows = len(kept.scalars)
            remaining.append(kept.compact() if 2 * int(kept.count.sum()) < rows else kept)
        self._pieces = remaining
        self._count()

    def is_mostly_dead(self, living_bytes: int) -> bool:
        """Say whether what is held is so much more than what lives that it pays to look through it."""
        return self.row_bytes > 2 * living_bytes + _DEAD_BYTES

    def _join_small(self) -> None:
        """Make one piece of the small ones of each layout, which a tap a step brings by the thousand."""
        small: dict[tuple[int, bool], list[Piece]] = {}
        pieces: list[Piece] = []
        for piece in self._pieces:
            if piece.row_bytes < _SMALL_BYTES:
                small.setdefault((piece.layout.id, piece.by_choice), []).append(piece)
            else:
                pieces.append(piece)
        for alike in small.values():
            if len(alike) == 1:
                pieces += alike
                continue
            joined = gather(alike)
            pieces.append(Piece.of_block(joined.block, joined.by_choice, joined.notes))
        self._pieces = pieces
        self._num_fresh = 0
        self._count()

    def _count(self) -> None:
        self.row_bytes = sum(piece.row_bytes for piece in self._pieces)
        self.nbytes = sum(piece.nbytes for piece in self._pieces)
