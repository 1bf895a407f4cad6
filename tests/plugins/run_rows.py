"""Episode rows made by hand, as a reader of a run sees them."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxarc.records.table import EpisodeTable, encode_text

__all__ = ["make_rows"]


def make_rows(count: int, seed: int = 0, **changes: Any) -> EpisodeTable:
    """Return rows of episodes that get better with time, two tasks in four environments.

    Args:
        count: how many.
        seed: of the numbers drawn by lot.
        **changes: columns to replace; text as a list of ``str``.
    """
    rng = np.random.default_rng(seed)
    number = np.arange(count)
    steps = rng.integers(1, 40, count)
    end = np.cumsum(steps)
    success = rng.random(count) < number / max(count, 1)
    columns: dict[str, Any] = {
        "episode": number,
        "uid": number,
        "stream": ["train"] * count,
        "member": np.zeros(count, np.int32),
        "env_id": (number % 4).astype(np.int32),
        "update": np.full(count, -1),
        "task_id": [f"task{n % 2}" for n in range(count)],
        "total_steps": steps,
        "total_reward": np.where(success, 1.0, 0.0) - steps / 100,
        "success": success,
        "ended": ["terminated"] * count,
        "start_step": end - steps,
        "end_step": end,
        "start_time": 1000.0 + (end - steps) / 10,
        "end_time": 1000.0 + end / 10,
        "stored_steps": np.where(number % 3 == 0, steps, 0),
        "complete": number % 3 == 0,
        "last_observation_lost": np.zeros(count, bool),
        "writer": np.zeros(count, np.int32),
        "attempt": np.ones(count, np.int32),
    }
    columns |= changes
    return EpisodeTable(
        {
            name: encode_text(values) if isinstance(values, list) else np.asarray(values)
            for name, values in columns.items()
        }
    )
