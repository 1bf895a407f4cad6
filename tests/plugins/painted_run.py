"""A small run of hand-made boards, recorded from a plain Python loop: nothing is compiled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import jaxarc
from jaxarc.replay import ReplaySystem

__all__ = ["paint_episode", "record_painted_run"]

_SIDE = 4


def paint_episode(
    recorder: jaxarc.Recorder, length: int, *, solved: bool = True, observed: bool = True, **where: Any
) -> None:
    """Record an episode that fills a board cell by cell, one a step, with a constant target."""
    board = np.zeros((_SIDE, _SIDE), np.int8)
    target = np.full((_SIDE, _SIDE), 3, np.int8)
    with recorder.episode(constants={"target": target}, **where) as episode:
        for step in range(length):
            selection = np.zeros(board.shape, bool)
            selection[step // _SIDE % _SIDE, step % _SIDE] = True
            following = np.where(selection, np.int8(3 if step < _SIDE**2 else step % 10), board)
            last = step == length - 1
            episode.step(
                board if observed else None,
                {"operation": np.int32(3), "selection": selection},
                1.0,
                following if observed else None,
                terminated=last,
                success=last and solved,
                metrics={"similarity": float((following == target).mean())},
            )
            board = following


def record_painted_run(
    root: Path,
    lengths: Sequence[int] = (3, 5, 2),
    *,
    config: Mapping[str, Any] | None = None,
    live: Mapping[str, Any] | None = None,
) -> ReplaySystem:
    """Record one episode of each length, every step of it, and open the run; ``live`` draws meanwhile."""
    settings = {
        "capture": {"level": "verbose"},
        "storage": {"base_output_dir": str(root)},
        "visualization": {"live": live or {"enabled": False}, "report": False},
        **(config or {}),
    }
    with jaxarc.Recorder(settings) as recorder:
        for number, length in enumerate(lengths):
            paint_episode(recorder, length, task=f"task{number % 2}", solved=number % 2 == 0)
    assert recorder.run_dir is not None
    return jaxarc.open(recorder.run_dir)
