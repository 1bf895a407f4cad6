"""Episode rows made by hand, as a reader of a run sees them."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxarc.config import Config, EpisodeConfig
from jaxarc.records.events import Event
from jaxarc.records.steps import PendingSegment
from jaxarc.records.table import EpisodeTable, encode_text
from jaxarc.storage import RunStore

__all__ = ["make_rows", "run_of_rows"]


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


def run_of_rows(
    root: Path,
    table: EpisodeTable,
    *,
    status: str | None = "FINISHED",
    summary: dict[str, Any] | None = None,
    said: dict[str, Any] | None = None,
    events: Sequence[Event] = (),
    run_name: str | None = None,
) -> Path:
    """Write a run that has rows and no steps, as level ``minimal`` does; return its directory.

    Args:
        root: where it lies.
        table: its rows; those of ``make_rows`` with ``stored_steps`` 0.
        status: how it ends; None leaves it as a run whose process is gone.
        summary: what it counts at its end.
        said: what it says of itself at its start.
        events: what it says besides.
        run_name: begins its name.
    """
    config = EpisodeConfig(base_output_dir=str(root), run_name=run_name)
    about = {"created": 1_700_000_000.0, "level": "minimal", "config": Config().to_dict(), **(said or {})}
    if status is None:
        about |= {"pid": 2**22 + 1, "hostname": socket.gethostname()}
    store = RunStore(config, lambda: about, 0.0)
    run_dir = store.open()
    columns = {name: column for name, column in table.columns.items() if name not in ("writer", "attempt")}
    if len(table):
        store.write_segment(PendingSegment(EpisodeTable(columns), []))
    for event in events:
        store.append_event(event)
    if status is not None:
        counts = {"duration_s": 12.5, "losses": {}, "errors": 0, "episodes": len(table)}
        store.finish(status, counts | (summary or {}))
    return run_dir
