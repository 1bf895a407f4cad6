"""A small recorded run of real ARC tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jaxarc
from jaxarc.envs import Rollout, make_policy
from jaxarc.replay import ReplaySystem

__all__ = ["TASK_IDS", "record_arc_run"]

TASK_IDS = ("25d8a9c8", "d037b0a7")


def record_arc_run(root: Path, *, live: bool = False, num_steps: int = 24, **capture: Any) -> ReplaySystem:
    """Play two tasks in two environments with the painter, record every step, and open the run."""
    tasks = jaxarc.load_tasks("arc-agi-1", "training", ids=TASK_IDS)
    env = jaxarc.AutoReset(jaxarc.ArcEnv(tasks, max_episode_steps=8))
    config = {
        "capture": {"level": "verbose", "envs": 2, **capture},
        "storage": {"base_output_dir": str(root)},
        "visualization": {"live": {"enabled": live}},
    }
    with jaxarc.Recorder(config) as recorder:
        recorder.names(task=tasks.ids)
        Rollout(
            env, make_policy("painter"), num_envs=2, steps_per_call=num_steps, seed=3, scan=recorder.scan
        ).play()
    assert recorder.run_dir is not None
    return jaxarc.open(recorder.run_dir)
