"""Pins and notes where a run is read: the columns ``pinned`` and ``notes``, and what a page shows of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxarc.records.lazy_columns import LazyColumns
from jaxarc.storage import Annotations

__all__ = ["annotated", "page_annotations"]

_ASKED = re.compile(r"\b(?:pinned|notes)\b")
_STRIDE = 1 << 48


def annotated(
    columns: Mapping[str, np.ndarray], annotations: Annotations, asked: str = ""
) -> Mapping[str, np.ndarray]:
    """Return columns of episodes with ``pinned`` (bool) and ``notes`` (how many), where that says something.

    A run that nobody added anything to has them only where an expression asks for them.

    Args:
        columns: the columns, ``writer`` and ``episode`` among them.
        annotations: the pins and notes.
        asked: the expressions that the columns are for.
    """
    pinned = annotations.pinned()
    counts = Counter(
        note.writer * _STRIDE + note.episode
        for note in annotations.notes()
        if note.writer is not None and note.episode is not None
    )
    if not (pinned or counts or _ASKED.search(asked)) or {"pinned", "notes"} & set(columns):
        return columns
    keys = np.asarray(columns["writer"], np.int64) * _STRIDE + columns["episode"]
    noted = np.zeros(len(keys), np.int64)
    if counts:
        known, numbers = (np.array(part, np.int64) for part in zip(*sorted(counts.items()), strict=True))
        place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
        noted = np.where(known[place] == keys, numbers[place], 0)
    added = {
        "pinned": np.isin(keys, [writer * _STRIDE + episode for writer, episode in pinned]),
        "notes": noted,
    }
    if isinstance(columns, LazyColumns):
        joined = LazyColumns(columns)
        for name, column in added.items():
            joined[name] = column
        return joined
    return {**columns, **added}


def page_annotations(run_dirs: Iterable[Path]) -> dict[str, Any]:
    """Return ``remarks`` and ``pinned`` for a page of episodes of some runs, by run, writer and episode."""
    remarks: dict[tuple[Path | None, int, int], list[tuple[int | None, str]]] = {}
    pinned: set[tuple[Path | None, int, int]] = set()
    for run_dir in dict.fromkeys(run_dirs):
        annotations = Annotations(run_dir)
        for note in annotations.notes():
            if note.writer is not None and note.episode is not None:
                remarks.setdefault((run_dir, note.writer, note.episode), []).append((note.step, note.text))
        pinned |= {(run_dir, writer, episode) for writer, episode in annotations.pinned()}
    return {"remarks": remarks, "pinned": pinned}
