"""EpisodeEvidence: what is stored of an episode, as far as it is needed to explain it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from jaxarc.envs.operation_names import OPERATION_NAMES
from jaxarc.errors import NotRecordedError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.replay.parting import leaves_of

__all__ = ["EpisodeEvidence"]

_BLOCK_BYTES = 32_000_000


class EpisodeEvidence:
    """An episode that is looked at: each part is read once, when it is asked for; None where it is missing.

    Args:
        episode: the episode.
        says_success: whether other episodes show that the program says which succeed; this one may not.

    Attributes:
        episode: the episode.
        row: its row.
        step: its stored steps, int64[n].
        total: how many steps it has.
        success_known: whether the program says which episodes succeed.
    """

    def __init__(self, episode: EpisodeData, *, says_success: bool = False):
        self.episode = episode
        self.success_known = says_success or episode.success_known or bool(episode.row.success)
        self.row = episode.row
        self.step = episode.step
        self.total = len(episode)

    @property
    def is_whole(self) -> bool:
        """Whether every step that happened is stored."""
        return self.episode.contiguous

    @property
    def has_ended(self) -> bool:
        """Whether it came to its end: neither cut nor running."""
        return str(self.row.ended) not in ("cut", "running")

    @cached_property
    def success(self) -> bool | None:
        """Whether it succeeded; None where nobody says so, or it has not ended."""
        if bool(self.row.success):
            return True
        return False if self.has_ended and self.success_known else None

    @cached_property
    def reward(self) -> np.ndarray | None:
        """Rewards of the stored steps, float[n]."""
        return self.episode.reward.astype(float) if len(self.step) else None

    @cached_property
    def metrics(self) -> dict[str, np.ndarray]:
        """Metrics of the stored steps."""
        if not len(self.step):
            return {}
        return {name: values.astype(float) for name, values in self.episode.metrics.items()}

    @property
    def similarity(self) -> np.ndarray | None:
        """Similarity after each stored step, float[n]."""
        return self.metrics.get("similarity")

    @cached_property
    def _actions(self) -> tuple[np.ndarray, dict]:
        """The steps whose actions are stored, and their leaves: those of a journal where it has more."""
        journal = self.episode.journal
        if journal.has("action") and len(journal.step) >= len(self.step):
            try:
                return journal.step, leaves_of(journal.action)
            except NotRecordedError:  # some of the steps lack it
                pass
        if len(self.step) and self.episode.has("action"):
            return self.step, leaves_of(self.episode.action)
        return np.zeros(0, np.int64), {}

    @property
    def action_step(self) -> np.ndarray:
        """The steps whose actions are stored, int64[n]."""
        return self._actions[0]

    @property
    def knows_all_actions(self) -> bool:
        """Whether the action of every step is stored."""
        return 0 < len(self.action_step) == self.total

    @property
    def is_arc(self) -> bool:
        """Whether its actions are an operation and a selection."""
        return {("operation",), ("selection",)} <= set(self._actions[1])

    @cached_property
    def operations(self) -> np.ndarray | None:
        """Numbers of the operations, or of discrete actions, of ``action_step``."""
        leaves = self._actions[1]
        codes = leaves.get(("operation",)) if self.is_arc else leaves.get(()) if len(leaves) == 1 else None
        if codes is None or codes.ndim != 1 or codes.dtype.kind not in "iu":
            return None
        return codes.astype(np.int64)

    def operation_name(self, number: int) -> str:
        """Return what an operation is called."""
        if self.is_arc and 0 <= number < len(OPERATION_NAMES):
            return OPERATION_NAMES[number]
        return f"action {number}"

    @cached_property
    def same_action(self) -> np.ndarray | None:
        """For each of ``action_step`` whether it is the first action again, bool[n]."""
        leaves = self._actions[1]
        if not leaves or not len(self.action_step):
            return None
        same = np.ones(len(self.action_step), bool)
        for values in leaves.values():
            same &= np.reshape(values == values[:1], (len(values), -1)).all(axis=1)
        return same

    @cached_property
    def boards(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The last board and its target, int[height width] each; cells outside a board are negative."""
        if not len(self.step) or not self.episode.has("observation") or not self.episode.has("episode"):
            return None
        constants = self.episode.constants
        target = constants.get("target") if isinstance(constants, Mapping) else None
        last = self._last_observation
        if target is None or not isinstance(last, np.ndarray):
            return None
        target = np.asarray(target)
        if last.ndim != 2 or target.ndim != 2 or last.dtype.kind not in "iu" or target.dtype.kind not in "iu":
            return None
        shape = np.maximum(last.shape, target.shape)
        padded = []
        for board in (last, target):
            room = [(0, int(size) - have) for size, have in zip(shape, board.shape, strict=True)]
            padded.append(np.pad(board.astype(np.int64), room, constant_values=-1))
        return padded[0], padded[1]

    @property
    def _last_observation(self) -> object:
        """What the last stored step left, or what it began with where that was lost."""
        view = self.episode.steps_at([len(self.step) - 1])
        try:
            tree = view.observation if self.row.last_observation_lost else view.next_observation
        except NotRecordedError:
            tree = view.observation
        return np.asarray(tree)[-1] if isinstance(tree, np.ndarray) else None

    @property
    def last_board_is_true(self) -> bool:
        """Whether the last board is the one that the episode ended with."""
        return (
            bool(len(self.step))
            and int(self.step[-1]) == self.total - 1
            and not self.row.last_observation_lost
        )

    @cached_property
    def _scan(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, int]] | None:
        """Digests before and after each stored step, whether the latter are known, and what is not finite."""
        if not len(self.step) or not self.episode.has("observation"):
            return None
        count = len(self.step)
        before = np.zeros(count, np.uint64)
        not_finite: dict[str, int] = {}
        size = sum(field.size for field in self.episode.fields("observation")) * 8
        each = max(1, min(count, _BLOCK_BYTES // max(size, 1)))
        for start in range(0, count, each):
            chosen = np.arange(start, min(start + each, count))
            leaves = leaves_of(self.episode.steps_at(chosen).observation)
            leaves = {path: values[: len(chosen)] for path, values in leaves.items()}
            before[chosen] = _digests(list(leaves.values()), len(chosen))
            for path, values in leaves.items():
                if values.dtype.kind in "fc":
                    wrong = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1))
                    if len(wrong):
                        name = ".".join(["observation", *map(str, path)])
                        not_finite.setdefault(name, int(self.step[chosen[wrong[0]]]))
        follows = np.append(np.diff(self.step) == 1, False)
        after, known = np.roll(before, -1), follows.copy()
        alone = np.flatnonzero(~follows)
        if not self.row.last_observation_lost:
            for start in range(0, len(alone), each):
                chosen = alone[start : start + each]
                leaves = leaves_of(self.episode.steps_at(chosen).next_observation)
                after[chosen] = _digests(list(leaves.values()), len(chosen))
                known[chosen] = True
        return before, after, known, not_finite

    @property
    def states(self) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """Digests of the observations before and after each stored step, and whether the latter are known."""
        return None if self._scan is None else self._scan[:3]

    @property
    def not_finite_observations(self) -> dict[str, int]:
        """Leaves of the observation that hold NaN or infinities, and the first such step."""
        return {} if self._scan is None else self._scan[3]

    def unknown(self) -> list[str]:
        """Say what was not stored, and so cannot be explained."""
        if not max(len(self.step), len(self.action_step)):
            try:
                _ = self.episode.reward
            except NotRecordedError as error:
                return [f"Only its row can be explained: {error}."]
        sentences = []
        stored = max(len(self.step), len(self.action_step))
        if stored < self.total:
            sentences.append(
                f"{stored:,} of its {self.total:,} steps are stored: what happened between them is not known."
            )
        if not self.episode.has("observation"):
            sentences.append(
                "Observations were not recorded: nothing is known of boards, loops and steps without effect."
            )
        elif self.row.last_observation_lost and self.has_ended:
            sentences.append("The last observation was lost: what the last step led to is not known.")
        if not len(self.action_step):
            sentences.append("Actions were not recorded, so nothing can be said of them.")
        if self.has_ended and not self.success_known:
            sentences.append("The program does not say which episodes succeed.")
        return sentences


def _digests(leaves: Sequence[np.ndarray], count: int) -> np.ndarray:
    """Return a number for each entry of some arrays: equal entries have equal ones, others have others."""
    flat = [np.ascontiguousarray(values).reshape(count, -1) for values in leaves]
    found = np.zeros(count, np.uint64)
    for at in range(count):
        digest = hashlib.blake2b(digest_size=8)
        for values in flat:
            digest.update(values[at].tobytes())
        found[at] = int.from_bytes(digest.digest(), "little")
    return found
