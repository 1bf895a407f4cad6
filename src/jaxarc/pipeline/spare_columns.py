"""Columns of episodes that ended, for the next ones: of a loop of short episodes all have the same."""

from __future__ import annotations

from typing import Any

from jaxarc.pipeline.loop_steps import Constants, EpisodeSteps, LoopSpec

__all__ = ["SpareColumns"]

_MOST_KINDS = 64
_MOST_OF_A_KIND = 64


class SpareColumns:
    """Keep what describes the steps of an episode when it ends: to find it out costs as much as many steps.

    Lists are thread-safe where one call takes or adds: no lock is needed.
    """

    def __init__(self) -> None:
        self._spare: dict[Any, list[EpisodeSteps]] = {}

    def take(
        self, spec: LoopSpec, first: tuple[Any, ...], labels: Constants, constants: Constants
    ) -> EpisodeSteps:
        """Return columns for an episode whose first step is ``first``.

        Raises:
            CaptureError: a leaf that cannot be taken; it is named.
        """
        spare = self._spare.get(_kind(spec, labels, constants))
        if spare:
            try:
                steps = spare.pop()
            except IndexError:  # another thread took the last one
                steps = None
            if steps is not None and steps.serve(first, labels, constants):
                return steps
        return EpisodeSteps(spec, first, labels, constants)

    def give_back(self, spec: LoopSpec, labels: Constants, constants: Constants, steps: EpisodeSteps) -> None:
        """Keep the columns of an episode that ended."""
        kind = _kind(spec, labels, constants)
        if kind not in self._spare and len(self._spare) >= _MOST_KINDS:
            return
        spare = self._spare.setdefault(kind, [])
        if len(spare) < _MOST_OF_A_KIND:
            spare.append(steps)


def _kind(spec: LoopSpec, labels: Constants, constants: Constants) -> Any:
    return spec, tuple(field for field, _ in labels), tuple(field for field, _ in constants)
