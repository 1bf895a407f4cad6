"""What the picture of two episodes, step by step, needs to know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxarc.records.pictures import EpisodeSummaryData, StepVisualizationData

__all__ = ["AlignedStep", "AlignmentData"]


@dataclass(frozen=True)
class AlignedStep:
    """One step number of two episodes.

    Attributes:
        step_num: the number of the step.
        a, b: the step of each episode; None where it has no such step, or did not store it.
    """

    step_num: int
    a: StepVisualizationData | None
    b: StepVisualizationData | None


@dataclass(frozen=True)
class AlignmentData:
    """Two episodes aligned by step number, ready to be drawn.

    Attributes:
        a, b: what each is as a whole; their ``title`` is what its row is called.
        steps: the steps to show, ascending.
        parted_at: the step that made the first difference, of those that both stored; or None.
        parted_by: what is another there: ``start``, ``observation``, ``action``, ``outcome`` (of the same
            action), ``reward`` or ``end``; empty without.
        compared: how many steps both stored, so that they could be compared.
    """

    a: EpisodeSummaryData
    b: EpisodeSummaryData
    steps: Sequence[AlignedStep]
    parted_at: int | None = None
    parted_by: str = ""
    compared: int = 0
