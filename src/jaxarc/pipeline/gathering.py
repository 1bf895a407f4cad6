"""Gathering: the steps of episodes out of the chunks that brought them, into arrays of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from jaxarc.records.field_rows import FieldRows
from jaxarc.records.layout import OBSERVED, Layout
from jaxarc.records.steps import StepBlock

if TYPE_CHECKING:
    from jaxarc.pipeline.pieces import Piece

__all__ = ["UNSEEN", "Gathered", "gather"]

UNSEEN = (0, -2, 0, 0)
"""``Piece.notes`` of a row that ``key_steps`` did not see."""


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


@dataclass
class _Move:
    """What of a piece goes where.

    Attributes:
        piece: the piece.
        rows: its rows, run after run, int64[k].
        target: where each goes among all steps: an array, or a slice where they lie together.
        leads: its runs with which an entry of the block begins.
        entries: those entries.
    """

    piece: Piece
    rows: np.ndarray
    target: np.ndarray | slice
    leads: np.ndarray
    entries: np.ndarray
    _starts: dict[int, np.ndarray] = field(default_factory=dict)

    def numbers(self, field: FieldRows) -> np.ndarray:
        """Return the numbers of a field; fields that lie side by side are looked up once."""
        start = self._starts.get(id(field.start))
        if start is None:
            start = self._starts[id(field.start)] = field.start[self.rows]
        return field.at(start)


def gather(pieces: Sequence[Piece]) -> Gathered:
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
    moves, done = [], 0
    for piece in pieces:
        these = slice(done, done + len(piece.uid))
        leads = (entry[these] >= 0).nonzero()[0]
        moves.append(
            _Move(
                piece,
                _ranges(piece.first, piece.count),
                _targets(start[these], piece.count),
                leads,
                entry[these][leads],
            )
        )
        done += len(piece.uid)
    size = int(count.sum())
    model = pieces[0]
    seen = apart = None
    if model.layout.chained:
        chained = _chained_in_runs(moves, size)
        linked = ~begins[1:] & (offset[order][1:] == offset[order][:-1] + sizes[:-1])
        ends = (np.cumsum(sizes) - 1)[:-1][linked]
        chained[ends] = _chained_across(moves, order[:-1][linked], order[1:][linked])
        apart = ~chained
        seen = np.arange(size) + np.cumsum(apart) - apart
    scalars = np.empty((size, model.scalars.shape[1]), model.scalars.dtype)
    notes = None
    if any(piece.notes is not None for piece in pieces):
        notes = np.tile(np.array(UNSEEN, np.int64), (size, 1))
    for move in moves:
        scalars[move.target] = move.piece.scalars[move.rows]
        if notes is not None and move.piece.notes is not None:
            notes[move.target] = move.piece.notes[move.rows]
    block = StepBlock(
        model.layout,
        ordered[entries],
        np.add.reduceat(sizes, entries),
        _ranges(offset[order], sizes),
        scalars,
        _gathered_fields(model.layout, moves, len(entries), size, seen, apart),
        seen,
    )
    return Gathered(block, model.by_choice, notes)


def _ranges(first: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Return ``first[0], first[0] + 1, …`` for every run, one after the other."""
    if len(first) == 1:
        return np.arange(first[0], first[0] + count[0])
    starts = np.cumsum(count) - count
    return np.arange(int(count.sum())) + np.repeat(first - starts, count)


def _targets(start: np.ndarray, count: np.ndarray) -> np.ndarray | slice:
    if (start[1:] == start[:-1] + count[:-1]).all():
        return slice(int(start[0]), int(start[-1] + count[-1]))
    return _ranges(start, count)


def _chained_in_runs(moves: Sequence[_Move], size: int) -> np.ndarray:
    """Say of which steps the observation after them is the one before the next in their run; bool[size]."""
    chained = np.zeros(size, bool)
    for move in moves:
        inner = np.ones(len(move.rows), bool)
        inner[np.cumsum(move.piece.count) - 1] = False
        step = inner.nonzero()[0]
        found = inner
        found[step] = _same(move.piece, move.rows[step], move.rows[step + 1])
        chained[move.target] = found
    return chained


def _same(piece: Piece, earlier: np.ndarray, later: np.ndarray) -> np.ndarray:
    """Say whether the observations after some rows are those of other ones; bool[n].

    What did not cross because it is the same lies at the same place, and its bytes need not be looked at.
    """
    same = np.ones(len(earlier), bool)
    for before, after in piece.layout.following.items():
        seen, follows = piece.fields[before], piece.fields[after]
        here, there = follows.start[earlier], seen.start[later]
        differs = np.ones(len(earlier), bool)
        if follows.lies_with(seen):
            differs = here + follows.offset != there + seen.offset
        rest = differs.nonzero()[0]
        if len(rest):
            differs[rest] = ~_equal_rows(follows.at(here[rest]), seen.at(there[rest]))
        same &= ~differs
    return same


def _chained_across(moves: Sequence[_Move], earlier: np.ndarray, later: np.ndarray) -> np.ndarray:
    """Say the same of the last step of some runs and the first step of others, over all pieces; bool[n]."""
    same = np.ones(len(earlier), bool)
    if not len(earlier):
        return same
    pieces = [move.piece for move in moves]
    for before, after in pieces[0].layout.following.items():
        heads = np.concatenate([piece.fields[before].take(piece.first) for piece in pieces])
        tails = np.concatenate([piece.fields[after].take(piece.first + piece.count - 1) for piece in pieces])
        same &= _equal_rows(tails[earlier], heads[later])
    return same


def _equal_rows(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Say which rows are the same bits; bool[n]."""
    if one.dtype == np.int8 and one.shape[1] % 4 == 0:
        one, other = one.view(np.int32), other.view(np.int32)
    return (one == other).all(axis=1)


def _gathered_fields(
    layout: Layout,
    moves: Sequence[_Move],
    num_entries: int,
    size: int,
    seen: np.ndarray | None,
    apart: np.ndarray | None,
) -> list[np.ndarray]:
    """Return the numbers of each field, as ``StepBlock.fields`` says."""
    observed = size if apart is None else size + int(apart.sum())
    fields: list[np.ndarray] = []
    roles = [part.role for part in layout.rows]
    for role, rows in zip(roles, moves[0].piece.fields, strict=True):
        length = num_entries if role == "episode" else observed if role in OBSERVED else size
        fields.append(np.empty((length, rows.width), rows.numbers.dtype))
    following = layout.following if seen is not None else {}
    for before, after in following.items():
        fields[after] = fields[before]
    for move in moves:
        for position, (role, rows) in enumerate(zip(roles, move.piece.fields, strict=True)):
            into = fields[position]
            if role == "episode":
                into[move.entries] = rows.take(move.piece.first[move.leads])
            elif seen is None or role not in OBSERVED:
                into[move.target] = move.numbers(rows)
            elif position in following:
                into[seen[move.target]] = move.numbers(rows)
            elif apart is not None:
                own = apart[move.target]
                into[seen[move.target][own] + 1] = rows.take(move.rows[own])
    return fields
