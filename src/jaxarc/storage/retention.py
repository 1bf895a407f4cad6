"""Which episodes give up their steps so that a run keeps within its limits: pure functions over its rows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from jaxarc.records.table import EpisodeTable

__all__ = ["RetentionLimits", "choose", "first_successes", "protected_rows"]


@dataclass(frozen=True)
class RetentionLimits:
    """What a run may keep.

    Attributes:
        max_bytes: bytes of the run's folder; None for any.
        max_episodes: episodes of which steps are stored; None for any.
    """

    max_bytes: int | None = None
    max_episodes: int | None = None

    @classmethod
    def of(cls, max_storage_gb: float | None, max_episodes: int | None) -> RetentionLimits:
        """Return limits as the configuration writes them; a gigabyte is 10^9 bytes."""
        return cls(None if max_storage_gb is None else int(max_storage_gb * 1e9), max_episodes)

    def are_exceeded(self, num_bytes: int, num_episodes: int) -> bool:
        """Say whether a run of this size has to make room."""
        return (self.max_bytes is not None and num_bytes > self.max_bytes) or (
            self.max_episodes is not None and num_episodes > self.max_episodes
        )


def protected_rows(rows: EpisodeTable, pinned: Collection[tuple[int, int]] = ()) -> np.ndarray:
    """Return which rows no policy touches, bool[n].

    These are the pinned episodes, and of the stored ones the one with the highest return.

    Args:
        rows: the run's rows, with their ``writer``.
        pinned: writer and number of each pinned episode.
    """
    safe = np.zeros(len(rows), bool)
    stored = rows["stored_steps"] > 0
    if pinned:
        keys = {writer * (1 << 48) + episode for writer, episode in pinned}
        safe |= np.isin(rows["writer"].astype(np.int64) * (1 << 48) + rows["episode"], list(keys))
    returns = np.where(stored & ~np.isnan(rows["total_reward"]), rows["total_reward"], -np.inf)
    if stored.any():
        safe[int(np.argmax(returns))] = True
    return safe


def first_successes(rows: EpisodeTable) -> np.ndarray:
    """Return which rows are the first stored episode that solved their task, bool[n]."""
    first = np.zeros(len(rows), bool)
    solved = np.flatnonzero((rows["stored_steps"] > 0) & rows["success"])
    solved = solved[_by_age(rows.take(solved))]
    first[solved[np.unique(rows["task_id"][solved], return_index=True)[1]]] = True
    return first


def choose(
    rows: EpisodeTable,
    sizes: np.ndarray,
    policy: str,
    limits: RetentionLimits,
    protected: np.ndarray,
    *,
    other_bytes: int = 0,
    headroom: float = 0.0,
) -> np.ndarray:
    """Return which episodes give up their steps: as few as it takes, in the order of the policy.

    The first success of a task goes only when nothing else is left.

    Args:
        rows: the run's rows.
        sizes: about the bytes on disk of each episode's steps and pictures, [n].
        policy: ``oldest_first``; ``size_based``, the largest first; ``manual``, which gives up nothing.
        limits: what the run may keep.
        protected: rows that stay as they are, bool[n].
        other_bytes: bytes of the run's folder that belong to no episode's steps.
        headroom: where a limit is exceeded, the part of it that is freed beyond it.

    Returns:
        Positions of the rows, the first to go first; not enough of them where too many are protected.
    """
    stored = rows["stored_steps"] > 0
    excess_bytes, excess_episodes = 0.0, 0
    if limits.max_bytes is not None:
        used = float(sizes[stored].sum()) + other_bytes
        excess_bytes = used - limits.max_bytes * (1 - headroom) if used > limits.max_bytes else 0.0
    if limits.max_episodes is not None and stored.sum() > limits.max_episodes:
        excess_episodes = int(stored.sum()) - limits.max_episodes + int(limits.max_episodes * headroom)
    if policy == "manual" or (excess_bytes <= 0 and excess_episodes <= 0):
        return np.zeros(0, np.int64)
    candidates = np.flatnonzero(stored & ~protected)
    candidates = candidates[_by_age(rows.take(candidates))]
    if policy == "size_based":
        candidates = candidates[np.argsort(-sizes[candidates], kind="stable")]
    candidates = candidates[np.argsort(first_successes(rows)[candidates], kind="stable")]
    freed_before = np.cumsum(sizes[candidates]) - sizes[candidates]
    needed = (freed_before < excess_bytes) | (np.arange(len(candidates)) < excess_episodes)
    return candidates[needed]


def _by_age(rows: EpisodeTable) -> np.ndarray:
    """Return the order of rows from the oldest to the newest."""
    return np.lexsort((rows["episode"], rows["writer"], rows["end_time"]))
