"""Small runs on disk, and ways to damage their files."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
from recording import config, light_step, read

from jaxarc import Recorder
from jaxarc.replay import ReplaySystem

__all__ = ["flip", "run_of_segments", "truncate"]


def run_of_segments(root: Path, num_segments: int = 3) -> ReplaySystem:
    """Record two environments, ten steps (two whole episodes each) a segment, which stay apart at close."""
    with Recorder(config(root, storage={"segment_bytes": 30_000})) as recorder:
        for segment in range(num_segments):
            for time in range(10):
                recorder.tap(light_step(jnp.array([0, 5]) + 10 * segment + time))
            recorder.flush()
    return read(recorder)


def truncate(path: Path, keep: float) -> None:
    """Cut the end off a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])


def flip(path: Path, position: int, mask: int = 0xFF) -> None:
    """Change one byte of a file."""
    content = bytearray(path.read_bytes())
    content[position] ^= mask
    path.write_bytes(bytes(content))
