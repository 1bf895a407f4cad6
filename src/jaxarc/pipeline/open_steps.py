"""Steps of open episodes: held until the episode ends, on disk early when that takes long."""

from __future__ import annotations

from dataclasses import dataclass, field

from jaxarc.pipeline.key_steps import choose_key_steps
from jaxarc.records.steps import StepBlock

__all__ = ["OpenSteps", "StepPolicy"]


@dataclass(frozen=True)
class StepPolicy:
    """Which steps of a kept episode are stored.

    Attributes:
        every: all of them (levels ``verbose`` and ``full``); else the key steps.
        key_steps: the most key steps of an episode.
        key_delta: how far a reward or metric moves before the step is a key step.
    """

    every: bool
    key_steps: int
    key_delta: float


@dataclass
class OpenSteps:
    """The steps of one open episode of a selected environment.

    Attributes:
        uid: joins the steps to the episode's row.
        blocks: steps in memory, in order.
        nbytes: bytes of those.
        stored: steps that are on their way to disk already.
        lost: a part of the steps was shed; none of the rest is stored.
    """

    uid: int
    blocks: list[StepBlock] = field(default_factory=list)
    nbytes: int = 0
    stored: int = 0
    lost: bool = False

    def add(self, block: StepBlock) -> None:
        """Append steps, unless a part of the episode is lost already."""
        if not self.lost:
            self.blocks.append(block)
            self.nbytes += block.nbytes

    def lose(self) -> int:
        """Forget the episode's steps; return how many were in memory."""
        self.lost = True
        count = sum(len(block) for block in self.blocks)
        self.blocks.clear()
        self.nbytes = 0
        return count

    def take(self, policy: StepPolicy, *, ends: bool) -> list[StepBlock]:
        """Hand over what is to be stored of the steps in memory, and forget them.

        Args:
            policy: which steps are stored.
            ends: whether the episode ends with these steps.
        """
        if not self.blocks:
            return []
        runs: list[list[StepBlock]] = []
        for block in self.blocks:
            if runs and runs[-1][0].layout == block.layout:
                runs[-1].append(block)
            else:
                runs.append([block])
        self.blocks, self.nbytes = [], 0
        taken = []
        for i, run in enumerate(runs):
            whole = StepBlock.concatenate(run)
            if not policy.every:
                room = policy.key_steps - self.stored - (0 if ends else 1)
                if room <= 0:
                    continue
                last = ends and i == len(runs) - 1
                whole = whole.take(choose_key_steps(whole, room, policy.key_delta, ends=last))
            if len(whole):
                taken.append(whole)
                self.stored += len(whole)
        return taken
