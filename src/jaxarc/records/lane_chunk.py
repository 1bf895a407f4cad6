"""A chunk of one environment whose steps lie in NumPy columns: what a plain Python loop sends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from jaxarc.records.chunk import LANE_WORDS, Chunk, End, Header, Keyframes, RowGroup
from jaxarc.records.crossed_rows import whole_rows
from jaxarc.records.encoding import encode_scalar, join_fields
from jaxarc.records.hashing import leaf_hash
from jaxarc.records.layout import Layout

__all__ = ["LaneChunk", "LaneColumns"]


@dataclass
class LaneColumns:
    """Steps of one episode, a NumPy array a leaf.

    Attributes:
        flags: the words of flags, int32[K].
        scalars: for every field of ``layout.scalars`` its values, [K].
        rows: for every field of ``layout.rows`` its values, [K, *shape]: of a constant of the episode
            [1, *shape], of a ``state_hash`` the leaf that is hashed.
        journal: likewise for ``layout.journal``.
        keyframes: for every field of ``layout.keyframes`` its values at the steps ``keyframe_steps``.
        keyframe_steps: ascending, int64[P].
    """

    flags: np.ndarray
    scalars: Sequence[np.ndarray]
    rows: Sequence[np.ndarray] = ()
    journal: Sequence[np.ndarray] = ()
    keyframes: Sequence[np.ndarray] = ()
    keyframe_steps: np.ndarray | None = None

    @property
    def scalar_bytes(self) -> int:
        """Bytes of flags and scalars."""
        return self.flags.nbytes + sum(array.nbytes for array in self.scalars)

    @property
    def row_bytes(self) -> int:
        """Bytes of everything else."""
        own = {id(array): array.nbytes for array in (*self.rows, *self.journal, *self.keyframes)}
        return sum(own.values())


class LaneChunk(Chunk):
    """K steps of one episode, in one environment of one member.

    Packed when it is first asked for: by the writer, not by the loop that played the steps.

    Args:
        layout: what the columns are.
        columns: the steps.
        member, env_id: whose steps they are.
        is_selected: whether the environment is one whose steps are captured.
        update: the update count, -1 when not given.
        env_steps: environment steps of the stream and member before the first and after the last step.
        ends: how the episode ends behind these steps, where their flags don't say it; None: it goes on.
        priority: as in ``Chunk``.
        started, received: when the first step came, and when the chunk was sent, seconds since the epoch.
    """

    def __init__(
        self,
        layout: Layout,
        columns: LaneColumns,
        *,
        member: int,
        env_id: int,
        is_selected: bool,
        update: int,
        env_steps: tuple[int, int],
        ends: End | None,
        priority: int,
        started: float,
        received: float,
    ):
        num_steps = len(columns.flags)
        journalled = bool(layout.journal_envs)
        header = Header(
            slot=0,
            layout_id=layout.id,
            num_steps=num_steps,
            num_envs=1,
            num_selected=int(is_selected),
            num_journalled=int(journalled),
            env_major=True,
            num_lanes=1,
            room=num_steps if is_selected else 0,
            keyframe_room=num_steps if journalled else 0,
            members=(),
            env_ids=(0,) if is_selected else (),
        )
        lanes = np.zeros((1, 1, LANE_WORDS), np.int32)
        lanes[..., 0] = update >= 0
        lanes[..., 1:3] = np.array([update & 0xFFFFFFFF, (update >> 32) & 0xFFFFFFFF], np.uint32).view(
            np.int32
        )
        lanes[..., 3] = 1
        super().__init__(layout, header, lanes, np.zeros(0, np.int8), np.zeros(0, np.int32), received)
        self._columns = columns
        self._row_bytes = columns.row_bytes
        self._scalar_bytes = columns.scalar_bytes
        self._member = member
        self.first_env = env_id
        self.env_steps = env_steps
        self.ends = ends
        self.priority = priority
        self.started = started

    @property
    def first_member(self) -> int:
        """The member whose steps they are."""
        return self._member

    @property
    def is_taken(self) -> bool:
        """Whether the writer has asked for the steps: it got to this chunk."""
        return "scalars" in self.__dict__

    @property
    def row_bytes(self) -> int:
        """Bytes of the rows, 0 once they were shed."""
        return self._row_bytes

    @property
    def nbytes(self) -> int:
        """Bytes that the steps take, less what was shed."""
        return self._scalar_bytes + self._row_bytes

    def shed_rows(self) -> int:
        """Forget the rows, keep the scalars; return the bytes that became free."""
        freed, self._row_bytes = self._row_bytes, 0
        self._columns = replace(self._columns, rows=(), journal=(), keyframes=(), keyframe_steps=None)
        return freed

    @cached_property
    def scalars(self) -> np.ndarray:
        """int32[1 1 K words]."""
        layout, columns = self.layout, self._columns
        scalars = np.empty((self.num_steps, layout.num_scalar_words), np.int32)
        scalars[:, 0] = columns.flags
        for field, start, values in zip(layout.scalars, layout.scalar_offsets, columns.scalars, strict=True):
            scalars[:, start : start + field.num_scalar_words] = encode_scalar(field, values)
        return scalars[None, None]

    @cached_property
    def groups(self) -> tuple[RowGroup, ...]:
        """Rows of the environment; none when it is not captured, or when they were shed."""
        layout, columns = self.layout, self._columns
        if layout.rows and columns.rows:
            return (self._group(layout, columns.rows),)
        if layout.journal and columns.journal:
            return (self._group(layout.journal_layout, columns.journal),)
        return ()

    @cached_property
    def keyframes(self) -> Keyframes | None:
        """States at the planned steps; None without a journal or when shed."""
        columns = self._columns
        if columns.keyframe_steps is None:
            return None
        layout, steps = self.layout.keyframe_layout, columns.keyframe_steps
        words, octets = join_fields(layout.rows, columns.keyframes, len(steps))
        none = np.zeros(len(steps), np.int64)
        nbytes = words.nbytes + octets.nbytes
        return Keyframes(layout, none, none, steps, whole_rows(layout, words, octets), nbytes)

    def _group(self, layout: Layout, arrays: Sequence[np.ndarray]) -> RowGroup:
        values = [
            leaf_hash(array, 1) if field.role == "state_hash" else array
            for field, array in zip(layout.rows, arrays, strict=True)
        ]
        words, octets = join_fields(layout.rows, values, self.num_steps)
        nbytes = words.nbytes + octets.nbytes
        return RowGroup(layout, np.zeros(1, np.int64), whole_rows(layout, words, octets), nbytes)
