"""How long ``jaxarc rollout`` plays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxarc.config.rules import checked, integer
from jaxarc.config.section import Section

__all__ = ["RolloutConfig"]


@dataclass(frozen=True, kw_only=True)
class RolloutConfig(Section):
    """The demonstration rollout.

    Attributes:
        num_steps: steps that each environment takes.
        draw_episodes: the most kept episodes that are drawn when the rollout is over.
    """

    key: ClassVar[str] = "rollout"

    num_steps: int = checked(200, integer(1))
    draw_episodes: int = checked(40, integer(0))
