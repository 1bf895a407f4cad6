"""Which finished episodes keep their steps."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from jaxarc.config import KeepRule

__all__ = ["FinishedEpisodes", "Keeper", "is_capped_cubic"]


@dataclass(frozen=True)
class FinishedEpisodes:
    """What a keep rule is told of some episodes, in the order in which they ended.

    Attributes:
        index: how many episodes the stream finished before each whose steps are captured; int64[n].
        total_reward: sum of the rewards of each; float64[n].
        success: whether it was solved; bool[n].
        task: the label that ``first_success`` goes by; -1 without one; int64[n].
    """

    index: np.ndarray
    total_reward: np.ndarray
    success: np.ndarray
    task: np.ndarray


Rule = Callable[[FinishedEpisodes], np.ndarray]
"""Says of each episode whether it is kept, bool[n]; called once for every episode, in order."""


def _best_so_far(n: int, sign: float) -> Rule:
    best: list[float] = []

    def rule(episodes: FinishedEpisodes) -> np.ndarray:
        score = sign * episodes.total_reward
        kept = np.zeros(len(score), bool)
        # What the n best so far leave no room for can't be kept: their least only grows.
        promising = score > best[0] if len(best) >= n else np.ones(len(score), bool)
        for position in promising.nonzero()[0].tolist():
            value = float(score[position])
            if len(best) < n:
                heapq.heappush(best, value)
                kept[position] = True
            elif value > best[0]:
                heapq.heapreplace(best, value)
                kept[position] = True
        return kept

    return rule


def _first_success() -> Rule:
    solved: set[int] = set()

    def rule(episodes: FinishedEpisodes) -> np.ndarray:
        kept = np.zeros(len(episodes.task), bool)
        for position in episodes.success.nonzero()[0].tolist():
            task = int(episodes.task[position])
            kept[position] = task not in solved
            solved.add(task)
        return kept

    return rule


def is_capped_cubic(index: int) -> bool:
    """Say whether ``index`` is one of 0, 1, 8, 27, … 1000, 2000, …: Gymnasium's ``RecordVideo`` schedule."""
    return index % 1000 == 0 if index >= 1000 else round(index ** (1 / 3)) ** 3 == index


def _rule(rule: KeepRule) -> Rule:
    n = rule.n or 1
    rules: dict[str, Callable[[], Rule]] = {
        "all": lambda: lambda episodes: np.ones(len(episodes.index), bool),
        "every_n": lambda: lambda episodes: episodes.index % n == 0,
        "capped_cubic": lambda: (
            lambda episodes: np.array([is_capped_cubic(i) for i in episodes.index.tolist()], bool)
        ),
        "best_n": lambda: _best_so_far(n, 1.0),
        "worst_n": lambda: _best_so_far(n, -1.0),
        "success": lambda: lambda episodes: episodes.success,
        "failed": lambda: lambda episodes: ~episodes.success,
        "first_success": _first_success,
    }
    return rules[rule.name]()


class Keeper:
    """Decide for one stream which episodes are kept, in the order in which they end.

    ``best_n`` and ``worst_n`` keep an episode that is among the n best or worst when it ends: nothing that
    was kept is taken back. ``capped_cubic`` keeps the episodes 0, 1, 8, 27, … and every thousandth from
    1000 on, the schedule of Gymnasium's ``RecordVideo``.

    Args:
        rules: an episode is kept when any of them keeps it.
    """

    def __init__(self, rules: Sequence[KeepRule]):
        self._rules = [_rule(rule) for rule in rules]
        self._count = 0
        self.keeps_all = any(rule.name == "all" for rule in rules)

    def keep(self, total_reward: np.ndarray, success: np.ndarray, task: np.ndarray) -> np.ndarray:
        """Say which of the episodes that just ended are kept; bool[n]. Every rule sees every episode."""
        index = self._count + np.arange(len(total_reward))
        self._count += len(index)
        episodes = FinishedEpisodes(index, total_reward, success, task)
        kept = np.zeros(len(index), bool)
        for rule in self._rules:
            kept |= rule(episodes)
        return kept
