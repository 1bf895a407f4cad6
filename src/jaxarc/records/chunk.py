"""One callback's worth of steps, as it arrives on the host."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jaxarc.records.crossed_rows import Keyframes, RowGroup, find_rows
from jaxarc.records.field_rows import on_its_own
from jaxarc.records.header import HEADER_VERSION, LANE_WORDS, Header
from jaxarc.records.layout import Layout

__all__ = ["HEADER_VERSION", "LANE_WORDS", "Chunk", "End", "Header", "Keyframes", "RowGroup"]


@dataclass(frozen=True)
class End:
    """The end of an episode, said apart from its steps.

    Attributes:
        ended: one of ``records.table.ENDED``.
        task: the value of its label ``task``; None leaves it as it is.
        success: it was solved, whatever its steps say.
    """

    ended: str
    task: int | None = None
    success: bool = False


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
        ends: how the episode that is open behind these steps ends there, where the flags of its last step do
            not say it; None where it goes on.
        priority: where steps are shed for lack of room, those of lower priority go first.
    """

    first_env = 0
    env_steps: tuple[int, int] | None = None
    ends: End | None = None
    priority = 0

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
        return self._rows[0]

    @cached_property
    def keyframes(self) -> Keyframes | None:
        """States of the journalled environments at keyframes; None without a journal or when shed."""
        return self._rows[1]

    def _lane_major(self, values: np.ndarray, envs: int, width: int) -> np.ndarray:
        members, steps = self.header.num_members, self.header.num_steps
        if self.header.env_major:
            return values.reshape(members, envs, steps, width)
        return np.ascontiguousarray(values.reshape(members, steps, envs, width).swapaxes(1, 2))

    @cached_property
    def _rows(self) -> tuple[tuple[RowGroup, ...], Keyframes | None]:
        if self._words is None or self._octets is None:
            return (), None
        return find_rows(self.header, self.layout, on_its_own(self._octets), on_its_own(self._words))
