"""Two recorded episodes aligned step by step: where they part, and which steps show it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from jaxarc.records.alignment_pictures import AlignedStep, AlignmentData
from jaxarc.records.episode_data import EpisodeData
from jaxarc.replay.parting import parting_of
from jaxarc.replay.views.episode_summaries import key_positions, summary_of_row
from jaxarc.replay.views.pictures import step_pictures

__all__ = ["alignment_of"]

_SHOWN = 7
_AROUND = 2
_PARTED_BY = {"unseen": "observation", "before": "observation", "observation": "outcome"}


def _chosen(a: EpisodeData, b: EpisodeData, parted_at: int | None) -> list[int]:
    """Return the steps to show: around the one where the episodes part, the ends, and key moments."""
    stored = np.union1d(a.step, b.step)
    if len(stored) <= _SHOWN:
        return stored.tolist()
    ends = [int(episode.step[-1]) for episode in (a, b) if len(episode.step)]
    wanted: dict[int, None] = {}
    if parted_at is not None:
        near = int(np.searchsorted(stored, parted_at))
        around = [near, *(near + sign * far for far in range(1, _AROUND + 1) for sign in (-1, 1))]
        wanted |= dict.fromkeys(int(stored[at]) for at in around if 0 <= at < len(stored))
    wanted |= dict.fromkeys([int(stored[0]), *ends])
    for episode in (a, b):
        wanted |= dict.fromkeys(episode.step[key_positions(episode, _SHOWN)].tolist())
    return sorted(list(wanted)[:_SHOWN])


def alignment_of(a: EpisodeData, b: EpisodeData, names: tuple[str, str] | None = None) -> AlignmentData:
    """Return what a picture of two episodes step by step needs to know; others than its steps are not kept.

    Args:
        a, b: the episodes; they may be of different runs.
        names: what the episodes are called; their numbers when left off.

    Raises:
        NotRecordedError: no steps, or no observations, of an episode are stored.
    """
    found = parting_of(a, b)
    parted_at, parted_by = found.made_at, _PARTED_BY.get(found.kind, found.kind)
    if found.kind == "unseen":
        parted_at = found.step  # the step that made the difference is not stored
    if parted_at is None:
        parted_by = ""
    steps = _chosen(a, b, parted_at)
    shown: list[dict[int, Any]] = []
    for episode in (a, b):
        positions = np.flatnonzero(np.isin(episode.step, steps)).tolist()
        shown.append({picture.step_num: picture for picture in step_pictures(episode, positions)})
    titles = names or tuple(f"episode {episode.row.episode}" for episode in (a, b))
    summaries = [
        replace(summary_of_row(episode.row, success_known=episode.success_known), title=title)
        for episode, title in zip((a, b), titles, strict=True)
    ]
    aligned = [AlignedStep(step, shown[0].get(step), shown[1].get(step)) for step in steps]
    return AlignmentData(summaries[0], summaries[1], aligned, parted_at, parted_by, found.compared)
