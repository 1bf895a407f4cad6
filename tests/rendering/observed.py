"""Observations like those of well-known environments, made by hand; ``t`` moves them on by a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from drawn_data import make_step

from jaxarc.records.pictures import StepVisualizationData

__all__ = ["OBSERVATIONS", "inventory", "make_observed_step", "minatar", "pong", "pong_stack", "screen"]

ROWS, COLUMNS = np.mgrid[0:64, 0:64] / 64.0


def pong(t: int) -> np.ndarray:
    """A grey screen of Pong, uint8[84 84]."""
    frame = np.full((84, 84), 87, np.uint8)
    frame[:14] = 52
    frame[2:10, 18:24], frame[2:10, 60:66] = 200, 236
    frame[14:16], frame[80:] = 236, 236
    left, right = 30 + 3 * t % 30, 60 - 2 * t % 30
    frame[left : left + 8, 8:10] = frame[right : right + 8, 74:76] = 148
    frame[30 + t : 32 + t, 20 + 4 * t : 22 + 4 * t] = 236
    return frame


def pong_stack(t: int) -> np.ndarray:
    """Four screens of Pong, the newest last, uint8[84 84 4]."""
    return np.stack([pong(t + i) for i in range(4)], axis=-1)


def screen(t: int) -> np.ndarray:
    """A coloured screen, uint8[64 64 3]."""
    image = np.empty((64, 64, 3), np.uint8)
    image[..., 0], image[..., 1], image[..., 2] = 40, ROWS * 120 + 60, COLUMNS * 80 + 40
    image[20 + t : 32 + t, 30:42] = (220, 60, 40)
    image[50:58, 8 + t : 16 + t] = (250, 220, 80)
    return image


def minatar(t: int) -> np.ndarray:
    """Breakout of MinAtar: paddle, ball, trail and bricks, float32[10 10 4] of zeros and ones."""
    planes = np.zeros((10, 10, 4), np.float32)
    planes[9, 4 + t % 3, 0] = planes[4 + t % 4, 5, 1] = planes[3 + t % 4, 5, 2] = 1
    planes[1:4, :, 3] = 1
    planes[3, 3 : 6 + t % 3, 3] = 0
    return planes


def minigrid(t: int) -> np.ndarray:
    """The view of a MiniGrid agent: object, colour and state of every cell, uint8[7 7 3]."""
    view = np.zeros((7, 7, 3), np.uint8)
    view[..., 0] = 1
    view[0] = view[:, 0] = (2, 5, 0)
    view[3, 4], view[5, 5], view[6, 3] = (5, 4, 0), (8, 1, 0), (10, 0, t % 4)
    return view


def crafter(t: int) -> np.ndarray:
    """A map of nineteen materials, int32[9 11]."""
    grid = np.random.default_rng(3).integers(0, 19, (9, 11)).astype(np.int32)
    grid[2, 2] = t % 4 + 10
    return grid


def field(t: int) -> np.ndarray:
    """A field that a partial differential equation moves, float32[64 64], of both signs."""
    waves = np.sin(6 * COLUMNS + t * 0.3) * np.cos(5 * ROWS - t * 0.2)
    return (waves * np.exp(-2 * ((COLUMNS - 0.5) ** 2 + (ROWS - 0.5) ** 2))).astype(np.float32)


def inventory(t: int) -> dict[str, Any]:
    """A map, what the agent carries, and the time."""
    return {
        "grid": crafter(t),
        "inventory": np.array([3, 0, 1 + t % 2, 9], np.int32),
        "time": np.float32(0.25 + t / 100),
    }


OBSERVATIONS = {
    "pong-stack": pong_stack,
    "pong": pong,
    "screen": screen,
    "minatar": minatar,
    "minigrid": minigrid,
    "crafter": crafter,
    "field": field,
}
"""From a name to the function that makes the observation at a step."""


def make_observed_step(observe: Callable[[int], Any], **changes: Any) -> StepVisualizationData:
    """Return a step from the observation at 0 to the one at 1."""
    before, after = observe(0), observe(1)
    fields: dict[str, Any] = {
        "before_grid": before,
        "after_grid": after,
        "action": {"action": np.int32(1)},
        "selection_mask": None,
        "changed_cells": before != after if isinstance(before, np.ndarray) else None,
        "operation_name": "",
        "target_grid": None,
        "similarity": None,
        "info": {},
    }
    return make_step(**(fields | changes))
