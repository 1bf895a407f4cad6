"""A run as a pickle: plain dicts of NumPy arrays, which load without us. We load no pickle."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxarc.export.episodes import episode_parts, plain_row
from jaxarc.export.selection import Selection
from jaxarc.replay import ReplaySystem

__all__ = ["write_pickle"]


class _Streamed:
    """Becomes a plain list in the pickle, whose items are made one at a time."""

    def __init__(self, items: Iterator[Any]):
        self._items = items

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (), None, self._items


def write_pickle(path: Path, run: ReplaySystem, selection: Selection) -> None:
    """Write ``{"run": …, "episodes": [{"row": …, "steps": …}]}``, with one episode in memory at a time."""
    episodes = (
        {"row": plain_row(row), "steps": {} if episode is None else episode_parts(episode)}
        for row, episode in selection.episodes()
    )
    with path.open("wb") as file:
        pickler = pickle.Pickler(file, protocol=5)
        pickler.fast = True  # it would keep every array until the end, to find repeated ones
        pickler.dump({"run": run.info, "episodes": _Streamed(episodes)})
