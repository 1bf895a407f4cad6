"""Rows in memory: where the steps of episodes lie in the chunks that brought them, until they are stored.

A chunk's rows stay where they arrived. What is noted is which of them belong to which episode, a few numbers
for every run of steps; bytes are moved once, when an episode is stored or when a chunk is mostly dead weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from jaxarc.records.layout import Layout
from jaxarc.records.steps import StepBlock

__all__ = ["UNSEEN", "Gathered", "HeldRows", "Piece", "is_among", "on_its_own"]

UNSEEN = (0, -2, 0, 0)
"""``Piece.notes`` of a row that ``key_steps`` did not see."""

_LONG_RUN_BYTES = 1_000
"""Bytes of a run from which on it is copied by itself."""

_DEAD_BYTES = 4_000_000
"""Bytes of dead rows that may lie among living ones, besides as many as there are living ones."""

_PIECE_BYTES = 2_000
"""Bytes that a piece takes besides its numbers: 1.2 kB as measured with one field, 0.2 kB with each more."""

_SMALL_BYTES = 64_000
"""Bytes of rows from which on a piece stays as it is."""

_MOST_FRESH = 256
"""Pieces that may come until the small ones among all of them are joined."""


def is_among(values: np.ndarray, ascending: np.ndarray) -> np.ndarray:
    """Say which values occur in an ascending array; bool[n]."""
    if not len(ascending):
        return np.zeros(len(values), bool)
    position = np.searchsorted(ascending, values)
    position[position == len(ascending)] = 0
    return ascending[position] == values


def on_its_own(rows: np.ndarray) -> np.ndarray:
    """Return an array that keeps no much larger one in memory: itself, or a copy."""
    root = rows
    while isinstance(root.base, np.ndarray):
        root = root.base
    return rows if 4 * root.nbytes <= 5 * rows.nbytes else rows.copy()


def _ranges(first: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return ``first[0], first[0] + 1, …`` for every run, one after the other."""
    starts = np.cumsum(count) - count
    return np.arange(int(count.sum())) + np.repeat(first - starts, count)


@dataclass
class Piece:
    """Rows of one layout, and the runs of them that belong to episodes.

    Attributes:
        layout: what the numbers mean.
        by_choice: whether only some of the steps are to be stored (level ``standard``).
        scalars: int32[n scalar_words].
        fields: the words or octets of each row field, int32[n words] or int8[n octets].
        row_bytes: bytes that are held for the rows, those of no episode included.
        uid, first, count, offset: for every run its episode, its first row, its rows, and the step of the
            episode that the first row is; int64[r].
        notes: what ``key_steps`` noted of each row, int64[n notes]; None before it saw them.
    """

    layout: Layout
    by_choice: bool
    scalars: np.ndarray
    fields: list[np.ndarray]
    row_bytes: int
    uid: np.ndarray
    first: np.ndarray
    count: np.ndarray
    offset: np.ndarray
    notes: np.ndarray | None = None

    @property
    def nbytes(self) -> int:
        """Bytes that the piece takes in memory."""
        notes = 0 if self.notes is None else self.notes.nbytes
        return self.row_bytes + notes + 4 * self.uid.nbytes + _PIECE_BYTES

    def select(self, runs: np.ndarray) -> Piece:
        """Return the same rows with some of the runs."""
        return replace(
            self, uid=self.uid[runs], first=self.first[runs], count=self.count[runs], offset=self.offset[runs]
        )

    def compact(self) -> Piece:
        """Return the rows of the runs in memory of their own."""
        rows = _ranges(self.first, self.count)
        scalars, fields = self.scalars[rows], [numbers[rows] for numbers in self.fields]
        return replace(
            self,
            scalars=scalars,
            fields=fields,
            row_bytes=scalars.nbytes + sum(numbers.nbytes for numbers in fields),
            first=np.cumsum(self.count) - self.count,
            notes=None if self.notes is None else self.notes[rows],
        )

    @classmethod
    def of(
        cls,
        layout: Layout,
        by_choice: bool,
        scalars: np.ndarray,
        words: np.ndarray,
        octets: np.ndarray,
        *runs: Any,
    ) -> Piece:
        """Hold rows as they crossed; ``runs`` are ``uid``, ``first``, ``count`` and ``offset``."""
        row_bytes = scalars.nbytes + words.nbytes + octets.nbytes
        return cls(layout, by_choice, scalars, _fields_of(layout, words, octets), row_bytes, *runs)

    @classmethod
    def of_block(cls, block: StepBlock, by_choice: bool, notes: np.ndarray | None) -> Piece:
        """Hold steps again that were gathered before."""
        owner = np.repeat(block.uid, block.count)
        fields = [
            np.repeat(numbers, block.count, axis=0) if field.role == "episode" else numbers
            for field, numbers in zip(block.layout.rows, block.fields, strict=True)
        ]
        begins = np.ones(len(block), bool)
        begins[1:] = (owner[1:] != owner[:-1]) | (block.steps[1:] != block.steps[:-1] + 1)
        first = begins.nonzero()[0]
        return cls(
            block.layout,
            by_choice,
            block.scalars,
            fields,
            block.scalars.nbytes + sum(numbers.nbytes for numbers in fields),
            owner[first],
            first,
            np.diff(np.append(first, len(block))),
            block.steps[first],
            notes,
        )


