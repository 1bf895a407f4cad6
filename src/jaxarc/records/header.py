"""What stands before the numbers of a chunk."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from jaxarc.records.layout import Layout

__all__ = ["HEADER_VERSION", "LANE_WORDS", "Header"]

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
