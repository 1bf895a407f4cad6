"""Episodes as what a picture of a whole one needs to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxarc.envs.operation_names import OPERATION_NAMES
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.pictures import EpisodeSummaryData
from jaxarc.records.table import EpisodeRow
from jaxarc.rendering.moments import spread_evenly
from jaxarc.rendering.plugin import Render
from jaxarc.replay.views.pictures import part_shown, step_pictures
from jaxarc.replay.views.task_pictures import demonstrations

__all__ = ["episode_summary", "key_positions", "operations_of", "summary_of_row"]

_MAX_MOMENTS = 12
_STANDS_OUT = 1.5
_MAX_ENTRIES = 64
"""Numbers of an observation up to which all of them are shown over the steps."""


def key_positions(episode: EpisodeData, count: int = _MAX_MOMENTS) -> list[int]:
    """Return the stored steps worth a small picture, as positions among them.

    The first and the last; where the similarity, or without one the reward, moved by more than it usually
    does; and, where that is rare, some evenly spaced between.

    Args:
        episode: the episode.
        count: the most positions.
    """
    stored = len(episode.step)
    if stored <= count:
        return list(range(stored))
    if count < 2:
        return [stored - 1][:count]
    similarity = episode.metrics.get("similarity")
    moved = np.abs(episode.reward.astype(float))
    if similarity is not None:
        known = np.nan_to_num(similarity.astype(float))
        moved = np.abs(np.diff(known, prepend=known[:1]))
    moved = np.where(np.isfinite(moved), moved, 0.0)
    stands_out = np.flatnonzero(moved > _STANDS_OUT * np.median(moved))
    chosen = {0, stored - 1}
    chosen.update(_largest(moved, np.setdiff1d(stands_out, [0, stored - 1]), count - 2))
    while len(chosen) < count:  # halve the longest stretch of which nothing is shown
        shown = np.array(sorted(chosen))
        widest = int(np.diff(shown).argmax())
        chosen.add(int(shown[widest] + shown[widest + 1]) // 2)
    return sorted(chosen)


def _largest(moved: np.ndarray, positions: np.ndarray, room: int) -> list[int]:
    """Return the positions that moved most; of those that moved alike some that are spread evenly."""
    if len(positions) <= room:
        return positions.tolist()
    least = np.sort(moved[positions])[-room] if room else np.inf
    above, alike = positions[moved[positions] > least], positions[moved[positions] == least]
    return [*above.tolist(), *alike[spread_evenly(len(alike), room - len(above))].tolist()]


def operations_of(action: Any) -> dict[str, int]:
    """Return how often each operation was used, by name: ARC's, or the numbers of discrete actions.

    Args:
        action: the actions of some steps, a tree of [n, …]; what has no names gives none.
    """
    named = isinstance(action, Mapping) and "operation" in action
    codes = np.asarray(action["operation"] if named else None if isinstance(action, Mapping) else action)
    if codes.ndim != 1 or codes.dtype.kind not in "iu":
        return {}
    known: Sequence[str] = OPERATION_NAMES if named and "selection" in action else ()
    values, counts = np.unique(codes, return_counts=True)
    names = [known[v] if 0 <= v < len(known) else f"action {v}" for v in values.tolist()]
    return {str(name): int(count) for name, count in zip(names, counts.tolist(), strict=True)}


def summary_of_row(row: EpisodeRow, *, success_known: bool = True) -> EpisodeSummaryData:
    """Return what a row alone says of an episode: nothing of its steps is read.

    Args:
        row: the episode's row.
        success_known: whether the program says which episodes succeed.
    """
    return EpisodeSummaryData(
        episode_num=int(row.episode),
        total_steps=int(row.total_steps),
        total_reward=float(row.total_reward),
        reward_progression=(),
        similarity_progression=(),
        final_similarity=float(row.get("similarity_last", float("nan"))),
        task_id=str(row.task_id),
        success=bool(row.success) if success_known else None,
        key_moments=(),
        ended=str(row.ended),
        title=f"task {row.task_id}" if row.task_id else str(row.stream),
    )


def _observed(episode: EpisodeData) -> tuple[np.ndarray | None, list[str]]:
    """Return observations of a few numbers as [stored, entries] and their names; None where they are more."""
    fields = episode.fields("observation")
    few = sum(field.size for field in fields) <= _MAX_ENTRIES
    if not fields or not few or any(len(field.shape) > 1 for field in fields):
        return None, []
    columns, names = [], []
    for field in fields:
        values = episode.observation
        for key in field.path:
            values = values[key]
        values = np.asarray(values)[: len(episode.step)]
        if values.dtype.kind == "c":
            return None, []
        columns.append(values.reshape(len(values), -1).astype(float))
        name = ".".join(str(key) for key in field.path)
        places = [str(place) for place in range(field.size)] if field.shape else [""]
        names += [".".join(filter(None, (name, place))) or "value" for place in places]
    return np.concatenate(columns, axis=1), names


def episode_summary(
    episode: EpisodeData,
    *,
    run_dir: Path | None = None,
    max_moments: int = _MAX_MOMENTS,
    with_operations: bool = False,
    render: str | Render | None = None,
) -> EpisodeSummaryData:
    """Return what a picture of a whole episode needs to know.

    Of the observations only those of the key moments are read. An episode whose observations were not
    recorded has no moments.

    Args:
        episode: the episode.
        run_dir: the run that it is of, which stored the demonstration pairs of its task; None without them.
        max_moments: the most key moments; 0 for curves alone.
        with_operations: whether to read every action and count the operations.
        render: a drawing function of the user's for the key moments, as in ``each_step_picture``.

    Raises:
        NotRecordedError: the level stored no steps.
    """
    rewards = episode.reward
    positions = key_positions(episode, max_moments) if episode.has("observation") else []
    moments = step_pictures(episode, positions, render=render) if positions else []
    constants = episode.constants if episode.has("episode") else {}
    boards = constants if isinstance(constants, Mapping) else {}
    row = summary_of_row(episode.row, success_known=episode.success_known)
    pairs = demonstrations(run_dir, row.task_id) if run_dir is not None and row.task_id else ()
    observed, names = _observed(episode) if max_moments else (None, [])
    metrics = {name: values.astype(float) for name, values in episode.metrics.items()}
    similarity = metrics.pop("similarity", None)
    part = part_shown(episode) if moments and render is None else ""
    return replace(
        row,
        reward_progression=rewards.astype(float).tolist(),
        similarity_progression=() if similarity is None else similarity.tolist(),
        key_moments=[moment.step_num for moment in moments],
        step_nums=episode.step.tolist(),
        moments=moments,
        input_grid=boards.get("input"),
        target_grid=boards.get("target"),
        title=f"{row.title} · {part}" if part else row.title,
        metrics=metrics,
        demonstrations=pairs,
        observed=observed,
        observed_names=names,
        operations=operations_of(episode.action) if with_operations and episode.has("action") else {},
    )
