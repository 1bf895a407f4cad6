"""Whole runs to draw, made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxarc.records.run_pictures import HeatStrip, RunPictureData, SlotCurve, StreamPicture

__all__ = ["make_run", "make_stream"]


def _curve(mean: np.ndarray, width: np.ndarray) -> SlotCurve:
    return SlotCurve(mean, mean - width, mean + width)


def make_stream(num_slots: int = 24, num_rows: int = 5, **changes: Any) -> StreamPicture:
    """Return a stream that gets better slot by slot, with any field replaced."""
    slots = np.arange(num_slots, dtype=float)
    learnt = 1 - np.exp(-slots / 8)
    wave = np.sin(slots * 1.7) * 0.05
    rows = np.arange(num_rows)[:, None]
    values = (learnt[None] - rows / 12 + np.sin(slots[None] + rows) * 0.1).clip(0, 1)
    values[(slots[None] + rows) % 7 == 3] = np.nan
    fields: dict[str, Any] = {
        "stream": "train",
        "slot_steps": 5_000,
        "episodes": np.full(num_slots, 40),
        "at": slots * 5_000 + 2_600,
        "returns": _curve(learnt * 12 - 2 + wave * 20, np.full(num_slots, 0.8)),
        "success": _curve((learnt * 0.9 + wave).clip(0, 1), np.full(num_slots, 0.05)),
        "lengths": _curve(60 - learnt * 40, np.full(num_slots, 4.0)),
        "band": "range",
        "num_members": 4,
        "strip": HeatStrip([f"task {row}" for row in range(num_rows)], "task", values, "success rate"),
    }
    return StreamPicture(**(fields | changes))


def make_run(*streams: StreamPicture, **changes: Any) -> RunPictureData:
    """Return a run of these streams, with any field replaced."""
    episodes = sum(stream.num_episodes for stream in streams)
    fields: dict[str, Any] = {
        "name": "20260101-120000-abcdef",
        "status": "FINISHED",
        "streams": streams,
        "num_episodes": episodes,
        "env_steps": 120_000,
        "num_solved": episodes // 2,
    }
    return RunPictureData(**(fields | changes))
