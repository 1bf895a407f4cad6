"""Tasks as a run stored them, ready to be drawn: no data set is needed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxarc.errors import DamagedFileError, NotRecordedError, RenderError, closest
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.task_pictures import TaskPair, TaskPictureData
from jaxarc.rendering.board import as_board
from jaxarc.replay import ReplaySystem
from jaxarc.storage import document_path

__all__ = ["demonstrations", "task_of_episode", "task_picture"]

_MOST_PAIRS = 1_000


def _board(cells: object) -> np.ndarray | None:
    """Return a board of a document, or None where there is none."""
    return None if cells is None else as_board(np.array(cells))


def _pairs(document: Mapping[str, Any], part: str) -> list[TaskPair]:
    found = document.get(part, [])
    if not isinstance(found, Sequence) or len(found) > _MOST_PAIRS:
        raise RenderError(f"{part} must be a list of at most {_MOST_PAIRS:,} pairs")
    pairs = []
    for pair in found:
        board = _board(pair.get("input")) if isinstance(pair, Mapping) else None
        if board is None:
            raise RenderError(f"a pair of {part} has no input")
        pairs.append(TaskPair(board, _board(pair.get("output"))))
    return pairs


def task_picture(
    run: ReplaySystem, task_id: str, *, show_test_output: bool = True, title: str = ""
) -> TaskPictureData:
    """Return what a picture of a task needs to know, from what the run stored of it.

    Args:
        run: the run that met the task.
        task_id: its name.
        show_test_output: whether the outputs of the test pairs may be seen.
        title: what stands above the picture.

    Raises:
        NotRecordedError: the run stored no document of such a task, or one that holds no pairs.
        DamagedFileError: the document cannot be read, or its pairs are no boards.
    """
    document = run.task(task_id)
    if document is None:
        known = sorted({str(row.task_id) for row in run.episodes() if row.task_id})
        raise NotRecordedError(
            f"run {run.name} stored no task {task_id!r}{closest(task_id, known)} Tasks are stored where the "
            f"recorder knows their contents: recorder.names(task=tasks.ids)"
        )
    try:
        train, test = _pairs(document, "train"), _pairs(document, "test")
    except (AttributeError, TypeError, ValueError) as error:
        raise DamagedFileError(
            document_path(run.run_dir, "tasks", task_id), f"holds no pairs of boards ({error})"
        ) from error
    if not train and not test:
        raise NotRecordedError(f"what run {run.name} stored of {task_id!r} holds no pairs (train, test)")
    return TaskPictureData(task_id, train, test, show_test_output=show_test_output, title=title)


def task_of_episode(
    run: ReplaySystem, episode: EpisodeData, *, show_test_output: bool = True
) -> TaskPictureData:
    """Return the task of an episode with the episode's last board beside the pair that it played.

    Without stored steps there is no last board, and without the label ``pair`` it is not known which pair was
    played: then the last board stands beside the first test pair.

    Raises:
        NotRecordedError: the episode has no task, or the run stored no document of it.
        DamagedFileError: the document cannot be read.
    """
    if not episode.row.task_id:
        raise NotRecordedError(f"episode {episode.row.episode} of run {run.name} has no task")
    title = f"{run.name} · episode {episode.row.episode}"
    data = task_picture(run, str(episode.row.task_id), show_test_output=show_test_output, title=title)
    total = len(data.train) + len(data.test)
    played = int(episode.row.get("pair", len(data.train)))
    last = _last_board(episode)
    if not 0 <= played < total or last is None:
        return data
    words = f"Episode {episode.row.episode}"
    return replace(data, played=played, last_board=last, last_board_words=words)


def demonstrations(run_dir: Path, task_id: str) -> tuple[TaskPair, ...]:
    """Return the demonstration pairs of a task; none where the run stored nothing that can be read of it."""
    try:
        return tuple(_pairs(json.loads(document_path(run_dir, "tasks", task_id).read_bytes()), "train"))
    except (OSError, AttributeError, TypeError, ValueError):
        return ()


def _last_board(episode: EpisodeData) -> np.ndarray | None:
    """Return the board that the episode's last stored step left, or None where there is none."""
    if not len(episode.step) or not episode.has("observation"):
        return None
    last = episode.steps_at([len(episode.step) - 1])
    states = last.observation if episode.row.last_observation_lost else last.next_observation
    state = np.asarray(states)[-1] if isinstance(states, np.ndarray) else None
    if state is None or state.ndim != 2 or state.dtype.kind not in "iu":
        return None
    return state
