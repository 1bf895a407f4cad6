"""A run of many short episodes, recorded quickly: ``python tests/plugins/long_run.py FOLDER 100000``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from jaxarc import Recorder, Step

__all__ = ["record_long_run"]

NUM_ENVS, STEPS_EACH = 100, 10
EPISODES_A_CALL = 10_000


def record_long_run(root: Path, num_episodes: int, side: int = 10) -> Path:
    """Record episodes of ten steps on boards, every step stored, with tasks and a metric; return the run.

    Args:
        root: where runs lie.
        num_episodes: how many, a multiple of 100.
        side: rows and columns of the boards.
    """
    rng = np.random.default_rng(0)
    config = {
        "capture": {"level": "verbose", "envs": NUM_ENVS},
        "storage": {"base_output_dir": str(root)},
        "visualization": {"live": {"enabled": False}},
    }
    with Recorder(config) as recorder:
        recorder.names(task=[f"task-{number:04d}" for number in range(400)])
        for first in range(0, num_episodes, EPISODES_A_CALL):
            count = min(EPISODES_A_CALL, num_episodes - first)
            shape = (count // NUM_ENVS * STEPS_EACH, NUM_ENVS)
            board = np.zeros((*shape, side, side), np.int8)
            board[..., 0, :] = rng.integers(0, 10, (*shape, side))
            time = np.arange(shape[0])[:, None] + np.zeros(shape, np.int64)
            recorder.record_rollout(
                Step(
                    observation=board,
                    next_observation=np.roll(board, -1, 0),
                    action=rng.integers(0, 35, shape).astype(np.int32),
                    reward=rng.normal(size=shape).astype(np.float32),
                    terminated=time % STEPS_EACH == STEPS_EACH - 1,
                    success=(rng.random(shape) < 0.2) & (time % STEPS_EACH == STEPS_EACH - 1),
                    metrics={"similarity": rng.random(shape).astype(np.float32)},
                    labels={"task": (time // STEPS_EACH * 7 + np.arange(NUM_ENVS)) % 400},
                )
            )
    assert recorder.run_dir is not None
    return recorder.run_dir


if __name__ == "__main__":
    print(record_long_run(Path(sys.argv[1]), int(sys.argv[2])))
