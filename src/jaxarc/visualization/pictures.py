"""From recorded episodes to what a picture needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxarc.envs.operation_names import OPERATION_NAMES
from jaxarc.errors import RenderError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.pictures import EpisodeSummaryData, StepVisualizationData
from jaxarc.rendering.picture import is_board

__all__ = ["episode_summary", "episode_title", "operation_words", "step_pictures"]

_MAX_MOMENTS = 12


def operation_words(action: Any) -> str:
    """Return the name of an ARC operation ("Flood Fill 3"), or an empty string for any other action."""
    if not isinstance(action, Mapping) or "operation" not in action or "selection" not in action:
        return ""
    operation = int(action["operation"])
    return OPERATION_NAMES[operation] if 0 <= operation < len(OPERATION_NAMES) else f"operation {operation}"


def episode_title(episode: EpisodeData) -> str:
    """Return the words above an episode's pictures: its number and its task."""
    number = f"episode {episode.row.episode}"
    return f"{number} · task {episode.row.task_id}" if episode.row.task_id else number


def _success(episode: EpisodeData) -> bool | None:
    return bool(episode.row.success) if episode.success_known else None


def _leaves(tree: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], np.ndarray]:
    """Return the arrays of a tree by where they are in it."""
    if isinstance(tree, Mapping):
        children = list(tree.items())
    elif isinstance(tree, tuple):
        children = list(enumerate(tree))
    else:
        return {path: np.asarray(tree)}
    found: dict[tuple[str, ...], np.ndarray] = {}
    for key, child in children:
        found.update(_leaves(child, (*path, str(key))))
    return found


def _drawn_path(episode: EpisodeData) -> tuple[str, ...]:
    """Return which array of the observation is drawn: a board before others, then the one with most in it."""
    leaves = _leaves(episode.observation)
    if not leaves:
        raise RenderError("the observation holds no array; record one as Step(observation=…)")

    def rank(path: tuple[str, ...]) -> tuple[bool, int]:
        leaf = leaves[path]
        of_board = leaf.ndim == 3 and leaf.dtype.kind in "iu" and is_board(leaf[0])
        return of_board, int(np.prod(leaf.shape[1:]))

    return max(leaves, key=rank)


def _titled(title: str, path: tuple[str, ...]) -> str:
    """Return the title of pictures that show only a part of the observation."""
    return f"{title} · {'.'.join(('observation', *path))}" if path else title


def _at(tree: Any, index: int) -> Any:
    if isinstance(tree, Mapping):
        return {key: _at(child, index) for key, child in tree.items()}
    if isinstance(tree, tuple):
        return tuple(_at(child, index) for child in tree)
    return tree[index]


def _scalars_at(episode: EpisodeData, index: int) -> dict[str, float]:
    shown = {name: float(values[index]) for name, values in episode.metrics.items() if name != "similarity"}
    if episode.has("info") and isinstance(episode.info, Mapping):
        for name, values in episode.info.items():
            if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "biuf":
                shown[str(name)] = float(values[index])
    return shown


def _before_and_after(
    episode: EpisodeData, path: tuple[str, ...]
) -> tuple[np.ndarray, list[np.ndarray | None]]:
    """Return what was before and what was after each stored step; None where the latter was not recorded."""
    observation = _leaves(episode.observation)[path]
    count = len(episode.step)
    if not episode.row.last_observation_lost:
        return observation[:count], [np.asarray(state) for state in _leaves(episode.next_observation)[path]]
    # Without next_observation, only the very next step shows what a step led to.
    followed = np.append(np.diff(episode.step) == 1, False)
    return observation, [np.asarray(observation[i + 1]) if followed[i] else None for i in range(count)]


def step_pictures(episode: EpisodeData, steps: list[int] | None = None) -> list[StepVisualizationData]:
    """Return what a picture of each stored step needs to know.

    Args:
        episode: the episode.
        steps: positions among the stored steps; None for all.

    Raises:
        NotRecordedError: the level stored no steps.
    """
    path = _drawn_path(episode)
    before, after = _before_and_after(episode, path)
    similarity = episode.metrics.get("similarity")
    constants = episode.constants if episode.has("episode") else {}
    target = constants.get("target") if isinstance(constants, Mapping) else None
    action_tree = episode.action if episode.has("action") else {}
    count = len(episode.step)
    pictures = []
    for i in range(count) if steps is None else steps:
        frame, led_to = np.asarray(before[i]), after[i]
        action = _at(action_tree, i) if episode.has("action") else {}
        selection = action.get("selection") if isinstance(action, Mapping) else None
        is_mask = isinstance(selection, np.ndarray) and selection.shape == frame.shape
        last = int(episode.step[i]) == episode.row.total_steps - 1
        pictures.append(
            StepVisualizationData(
                step_num=int(episode.step[i]),
                before_grid=frame,
                after_grid=led_to,
                action=action if isinstance(action, Mapping) else {"action": action},
                reward=float(episode.reward[i]),
                info=_scalars_at(episode, i),
                selection_mask=selection if is_mask else None,
                changed_cells=None if led_to is None else np.asarray(frame != led_to),
                operation_name=operation_words(action),
                target_grid=target,
                total_steps=int(episode.row.total_steps),
                similarity=None if similarity is None else float(similarity[i]),
                title=_titled(episode_title(episode), path),
                ended=episode.row.ended if last else "",
                success=_success(episode) if last else None,
            )
        )
    return pictures


def _moments(episode: EpisodeData) -> list[int]:
    """Return the positions of the steps worth a small board: the first, the last, where it moved most."""
    count = len(episode.step)
    if count <= _MAX_MOMENTS:
        return list(range(count))
    similarity = episode.metrics.get("similarity")
    curve = np.cumsum(episode.reward, dtype=float) if similarity is None else similarity.astype(float)
    moved = np.abs(np.diff(curve, prepend=curve[:1]))
    ranked = np.argsort(-np.nan_to_num(moved), kind="stable")
    chosen = {0, count - 1, *ranked[: _MAX_MOMENTS - 2].tolist()}
    return sorted(chosen)


def episode_summary(episode: EpisodeData) -> EpisodeSummaryData:
    """Return what a picture of a whole episode needs to know.

    Raises:
        NotRecordedError: the level stored no steps.
    """
    positions = _moments(episode)
    moments = step_pictures(episode, positions)
    constants = episode.constants if episode.has("episode") else {}
    boards = constants if isinstance(constants, Mapping) else {}
    similarity = episode.metrics.get("similarity")
    title = f"task {episode.row.task_id}" if episode.row.task_id else str(episode.row.stream)
    return EpisodeSummaryData(
        episode_num=int(episode.row.episode),
        total_steps=int(episode.row.total_steps),
        total_reward=float(episode.row.total_reward),
        reward_progression=episode.reward.astype(float).tolist(),
        similarity_progression=[] if similarity is None else similarity.astype(float).tolist(),
        final_similarity=float(episode.row.get("similarity_last", float("nan"))),
        task_id=str(episode.row.task_id),
        success=_success(episode),
        key_moments=[moment.step_num for moment in moments],
        step_nums=episode.step.tolist(),
        moments=moments,
        input_grid=boards.get("input"),
        target_grid=boards.get("target"),
        ended=str(episode.row.ended),
        title=_titled(title, _drawn_path(episode)),
    )
