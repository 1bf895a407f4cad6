"""ReplayEpisode: an episode that knows its run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jaxarc.records.episode_data import EpisodeData

__all__ = ["ReplayEpisode"]


class ReplayEpisode(EpisodeData):
    """One episode of a run on disk: the arrays of EpisodeData, and what its run adds.

    Args:
        run_dir: the run's directory.
        *args: as for EpisodeData.
        **kwargs: as for EpisodeData.
    """

    def __init__(self, run_dir: Path, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.run_dir = run_dir
