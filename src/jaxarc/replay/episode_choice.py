"""Which episodes are meant: some that are named, or those that an expression chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jaxarc.records.episode_data import EpisodeData
from jaxarc.replay.addresses import shown_address

if TYPE_CHECKING:
    from jaxarc.replay.addresses import EpisodeAddress
    from jaxarc.replay.run_reader import RunReader

__all__ = ["loaded", "names_of"]


def loaded(run: RunReader, episode: EpisodeAddress) -> EpisodeData:
    """Return an episode of the run; one that was loaded already, also of another run, as it is."""
    return episode if isinstance(episode, EpisodeData) else run.load_episode(episode)


def names_of(*episodes: EpisodeData) -> Any:
    """Return what episodes are called side by side: with their runs where these are several."""
    runs = [getattr(episode, "run_dir", None) for episode in episodes]
    several = len({run.resolve() for run in runs if run is not None}) > 1
    names = []
    for episode, run in zip(episodes, runs, strict=True):
        number = shown_address(int(episode.row.get("writer", 0)), int(episode.row.episode))
        names.append(f"{run.name}:{number}" if several and run is not None else f"episode {number}")
    return tuple(names)
