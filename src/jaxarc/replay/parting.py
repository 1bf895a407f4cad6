"""Where two episodes part: the first step in which anything that both stored differs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jaxarc.errors import NotRecordedError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.layout import Field

__all__ = ["LeafDifference", "Parting", "leaf_differences", "parting_of"]

_FIRST_BLOCK = 64
_LAST_BLOCK = 1024
_FLAGS = ("terminated", "truncated")

Leaves = dict[tuple[Any, ...], np.ndarray]


@dataclass(frozen=True, eq=False)
class LeafDifference:
    """One array of a step that is not the same in two episodes.

    Attributes:
        name: the array, as ``observation.grid`` or ``reward``.
        a, b: its values; None where an episode has no such array.
        index: the first entry that differs; empty for a number, and for arrays of two shapes.
        num_cells: how many entries differ; 0 where the shapes do.
    """

    name: str
    a: np.ndarray | None
    b: np.ndarray | None
    index: tuple[int, ...] = ()
    num_cells: int = 0


@dataclass(frozen=True)
class Parting:
    """The first difference between two episodes.

    Attributes:
        step: the step in which it is; None where there is none.
        part: what differs: ``episode`` (what is constant over it), ``observation``, ``state_hash``,
            ``action``, ``reward``, ``terminated``, ``truncated`` or ``next_observation``; empty without.
        compared: how many steps were compared in anything.
        before: the last step before it that was compared; None where there is none.
        action_compared: whether actions were compared in the step that led there.
    """

    step: int | None
    part: str
    compared: int
    before: int | None = None
    action_compared: bool = False

    @property
    def kind(self) -> str:
        """How they part, as in `EpisodeDifference`; ``same`` or ``unknown`` where nothing differs."""
        if self.step is None:
            return "same" if self.compared else "unknown"
        if self.part == "next_observation":
            return "outcome" if self.action_compared else "observation"
        if self.part in ("observation", "state_hash"):
            if self.step == 0:
                return "start"
            if self.before is None:
                return "before"
            if self.before < self.step - 1:
                return "unseen"
            return "outcome" if self.action_compared else "observation"
        return {"episode": "start", "terminated": "end", "truncated": "end"}.get(self.part, self.part)

    @property
    def made_at(self) -> int | None:
        """The step that made the difference: what a step led to is seen before the next one."""
        is_seen_later = self.part in ("observation", "state_hash") and self.before is not None
        return self.before if is_seen_later else self.step


def leaves_of(tree: Any, path: tuple[Any, ...] = ()) -> Leaves:
    """Return the arrays of a tree by where they are in it."""
    if not isinstance(tree, (Mapping, tuple)):
        return {path: np.asarray(tree)}
    found: Leaves = {}
    for key, child in tree.items() if isinstance(tree, Mapping) else enumerate(tree):
        found |= leaves_of(child, (*path, key))
    return found


def _same(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return which entries are equal; NaN equals NaN."""
    same = np.asarray(a == b)
    if a.dtype.kind in "fc" and b.dtype.kind in "fc":
        same |= np.isnan(a) & np.isnan(b)
    return same


def _first_differing(a: Leaves, b: Leaves) -> int | None:
    """Return the first entry along the leading axis in which two trees differ; None where none."""
    if a.keys() != b.keys() or any(a[path].shape[1:] != b[path].shape[1:] for path in a):
        return 0
    found: list[int] = []
    for path, values in a.items():
        same = _same(values, b[path])
        found += np.flatnonzero(~np.reshape(same, (len(values), -1)).all(axis=1))[:1].tolist()
    return min(found, default=None)


class _Track:
    """One part of the steps of an episode: which steps have it, and how it is read."""

    def __init__(self, step: np.ndarray, read: Callable[[np.ndarray], Leaves]):
        self.step = step
        self.read = read


def _tracks(episode: EpisodeData) -> dict[str, _Track]:
    """Return what is stored of an episode by part; of the journal where that has more steps."""
    found: dict[str, _Track] = {}
    journal = episode.journal
    wide = journal.sources if len(journal.step) > len(episode.step) else None
    step = episode.step if wide is None else journal.step
    if len(step):
        rewards = episode.reward if wide is None else wide.scalars("reward")[()]
        found["reward"] = _Track(step, lambda at: {(): rewards[at]})
        for name in _FLAGS:
            if episode.given(name) or name == "terminated":
                flags = getattr(episode, name) if wide is None else wide.flag(name)
                found[name] = _Track(step, lambda at, flags=flags: {(): flags[at]})
    for name in ("action", "state_hash"):
        if journal.has(name):
            try:
                tree = leaves_of(getattr(journal, name))
            except NotRecordedError:  # some of the steps lack it
                continue
            found[name] = _Track(
                journal.step, lambda at, tree=tree: {path: values[at] for path, values in tree.items()}
            )
    if "action" not in found and episode.has("action"):
        found["action"] = _Track(episode.step, lambda at: leaves_of(episode.steps_at(at).action))
    if episode.has("observation"):
        found["observation"] = _Track(episode.step, lambda at: _observations(episode, at))
        if not episode.row.last_observation_lost:
            found["next_observation"] = _Track(
                episode.step, lambda at: leaves_of(episode.steps_at(at).next_observation)
            )
    return found


