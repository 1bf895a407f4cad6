"""What a chunk brings for the episodes it is about: pieces of rows, and what every span got of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from jaxarc.pipeline.held_rows import Piece, on_its_own
from jaxarc.pipeline.lanes import LOST, SHED_BY_BUDGET, Arrivals, Joined
from jaxarc.pipeline.spans import Spans
from jaxarc.records.chunk import Chunk, Keyframes, RowGroup
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
            for layout, by_choice, words, octets in self._uses(group):
                piece = Piece.of(
                    layout,
                    by_choice,
                    runs.scalars,
                    words,
                    octets,
                    runs.uid,
                    runs.first,
                    runs.count,
                    runs.offset,
                )
                np.add.at(arrivals.held, runs.span, runs.count * _width(layout))
                yield piece
        if self.journal and chunk.keyframes is not None and len(chunk.keyframes.step):
            yield from _keyframe_piece(chunk, chunk.keyframes, spans, joined, arrivals, wanted)

    def _groups(self, chunk: Chunk) -> tuple[RowGroup, ...]:
        """Return the chunk's groups; steps that have nothing but scalars are one of empty rows."""
        layout = chunk.layout
        if layout.rows or layout.program == "scalars" or not chunk.header.num_selected:
            return chunk.groups
        env_ids = np.array(chunk.header.env_ids, np.int64)
        empty = np.zeros((chunk.num_members, len(env_ids), chunk.num_steps, 0), np.int32)
        return (RowGroup(layout, env_ids, empty, empty.astype(np.int8)), *chunk.groups)

    def _uses(self, group: RowGroup) -> Iterator[tuple[Layout, bool, np.ndarray, np.ndarray]]:
        """Yield what a group's rows are held as: layout, whether only some are stored, words and octets."""
        words, octets = _flat(group.words), _flat(group.octets)
        if group.layout.kind == "journal":
            if self.journal:
                yield group.layout, False, on_its_own(words), on_its_own(octets)
            return
        by_choice = self.level == "standard"
        if self.level != "minimal":
            yield group.layout, by_choice, on_its_own(words), on_its_own(octets)
        if self.journal and group.layout.journal_envs and (by_choice or self.level == "minimal"):
            yield _journal_of(group.layout, words, octets)


def _width(layout: Layout) -> int:
    """Return the bytes that a step of a layout takes in memory."""
    return layout.row_bytes + 4 * layout.num_scalar_words


def _has_rows(layout: Layout) -> bool:
    """Say whether anything but scalars crosses."""
    return any(part.row_bytes for part in (layout, layout.journal_layout, layout.keyframe_layout))


def _journal_of(
    layout: Layout, words: np.ndarray, octets: np.ndarray
) -> tuple[Layout, bool, np.ndarray, np.ndarray]:
    """Return the journal's part of whole rows, in the form of ``RowTaker._uses``."""
    chosen = [
        (f, at) for f, at in zip(layout.rows, layout.row_offsets, strict=True) if f.role in _JOURNAL_ROLES
    ]
    word = [np.arange(at[0], at[0] + f.num_words) for f, at in chosen]
    octet = [np.arange(at[1], at[1] + f.num_octets) for f, at in chosen]
    fields = tuple(replace(field, shares=-1, sent="every") for field, _ in chosen)
    none = np.zeros(0, np.int64)
    return (
        replace(layout.journal_layout, rows=fields),
        False,
        words[:, np.concatenate([*word, none])],
        octets[:, np.concatenate([*octet, none])],
    )


def _flat(rows: np.ndarray) -> np.ndarray:
    """Return [M S K numbers] as [rows numbers]."""
    return rows.reshape(prod(rows.shape[:-1]), rows.shape[-1])


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
            on_its_own(_flat(scalars)),
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
    piece = Piece.of(
        keyframes.layout,
        False,
        chunk.scalars[keyframes.member, keyframes.env, keyframes.step],
        on_its_own(keyframes.words),
        on_its_own(keyframes.octets),
        joined.uid[span],
        rows,
        np.ones(len(rows), np.int64),
        joined.offset[span] + position - spans.first[span],
    )
    np.add.at(arrivals.held, span, _width(keyframes.layout))
    yield piece
