"""Runs of hand-made segments, without a recorder or JAX, and everything that they hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from chunks import Recording, nameless

from jaxarc.config import CaptureConfig, EpisodeConfig
from jaxarc.pipeline import Assembler
from jaxarc.records.episode_data import EpisodeData
from jaxarc.replay import ReplaySystem
from jaxarc.storage import SteadyStore, keep_segments_open

__all__ = ["contents", "flat_contents", "segmented_run", "stored_contents"]


def segmented_run(
    root: Path,
    recording: Recording,
    borders: Sequence[int],
    selected: Sequence[int],
    *,
    ends: bool = True,
    storage: dict[str, Any] | None = None,
    **capture: Any,
) -> SteadyStore:
    """Assemble a recording and commit early after every chunk; return the store, its run still open.

    Args:
        root: where runs lie.
        recording: what was played.
        borders: where it is cut into chunks.
        selected: environments whose steps are stored.
        ends: end what is open as ``cut``, as close does.
        storage: keys of the group.
        **capture: keys of the group.
    """
    config = CaptureConfig(**{"level": "verbose", "envs": tuple(selected), **capture})
    assembler = Assembler(config, nameless)
    settings = EpisodeConfig(base_output_dir=str(root), **(storage or {}))
    store = SteadyStore(settings, lambda: {"created": 1.0, "config": {"storage": settings.to_dict()}}, 5.0)
    store.open()
    for chunk in recording.chunks(borders, selected):
        assembler.ingest(chunk)
        _commit(store, assembler, early=True)
    if ends:
        assembler.close_open()
        _commit(store, assembler, early=False)
    return store


def _commit(store: SteadyStore, assembler: Assembler, *, early: bool) -> None:
    pending = assembler.take(early=early)
    if pending:
        store.write_segment(pending)
    if pending.open is not None:
        store.write_open_rows(pending.open)


def contents(run_dir: Path) -> dict[tuple[int, int], dict[str, Any]]:
    """Return every row of a run, and everything that is stored of it, by writer and episode."""
    run = ReplaySystem(run_dir)
    assert run.problems == ()
    with keep_segments_open():
        return {(int(row.writer), int(row.episode)): flat_contents(run, row) for row in run.episodes()}


def flat_contents(run: ReplaySystem, row: Any) -> dict[str, Any]:
    """Return an episode's row and arrays as values that compare, dtypes and NaNs included."""
    rows: dict[str, Any] = {f"row/{name}": repr(row[name]) for name in row}
    return rows | stored_contents(run.load_episode(row))


def stored_contents(episode: EpisodeData) -> dict[str, Any]:
    """Return everything that is stored of a loaded episode, as values that compare."""
    found: dict[str, Any] = {}
    for source in episode._everything:
        kind = source.layout.kind
        arrays: dict[str, np.ndarray] = {"step": source.steps, "terminated": source.column("terminated")}
        for index, field in enumerate(source.layout.scalars):
            arrays[field.name] = source.scalar(index)
        before, after = source.observation_rows()
        for index, field in enumerate(source.layout.rows):
            if field.role == "observation":
                arrays[f"{field.name} before"] = source.observations(index, before)
                if (after >= 0).all():
                    arrays[f"{field.name} after"] = source.observations(index, after)
            elif field.role != "next_observation":
                arrays[field.name] = source.field(index)
        for name, values in arrays.items():
            key = f"{kind}/{name}"
            found.setdefault(key, []).append((str(values.dtype), values.shape[1:], values.tobytes()))
    return found
