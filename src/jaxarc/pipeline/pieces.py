"""Pieces of rows: which of a chunk's rows belong to which episode, without touching their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from jaxarc.pipeline.gathering import gather
from jaxarc.records.field_rows import FieldRows
from jaxarc.records.layout import OBSERVED, Layout
from jaxarc.records.steps import StepBlock

__all__ = ["Piece", "is_among"]

_PIECE_BYTES = 2_000
"""Bytes that a piece takes besides its numbers: 1.2 kB as measured with one field, 0.2 kB with each more."""


def is_among(values: np.ndarray, ascending: np.ndarray) -> np.ndarray:
    """Say which values occur in an ascending array; bool[n]."""
    if not len(ascending):
        return np.zeros(len(values), bool)
    position = np.searchsorted(ascending, values)
    position[position == len(ascending)] = 0
    return ascending[position] == values


@dataclass
class Piece:
    """Rows of one layout, and the runs of them that belong to episodes.

    Attributes:
        layout: what the numbers mean.
        by_choice: whether only some of the steps are to be stored (level ``standard``).
        scalars: int32[n scalar_words].
        fields: the numbers of each row field, for n rows.
        row_bytes: bytes that are held for the rows, those of no episode included.
        uid, first, count, offset: for every run its episode, its first row, its rows, and the step of the
            episode that the first row is; int64[r].
        notes: what ``key_steps`` noted of each row, int64[n notes]; None before it saw them.
    """

    layout: Layout
    by_choice: bool
    scalars: np.ndarray
    fields: Sequence[FieldRows]
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
        places = {id(rows.start): rows.start.nbytes for rows in self.fields}
        return self.row_bytes + sum(places.values()) + notes + 4 * self.uid.nbytes + _PIECE_BYTES

    def select(self, runs: np.ndarray) -> Piece:
        """Return the same rows with some of the runs."""
        return replace(
            self, uid=self.uid[runs], first=self.first[runs], count=self.count[runs], offset=self.offset[runs]
        )

    def compact(self) -> Piece:
        """Return the rows of the runs in memory of their own."""
        gathered = gather([self])
        return Piece.of_block(gathered.block, self.by_choice, gathered.notes)

    @classmethod
    def of_block(cls, block: StepBlock, by_choice: bool, notes: np.ndarray | None) -> Piece:
        """Hold steps again that were gathered before."""
        owner = np.repeat(block.uid, block.count)
        begins = np.ones(len(block), bool)
        begins[1:] = (owner[1:] != owner[:-1]) | (block.steps[1:] != block.steps[:-1] + 1)
        first = begins.nonzero()[0]
        return cls(
            block.layout,
            by_choice,
            block.scalars,
            _fields_of_block(block),
            block.nbytes - block.steps.nbytes,
            owner[first],
            first,
            np.diff(np.append(first, len(block))),
            block.steps[first],
            notes,
        )


def _fields_of_block(block: StepBlock) -> list[FieldRows]:
    entry = np.repeat(np.arange(len(block.uid)), block.count)
    every = np.arange(len(block))
    flat = {id(numbers): np.ascontiguousarray(numbers).reshape(-1) for numbers in block.fields}
    fields = []
    for field, numbers in zip(block.layout.rows, block.fields, strict=True):
        which = entry if field.role == "episode" else every
        if block.seen is not None and field.role in OBSERVED:
            which = block.seen + (field.role == "next_observation")
        width = numbers.shape[1]
        fields.append(FieldRows(flat[id(numbers)], which * width, 0, width))
    return fields
