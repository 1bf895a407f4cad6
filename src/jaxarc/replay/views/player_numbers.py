"""What the player has a curve for: numbers of every step by name; and what was done, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.layout import numpy_dtype
from jaxarc.replay.views.pictures import PART_BYTES, operation_words

__all__ = ["player_actions", "player_series"]

_ACTION_ENTRIES = 8


def _leaves(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], np.ndarray]]:
    if isinstance(tree, Mapping):
        children = list(tree.items())
    elif isinstance(tree, (tuple, list)):
        children = list(enumerate(tree))
    else:
        yield path, np.asarray(tree)
        return
    for key, child in children:
        yield from _leaves(child, (*path, str(key)))


def player_actions(episode: EpisodeData) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """Return what was done in words, and as curves where it is real numbers."""
    if not len(episode.step) or not episode.has("action"):
        return (), {}
    tree = episode.action
    if isinstance(tree, Mapping) and {"operation", "selection"} <= set(tree):
        operations = np.asarray(tree["operation"]).tolist()
        words = {code: operation_words({"operation": code, "selection": 0}) for code in set(operations)}
        return tuple(words[code] for code in operations), {}
    said: list[list[str]] = []
    curves: dict[str, np.ndarray] = {}
    for path, values in _leaves(tree):
        name = ".".join(("action", *path))
        if values.ndim == 1 and values.dtype.kind in "biu":
            said.append([f"{name.removeprefix('action.')} {value}" for value in values.tolist()])
        elif values.ndim <= 2 and values.dtype.kind == "f" and values[0].size <= _ACTION_ENTRIES:
            entries = values.reshape(len(values), -1)
            for entry in range(entries.shape[1]):
                curves[f"{name} {entry}" if entries.shape[1] > 1 else name] = entries[:, entry]
    return tuple(", ".join(words) for words in zip(*said, strict=True)), curves


def _info_scalars(episode: EpisodeData) -> dict[tuple[str, ...], np.ndarray]:
    """Return the real scalars of ``info`` by path; what else it holds is read in parts, and let go."""
    fields = episode.fields("info") if episode.has("info") else ()
    if not any(field.shape == () for field in fields):
        return {}
    size = sum(field.size * numpy_dtype(field.dtype).itemsize for field in fields)
    count, room = len(episode.step), max(1, PART_BYTES // size)
    parts: dict[tuple[str, ...], list[np.ndarray]] = {}
    for start in range(0, count, room):
        view = episode if room >= count else episode.steps_at(np.arange(start, min(start + room, count)))
        for path, values in _leaves(view.info):
            if values.ndim == 1 and values.dtype.kind in "biuf":
                parts.setdefault(path, []).append(values)
    return {path: np.concatenate(values) for path, values in parts.items()}


def player_series(episode: EpisodeData) -> dict[str, np.ndarray]:
    """Return the numbers of every step: reward, then similarity, metrics and the scalars of info."""
    if not len(episode.step):
        return {}
    found = {"reward": episode.reward}
    metrics = episode.metrics
    found |= {name: metrics[name] for name in sorted(metrics, key=lambda name: (name != "similarity", name))}
    for path, values in _info_scalars(episode).items():
        name = ".".join(path)
        found[name if name and name not in found else ".".join(("info", *path))] = values
    return {name: np.asarray(values, np.float64) for name, values in found.items()}