def _fields_of(layout: Layout, words: np.ndarray, octets: np.ndarray) -> list[np.ndarray]:
    """Return views of the numbers of each row field: words [n words] or octets [n octets]."""
    views = []
    for row_field, (word, octet) in zip(layout.rows, layout.row_offsets, strict=True):
        if row_field.codec in ("words", "half"):
            views.append(words[:, word : word + row_field.num_words])
        else:
            views.append(octets[:, octet : octet + row_field.num_octets])
    return views


def _copy_runs(
    into: np.ndarray, target: np.ndarray, rows: np.ndarray, source: np.ndarray, count: np.ndarray
) -> None:
    """Copy runs of rows; ``target`` and ``source`` are the first row of each on either side."""
    if len(count) * _LONG_RUN_BYTES < int(count.sum()) * rows[0].nbytes:
        for to, start, size in zip(target.tolist(), source.tolist(), count.tolist(), strict=True):
            into[to : to + size] = rows[start : start + size]
    else:
        into[_ranges(target, count)] = rows[_ranges(source, count)]


@dataclass
class Gathered:
    """Steps that left ``HeldRows``.

    Attributes:
        block: the steps.
        by_choice, notes: as in ``Piece``, for the steps of the block.
    """

    block: StepBlock
    by_choice: bool
    notes: np.ndarray | None


def _gather(pieces: Sequence[Piece]) -> Gathered:
    """Copy the runs of pieces of one layout into one block, episode by episode, each in its order."""
    uid = np.concatenate([piece.uid for piece in pieces])
    offset = np.concatenate([piece.offset for piece in pieces])
    count = np.concatenate([piece.count for piece in pieces])
    order = np.lexsort((offset, uid))
    ordered, sizes = uid[order], count[order]
    start = np.empty(len(order), np.int64)
    start[order] = np.cumsum(sizes) - sizes
    begins = np.ones(len(ordered), bool)
    begins[1:] = ordered[1:] != ordered[:-1]
    entries = begins.nonzero()[0]
    entry = np.full(len(order), -1)
    entry[order[entries]] = np.arange(len(entries))

    size = int(count.sum())
    model = pieces[0]
    scalars = np.empty((size, model.scalars.shape[1]), model.scalars.dtype)
    fields: list[np.ndarray] = []
    for row_field, numbers in zip(model.layout.rows, model.fields, strict=True):
        length = len(entries) if row_field.role == "episode" else size
        fields.append(np.empty((length, numbers.shape[1]), numbers.dtype))
    notes = None
    if any(piece.notes is not None for piece in pieces):
        notes = np.tile(np.array(UNSEEN, np.int64), (size, 1))
    borders = np.cumsum([len(piece.uid) for piece in pieces])[:-1]
    for piece, target, place in zip(pieces, np.split(start, borders), np.split(entry, borders), strict=True):
        _copy_runs(scalars, target, piece.scalars, piece.first, piece.count)
        for row_field, into, numbers in zip(model.layout.rows, fields, piece.fields, strict=True):
            if row_field.role == "episode":
                leads = place >= 0
                into[place[leads]] = numbers[piece.first[leads]]
            elif into.shape[1]:
                _copy_runs(into, target, numbers, piece.first, piece.count)
        if notes is not None and piece.notes is not None:
            _copy_runs(notes, target, piece.notes, piece.first, piece.count)
    total = np.add.reduceat(sizes, entries)
    block = StepBlock(model.layout, ordered[entries], total, _ranges(offset[order], sizes), scalars, fields)
    return Gathered(block, model.by_choice, notes)


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
        return [_gather(pieces) for pieces in wanted.values()]

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
            joined = _gather(alike)
            pieces.append(Piece.of_block(joined.block, joined.by_choice, joined.notes))
        self._pieces = pieces
        self._num_fresh = 0
        self._count()

    def _count(self) -> None:
        self.row_bytes = sum(piece.row_bytes for piece in self._pieces)
        self.nbytes = sum(piece.nbytes for piece in self._pieces)
