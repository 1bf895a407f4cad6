"""A run of hand-made ARC episodes that each go wrong in a way of their own: nothing is compiled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import jaxarc
from jaxarc.envs.operation_names import OPERATION_NAMES, SUBMIT
from jaxarc.replay import ReplaySystem

__all__ = ["EPISODES", "NUMBERS", "board", "record_explained_run", "record_moves"]

TARGET = "110 110 000"
START = "000 000 000"


def board(text: str, size: int = 4) -> np.ndarray:
    """Return rows of digits as a padded board, int8[size size]."""
    rows = [[int(cell) for cell in row] for row in text.split()]
    cells = np.full((size, size), -1, np.int8)
    for at, row in enumerate(rows):
        cells[at, : len(row)] = row
    return cells


EPISODES: dict[str, tuple[str, Sequence[tuple[str, str]]]] = {
    # How it ends, and operations with the board that each leaves.
    "solved": ("terminated", [("Fill 1", "110 000 000"), ("Fill 1", TARGET), ("Submit", TARGET)]),
    "slow": (
        "terminated",
        [("Fill 1", TARGET), ("Move Up", TARGET), ("Move Up", TARGET), ("Copy", TARGET), ("Submit", TARGET)],
    ),
    "wrong": (
        "terminated",
        [("Fill 1", "110 000 000"), ("Fill 2", "112 000 000"), ("Submit", "112 000 000")],
    ),
    "silent": ("truncated", [("Fill 1", "100 000 000"), ("Copy", "100 000 000"), ("Copy", "100 000 000")]),
    "right": ("truncated", [("Fill 1", "110 110 000"), ("Clear", START), ("Fill 1", "110 000 000")]),
    "size": ("terminated", [("Resize", "00 00"), ("Submit", "00 00")]),
    "loop": ("truncated", [("Fill 1", "100 000 000"), ("Clear", START)] * 4),
    "late": (
        "truncated",
        [("Copy", START), ("Fill 1", "100 000 000"), ("Fill 1", "110 000 000"), ("Fill 1", "110 100 000")],
    ),
    "cut": ("cut", [("Fill 3", "300 000 000")]),
}

NUMBERS = {name: number for number, name in enumerate(EPISODES)}


def record_moves(
    recorder: jaxarc.Recorder, ended: str, moves: Sequence[tuple[str, str]], task: str, **options: Any
) -> None:
    """Record one episode of operations and the boards that they leave."""
    target, current = board(TARGET), board(START)
    with recorder.episode(task=task, constants={"target": target}, **options) as episode:
        for at, (name, text) in enumerate(moves):
            following = board(text)
            is_last = at == len(moves) - 1
            similarity = float(((following == target) & (target >= 0)).sum() / (target >= 0).sum())
            operation = OPERATION_NAMES.index(name)
            episode.step(
                current,
                {"operation": np.int32(operation), "selection": np.zeros(target.shape, bool)},
                similarity,
                following,
                terminated=is_last and ended == "terminated",
                truncated=is_last and ended == "truncated",
                success=is_last and operation == SUBMIT and similarity == 1.0,
                metrics={"similarity": similarity},
            )
            current = following


def record_explained_run(root: Path, **capture: Any) -> ReplaySystem:
    """Record the episodes in their order, and open the run."""
    settings = {
        "capture": {"level": "verbose", **capture},
        "storage": {"base_output_dir": str(root)},
        "visualization": {"live": {"enabled": False}, "report": False},
    }
    with jaxarc.Recorder(settings) as recorder:
        for name, (ended, moves) in EPISODES.items():
            record_moves(recorder, ended, moves, task="a" if name in ("solved", "silent", "loop") else "b")
    assert recorder.run_dir is not None
    return jaxarc.open(recorder.run_dir)