def _observations(episode: EpisodeData, at: np.ndarray) -> Leaves:
    """Return the observations before some steps: of a whole episode there is one more."""
    leaves = leaves_of(episode.steps_at(at).observation)
    return {path: values[: len(at)] for path, values in leaves.items()}


_ORDER = ("observation", "state_hash", "action", "reward", *_FLAGS, "next_observation")


def parting_of(a: EpisodeData, b: EpisodeData) -> Parting:
    """Return the first difference between two episodes, of the steps that both stored.

    In a step the observation before it comes first, then the action, the reward, the end, and what it led to.
    Large parts are read in blocks, and only up to the first difference of the others.

    Args:
        a, b: the episodes; they may be of two runs.
    """
    tracks_a, tracks_b = _tracks(a), _tracks(b)
    common: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
    for name in _ORDER:
        if name in tracks_a and name in tracks_b:
            steps = tracks_a[name].step, tracks_b[name].step
            common[name] = np.intersect1d(*steps, assume_unique=True, return_indices=True)
    every = np.unique(np.concatenate([steps for steps, _, _ in common.values()] or [np.zeros(0, np.int64)]))
    if "next_observation" in common:
        # The observation after a step is the one before the next; only where that is missing it is news.
        steps, at_a, at_b = common["next_observation"]
        alone = ~np.isin(steps + 1, common["observation"][0])
        common["next_observation"] = steps[alone], at_a[alone], at_b[alone]
    best: tuple[int, int] | None = None
    if _constants_differ(a, b):
        return Parting(int(every[0]) if len(every) else 0, "episode", len(every))
    for name in sorted(common, key=lambda name: name in ("observation", "next_observation")):
        steps, at_a, at_b = common[name]
        end = len(steps) if best is None else int(np.searchsorted(steps, best[0], side="right"))
        for block in _blocks(end):
            read = tracks_a[name].read(at_a[block]), tracks_b[name].read(at_b[block])
            position = _first_differing(*read)
            if position is not None:
                at = int(steps[block][position]), _ORDER.index(name)
                best = at if best is None else min(best, at)
                break
    if best is None:
        return Parting(None, "", len(every))
    step, order = best
    earlier = every[every < step]
    before = int(earlier[-1]) if len(earlier) else None
    led_there = step if _ORDER[order] == "next_observation" else before
    acted = "action" in common and led_there in common["action"][0]
    return Parting(step, _ORDER[order], len(every), before, bool(acted))


def _blocks(end: int) -> Iterator[slice]:
    first, size = 0, _FIRST_BLOCK
    while first < end:
        yield slice(first, min(first + size, end))
        first, size = first + size, min(2 * size, _LAST_BLOCK)


def _constants(episode: EpisodeData) -> Leaves:
    return leaves_of(episode.constants) if episode.has("episode") else {}


def _constants_differ(a: EpisodeData, b: EpisodeData) -> bool:
    first, second = _constants(a), _constants(b)
    if not first or not second:
        return False
    if first.keys() != second.keys():
        return True
    pairs = [(values, second[path]) for path, values in first.items()]
    return any(one.shape != other.shape or not _same(one, other).all() for one, other in pairs)


def leaf_differences(a: EpisodeData, b: EpisodeData, step: int, part: str) -> list[LeafDifference]:
    """Return the arrays of one part that differ in a step.

    Args:
        a, b: the episodes.
        step: a step that both stored.
        part: as in `Parting`.
    """
    sides: list[Leaves] = []
    for episode in (a, b):
        if part == "episode":
            sides.append(_constants(episode))
            continue
        track = _tracks(episode).get(part)
        at = np.zeros(0, np.int64) if track is None else np.flatnonzero(track.step == step)
        read = track.read(at) if track is not None and len(at) else {}
        sides.append({path: np.asarray(values[0]) for path, values in read.items()})
    first, second = sides
    found = []
    for path in [*first, *(path for path in second if path not in first)]:
        name = Field(part, path, "", ()).name
        values = first.get(path), second.get(path)
        if values[0] is None or values[1] is None or values[0].shape != values[1].shape:
            found.append(LeafDifference(name, *values))
            continue
        differs = np.argwhere(~np.atleast_1d(_same(values[0], values[1])))
        if len(differs):
            index = tuple(int(i) for i in differs[0]) if values[0].ndim else ()
            found.append(LeafDifference(name, values[0], values[1], index, len(differs)))
    return found
