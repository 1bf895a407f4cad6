"""What a chunk brings for the episodes it is about: pieces of rows, and what every span got of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from jaxarc.pipeline.lanes import LOST, SHED_BY_BUDGET, Arrivals, Joined
from jaxarc.pipeline.pieces import Piece
from jaxarc.pipeline.spans import Spans
from jaxarc.records.chunk import Chunk, Keyframes, RowGroup
from jaxarc.records.field_rows import FieldRows, on_its_own
from jaxarc.records.layout import Layout

__all__ = ["RowTaker"]

_JOURNAL_ROLES = ("action", "key", "state_hash")


@dataclass(frozen=True)
class RowTaker:
    """Which rows of its chunks a stream takes, and what for.

    Attributes:
        level: its level.
        journal: whether rows of the journal are taken.
    """

    level: str
    journal: bool

    def recorded_envs(self, chunk: Chunk) -> np.ndarray | None:
        """Return the environments whose rows this chunk was to bring, ascending; None when there are none."""
        layout, header = chunk.layout, chunk.header
        journalled = layout.journal_envs if self.journal else ""
        if journalled == "all":
            return np.arange(chunk.num_envs)
        return np.array(header.env_ids, np.int64) if self._wants_steps(layout) or journalled else None

    def misses_envs(self, chunk: Chunk) -> bool:
        """Say whether rows of selected environments were to come, and no environment is selected."""
        if chunk.header.num_selected:
            return False
        return self._wants_steps(chunk.layout) or (self.journal and chunk.layout.journal_envs == "selected")

    def _wants_steps(self, layout: Layout) -> bool:
        return self.level != "minimal" and layout.program != "scalars"

    def arrivals(
        self, chunk: Chunk, spans: Spans, joined: Joined, recorded: np.ndarray, *, is_over_budget: bool
    ) -> Arrivals:
        """Say of every span whether its rows are to be had, or else why not; ``held`` is still without them.

        Args:
            chunk: the chunk.
            spans: its spans.
            joined: their episodes.
            recorded: whether a span's lane is one of ``recorded_envs``; bool[spans].
            is_over_budget: whether episodes that begin now lose their steps.
        """
        before = joined.before
        lost = before["lost"].copy()
        if not chunk.row_bytes and _has_rows(chunk.layout):
            lost[recorded & (lost == 0)] = LOST
        lost[recorded & (lost == 0) & (before["rows"] != joined.offset)] = LOST
        if is_over_budget:
            lost[recorded & (lost == 0) & ~joined.goes_on] = SHED_BY_BUDGET
        arrived = recorded & (lost == 0)
        return Arrivals(recorded, before["rows"] + spans.count * arrived, before["held"] * (lost == 0), lost)

    def pieces(self, chunk: Chunk, spans: Spans, joined: Joined, arrivals: Arrivals) -> Iterator[Piece]:
        """Yield the rows that are to be held; adds their bytes to ``arrivals.held``."""
        wanted = arrivals.recorded & (arrivals.lost == 0)
        if not wanted.any():
            return
        for group in self._groups(chunk):
            runs = _Runs.of_group(chunk, group, spans, joined, wanted)
            if runs is None:
                continue
            for layout, by_choice, fields, nbytes in self._uses(group):
                piece = Piece(
                    layout,
                    by_choice,
                    runs.scalars,
                    fields,
                    runs.scalars.nbytes + nbytes,
                    runs.uid,
                    runs.first,
                    runs.count,
                    runs.offset,
                )
                np.add.at(arrivals.held, runs.span, runs.count * _width(layout))
                yield _on_its_own(piece, nbytes)
        if self.journal and chunk.keyframes is not None and len(chunk.keyframes.step):
            yield from _keyframe_piece(chunk, chunk.keyframes, spans, joined, arrivals, wanted)

    def _groups(self, chunk: Chunk) -> tuple[RowGroup, ...]:
        """Return the chunk's groups; steps that have nothing but scalars are one of empty rows."""
        layout = chunk.layout
        if layout.rows or layout.program == "scalars" or not chunk.header.num_selected:
            return chunk.groups
        env_ids = np.array(chunk.header.env_ids, np.int64)
        return (RowGroup(layout, env_ids, (), 0), *chunk.groups)

    def _uses(self, group: RowGroup) -> Iterator[_Use]:
        """Yield what a group's rows are held as."""
        if group.layout.kind == "journal":
            if self.journal:
                yield group.layout, False, group.fields, group.nbytes
            return
        by_choice = self.level == "standard"
        if self.level != "minimal":
            yield group.layout, by_choice, group.fields, group.nbytes
        if self.journal and group.layout.journal_envs and (by_choice or self.level == "minimal"):
            yield _journal_of(group)


