"""What of an episode is exported: the parts that were recorded, as trees of arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from jaxarc.errors import NotRecordedError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.layout import PathKey
from jaxarc.records.table import EpisodeRow

__all__ = ["episode_parts", "mapped", "plain_row", "seed_of", "tree_leaves"]


def episode_parts(episode: EpisodeData) -> dict[str, Any]:
    """Return everything that is stored of an episode's steps, by part; nothing that was not recorded.

    Returns:
        ``step`` [n], the flags and scalars, and the trees of the Step. ``observation`` has T+1 entries where
        every step is stored and the last observation is known; else it has n, and ``next_observation`` is
        there besides. ``constants`` have no time axis. ``keyframes`` and ``journal`` have a ``step`` of
        their own; a journal's actions and keys are in it where it has other steps than the episode's parts.
    """
    if not len(episode.step):
        return {}
    parts: dict[str, Any] = {
        "step": episode.step,
        "reward": episode.reward,
        "terminated": episode.terminated,
        "truncated": episode.truncated,
    }
    if episode.success_known:
        parts["success"] = episode.step_success
    if episode.given("mark"):
        parts["mark"] = episode.mark
    parts["metrics"], parts["labels"] = episode.metrics, episode.labels
    for name in ("observation", "action", "info", "state", "key", "constants"):
        _add(parts, name, lambda name=name: getattr(episode, name))
    whole = episode.contiguous and not episode.row.last_observation_lost
    if "observation" in parts and not whole:
        _add(parts, "next_observation", lambda: episode.next_observation)
    _add_journal(parts, episode)
    return {name: part for name, part in parts.items() if not (isinstance(part, (dict, tuple)) and not part)}


def _add_journal(parts: dict[str, Any], episode: EpisodeData) -> None:
    journal = episode.journal
    found: dict[str, Any] = {}
    others = not np.array_equal(journal.step, episode.step)
    for name in ("action", "key", "state_hash"):
        if journal.has(name) and (others or name == "state_hash"):
            _add(found, name, lambda name=name: getattr(journal, name))
    if found:
        parts["journal"] = {"step": journal.step, **found}
    if journal.has("keyframe"):
        parts["keyframes"] = {"step": journal.keyframe_step, "state": journal.keyframe}


def _add(parts: dict[str, Any], name: str, read: Callable[[], Any]) -> None:
    try:
        parts[name] = read()
    except NotRecordedError:
        return  # what was not recorded is not exported


def plain_row(row: EpisodeRow) -> dict[str, Any]:
    """Return an episode's row without the number that only joins it to its steps on disk."""
    return {name: value for name, value in row.items() if name != "uid"}


def seed_of(row: EpisodeRow) -> int | None:
    """Return the seed that an episode was reset with: the label ``seed``, where the program gave one."""
    seed = row.get("seed")
    return int(seed) if isinstance(seed, int) and seed >= 0 else None


def tree_leaves(
    tree: Any, path: tuple[PathKey, ...] = ()
) -> Iterator[tuple[tuple[PathKey, ...], np.ndarray]]:
    """Yield the leaves of a tree of dicts and tuples with their paths."""
    if isinstance(tree, dict):
        for key, below in tree.items():
            yield from tree_leaves(below, (*path, key))
    elif isinstance(tree, tuple):
        for position, below in enumerate(tree):
            yield from tree_leaves(below, (*path, position))
    else:
        yield path, tree


def mapped(tree: Any, change: Callable[[np.ndarray], Any]) -> Any:
    """Return a tree with each leaf changed."""
    if isinstance(tree, dict):
        return {key: mapped(below, change) for key, below in tree.items()}
    if isinstance(tree, tuple):
        return tuple(mapped(below, change) for below in tree)
    return change(tree)
