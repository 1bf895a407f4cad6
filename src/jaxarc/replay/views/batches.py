"""All environments of a run at once, each at its last stored state or at one step of the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from jaxarc.errors import NotRecordedError
from jaxarc.records.reel_pictures import BatchData, BatchItem
from jaxarc.rendering.comparison_bars import outcome_of
from jaxarc.rendering.moments import state_of
from jaxarc.rendering.step import is_arc
from jaxarc.replay import ReplaySystem
from jaxarc.replay.views.episode_summaries import summary_of_row
from jaxarc.replay.views.pictures import step_pictures
from jaxarc.storage import keep_segments_open

__all__ = ["batch_of"]

_MOST_READ = 1024


def batch_of(
    run: ReplaySystem, *, at: int | None = None, where: str | None = None, limit: int = _MOST_READ
) -> BatchData:
    """Return what a picture of the environments of a run needs to know.

    Environments of other members and streams are others; choose with ``where``. Where there are several
    members, each environment has its member below it in place of its episode.

    Args:
        run: the run.
        at: the environment step of the stream at which they are shown; None for the last stored state of
            each.
        where: which episodes, as ``ReplaySystem.episodes`` takes it.
        limit: the most environments whose state is read; the others are counted.

    Raises:
        NotRecordedError: no environment has stored steps there.
        QueryError: ``where`` cannot be understood.
    """
    table = run.episodes(where)
    stored = np.asarray(table["stored_steps"]) > 0
    if at is not None:
        stored &= (np.asarray(table["start_step"]) <= at) & (np.asarray(table["end_step"]) > at)
    rows = np.flatnonzero(stored)
    names = ("end_step", "env_id", "member", "writer")
    keys = [np.asarray(table[name])[rows] for name in names if name in table]
    streams = np.unique(table["stream"][rows], return_inverse=True)[1].reshape(-1)
    order = np.lexsort((*keys, streams))
    places = np.stack([*keys[1:], streams], axis=1)[order]
    last = np.append((places[1:] != places[:-1]).any(axis=1), True) if len(order) else np.zeros(0, bool)
    chosen = rows[order[last]]
    if not len(chosen):
        when = "" if at is None else f" at environment step {at}"
        raise NotRecordedError(f"run {run.name} stored no steps of any environment{when}")
    several = "member" in table and len(np.unique(np.asarray(table["member"])[chosen])) > 1
    items, arc = [], True
    with keep_segments_open():
        for position in chosen[:limit].tolist():
            row = table.row(position)
            item, picture = _item(run, row, at)
            items.append(replace(item, words=f"member {row['member']}") if several else item)
            arc &= picture is None or is_arc(picture)
    heading = "last stored state" if at is None else f"at environment step {at:,}"
    return BatchData(items, num_envs=len(chosen), title=run.name, heading=heading, is_arc=arc)


def _item(run: ReplaySystem, row: Mapping[str, Any], at: int | None) -> tuple[BatchItem, Any]:
    """Return one environment, and the step that is shown of it, None where that was not stored."""
    episode = run.load_episode(int(row["episode"]), writer=int(row["writer"]))
    position = len(episode.step) - 1
    outcome, reward = "open", float(row["total_reward"])
    if at is None:
        outcome = outcome_of(summary_of_row(episode.row, success_known=episode.success_known))
    else:
        each = (int(row["end_step"]) - int(row["start_step"])) / max(int(row["total_steps"]), 1)
        wanted = int((at - int(row["start_step"])) // max(each, 1e-9))
        position = int(np.searchsorted(episode.step, wanted))
        reward = float(np.nansum(episode.reward[: position + 1]))
        if position >= len(episode.step) or episode.step[position] != wanted:
            position = -1
        elif wanted == int(row["total_steps"]) - 1:
            outcome = outcome_of(summary_of_row(episode.row, success_known=episode.success_known))
    shown = None
    if position >= 0 and episode.has("observation"):
        shown = step_pictures(episode, [position])[0]
    item = BatchItem(
        env_id=int(row["env_id"]),
        state=None if shown is None else state_of(shown),
        reward=reward,
        outcome=outcome,
        step=None if position < 0 else int(episode.step[position]),
        words=f"episode {row['episode']}",
    )
    return item, shown
