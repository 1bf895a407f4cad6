"""What is missing of an episode, in words: for who reads it, and for every page that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxarc.errors import NotRecordedError

if TYPE_CHECKING:
    from jaxarc.records.episode_data import EpisodeData

__all__ = ["missing_parts"]


def missing_parts(episode: EpisodeData) -> tuple[str, ...]:
    """Return what is missing of an episode, a sentence each; none where everything is there."""
    row, count = episode.row, len(episode.step)
    total = int(row.total_steps)
    found = []
    if row.ended == "running":
        so_far = f"; what is here are its first {total:,} steps" if count else ""
        found.append(f"This episode is still running{so_far}.")
    elif row.ended == "cut":
        found.append("The recording ended before this episode did.")
    if not count:
        try:
            _ = episode.reward
        except NotRecordedError as error:
            found.append(f"Only its row is stored: {error}.")
        return tuple(found)
    if not episode.has("observation"):
        found.append("Its observations were not recorded.")
    elif row.last_observation_lost and int(episode.step[-1]) == total - 1:
        found.append("What its last step led to was not recorded.")
    if count < total:
        found.append(f"Of its {total:,} steps {count:,} are stored; the others are passed over.")
    return tuple(found)
