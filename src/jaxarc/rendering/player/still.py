"""The first episode of a page as a picture, for readers in which no script runs."""

from __future__ import annotations

import base64

import numpy as np

from jaxarc.records.pictures import EpisodeSummaryData, StepVisualizationData
from jaxarc.records.player import PlayerEpisode
from jaxarc.rendering.episode import render_episode_summary
from jaxarc.rendering.player.leaves import leaves_of
from jaxarc.rendering.style import Style

__all__ = ["still_picture"]

_MOMENTS = 6


def _shown(episode: PlayerEpisode) -> np.ndarray:
    """Return the leaf that is drawn: a board before others, then the largest; empty without one."""
    leaves = [frames for _, frames in leaves_of(episode.observation, "observation") if len(frames)]
    if not leaves:
        return np.zeros(0)
    return max(leaves, key=lambda frames: (frames.ndim == 3 and frames.dtype.kind in "iu", frames[0].size))


def _moments(episode: PlayerEpisode) -> list[int]:
    """Return positions of steps: the first, the last, and between them those worth jumping to."""
    count = len(episode.step)
    known = [moment.position for moment in episode.moments if 0 < moment.position < count - 1]
    if len(known) < _MOMENTS - 2:
        known += np.linspace(0, count - 1, _MOMENTS).round().astype(int).tolist()
    spread = np.linspace(0, len(known) - 1, min(len(known), _MOMENTS - 2)).round().astype(int).tolist()
    return sorted({0, count - 1, *(known[index] for index in spread)})


def _summary(episode: PlayerEpisode) -> EpisodeSummaryData:
    frames, reward = _shown(episode), episode.series.get("reward")
    rewards = np.zeros(len(episode.step)) if reward is None else np.asarray(reward, float)
    moments = []
    for position in _moments(episode) if len(frames) and len(episode.step) else []:
        after = int(episode.after[position])
        before = np.asarray(frames[int(episode.before[position])])
        led_to = np.asarray(frames[after]) if after >= 0 else None
        selection = None if episode.selection is None else episode.selection[position]
        is_mask = selection is not None and selection.shape == before.shape
        moments.append(
            StepVisualizationData(
                step_num=int(episode.step[position]),
                before_grid=before,
                after_grid=led_to,
                action={},
                reward=float(rewards[position]),
                info={},
                selection_mask=selection if is_mask else None,
                changed_cells=None if led_to is None else np.asarray(before != led_to),
                operation_name=episode.actions[position] if episode.actions else "",
                target_grid=episode.target,
            )
        )
    similarity = episode.series.get("similarity", np.zeros(0))
    return EpisodeSummaryData(
        episode_num=episode.number,
        total_steps=episode.total_steps,
        total_reward=episode.total_reward,
        reward_progression=rewards.tolist(),
        similarity_progression=np.asarray(similarity, float).tolist(),
        final_similarity=float(similarity[-1]) if len(similarity) else float("nan"),
        task_id=episode.task_id,
        success=episode.success,
        key_moments=[moment.step_num for moment in moments],
        step_nums=episode.step.tolist(),
        moments=moments,
        target_grid=episode.target,
        ended=episode.ended,
        title=f"task {episode.task_id}" if episode.task_id else episode.stream,
    )


def still_picture(episode: PlayerEpisode, style: Style) -> str:
    """Return the summary of an episode as the address of an ``<img>``, in which nothing can run."""
    svg = render_episode_summary(_summary(episode), style)
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode("ascii")