_Use = tuple[Layout, bool, Sequence[FieldRows], int]
"""Layout, whether only some of the steps are stored, the fields, and the bytes that crossed for them."""


def _width(layout: Layout) -> int:
    """Return the bytes that a step of a layout takes in memory."""
    return layout.row_bytes + 4 * layout.num_scalar_words


def _has_rows(layout: Layout) -> bool:
    """Say whether anything but scalars crosses."""
    return any(part.row_bytes for part in (layout, layout.journal_layout, layout.keyframe_layout))


def _journal_of(group: RowGroup) -> _Use:
    """Return the journal's part of whole rows."""
    layout = group.layout
    chosen = [position for position, field in enumerate(layout.rows) if field.role in _JOURNAL_ROLES]
    rows = tuple(replace(layout.rows[position], shares=-1, sent="every") for position in chosen)
    journal = replace(layout.journal_layout, rows=rows)
    fields = [group.fields[position] for position in chosen]
    return journal, False, fields, journal.row_bytes * (len(fields[0]) if fields else 0)


def _on_its_own(piece: Piece, nbytes: int) -> Piece:
    """Return a piece that keeps no much larger arrays in memory: itself, or a copy of its rows.

    Args:
        piece: the piece.
        nbytes: bytes that its fields take of those arrays.
    """
    arrays = {id(rows.numbers): rows.numbers.nbytes for rows in piece.fields}
    return piece if 4 * sum(arrays.values()) <= 5 * nbytes else piece.compact()


@dataclass
class _Runs:
    """Runs of a group's rows that belong to episodes.

    ``span`` is the span of each, ``scalars`` those of all rows of the group; the rest is as in ``Piece``.
    """

    scalars: np.ndarray
    span: np.ndarray
    uid: np.ndarray
    first: np.ndarray
    count: np.ndarray
    offset: np.ndarray

    @classmethod
    def of_group(
        cls, chunk: Chunk, group: RowGroup, spans: Spans, joined: Joined, wanted: np.ndarray
    ) -> _Runs | None:
        """Find the runs of spans that are wanted; None when the group has none."""
        envs, steps = len(group.env_ids), chunk.num_steps
        row_of_lane = np.full((chunk.num_members, chunk.num_envs), -1)
        row_of_lane[:, group.env_ids] = np.arange(chunk.num_members * envs).reshape(-1, envs)
        row = row_of_lane.reshape(-1)[spans.lane]
        chosen = ((row >= 0) & wanted).nonzero()[0]
        if not len(chosen):
            return None
        which, start, count = spans.runs(chosen)
        span = chosen[which]
        scalars = chunk.scalars
        if envs < chunk.num_envs:
            scalars = scalars[:, group.env_ids]
        return cls(
            on_its_own(scalars.reshape(-1, scalars.shape[-1])),
            span,
            joined.uid[span],
            row[span] * steps + spans.steps[start],
            count,
            joined.offset[span] + start - spans.first[span],
        )


def _keyframe_piece(
    chunk: Chunk, keyframes: Keyframes, spans: Spans, joined: Joined, arrivals: Arrivals, wanted: np.ndarray
) -> Iterator[Piece]:
    """Yield the states of spans that are wanted, each a run of its own."""
    steps = chunk.num_steps
    lane = keyframes.member * chunk.num_envs + keyframes.env
    place = lane * steps + keyframes.step
    active = np.repeat(spans.lane, spans.count) * steps + spans.steps
    position = np.minimum(np.searchsorted(active, place), len(active) - 1)
    span = np.searchsorted(spans.first, position, "right") - 1
    rows = ((active[position] == place) & wanted[span]).nonzero()[0]
    if not len(rows):
        return
    span, position = span[rows], position[rows]
    scalars = chunk.scalars[keyframes.member, keyframes.env, keyframes.step]
    piece = Piece(
        keyframes.layout,
        False,
        scalars,
        keyframes.fields,
        scalars.nbytes + keyframes.nbytes,
        joined.uid[span],
        rows,
        np.ones(len(rows), np.int64),
        joined.offset[span] + position - spans.first[span],
    )
    np.add.at(arrivals.held, span, _width(keyframes.layout))
    yield _on_its_own(piece, keyframes.nbytes)
