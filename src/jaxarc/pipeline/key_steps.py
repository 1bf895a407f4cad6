"""Level ``standard``: the steps of an episode that are worth keeping.

Key steps are the first and the last, marked ones, and those of interest: they changed an integer observation,
or the reward or a metric moved by more than ``capture.key_delta``. Where that is more than
``capture.key_steps``, the first and the last stay, then marked ones, then the others, thinned evenly.

Nothing here depends on when it is asked. Thinning goes by rank: the n-th step of interest of an episode can
be chosen only while n is a multiple of the smallest power of two that leaves no more than four times
``key_steps`` of them. So an episode that is still open can give up the steps that can't be chosen any more,
and ends with the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jaxarc.pipeline.gathering import UNSEEN, Gathered
from jaxarc.records.layout import FLAG_MARK
from jaxarc.records.steps import StepBlock

__all__ = ["KeyStepRule", "interesting_steps", "windows"]

_SPARE = 4


def _follows(block: StepBlock) -> np.ndarray:
    """Say for each step whether the next row is the step after it; bool[n]."""
    follows = np.zeros(len(block), bool)
    follows[:-1] = block.steps[1:] == block.steps[:-1] + 1
    follows[block.first[1:] - 1] = False
    return follows


def _observation_changed(block: StepBlock, follows: np.ndarray) -> np.ndarray:
    """Say for each step whether an integer observation differs after it; bool[n]."""
    changed = np.zeros(len(block), bool)
    for field, numbers in zip(block.layout.rows, block.fields, strict=True):
        if field.role != "observation" or not field.dtype.startswith(("int", "uint", "bool")):
            continue
        differs = (numbers[:-1] != numbers[1:]).any(axis=1)
        if block.seen is not None:
            changed |= differs[block.seen]
        else:
            changed[:-1] |= follows[:-1] & differs
    return changed


def _scalar_moved(block: StepBlock, follows: np.ndarray, key_delta: float) -> np.ndarray:
    """Say for each step whether the reward or a metric moved by more than ``key_delta``; bool[n]."""
    moved = np.zeros(len(block), bool)
    for index, field in enumerate(block.layout.scalars):
        if field.role in ("reward", "metrics"):
            values = block.layout.decode_scalar(index, block.scalars).astype(np.float64)
            with np.errstate(invalid="ignore"):
                moved[1:] |= follows[:-1] & (np.abs(np.diff(values)) > key_delta)
    return moved


def _runs_of(flags: np.ndarray, starts: np.ndarray, episode: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count flagged steps of each episode: those before each step, and those of the whole."""
    up_to = np.cumsum(flags)
    before = up_to - flags
    before -= before[starts][episode]
    return before, np.add.reduceat(flags, starts, dtype=np.int64)


def _thinned(flags: np.ndarray, room: np.ndarray, starts: np.ndarray, episode: np.ndarray) -> np.ndarray:
    """Leave at most ``room`` flagged steps of each episode, evenly, its first and last one among them."""
    place, total = _runs_of(flags, starts, episode)
    place, many, room = place, total[episode], room[episode]
    gaps, slots = np.maximum(many - 1, 1), np.maximum(room - 1, 1)
    slot = (2 * place * slots + gaps) // (2 * gaps)
    even = (2 * slot * gaps + slots) // (2 * slots) == place
    chosen = np.where(room >= 2, even, (room == 1) & (place == 0))
    return flags & ((many <= room) | chosen)


@dataclass
class _Steps:
    """Steps of all layouts together, episode by episode.

    ``order`` gives their places among the gathered steps; ``starts`` the first step of each episode that has
    any, ``which`` that episode's place among those asked about, ``episode`` each step's place in ``starts``.
    """

    order: np.ndarray
    starts: np.ndarray
    which: np.ndarray
    episode: np.ndarray
    step: np.ndarray
    marked: np.ndarray
    interesting: np.ndarray
    rank: np.ndarray
    others: np.ndarray
    marks: np.ndarray

    @property
    def is_last(self) -> np.ndarray:
        """Say for each step whether it is the last that is here of its episode."""
        return np.append(self.episode[1:] != self.episode[:-1], True)


