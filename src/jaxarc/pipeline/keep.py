"""Which finished episodes keep their steps."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jaxarc.config import KeepRule

__all__ = ["FinishedEpisode", "Keeper", "is_capped_cubic"]


@dataclass(frozen=True)
class FinishedEpisode:
    """What a keep rule is told of an episode.

    Attributes:
        index: how many episodes of selected environments the stream finished before it.
        total_reward: sum of its rewards.
        success: whether it was solved.
        task: the label that ``first_success`` goes by; -1 without one.
    """

    index: int
    total_reward: float
    success: bool
    task: int


Rule = Callable[[FinishedEpisode], bool]


def _best_so_far(n: int, sign: float) -> Rule:
    best: list[float] = []

    def rule(episode: FinishedEpisode) -> bool:
        score = sign * episode.total_reward
        if len(best) < n:
            heapq.heappush(best, score)
            return True
        if score > best[0]:
            heapq.heapreplace(best, score)
            return True
        return False

    return rule


def _first_success() -> Rule:
    solved: set[int] = set()

    def rule(episode: FinishedEpisode) -> bool:
        if not episode.success or episode.task in solved:
            return False
        solved.add(episode.task)
        return True

    return rule


def is_capped_cubic(index: int) -> bool:
    """Say whether ``index`` is one of 0, 1, 8, 27, … 1000, 2000, …: Gymnasium's ``RecordVideo`` schedule."""
    return index % 1000 == 0 if index >= 1000 else round(index ** (1 / 3)) ** 3 == index


def _rule(rule: KeepRule) -> Rule:
    n = rule.n or 1
    rules: dict[str, Callable[[], Rule]] = {
        "all": lambda: lambda _: True,
        "every_n": lambda: lambda episode: episode.index % n == 0,
        "capped_cubic": lambda: lambda episode: is_capped_cubic(episode.index),
        "best_n": lambda: _best_so_far(n, 1.0),
        "worst_n": lambda: _best_so_far(n, -1.0),
        "success": lambda: lambda episode: episode.success,
        "failed": lambda: lambda episode: not episode.success,
        "first_success": _first_success,
    }
    return rules[rule.name]()


class Keeper:
    """Decide for one stream, episode by episode, in the order in which they end.

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

    def keep(self, total_reward: float, success: bool, task: int) -> bool:
        """Say whether the episode that just ended is kept. Every rule sees every episode."""
        episode = FinishedEpisode(self._count, total_reward, success, task)
        self._count += 1
        answers = [rule(episode) for rule in self._rules]
        return any(answers)
