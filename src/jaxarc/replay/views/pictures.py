"""From recorded episodes to what a picture needs to know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from jaxarc.envs.operation_names import OPERATION_NAMES
from jaxarc.errors import RenderError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.layout import numpy_dtype
from jaxarc.records.pictures import StepVisualizationData
from jaxarc.rendering.leaves import changed_between, main_leaf, path_words, prominence
from jaxarc.rendering.plugin import Render, resolve_render, takes_state, with_render

__all__ = [
    "PART_BYTES",
    "bytes_of_a_step",
    "each_step_picture",
    "episode_title",
    "operation_words",
    "part_shown",
    "step_pictures",
]

PART_BYTES = 32_000_000
"""Bytes of recorded arrays that are read at once where nobody says how many: of longer episodes, parts."""


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


def _main_path(episode: EpisodeData) -> tuple[str, ...]:
    """Return which array of the observation is drawn large, and alone where there is room for one."""
    fields = {tuple(map(str, field.path)): field for field in episode.fields("observation")}
    if not fields:
        _ = episode.steps_at([]).observation  # says why there is none
        raise RenderError("the observation holds no array; record one as Step(observation=…)")
    return max(fields, key=lambda path: prominence(fields[path].shape, numpy_dtype(fields[path].dtype)))


def part_shown(episode: EpisodeData) -> str:
    """Return where in the observation the array is that a small picture shows; empty where it is all."""
    return path_words(("observation", *path)) if (path := _main_path(episode)) else ""


def _at(tree: Any, index: int) -> Any:
    if isinstance(tree, Mapping):
        return {key: _at(child, index) for key, child in tree.items()}
    if isinstance(tree, tuple):
        return tuple(_at(child, index) for child in tree)
    return np.asarray(tree[index])


def _scalars_at(metrics: Mapping[str, np.ndarray], info: Any, index: int, at: int) -> dict[str, float]:
    """Return the numbers of a step: metrics at ``index`` of the episode, scalars of ``info`` at ``at``."""
    shown = {name: float(values[index]) for name, values in metrics.items() if name != "similarity"}
    if isinstance(info, Mapping):
        for name, values in info.items():
            if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "biuf":
                shown[str(name)] = float(values[at])
    return shown


def bytes_of_a_step(episode: EpisodeData, drawn: str = "observation") -> int:
    """Return the bytes of arrays that are read for the picture of one step's observation or ``state``."""
    sizes = {
        role: sum(field.size * numpy_dtype(field.dtype).itemsize for field in episode.fields(role))
        for role in (drawn, "action", "info")
    }
    return sizes["action"] + sizes["info"] + 2 * sizes[drawn]


class _Part:
    """What is read of an episode at once: some of its stored steps, or all.

    Args:
        episode: the episode.
        positions: positions among its stored steps, ascending.
        role: what is drawn: ``observation`` or ``state``.
    """

    def __init__(self, episode: EpisodeData, positions: Sequence[int], role: str = "observation"):
        chosen = np.asarray(positions, np.int64)
        stored = episode.step
        self._lost = role == "state" or bool(episode.row.last_observation_lost)
        if self._lost:
            # Of what has no next_observation, only the very next step shows what a step led to.
            following = chosen + 1
            following = following[following < len(stored)]
            following = following[stored[following] == stored[following - 1] + 1]
            self._followed = set((following - 1).tolist())
            chosen = np.union1d(chosen, following)
        view = episode if len(chosen) == len(stored) else episode.steps_at(chosen)
        self._at = {position: at for at, position in enumerate(chosen.tolist())}
        self._before = view.state if role == "state" else view.observation
        self._after = None if self._lost else view.next_observation
        self._action = view.action if view.has("action") else None
        self.info = view.info if view.has("info") else None

    def at(self, position: int) -> int:
        """Return where a stored step lies in what was read."""
        return self._at[position]

    def before(self, position: int) -> Any:
        """Return what was observed before a stored step: an array, or a tree of them."""
        return _at(self._before, self._at[position])

    def after(self, position: int) -> Any:
        """Return what a stored step led to; None where that was not recorded."""
        if self._after is not None:
            return _at(self._after, self._at[position])
        return _at(self._before, self._at[position] + 1) if position in self._followed else None

    def action(self, position: int) -> Any:
        """Return what was done; an empty mapping where that was not recorded."""
        return {} if self._action is None else _at(self._action, self._at[position])


def each_step_picture(
    episode: EpisodeData,
    positions: Sequence[int] | None = None,
    *,
    max_bytes: float = PART_BYTES,
    render: str | Render | None = None,
) -> Iterator[StepVisualizationData]:
    """Yield what a picture of each stored step needs to know; arrays of a few steps are held at a time.

    Args:
        episode: the episode.
        positions: positions among the stored steps; None for all.
        max_bytes: the most bytes of arrays to read at once; one step is read in any case.
        render: a drawing function of the user's, or ``module:function``; where its parameter is called
            ``state`` and states were recorded, it is given those in place of observations.

    Raises:
        NotRecordedError: the level stored no steps, or no observations.
        RenderError: the drawing function cannot be imported, raised, or returned what cannot be drawn.
    """
    function = resolve_render(render)
    role = (
        "state" if function is not None and takes_state(function) and episode.has("state") else "observation"
    )
    if role == "observation":
        _main_path(episode)  # says where there is nothing to draw
    count = len(episode.step)
    chosen = list(range(count)) if positions is None else sorted({range(count)[i] for i in positions})
    room = max(1, int(max_bytes // max(1, bytes_of_a_step(episode, role))))
    similarity = episode.metrics.get("similarity")
    constants = episode.constants if episode.has("episode") else {}
    target = constants.get("target") if isinstance(constants, Mapping) else None
    title = episode_title(episode)
    for first in range(0, len(chosen), room):
        part = _Part(episode, chosen[first : first + room], role)
        for i in chosen[first : first + room]:
            frame, led_to, action = part.before(i), part.after(i), part.action(i)
            selection = action.get("selection") if isinstance(action, Mapping) else None
            is_mask = isinstance(selection, np.ndarray) and selection.shape == main_leaf(frame).shape
            last = int(episode.step[i]) == episode.row.total_steps - 1
            data = StepVisualizationData(
                step_num=int(episode.step[i]),
                before_grid=frame,
                after_grid=led_to,
                action=action if isinstance(action, Mapping) else {"action": action},
                reward=float(episode.reward[i]),
                info=_scalars_at(episode.metrics, part.info, i, part.at(i)),
                selection_mask=selection if is_mask else None,
                changed_cells=None if led_to is None else changed_between(frame, led_to),
                operation_name=operation_words(action),
                target_grid=target,
                total_steps=int(episode.row.total_steps),
                similarity=None if similarity is None else float(similarity[i]),
                title=title,
                ended=episode.row.ended if last else "",
                success=_success(episode) if last else None,
            )
            yield with_render(data, function)


def step_pictures(
    episode: EpisodeData, steps: Sequence[int] | None = None, *, render: str | Render | None = None
) -> list[StepVisualizationData]:
    """Return what a picture of each stored step needs to know.

    Args:
        episode: the episode.
        steps: positions among the stored steps; None for all.
        render: a drawing function of the user's, as in ``each_step_picture``.

    Raises:
        NotRecordedError: the level stored no steps, or no observations.
        RenderError: the drawing function fails.
    """
    return list(each_step_picture(episode, steps, render=render))
