"""How long it takes to verify the episodes of a run, side by side and one by one.

A run of episodes of real ARC tasks is recorded with a journal, then verified by ``verify_all`` and, as the
baseline, by ``verify`` for one episode after the other. Every round makes the environment anew, so that it
compiles; ``again`` is a second call with the programs that are there. The two take turns. Seconds of the
clock and of the processor, both medians over the rounds. Run it with

    python benchmarks/verify.py --out benchmarks/results/verify.json
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jaxarc
from jaxarc.bench.machine import commit, machine
from jaxarc.envs import Rollout, make_policy
from jaxarc.replay import ReplaySystem
from jaxarc.storage import keep_segments_open

NUM_ENVS, LENGTH = 50, 50
SUBMIT = 34


def make_env() -> jaxarc.ArcEnv:
    """Return real tasks whose episodes all have the same length: nobody submits."""
    tasks = jaxarc.load_tasks("arc-agi-1", "training")
    return jaxarc.ArcEnv(tasks, max_episode_steps=LENGTH, allowed_operations=range(SUBMIT))


def record(root: str, num_episodes: int) -> ReplaySystem:
    """Record the run."""
    config = {
        "capture": {"level": "minimal", "journal": "all"},
        "storage": {"base_output_dir": root},
        "visualization": {"live": {"enabled": False}},
    }
    env = make_env()
    with jaxarc.Recorder(config) as recorder:
        recorder.names(task=env.tasks.ids)
        rollout = Rollout(
            jaxarc.AutoReset(env),
            make_policy("painter"),
            num_envs=NUM_ENVS,
            steps_per_call=LENGTH,
            seed=3,
            scan=recorder.scan,
        )
        for _ in range(-(-num_episodes // NUM_ENVS)):
            rollout.play()
    assert recorder.run_dir is not None
    return ReplaySystem(recorder.run_dir)


def timed(act: Callable[[], Any]) -> tuple[float, float]:
    """Return seconds of the clock and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    assert act()
    return time.perf_counter() - clock, time.process_time() - processor


def one_by_one(run: ReplaySystem, env: jaxarc.ArcEnv, num_episodes: int) -> bool:
    """Verify as `verify_all` did before it was batched."""
    with keep_segments_open():
        return all(run.verify(row, env) for row in run.episodes(limit=num_episodes))


def measure(num_episodes: int, rounds: int) -> dict[str, Any]:
    """Return the figures of all three."""
    seconds: dict[str, list[tuple[float, float]]] = {"side by side": [], "again": [], "one by one": []}
    peak = 0
    with tempfile.TemporaryDirectory() as root:
        run = record(root, num_episodes)
        for _ in range(rounds):
            env = make_env()
            for name in ("side by side", "again"):
                seconds[name].append(timed(lambda env=env: run.verify_all(env, limit=num_episodes)))
            if not seconds["one by one"]:
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            env = make_env()
            seconds["one by one"].append(timed(lambda env=env: one_by_one(run, env, num_episodes)))
    return {
        "episodes": num_episodes,
        "steps": num_episodes * LENGTH,
        "rounds": rounds,
        "peak_mb_side_by_side": round(peak / 1024),
        "seconds": {
            name: {
                "clock": round(statistics.median(clock for clock, _ in found), 2),
                "processor": round(statistics.median(processor for _, processor in found), 2),
            }
            for name, found in seconds.items()
        },
    }


def main() -> None:
    """Measure, print, and write the figures where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--episodes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = {"machine": machine(), "commit": commit(), **measure(options.episodes, options.rounds)}
    print(json.dumps(found, indent=2))
    if options.out is not None:
        options.out.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
