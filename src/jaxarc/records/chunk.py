"""One callback's worth of steps, as it arrives on the host."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from jaxarc.records.layout import Layout

__all__ = ["HEADER_VERSION", "LANE_WORDS", "Chunk", "Header"]

HEADER_VERSION = 1
LANE_WORDS = 7
"""int32 words of a lane: whether an update count was given, its low and its high half, whether the chunk goes
on with open episodes, index of the chunk, device, and a word out of the chunk before, which is there so that
the program sends the chunks in their order."""


@dataclass(frozen=True)
class Header:
    """What stands before the numbers of a chunk.

    Written as int32: version, slot, layout id, steps, envs, selected envs, 1 when the scalars lie
    environment-major, lanes, number of member axes, then the lengths of the member axes, the ids of the
    selected envs (left out when all are), and ``LANE_WORDS`` words for every member and lane.
    """

    slot: int
    layout_id: int
    num_steps: int
    num_envs: int
    num_selected: int
    env_major: bool
    num_lanes: int
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
                int(self.env_major),
                self.num_lanes,
                len(self.members),
                *self.members,
                *ids,
            ],
            np.int32,
        )

    @classmethod
    def parse(cls, words: np.ndarray) -> tuple[Header, np.ndarray]:
        """Read a header; return it and the lane words int32[members, lanes, LANE_WORDS]."""
        version, slot, layout_id, steps, envs, selected, env_major, lanes, depth = (int(w) for w in words[:9])
        if version != HEADER_VERSION:
            raise ValueError(f"chunk header has version {version}, this jaxarc reads {HEADER_VERSION}")
        members = tuple(int(w) for w in words[9 : 9 + depth])
        position = 9 + depth
        env_ids = tuple(range(envs))
        if selected < envs:
            env_ids = tuple(int(w) for w in words[position : position + selected])
            position += selected
        header = cls(slot, layout_id, steps, envs, selected, bool(env_major), lanes, members, env_ids)
        return header, words[position:].reshape(prod(members), lanes, LANE_WORDS)


@dataclass
class Chunk:
    """K steps of every environment and member, environment-major.

    Attributes:
        layout: what the numbers mean.
        num_steps, num_envs: K and E.
        env_ids: the selected environments, int[selected].
        members: lengths of the vmapped axes around the loop; M is their product.
        scalars: int32[M E K words].
        words: int32[M selected K words], or None when the rows were shed.
        octets: int8[M selected K octets], or None when the rows were shed.
        lanes: int32[M lanes LANE_WORDS], lanes 1 or E.
        received: when the host got it, seconds since the epoch.
    """

    layout: Layout
    num_steps: int
    num_envs: int
    env_ids: np.ndarray
    members: tuple[int, ...]
    scalars: np.ndarray
    words: np.ndarray | None
    octets: np.ndarray | None
    lanes: np.ndarray
    received: float

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
    def device(self) -> int:
        """The device that sent the chunk, 0 without ``axis_name``."""
        return int(self.lanes[0, 0, 5])

    @property
    def num_members(self) -> int:
        """M, the product of the member axes (1 without any)."""
        return prod(self.members)

    @property
    def row_bytes(self) -> int:
        """Bytes of the rows that are still here."""
        if self.words is None or self.octets is None:
            return 0
        return self.words.nbytes + self.octets.nbytes

    @property
    def nbytes(self) -> int:
        """Bytes that the chunk holds in memory."""
        return self.scalars.nbytes + self.row_bytes

    @classmethod
    def unpack(
        cls,
        header: Header,
        lanes: np.ndarray,
        octets: np.ndarray,
        words: np.ndarray,
        layout: Layout,
        received: float,
    ) -> Chunk:
        """Cut the operands of one callback into a chunk.

        Args:
            header, lanes: what ``Header.parse`` returned.
            octets: int8[n], the rows' octets.
            words: int32[n], scalar words of all environments, then the rows' words.
            layout: the layout that ``header.layout_id`` stands for.
            received: seconds since the epoch.
        """
        members = prod(header.members)
        scalar_words = layout.num_scalar_words
        split = members * header.num_envs * header.num_steps * scalar_words
        scalars, row_words = words[:split], words[split:]
        rows = members * header.num_selected * header.num_steps
        row_octets = octets[: rows * layout.num_octets]

        def env_major(values: np.ndarray, envs: int, width: int) -> np.ndarray:
            if header.env_major:
                return values.reshape(members, envs, header.num_steps, width)
            values = values.reshape(members, header.num_steps, envs, width)
            return np.ascontiguousarray(values.swapaxes(1, 2))

        return cls(
            layout=layout,
            num_steps=header.num_steps,
            num_envs=header.num_envs,
            env_ids=np.array(header.env_ids, np.int64),
            members=header.members,
            scalars=env_major(scalars, header.num_envs, scalar_words),
            words=env_major(row_words, header.num_selected, layout.num_words),
            octets=env_major(row_octets, header.num_selected, layout.num_octets),
            lanes=lanes,
            received=received,
        )

    def shed_rows(self) -> int:
        """Forget the rows, keep the scalars; return the bytes that became free."""
        freed = self.row_bytes
        self.scalars = self.scalars.copy()
        self.words = None
        self.octets = None
        return freed
