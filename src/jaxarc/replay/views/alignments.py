"""Two recorded episodes aligned step by step: where they part, and which steps show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from jaxarc.records.alignment_pictures import AlignedStep, AlignmentData
from jaxarc.records.episode_data import EpisodeData
from jaxarc.replay.views.episode_summaries import key_positions, summary_of_row
from jaxarc.replay.views.pictures import step_pictures

__all__ = ["alignment_of", "parting"]

_SHOWN = 7
_AROUND = 2
_FIRST_BLOCK = 64
_LAST_BLOCK = 1024


def _leaves(tree: Any, path: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], np.ndarray]:
    """Return the arrays of a tree by where they are in it."""
    if not isinstance(tree, (Mapping, tuple)):
        return {path: np.asarray(tree)}
    found: dict[tuple[Any, ...], np.ndarray] = {}
    for key, child in tree.items() if isinstance(tree, Mapping) else enumerate(tree):
        found |= _leaves(child, (*path, key))
    return found


def _differing(first: Any, second: Any) -> int | None:
    """Return the first entry along the leading axis in which two trees of arrays differ; None where none."""
    a, b = _leaves(first), _leaves(second)
    if a.keys() != b.keys() or any(a[path].shape[1:] != b[path].shape[1:] for path in a):
        return 0
    found: list[int] = []
    for path, values in a.items():
        other = b[path]
        same = values == other
        if values.dtype.kind in "fc" and other.dtype.kind in "fc":
            same |= np.isnan(values) & np.isnan(other)
        differs = np.flatnonzero(~np.reshape(same, (len(values), -1)).all(axis=1))
        found += differs[:1].tolist()
    return min(found, default=None)


def parting(a: EpisodeData, b: EpisodeData) -> tuple[int | None, str, int]:
    """Return the first step in which two episodes differ, in what, and how many steps both have stored.

    In a step the observation before it comes first, then the action, then the reward. Observations are read
    in blocks, and only up to where actions or rewards differ.

    Args:
        a, b: the episodes.

    Returns:
        ``(step or None, "observation", "action", "reward" or "", steps compared)``.
    """
    common, at_a, at_b = np.intersect1d(a.step, b.step, assume_unique=True, return_indices=True)
    if not len(common):
        return None, "", 0
    found: list[tuple[int, int, str]] = []
    if a.has("action") and b.has("action"):
        position = _differing(a.steps_at(at_a).action, b.steps_at(at_b).action)
        if position is not None:
            found.append((position, 1, "action"))
    position = _differing(a.reward[at_a], b.reward[at_b])
    if position is not None:
        found.append((position, 2, "reward"))
    if a.has("observation") and b.has("observation"):
        end = min([len(common), *(position + 1 for position, _, _ in found)])
        first, size = 0, _FIRST_BLOCK
        while first < end:
            block = slice(first, min(first + size, end))
            count = block.stop - block.start
            views = [episode.steps_at(at[block]).observation for episode, at in ((a, at_a), (b, at_b))]
            position = _differing(*(_first(view, count) for view in views))
            if position is not None:
                found.append((first + position, 0, "observation"))
                break
            first, size = block.stop, min(2 * size, _LAST_BLOCK)
    if not found:
        return None, "", len(common)
    position, _, what = min(found)
    return int(common[position]), what, len(common)


def _first(tree: Any, count: int) -> Any:
    """Return the leading entries of every leaf: of a whole episode there is one observation more."""
    return {path: leaf[:count] for path, leaf in _leaves(tree).items()}


def _chosen(a: EpisodeData, b: EpisodeData, parted_at: int | None) -> list[int]:
    """Return the steps to show: around the one where the episodes part, the ends, and key moments."""
    stored = np.union1d(a.step, b.step)
    if len(stored) <= _SHOWN:
        return stored.tolist()
    ends = [int(episode.step[-1]) for episode in (a, b) if len(episode.step)]
    wanted: dict[int, None] = {}
    if parted_at is not None:
        near = int(np.searchsorted(stored, parted_at))
        around = [near, *(near + sign * far for far in range(1, _AROUND + 1) for sign in (-1, 1))]
        wanted |= dict.fromkeys(int(stored[at]) for at in around if 0 <= at < len(stored))
    wanted |= dict.fromkeys([int(stored[0]), *ends])
    for episode in (a, b):
        wanted |= dict.fromkeys(episode.step[key_positions(episode, _SHOWN)].tolist())
    return sorted(list(wanted)[:_SHOWN])


def alignment_of(a: EpisodeData, b: EpisodeData, names: tuple[str, str] | None = None) -> AlignmentData:
    """Return what a picture of two episodes step by step needs to know; others than its steps are not kept.

    Args:
        a, b: the episodes; they may be of different runs.
        names: what the episodes are called; their numbers when left off.

    Raises:
        NotRecordedError: no steps, or no observations, of an episode are stored.
    """
    parted_at, parted_by, compared = parting(a, b)
    steps = _chosen(a, b, parted_at)
    shown: list[dict[int, Any]] = []
    for episode in (a, b):
        positions = np.flatnonzero(np.isin(episode.step, steps)).tolist()
        shown.append({picture.step_num: picture for picture in step_pictures(episode, positions)})
    titles = names or tuple(f"episode {episode.row.episode}" for episode in (a, b))
    summaries = [
        replace(summary_of_row(episode.row, success_known=episode.success_known), title=title)
        for episode, title in zip((a, b), titles, strict=True)
    ]
    aligned = [AlignedStep(step, shown[0].get(step), shown[1].get(step)) for step in steps]
    return AlignmentData(summaries[0], summaries[1], aligned, parted_at, parted_by, compared)
