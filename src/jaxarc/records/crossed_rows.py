"""The rows of a chunk: which numbers of those that crossed belong to which step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from jaxarc.records.field_rows import FieldRows
from jaxarc.records.header import Header
from jaxarc.records.layout import Layout

__all__ = ["Keyframes", "RowGroup", "find_rows", "whole_rows"]


@dataclass(frozen=True)
class RowGroup:
    """Every step of some environments.

    Attributes:
        layout: of the kind ``steps`` or ``journal``.
        env_ids: the environments, ascending, int64[S].
        fields: the numbers of each row field, for M times S times K steps. Constants of an episode (``sent``
            is ``starts``) are right in its first step of the chunk only.
        nbytes: bytes that crossed for them.
    """

    layout: Layout
    env_ids: np.ndarray
    fields: tuple[FieldRows, ...]
    nbytes: int


@dataclass(frozen=True)
class Keyframes:
    """States of some steps, ordered by member, environment and step.

    Attributes:
        layout: of the kind ``keyframes``.
        member, env, step: whose state it is and at which of the chunk's steps, int64[P].
        fields: the numbers of each of the states' fields, for P states.
        nbytes: bytes that crossed for them.
    """

    layout: Layout
    member: np.ndarray
    env: np.ndarray
    step: np.ndarray
    fields: tuple[FieldRows, ...]
    nbytes: int


def find_rows(
    header: Header, layout: Layout, octets: np.ndarray, words: np.ndarray
) -> tuple[tuple[RowGroup, ...], Keyframes | None]:
    """Find the rows of the selected and of the journalled environments, and the states at keyframes.

    Args:
        header, layout: what the chunk says of itself.
        octets: int8[n], as they crossed.
        words: int32[n], as they crossed, without those of the scalars.
    """
    tapes = (_Tape(words), _Tape(octets))
    groups = []
    selected = np.array(header.env_ids, np.int64)
    if layout.rows and header.num_selected:
        groups.append(_step_rows(header, layout, selected, tapes))
    journalled = np.arange(header.num_envs) if layout.journal_envs == "all" else selected
    if layout.journal and header.num_journalled:
        group = _journal_rows(header, layout.journal_layout, journalled, selected if groups else None, tapes)
        groups += [group] if len(group.env_ids) else []
    keyframes = None
    if layout.keyframes and header.num_journalled:
        keyframes = _keyframes(header, layout.keyframe_layout, journalled, tapes)
    return tuple(groups), keyframes


def whole_rows(layout: Layout, words: np.ndarray, octets: np.ndarray) -> tuple[FieldRows, ...]:
    """Return the fields of rows that lie whole, int32[n words] and int8[n octets]."""
    tapes = (_Tape(words.reshape(-1)), _Tape(octets.reshape(-1)))
    every = np.arange(len(words))
    return _fields(layout, tapes, (every * words.shape[1], every * octets.shape[1]), {})


class _Tape:
    """An array that is read from front to back."""

    def __init__(self, numbers: np.ndarray):
        self.numbers = numbers
        self._position = 0

    def skip(self, count: int) -> int:
        """Go past so many numbers; return where they began.

        Raises:
            ValueError: there are not that many left.
        """
        start = self._position
        self._position += count
        if self._position > len(self.numbers):
            raise ValueError(
                f"a chunk has {len(self.numbers)} {self.numbers.dtype} numbers of rows, its header asks for "
                f"{self._position} or more; its rows are lost"
            )
        return start

    def take(self, count: int) -> np.ndarray:
        """Go past so many numbers, and return them."""
        start = self.skip(count)
        return self.numbers[start : self._position]


_Tapes = tuple[_Tape, _Tape]


@lru_cache(16)
def _order(members: int, envs: int, steps: int, env_major: bool) -> np.ndarray:
    order = np.arange(members * envs * steps)
    if not env_major:
        order = order.reshape(members, steps, envs).swapaxes(1, 2).reshape(-1)
    order.flags.writeable = False
    return order


def _crossing_order(header: Header, envs: int) -> np.ndarray:
    """Return for every row, by member, environment and step, as which of them it crossed; int64[M S K].

    One chunk after the other has the same.
    """
    return _order(header.num_members, envs, header.num_steps, header.env_major)


def _fields(
    layout: Layout, tapes: _Tapes, starts: tuple[np.ndarray, np.ndarray], units: dict[int, _UnitRows]
) -> tuple[FieldRows, ...]:
    """Return the fields of a layout.

    Args:
        layout: which fields.
        tapes: words and octets.
        starts: where the words, and where the octets, of each row begin that cross at every step.
        units: the rows of those that do not, by their position.
    """
    fields: list[FieldRows] = []
    for position, (field, offsets) in enumerate(zip(layout.rows, layout.row_offsets, strict=True)):
        if field.shares >= 0:
            fields.append(fields[field.shares])
            continue
        kind = 0 if field.codec in ("words", "half") else 1
        start, offset = starts[kind], offsets[kind]
        if position in units:
            unit = units[position]
            start, offset = unit.starts[kind], offset - unit.offsets[kind]
        width = (field.num_words, field.num_octets)[kind]
        fields.append(FieldRows(tapes[kind].numbers, start, offset, width))
    return tuple(fields)


@dataclass
class _UnitRows:
    """Where the rows of a unit begin, and where it begins in a whole row; words and octets."""

    starts: tuple[np.ndarray, np.ndarray]
    offsets: tuple[int, int]


def _step_rows(header: Header, layout: Layout, env_ids: np.ndarray, tapes: _Tapes) -> RowGroup:
    """Find whole rows, with what did not cross taken from where it is the same."""
    rows, envs = header.num_rows, header.num_selected
    order = _crossing_order(header, envs)
    widths = (layout.every_words, layout.every_octets)
    starts = (
        tapes[0].skip(rows * widths[0]) + order * widths[0],
        tapes[1].skip(rows * widths[1]) + order * widths[1],
    )
    nbytes = rows * layout.every_bytes
    units: dict[int, _UnitRows] = {}
    present = tapes[0].take(rows)[order] if layout.units and header.room < rows else None
    for number, unit in enumerate(layout.units):
        spans = (unit.words, unit.octets)
        sizes = [span.stop - span.start for span in spans]
        begins = [tape.skip(header.room * size) for tape, size in zip(tapes, sizes, strict=True)]
        nbytes += header.room * (4 * sizes[0] + sizes[1])
        source, crossed = order, None
        if present is not None:
            crossed = ((present >> number) & 1).astype(bool)
            source = _crossed_rows(header, order, crossed)
            if unit.sent == "changed":
                source = np.maximum.accumulate(source.reshape(-1, header.num_steps), axis=-1).reshape(-1)
        at = [begin + source * size for begin, size in zip(begins, sizes, strict=True)]
        if unit.sent == "unchained" and crossed is not None:
            for kind in (0, 1):
                at[kind] = np.where(crossed, at[kind], _observed_next(header, layout, starts[kind], kind))
        rows_of_unit = _UnitRows((at[0], at[1]), (spans[0].start, spans[1].start))
        units |= dict.fromkeys(unit.fields, rows_of_unit)
    return RowGroup(layout, env_ids, _fields(layout, tapes, starts, units), nbytes)


def _crossed_rows(header: Header, order: np.ndarray, crossed: np.ndarray) -> np.ndarray:
    """Return which of a unit's rows that crossed is each step's own; no later one for those without."""
    if header.env_major:
        return np.maximum(np.cumsum(crossed) - 1, 0)
    flags = np.empty_like(crossed)
    flags[order] = crossed
    return np.where(crossed, (np.cumsum(flags) - 1)[order], 0)


def _observed_next(header: Header, layout: Layout, starts: np.ndarray, kind: int) -> np.ndarray:
    """Return where the observation of the next step begins, for every step; that of the last is its own."""
    first = next(i for i, field in enumerate(layout.rows) if field.role == "observation")
    following = starts.reshape(-1, header.num_steps).copy()
    following[:, :-1] = following[:, 1:]
    return following.reshape(-1) + layout.row_offsets[first][kind]


def _journal_rows(
    header: Header, layout: Layout, env_ids: np.ndarray, apart: np.ndarray | None, tapes: _Tapes
) -> RowGroup:
    """Find the rows of the journal, but for environments whose whole rows are there (``apart``)."""
    rows, members, steps = header.num_journal_rows, header.num_members, header.num_steps
    order = _crossing_order(header, len(env_ids))
    begins = (tapes[0].skip(rows * layout.num_words), tapes[1].skip(rows * layout.num_octets))
    if apart is not None:
        env_ids = np.setdiff1d(env_ids, apart)
        order = order.reshape(members, -1, steps)[:, env_ids].reshape(-1)
    starts = (begins[0] + order * layout.num_words, begins[1] + order * layout.num_octets)
    return RowGroup(layout, env_ids, _fields(layout, tapes, starts, {}), len(order) * layout.row_bytes)


def _keyframes(header: Header, layout: Layout, env_ids: np.ndarray, tapes: _Tapes) -> Keyframes:
    order = _crossing_order(header, len(env_ids))
    wanted = tapes[1].take(header.num_journal_rows) != 0
    room = header.keyframe_room
    begins = (tapes[0].skip(room * layout.num_words), tapes[1].skip(room * layout.num_octets))
    position = np.cumsum(wanted) - 1 if room < len(wanted) else np.arange(len(wanted))
    rows = wanted[order].nonzero()[0]
    lane, step = np.divmod(rows, header.num_steps)
    member, env = np.divmod(lane, len(env_ids))
    at = position[order[rows]]
    starts = (begins[0] + at * layout.num_words, begins[1] + at * layout.num_octets)
    fields = _fields(layout, tapes, starts, {})
    return Keyframes(layout, member, env_ids[env], step, fields, len(rows) * layout.row_bytes)
