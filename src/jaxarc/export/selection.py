"""Which episodes are exported, read one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from jaxarc.errors import DamagedFileError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.table import EpisodeRow, EpisodeTable
from jaxarc.replay import ReplaySystem
from jaxarc.storage import keep_segments_open

__all__ = ["Selection"]


@dataclass
class Selection:
    """Some episodes of a run, and what became of them.

    Attributes:
        run: the run.
        table: their rows.
        advance: is called after each episode.
        written: episodes that were given out and not left out again.
        steps: stored steps of those.
        left_out: why others were not exported, and how many for each reason.
    """

    run: ReplaySystem
    table: EpisodeTable
    advance: Callable[[], None] = lambda: None
    written: int = 0
    steps: int = 0
    left_out: dict[str, int] = field(default_factory=dict)

    def episodes(self) -> Iterator[tuple[EpisodeRow, EpisodeData | None]]:
        """Yield each row with its episode; None where no steps are stored."""
        with keep_segments_open():
            for row in self.table:
                episode = self._load(row)
                self.written += 1
                self.steps += len(episode.step) if episode is not None else 0
                yield row, episode
                self.advance()

    def _load(self, row: EpisodeRow) -> EpisodeData | None:
        if not row.stored_steps:
            return None
        try:
            return self.run.load_episode(row.episode, writer=row.writer)
        except DamagedFileError as error:
            raise DamagedFileError(
                error.path, f"{error}; jaxarc doctor {self.run.run_dir} --repair keeps what can be read"
            ) from error

    def leave_out(self, reason: str, steps: int = 0) -> None:
        """Take an episode back that the format cannot hold."""
        self.written -= 1
        self.steps -= steps
        self.left_out[reason] = self.left_out.get(reason, 0) + 1
