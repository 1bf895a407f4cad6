"""A stream: everything that the assembler holds of one flow of steps."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from jaxarc.pipeline.arrivals import RowTaker
from jaxarc.pipeline.held_rows import HeldRows
from jaxarc.pipeline.keep import Keeper
from jaxarc.pipeline.lanes import ClosedEpisodes, LaneTable
from jaxarc.pipeline.row_columns import EndedEpisodes
from jaxarc.pipeline.settling import Settler
from jaxarc.records.chunk import Chunk
from jaxarc.records.layout import Layout

__all__ = ["Stream"]

logger = logging.getLogger(__name__)


@dataclass
class Stream:
    """What the assembler holds of one stream.

    Attributes:
        name, level: its name and its level.
        table: the episodes that are open.
        keeper: decides which of them are kept when they end.
        rows: decides which rows of its chunks are taken.
        settler: decides which of those are stored.
        held: the rows until then.
        is_of_loops: its chunks come from Python loops, each with the steps of one environment.
        layout: that of the latest chunk.
        last_observation_lost: the latest program gave no ``next_observation``.
        num_env_steps: environment steps that it had.
        told_of_less, told_of_envs: a warning of ``tell_of_less``, of ``tell_of_envs`` was given already.
    """

    name: str
    level: str
    table: LaneTable
    keeper: Keeper
    rows: RowTaker
    settler: Settler
    held: HeldRows
    is_of_loops: bool = False
    layout: Layout | None = None
    last_observation_lost: bool = False
    told_of_less: bool = False
    num_env_steps: int = 0
    told_of_envs: bool = False

    @property
    def open_bytes(self) -> int:
        """Bytes of the rows of open episodes."""
        columns = self.table.columns
        return int((columns["held"] * columns["open"]).sum())

    def ended(self, closed: ClosedEpisodes, number: np.ndarray) -> EndedEpisodes:
        """Return what makes rows of episodes that ended; ``number`` is the number of each."""
        table = self.table
        return EndedEpisodes(
            self.name, table.names, table.num_envs, self.last_observation_lost, number, closed
        )

    @property
    def still_open(self) -> EndedEpisodes:
        """The episodes that are open, as if they were cut here; they have no number yet."""
        closed = self.table.as_cut(self.table.open_lanes)
        return self.ended(closed, np.full(len(closed), -1))

    @property
    def open_steps(self) -> int:
        """Steps of open episodes that may still be stored, those that went to disk early included."""
        columns = self.table.columns
        return int((columns["rows"] * ((columns["open"] != 0) & (columns["lost"] == 0))).sum())

    def tell_of_less(self, chunk: Chunk) -> None:
        """Say once that a program was compiled for a lower level than the one that is recorded."""
        if self.told_of_less:
            return
        layout = chunk.layout
        wanted = {"minimal": (), "full": ("steps", "states")}.get(self.level, ("steps",))
        sent = {"scalars": (), "steps": ("steps",)}.get(layout.program, ("steps", "states"))
        missing = [part for part in wanted if part not in sent]
        if self.rows.journal and not layout.journal_envs:
            missing.append("journal")
        if missing:
            self.told_of_less = True
            logger.warning(
                "recording: stream %s is recorded at level %s, but the program was compiled for a lower "
                "level and sends no %s; call jax.clear_caches() and run it again, so that it is traced anew",
                self.name,
                self.level,
                missing[0],
            )

    def tell_of_envs(self, chunk: Chunk) -> None:
        """Say once that the environments which are selected are none of those that the program steps."""
        if self.told_of_envs or not self.rows.misses_envs(chunk):
            return
        self.told_of_envs = True
        logger.warning(
            "recording: capture.envs names environments that this program does not step (it steps %d), so no "
            "steps of stream %s are stored; name an id below %d, or give a count: capture.streams.%s.envs=4",
            chunk.header.num_envs,
            self.name,
            chunk.header.num_envs,
            self.name,
        )