@dataclass(frozen=True)
class KeyStepRule:
    """Which steps of an episode are stored at level ``standard``.

    Attributes:
        limit: the most key steps of an episode.
        key_delta: how far a reward or metric moves before the step is of interest.
        window: steps before every marked one that are stored with it, besides the key steps; 0 for none.
    """

    limit: int
    key_delta: float
    window: int = 0

    def choose(
        self, gathered: Sequence[Gathered], uid: np.ndarray, last: np.ndarray, kept: np.ndarray
    ) -> list[np.ndarray]:
        """Choose the steps that are stored of episodes that ended.

        Args:
            gathered: their steps.
            uid: the episodes, ascending.
            last: the last step of each.
            kept: whether its key steps are stored; of the others only what the window asks for.

        Returns:
            For each of ``gathered`` which of its steps are stored.
        """
        steps = self._arranged(gathered, uid)
        starts, episode = steps.starts, steps.episode
        ends = steps.step == last[steps.which][episode]
        edge = ends | (steps.step == 0)
        self._rank(steps, ~edge)
        limit = np.full(len(starts), self.limit)
        candidate = ~edge & self._may_be_chosen(steps)
        needed = _thinned(edge | (candidate & steps.marked), limit, starts, episode)
        room = limit - np.add.reduceat(needed, starts, dtype=np.int64)
        others = _thinned(candidate & ~steps.marked, room, starts, episode)
        chosen = (needed | others) & kept[steps.which][episode]
        chosen |= windows(steps.step, steps.marked, episode, self.window)
        return _split(chosen, steps.order, gathered)

    def thin(self, gathered: Sequence[Gathered], uid: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Say which steps of open episodes may still be stored, and what is to be known of them then.

        Args:
            gathered: the steps of those episodes.
            uid: the episodes, ascending.

        Returns:
            For each of ``gathered`` which of its steps to hold, and the notes of all of them.
        """
        steps = self._arranged(gathered, uid)
        starts, episode = steps.starts, steps.episode
        undecided = steps.is_last
        edge = undecided | (steps.step == 0)
        self._rank(steps, ~edge)
        hold = edge | self._may_be_chosen(steps)
        hold |= windows(steps.step, steps.marked, episode, self.window)
        newest = np.maximum.reduceat(steps.step, starts)[episode]
        hold |= steps.step > newest - self.window
        notes = np.stack(
            [
                steps.interesting,
                np.where(undecided, UNSEEN[1], steps.rank),
                steps.others[episode],
                steps.marks[episode],
            ],
            axis=1,
        ).astype(np.int64)
        return list(
            zip(_split(hold, steps.order, gathered), _split(notes, steps.order, gathered), strict=True)
        )

    def _arranged(self, gathered: Sequence[Gathered], uid: np.ndarray) -> _Steps:
        def joined(arrays: list[np.ndarray]) -> np.ndarray:
            return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)

        owner = joined([np.repeat(part.block.uid, part.block.count) for part in gathered])
        step = joined([part.block.steps for part in gathered])
        order = np.lexsort((step, owner))
        flags = joined([part.block.scalars[:, 0] for part in gathered])
        interest = joined([interesting_steps(part.block, self.key_delta) for part in gathered])
        notes = joined(
            [np.tile(UNSEEN, (len(part.block), 1)) if part.notes is None else part.notes for part in gathered]
        )[order]
        owner = owner[order]
        starts = np.append(True, owner[1:] != owner[:-1]).nonzero()[0]
        episode = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(owner))))
        return _Steps(
            order=order,
            starts=starts,
            which=np.searchsorted(uid, owner[starts]),
            episode=episode,
            step=step[order],
            marked=(flags[order] & FLAG_MARK) != 0,
            interesting=interest[order] | (notes[:, 0] != 0),
            rank=notes[:, 1],
            others=np.maximum.reduceat(notes[:, 2], starts),
            marks=np.maximum.reduceat(notes[:, 3], starts),
        )

    def _rank(self, steps: _Steps, inner: np.ndarray) -> None:
        """Number the candidates among those ``inner`` steps that are undecided yet."""
        fresh = inner & (steps.rank == UNSEEN[1])
        rank = np.where(fresh, -1, steps.rank)
        for flags, count in (
            (fresh & steps.marked, steps.marks),
            (fresh & steps.interesting & ~steps.marked, steps.others),
        ):
            before, total = _runs_of(flags, steps.starts, steps.episode)
            rank = np.where(flags, before + count[steps.episode], rank)
            count += total
        steps.rank = rank

    def _may_be_chosen(self, steps: _Steps) -> np.ndarray:
        total = np.where(steps.marked, steps.marks[steps.episode], steps.others[steps.episode])
        stride = np.ones(len(total), np.int64)
        most = _SPARE * self.limit
        while (wide := total > most * stride).any():
            stride[wide] *= 2
        return (steps.rank >= 0) & (steps.rank % stride == 0)


def interesting_steps(block: StepBlock, key_delta: float) -> np.ndarray:
    """Say which steps changed an integer observation, or moved the reward or a metric; bool[n]."""
    follows = _follows(block)
    return _observation_changed(block, follows) | _scalar_moved(block, follows, key_delta)


def windows(step: np.ndarray, marked: np.ndarray, episode: np.ndarray, window: int) -> np.ndarray:
    """Say which steps are marked, or at most ``window`` steps before a marked one; none for a window of 0.

    Args:
        step: index of each step in its episode, ascending within one.
        marked: whether it is marked.
        episode: the same number for the steps of one episode, which lie together.
        window: how many steps.
    """
    marks = marked.nonzero()[0]
    if not window or not len(marks):
        return np.zeros(len(step), bool)
    following = np.searchsorted(marks, np.arange(len(step)))
    there = following < len(marks)
    mark = marks[np.where(there, following, 0)]
    return there & (episode[mark] == episode) & (step[mark] - step <= window)


def _split(values: np.ndarray, order: np.ndarray, gathered: Sequence[Gathered]) -> list[np.ndarray]:
    """Give values back to the blocks that their steps came from."""
    placed = np.empty_like(values)
    placed[order] = values
    borders = np.cumsum([len(part.block) for part in gathered])[:-1]
    return np.split(placed, borders)
