"""A recorded run whose arrays have all the odd dtypes and shapes, and what they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from recording import config, read

from jaxarc import Recorder, Step
from jaxarc.replay import ReplaySystem

__all__ = ["assert_same_episodes", "leaves_by_path", "record_odd_run"]

LENGTH = 5
"""Steps of each of the two episodes that end; a third one is cut."""


def odd_steps() -> Step:
    """Return twelve steps: two episodes of five, and two steps of a third."""
    num_steps = 12
    time = jnp.arange(num_steps)

    def observed(now: jax.Array) -> dict[str, Any]:
        return {
            "board": (now[:, None, None] + jnp.arange(12).reshape(3, 4) - 1).astype(jnp.int8),
            "mask": (now[:, None] + jnp.arange(13)) % 3 == 0,
            "half": jnp.stack([now / 7, jnp.full(now.shape, jnp.nan)], 1).astype(jnp.bfloat16),
            "a/b": (jnp.uint32(2**32 - 1) - now.astype(jnp.uint32))[:, None],
            "seen": jnp.where(now == 2, jnp.inf, now / 3),
        }

    return Step(
        observation=observed(time),
        action={"operation": time.astype(jnp.int32), "selection": time[:, None, None] % 2 == jnp.eye(3)},
        reward=jnp.where(time == 1, jnp.nan, time / 4),
        terminated=time % LENGTH == LENGTH - 1,
        next_observation=observed(time + 1),
        success=time == 4,
        metrics={"m": jnp.where(time == 0, jnp.nan, time / 3), "count": time.astype(jnp.int16)},
        labels={"task": time // LENGTH, "seed": 40 + time // LENGTH},
        episode={"target": jnp.tile(jnp.arange(6, dtype=jnp.int8), (num_steps, 1)).reshape(num_steps, 2, 3)},
        info={
            "pair": (time.astype(jnp.complex64) * 1j, (time % 15 - 7).astype(jnp.int4)),
            "empty": jnp.zeros((num_steps, 0, 3)),
        },
        state={"key": jax.random.split(jax.random.key(0), num_steps), "time": time},
        key=jax.random.split(jax.random.key(1), num_steps),
    )


def record_odd_run(root: Path, **sections: dict[str, Any]) -> ReplaySystem:
    """Record the steps at level ``full``, with a journal."""
    capture = {"level": "full", "envs": 1, "journal": "selected"}
    with Recorder(config(root, "full", **{"capture": capture, **sections})) as recorder:
        recorder.names(task=["first", "second", "third"])
        recorder.record_rollout(odd_steps())
    assert recorder.health().errors == 0, recorder.health().first_error
    return read(recorder)


def leaves_by_path(tree: Any, path: str = "") -> dict[str, np.ndarray]:
    """Return the leaves of a tree of dicts and tuples by their paths."""
    if isinstance(tree, (dict, tuple)):
        items = tree.items() if isinstance(tree, dict) else enumerate(tree)
        return {
            name: leaf
            for key, below in items
            for name, leaf in leaves_by_path(below, f"{path}|{key}").items()
        }
    return {path: tree}


def assert_same_episodes(found: Any, expected: Any) -> None:
    """Compare two trees of arrays bit for bit."""
    mine, other = leaves_by_path(found), leaves_by_path(expected)
    assert list(mine) == list(other)
    for name, leaf in mine.items():
        assert leaf.dtype == other[name].dtype, name
        assert leaf.shape == other[name].shape, name
        assert leaf.tobytes() == other[name].tobytes(), name
