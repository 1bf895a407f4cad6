"""One callback's worth of steps, as it arrives on the host."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from jaxarc.records.layout import Layout

__all__ = ["HEADER_VERSION", "LANE_WORDS", "Chunk", "Header", "Keyframes", "RowGroup"]

HEADER_VERSION = 2
LANE_WORDS = 7
"""int32 words of a lane: whether an update count was given, its low and its high half, whether the chunk goes
on with open episodes, index of the chunk, device, and a word out of the chunk before, which is there so that
the program sends the chunks in their order."""

_FIXED_WORDS = 12


@dataclass(frozen=True)
class Header:
    """What stands before the numbers of a chunk.

    Written as int32: version, slot, layout id, steps, envs, selected envs, journalled envs, 1 when the
    scalars lie environment-major, lanes, room for rows of each unit, room for keyframes, number of member
    axes, then the lengths of the member axes, the ids of the selected envs (left out when all are), and
    ``LANE_WORDS`` words for every member and lane.

    Attributes:
        room: rows that each unit of the selected envs takes; fewer than there are steps when a word a step
            says which of its units crossed, as many when all did.
        keyframe_room: states that crossed at most, an octet a step says for which steps.
    """

    slot: int
    layout_id: int
    num_steps: int
    num_envs: int
    num_selected: int
    num_journalled: int
    env_major: bool
    num_lanes: int
    room: int
    keyframe_room: int
    members: tuple[int, ...]
    env_ids: tuple[int, ...]

    def static_words(self) -> np.ndarray:
        """Return the int32 words that do not change from call to call."""
        ids = self.env_ids if self.num_selected < self.num_envs else ()
        return np.array(
            [
                HEADER_VERSION,
                self.slot,
                self.layout_id,
                self.num_steps,
                self.num_envs,
                self.num_selected,
                self.num_journalled,
                int(self.env_major),
                self.num_lanes,
                self.room,
                self.keyframe_room,
                len(self.members),
                *self.members,
                *ids,
            ],
            np.int32,
        )

    @classmethod
    def parse(cls, words: np.ndarray) -> tuple[Header, np.ndarray]:
        """Read a header; return it and the lane words int32[members, lanes, LANE_WORDS]."""
        fixed = words[:_FIXED_WORDS].tolist()
        if fixed[0] != HEADER_VERSION:
            raise ValueError(f"chunk header has version {fixed[0]}, this jaxarc reads {HEADER_VERSION}")
        _, slot, layout_id, steps, envs, selected, journalled, env_major, lanes, room, states, depth = fixed
        members = tuple(words[_FIXED_WORDS : _FIXED_WORDS + depth].tolist())
        position = _FIXED_WORDS + depth
        env_ids = tuple(range(envs))
        if selected < envs:
            env_ids = tuple(words[position : position + selected].tolist())
            position += selected
        header = cls(
            slot,
            layout_id,
            steps,
            envs,
            selected,
            journalled,
            bool(env_major),
            lanes,
            room,
            states,
            members,
            env_ids,
        )
        return header, words[position:].reshape(prod(members), lanes, LANE_WORDS)

    @property
    def num_members(self) -> int:
        """The product of the member axes."""
        return prod(self.members)

    @property
    def num_rows(self) -> int:
        """Steps of all selected envs and members."""
        return self.num_members * self.num_selected * self.num_steps

    @property
    def num_journal_rows(self) -> int:
        """Steps of all journalled envs and members."""
        return self.num_members * self.num_journalled * self.num_steps

    def num_bytes(self, layout: Layout) -> int:
        """Bytes of the numbers that follow the header."""
        rows = self.num_rows if layout.rows else 0
        states = self.num_journal_rows if layout.keyframes else 0
        in_units = layout.row_bytes - layout.every_bytes
        size = 4 * self.num_members * self.num_envs * self.num_steps * layout.num_scalar_words
        size += rows * layout.every_bytes + (self.room * in_units if rows else 0)
        size += 4 * rows if layout.units and self.room < rows else 0
        size += self.num_journal_rows * layout.journal_layout.row_bytes if layout.journal else 0
        return size + (states + self.keyframe_room * layout.keyframe_layout.row_bytes if states else 0)


@dataclass(frozen=True)
class RowGroup:
    """Every step of some environments.

    Attributes:
        layout: of the kind ``steps`` or ``journal``.
        env_ids: the environments, ascending, int64[S].
        words: int32[M S K words].
        octets: int8[M S K octets]. Constants of an episode (``sent`` is ``starts``) hold in its first step of
            the chunk only.
    """

    layout: Layout
    env_ids: np.ndarray
    words: np.ndarray
    octets: np.ndarray


@dataclass(frozen=True)
class Keyframes:
    """States of some steps, ordered by member, environment and step.

    Attributes:
        layout: of the kind ``keyframes``.
        member, env, step: whose state it is and at which of the chunk's steps, int64[P].
        words: int32[P words].
        octets: int8[P octets].
    """

    layout: Layout
    member: np.ndarray
    env: np.ndarray
    step: np.ndarray
    words: np.ndarray
    octets: np.ndarray


class Chunk:
    """K steps of every environment and member.

    What crossed is cut up when it is first asked for: by the writer, not in the callback.

    Args:
        layout: what the numbers mean.
        header, lanes: what ``Header.parse`` returned.
        octets: int8[n], as they crossed.
        words: int32[n], as they crossed.
        received: when the host got it, seconds since the epoch.

    Attributes:
        first_env: the environment that the first one of the chunk is.
        env_steps: environment steps of the member before and after the chunk's steps, where the sender
            counted them; None where the assembler does.
        ends: how the episode that is open behind these steps ends there (one of ``records.table.ENDED``),
            where the flags of its last step do not say it; empty where it goes on.
    """

    first_env = 0
    env_steps: tuple[int, int] | None = None
    ends = ""

    @property
    def is_taken(self) -> bool:
        """Whether somebody has these steps already: a sender that was interrupted sends them twice."""
        return False

    def __init__(
        self,
        layout: Layout,
        header: Header,
        lanes: np.ndarray,
        octets: np.ndarray,
        words: np.ndarray,
        received: float,
    ):
        self.layout = layout
        self.header = header
        self.lanes = lanes
        self.started = self.received = received
        scalar_words = header.num_members * header.num_envs * header.num_steps * layout.num_scalar_words
        self._scalars = words[:scalar_words]
        self._words: np.ndarray | None = words[scalar_words:]
        self._octets: np.ndarray | None = octets

    @property
    def num_steps(self) -> int:
        """K."""
        return self.header.num_steps

    @property
    def num_envs(self) -> int:
        """E."""
        return self.header.num_envs

    @property
    def members(self) -> tuple[int, ...]:
        """Lengths of the vmapped axes around the loop; M is their product."""
        return self.header.members

    @property
    def num_members(self) -> int:
        """M, the product of the member axes (1 without any)."""
        return self.header.num_members

    @property
    def updates(self) -> np.ndarray:
        """The update count (the step, for ``recorder.log``), int64[M lanes]; -1 when not given."""
        given, low, high = self.lanes[..., 0], self.lanes[..., 1], self.lanes[..., 2]
        whole = (high.astype(np.int64) << 32) | (low.astype(np.int64) & 0xFFFFFFFF)
        return np.where(given != 0, whole, -1)

    @property
    def starts_afresh(self) -> np.ndarray:
        """Whether the episodes that are open end here, bool[M lanes]."""
        return self.lanes[..., 3] == 0

    @property
    def first_member(self) -> int:
        """The member of the stream that the first one of the chunk is: each device has its own."""
        return self.device * self.num_members

    @property
    def device(self) -> int:
        """The device that sent the chunk, 0 without ``axis_name``."""
        return int(self.lanes[0, 0, 5])

    @property
    def row_bytes(self) -> int:
        """Bytes of the rows that are still here, as they crossed."""
        if self._words is None or self._octets is None:
            return 0
        return self._words.nbytes + self._octets.nbytes

    @property
    def nbytes(self) -> int:
        """Bytes that the chunk brought, less what was shed."""
        return self._scalars.nbytes + self.row_bytes

    def shed_rows(self) -> int:
        """Forget the rows, keep the scalars; return the bytes that became free."""
        freed = self.row_bytes
        self._scalars = self._scalars.copy()
        self._words = self._octets = None
        return freed

    @cached_property
    def scalars(self) -> np.ndarray:
        """int32[M E K words], environment-major."""
        return self._lane_major(self._scalars, self.header.num_envs, self.layout.num_scalar_words)

    @cached_property
    def groups(self) -> tuple[RowGroup, ...]:
        """Rows of the selected and of the journalled environments; none when they were shed."""
        return self._cut_up[0]

    @cached_property
    def keyframes(self) -> Keyframes | None:
        """States of the journalled environments at keyframes; None without a journal or when shed."""
        return self._cut_up[1]

    def _lane_major(self, values: np.ndarray, envs: int, width: int) -> np.ndarray:
        members, steps = self.header.num_members, self.header.num_steps
        if self.header.env_major:
            return values.reshape(members, envs, steps, width)
        return np.ascontiguousarray(values.reshape(members, steps, envs, width).swapaxes(1, 2))

    @cached_property
    def _cut_up(self) -> tuple[tuple[RowGroup, ...], Keyframes | None]:
        if self._words is None or self._octets is None:
            return (), None
        header, layout = self.header, self.layout
        words, octets = _Tape(self._words), _Tape(self._octets)
        groups = []
        selected = np.array(header.env_ids, np.int64)
        if layout.rows and header.num_selected:
            groups.append(RowGroup(layout, selected, *self._rows(words, octets)))
        journalled = np.arange(header.num_envs) if layout.journal_envs == "all" else selected
        if layout.journal and header.num_journalled:
            journal = layout.journal_layout
            rows = header.num_journal_rows
            parts = [
                self._lane_major(tape.take(rows * width), len(journalled), width)
                for tape, width in ((words, journal.num_words), (octets, journal.num_octets))
            ]
            env_ids = journalled
            if groups:
                env_ids = np.setdiff1d(journalled, selected)
                parts = [part[:, env_ids] for part in parts]
            if len(env_ids):
                groups.append(RowGroup(journal, env_ids, parts[0], parts[1]))
        keyframes = None
        if layout.keyframes and header.num_journalled:
            keyframes = self._keyframes(words, octets, journalled)
        return tuple(groups), keyframes

    def _rows(self, words: _Tape, octets: _Tape) -> tuple[np.ndarray, np.ndarray]:
        """Return whole rows, int32[M S K words] and int8[M S K octets], with what did not cross filled in.

        Constants of an episode stand in its first step of the chunk only; what is in the others is not said.
        """
        header, layout = self.header, self.layout
        rows, envs = header.num_rows, header.num_selected
        every_words = words.take(rows * layout.every_words)
        every_octets = octets.take(rows * layout.every_octets)
        if not layout.units:
            return (
                self._lane_major(every_words, envs, layout.every_words),
                self._lane_major(every_octets, envs, layout.every_octets),
            )
        whole_words = np.empty((header.num_members, envs, header.num_steps, layout.num_words), np.int32)
        whole_octets = np.empty((header.num_members, envs, header.num_steps, layout.num_octets), np.int8)
        whole_words[..., : layout.every_words] = self._in_lanes(every_words, envs, layout.every_words)
        whole_octets[..., : layout.every_octets] = self._in_lanes(every_octets, envs, layout.every_octets)
        present = words.take(rows) if header.room < rows else None
        for number, unit in enumerate(layout.units):
            for tape, whole, kind, span in (
                (words, whole_words, 0, unit.words),
                (octets, whole_octets, 1, unit.octets),
            ):
                width = span.stop - span.start
                if not width:
                    continue
                crossed = tape.take(header.room * width).reshape(-1, width)
                if present is None:
                    whole[..., span] = self._in_lanes(crossed, envs, width)
                elif unit.sent == "changed":
                    source = self._source(present, number)
                    whole[..., span] = crossed[np.maximum.accumulate(source, axis=-1)]
                else:
                    if unit.sent == "unchained":
                        start = layout.row_offsets[self._first_observation][kind]
                        whole[:, :, :-1, span] = whole[:, :, 1:, start : start + width]
                    source = self._source(present, number)
                    where = np.nonzero(source >= 0)
                    whole[(*where, span)] = crossed[source[where]]
        return whole_words, whole_octets

    @property
    def _first_observation(self) -> int:
        return next(i for i, field in enumerate(self.layout.rows) if field.role == "observation")

    def _in_lanes(self, values: np.ndarray, envs: int, width: int) -> np.ndarray:
        """Return a view [M envs K width]."""
        members, steps = self.header.num_members, self.header.num_steps
        if self.header.env_major:
            return values.reshape(members, envs, steps, width)
        return values.reshape(members, steps, envs, width).swapaxes(1, 2)

    def _source(self, present: np.ndarray, number: int) -> np.ndarray:
        """Return for every step which crossed row of a unit is its own, int64[M S K]; -1: none."""
        crossed = ((present >> number) & 1).astype(bool)
        position = np.full(len(crossed), -1, np.int64)
        position[crossed] = np.arange(np.count_nonzero(crossed))
        return self._in_lanes(position, self.header.num_selected, 1)[..., 0]

    def _keyframes(self, words: _Tape, octets: _Tape, env_ids: np.ndarray) -> Keyframes:
        header, layout = self.header, self.layout.keyframe_layout
        wanted = octets.take(header.num_journal_rows) != 0
        room = header.keyframe_room
        crossed_words = words.take(room * layout.num_words).reshape(room, layout.num_words)
        crossed_octets = octets.take(room * layout.num_octets).reshape(room, layout.num_octets)
        position = np.cumsum(wanted) - 1 if room < len(wanted) else np.arange(len(wanted))
        wanted_lanes = self._in_lanes(wanted, len(env_ids), 1)[..., 0]
        member, env, step = np.nonzero(wanted_lanes)
        at = self._in_lanes(position, len(env_ids), 1)[..., 0][member, env, step]
        return Keyframes(layout, member, env_ids[env], step, crossed_words[at], crossed_octets[at])


class _Tape:
    """An array that is read from front to back."""

    def __init__(self, values: np.ndarray):
        self._values = values
        self._position = 0

    def take(self, count: int) -> np.ndarray:
        start = self._position
        self._position += count
        return self._values[start : self._position]
