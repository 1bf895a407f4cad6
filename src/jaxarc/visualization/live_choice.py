"""Which episodes are worth a picture while a run goes on, decided from their rows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from jaxarc.pipeline.keep import is_capped_cubic
from jaxarc.records.table import EpisodeTable

__all__ = ["Choice", "LiveChoice"]

_PATIENCE = 32


@dataclass(frozen=True)
class Choice:
    """An episode that is worth a picture, and what it was chosen for.

    Attributes:
        episode: its number.
        stream: its stream.
        is_first: whether it is to be the first picture of its stream.
        solved: the task that it is the first to solve; None where it is not.
        best_before: the best reward before it, where it is the best; None where it is not.
        reward: its own reward.
    """

    episode: int
    stream: str
    is_first: bool = False
    solved: str | None = None
    best_before: float | None = None
    reward: float = 0.0


@dataclass
class _Stream:
    seen: int = 0
    has_first: bool = False
    best: float = float("-inf")
    solved: set[str] = field(default_factory=set)
    undrawable: int = 0


class LiveChoice:
    """Apply ``visualization.live.rules`` to episodes as they are committed, to each stream by itself.

    Args:
        rules: of ``first``, ``first_success``, ``best`` and ``capped_cubic``.
    """

    def __init__(self, rules: Collection[str]):
        self._rules = frozenset(rules)
        self._streams: dict[str, _Stream] = {}

    def choose(self, episodes: EpisodeTable, position: int) -> Choice | None:
        """Return why the episode of a row that has stored steps is worth a picture, or None."""
        stream_name, task = str(episodes["stream"][position]), str(episodes["task_id"][position])
        stream = self._streams.setdefault(stream_name, _Stream())
        reward = float(episodes["total_reward"][position])
        index, stream.seen = stream.seen, stream.seen + 1
        is_first = "first" in self._rules and not stream.has_first
        is_solved = "first_success" in self._rules and bool(episodes["success"][position])
        is_solved = is_solved and task not in stream.solved
        is_best = "best" in self._rules and reward > stream.best
        best_before = stream.best
        if is_first:
            stream.has_first = True
        if is_solved:
            stream.solved.add(task)
        if is_best:
            stream.best = reward
        if not (
            is_first or is_solved or is_best or ("capped_cubic" in self._rules and is_capped_cubic(index))
        ):
            return None
        return Choice(
            int(episodes["episode"][position]),
            stream_name,
            is_first,
            task if is_solved else None,
            best_before if is_best else None,
            reward,
        )

    def give_back(self, choice: Choice) -> None:
        """Let another episode take the place of one that cannot be drawn.

        A stream of which nothing can be drawn, such as one that records no observations, is read a few dozen
        times and no more.
        """
        stream = self._streams[choice.stream]
        stream.undrawable += 1
        if stream.undrawable > _PATIENCE:
            return
        if choice.is_first:
            stream.has_first = False
        if choice.solved is not None:
            stream.solved.discard(choice.solved)
        if choice.best_before is not None and stream.best == choice.reward:
            stream.best = choice.best_before
