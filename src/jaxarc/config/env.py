"""Which ARC tasks are played, and what an episode is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from jaxarc.config.rules import checked, integer, listed, number, one_of, optional, text
from jaxarc.config.section import Section

__all__ = ["MAX_OPERATION", "EnvConfig"]

MAX_OPERATION = 34


@dataclass(frozen=True, kw_only=True)
class EnvConfig(Section):
    """The environment that ``jaxarc rollout`` plays.

    Attributes:
        dataset: ``arc-agi-1``, ``arc-agi-2``, or a folder of ARC JSON files.
        split: part of the data set, ``training`` or ``evaluation``.
        task_ids: the tasks to play; None for all of the split.
        pairs: which pairs of a task are played: ``train``, ``test`` or ``all``.
        num_envs: environments stepped together.
        max_episode_steps: steps after which an episode is truncated.
        similarity_weight: reward for each unit by which the similarity to the target grows.
        step_penalty: reward added at every step, so below zero it is a penalty.
        success_bonus: reward added for a submission that equals the target.
        wrong_submission_penalty: reward added for any other submission, so below zero it is a penalty.
        allowed_operations: the operations that have an effect, 0 to 34; None for all.
    """

    key: ClassVar[str] = "env"

    dataset: str = checked("arc-agi-1", text)
    split: str = checked("training", text)
    task_ids: Sequence[str] | None = checked(None, optional(listed(text, minimum=1)))
    pairs: str = checked("train", one_of("train", "test", "all"))
    num_envs: int = checked(16, integer(1))
    max_episode_steps: int = checked(50, integer(1))
    similarity_weight: float = checked(1.0, number(minimum=0.0))
    step_penalty: float = checked(-0.01, number(maximum=0.0))
    success_bonus: float = checked(10.0, number(minimum=0.0))
    wrong_submission_penalty: float = checked(-1.0, number(maximum=0.0))
    allowed_operations: Sequence[int] | None = checked(
        None, optional(listed(integer(0, MAX_OPERATION), minimum=1))
    )
