"""A run as a Minari dataset, written by Minari itself."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from gymnasium import spaces
from minari import __version__ as minari_version
from minari.data_collector.episode_buffer import EpisodeBuffer
from minari.dataset.minari_storage import MinariStorage

from jaxarc.errors import NotRecordedError
from jaxarc.export.dtypes import as_known_numbers
from jaxarc.export.episodes import episode_parts, seed_of, tree_leaves
from jaxarc.export.selection import Selection
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.table import EpisodeRow
from jaxarc.replay import ReplaySystem

__all__ = ["dataset_id", "write_minari"]

_IN_INFOS = ("metrics", "labels", "info", "state", "key", "success", "mark", "constants")


def dataset_id(run: ReplaySystem) -> str:
    """Return the name by which Minari knows the dataset: the run's, in letters that Minari allows."""
    return f"{re.sub(r'[^-_0-9A-Za-z]', '_', run.name)}-v0"


def write_minari(folder: Path, run: ReplaySystem, selection: Selection) -> None:
    """Write the complete episodes of a selection as ``folder/data``.

    Raises:
        NotRecordedError: no episode can be an episode of Minari's.
    """
    buffers = _buffers(selection)
    first = next(buffers, None)
    if first is None:
        reasons = "; ".join(f"{count}: {reason}" for reason, count in selection.left_out.items())
        raise NotRecordedError(
            f"no episode of {run.name} can be exported to Minari, which takes whole episodes with "
            f"observations and actions ({reasons or 'none is selected'})"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of environments that it could not make again
        storage = MinariStorage.new(
            (folder / "data").absolute(),  # Minari appends a relative path to itself
            observation_space=_space(first.observations),
            action_space=_space(first.actions),
            jpeg_encoding=False,
        )
        storage.update_metadata(
            {
                "dataset_id": dataset_id(run),
                "minari_version": minari_version,
                "description": f"Recorded with jaxarc in the run {run.name}.",
                "requirements": [],
                "jaxarc_run": str(run.info.get("run_id", run.name)),
            }
        )
        storage.update_episodes(_one_by_one(first, buffers))


def _one_by_one(first: EpisodeBuffer, others: Iterator[EpisodeBuffer]) -> Iterator[EpisodeBuffer]:
    yield first
    yield from others


def _buffers(selection: Selection) -> Iterator[EpisodeBuffer]:
    """Yield the episodes that Minari can hold; all have the leaves of the first."""
    signature: dict[str, Any] | None = None
    for row, episode in selection.episodes():
        steps = 0 if episode is None else len(episode.step)
        reason = _refused(row, episode)
        if reason or episode is None:
            selection.leave_out(reason, steps)
            continue
        parts = episode_parts(episode)
        observations, actions = _known(parts["observation"]), _known(parts["action"])
        found = {"observations": _signature(observations), "actions": _signature(actions)}
        signature = signature or found
        different = [part for part, leaves in found.items() if leaves != signature[part]]
        if different:
            selection.leave_out(f"its {' and '.join(different)} have other types or shapes", steps)
            continue
        yield EpisodeBuffer(
            seed=seed_of(row),
            observations=observations,
            actions=actions,
            rewards=_known(parts["reward"]),  # pyright: ignore[reportArgumentType] arrays do as well
            terminations=parts["terminated"],
            truncations=parts["truncated"],
            infos={name: _known(parts[name]) for name in _IN_INFOS if name in parts},
        )


def _refused(row: EpisodeRow, episode: EpisodeData | None) -> str:
    """Return why an episode can be none of Minari's, or nothing."""
    if episode is None:
        return "no steps of it are stored"
    if not (row.complete and episode.contiguous):
        return "it was cut, or only some of its steps are stored"
    if row.last_observation_lost:
        return "its last observation was lost: the program gave no next_observation"
    try:
        leaves = [*tree_leaves(episode.observation), *tree_leaves(episode.action)]
    except NotRecordedError:
        return "its observations or its actions were not recorded"
    if not all(leaf.size for _, leaf in leaves):
        return "a part of its observations or actions has no elements"
    return ""


def _signature(tree: Any) -> list[tuple[Any, str, tuple[int, ...]]]:
    return [(path, leaf.dtype.name, leaf.shape[1:]) for path, leaf in tree_leaves(tree)]


def _known(tree: Any) -> Any:
    """Return a tree in dtypes that Gymnasium and HDF5 have, its names fit for HDF5."""
    if isinstance(tree, dict):
        return {quote(str(key), safe=" ") or "%": _known(below) for key, below in tree.items()}
    if isinstance(tree, tuple):
        return tuple(_known(below) for below in tree)
    return as_known_numbers(tree)


def _space(tree: Any) -> spaces.Space[Any]:
    """Return the space of one step's value."""
    if isinstance(tree, dict):
        return spaces.Dict({key: _space(below) for key, below in tree.items()})
    if isinstance(tree, tuple):
        return spaces.Tuple([_space(below) for below in tree])
    shape, dtype = tree.shape[1:], tree.dtype
    if dtype.kind == "b":
        return spaces.MultiBinary(shape) if shape else spaces.Box(0, 1, (), np.int8)
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return spaces.Box(limits.min, limits.max, shape, dtype.type)
    return spaces.Box(-np.inf, np.inf, shape, dtype.type)
