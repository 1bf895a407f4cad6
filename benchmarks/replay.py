"""How long it takes to ask a run of 100,000 episodes: from the shell, and in Python.

Every episode has stored steps, a million in all, of the kind that `examples/ppo.py` records: small boards, an
action, a reward, a similarity. From the shell a question is a process that begins cold, with the files in the
page cache; the baselines are what any reader of such files pays before its first line, in the same rounds. In
Python a question begins with a run that is opened anew; its baseline is a loop over loaded episodes.

    python benchmarks/replay.py --folder /tmp/runs --out benchmarks/results
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

import jaxarc
from jaxarc import Recorder, Step

NUM_EPISODES, EPISODE_STEPS, NUM_ENVS, SIZE, NUM_TASKS = 100_000, 10, 500, 5, 100
SHOWN = 77_777
LOOPED = 1_000
"""Episodes that the loop loads: all of them would take minutes."""

SHELL_TARGET_MS = 300.0
PACKAGES = ("numpy", "h5py", "jaxarc-toolkit")


def record_run(folder: Path) -> Path:
    """Record the episodes; return the run."""
    rng = np.random.default_rng(0)
    config = {
        "capture": {"level": "verbose", "envs": NUM_ENVS},
        "storage": {"base_output_dir": str(folder)},
        "visualization": {"live": {"enabled": False}},
    }
    with Recorder(config) as recorder:
        recorder.names(task=[f"task-{number:03d}" for number in range(NUM_TASKS)])
        for update in range(NUM_EPISODES // NUM_ENVS):
            recorder.record_rollout(rollout(rng), update=update)
    assert recorder.run_dir is not None
    return recorder.run_dir


def rollout(rng: np.random.Generator) -> Step:
    """Return one episode of every environment: a cell is painted in each step, the last one submits."""
    shape = (EPISODE_STEPS, NUM_ENVS)
    target = rng.integers(0, 10, (NUM_ENVS, SIZE, SIZE)).astype(np.int8)
    board = np.zeros((EPISODE_STEPS + 1, NUM_ENVS, SIZE, SIZE), np.int8)
    selection = np.zeros((*shape, SIZE, SIZE), bool)
    envs = np.arange(NUM_ENVS)
    for step in range(EPISODE_STEPS):
        row, column = rng.integers(0, SIZE, (2, NUM_ENVS))
        board[step + 1] = board[step]
        board[step + 1][envs, row, column] = target[envs, row, column]
        selection[step, envs, row, column] = True
    similarity = (board[1:] == target).mean((-1, -2)).astype(np.float32)
    last = np.broadcast_to(np.arange(EPISODE_STEPS)[:, None] == EPISODE_STEPS - 1, shape)
    task = np.broadcast_to(rng.integers(0, NUM_TASKS, NUM_ENVS).astype(np.int32), shape)
    return Step(
        observation=board[:-1],
        next_observation=board[1:],
        action={"operation": rng.integers(0, 10, shape).astype(np.int32), "selection": selection},
        reward=np.diff(similarity, axis=0, prepend=0.0).astype(np.float32),
        terminated=last,
        success=last & (similarity > 0.5),
        metrics={"similarity": similarity},
        labels={"task": task},
        episode={"target": np.broadcast_to(target, (EPISODE_STEPS, *target.shape))},
    )


def in_the_shell(run_dir: Path) -> dict[str, list[str]]:
    """Return the commands that are timed, each in a process of its own."""
    command = [sys.executable, "-m", "jaxarc"]
    return {
        f"jaxarc show RUN {SHOWN}": [*command, "show", str(run_dir), str(SHOWN), "--max-steps", "2"],
        "jaxarc ls RUN --where": [*command, "ls", str(run_dir), "--where", "success", "--limit", "20"],
        "jaxarc --version": [*command, "--version"],
        "python -c 'import h5py, numpy'": [sys.executable, "-c", "import h5py, numpy"],
        "python -c 'import jax'": [sys.executable, "-c", "import jax"],
        "python -c pass": [sys.executable, "-c", "pass"],
    }


def in_python(run_dir: Path, folder: Path) -> dict[str, Callable[[], Any]]:
    """Return the questions, each asked of a run that is opened anew."""

    def opened() -> Any:
        return jaxarc.open(run_dir)

    def looped() -> int:
        run, found = opened(), 0
        for row in run.episodes(f"episode < {LOOPED}"):
            found += int((run.load_episode(row).reward > 0.05).sum())
        return found

    def saved() -> Any:
        return opened().load_episode(SHOWN).save_html(folder / "episode.html")

    return {
        "open": opened,
        "open and load an episode": lambda: opened().load_episode(SHOWN).observation,
        "episodes(where)": lambda: list(opened().episodes("success and total_reward > 0.6", limit=20)),
        "steps(where), all": lambda: opened().steps("reward > 0.05 and similarity > 0.6", limit=20),
        f"steps(where), {LOOPED} episodes": lambda: opened().steps(f"episode < {LOOPED} and reward > 0.05"),
        f"a loop over {LOOPED} loaded episodes": looped,
        "tasks()": lambda: opened().tasks(),
        "explain()": lambda: opened().explain(SHOWN),
        "save_html of an episode": saved,
    }


def measured(run_dir: Path, folder: Path, rounds: int) -> list[dict[str, Any]]:
    """Time every question, print the table, return its rows."""
    shell, python = in_the_shell(run_dir), in_python(run_dir, folder)
    # As installed: sources were compiled once, in the round that warms the page cache.
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    seconds: dict[str, list[float]] = {name: [] for name in (*shell, *python)}
    worked: dict[str, list[float]] = {name: [] for name in seconds}
    for turn in range(1 + rounds):
        for name, found in seconds.items():
            began, before = time.perf_counter(), cpu_s()
            if name in shell:
                subprocess.run(shell[name], check=True, stdout=subprocess.DEVNULL, env=environment)
            else:
                python[name]()
            if turn:
                found.append(time.perf_counter() - began)
                worked[name].append(cpu_s() - before)
    print(f"{'ms':<44}{'median':>10}{'least':>10}{'cpu':>10}")
    for name, found in seconds.items():
        ms = [
            1e3 * value for value in (statistics.median(found), min(found), statistics.median(worked[name]))
        ]
        print(f"{name:<44}" + "".join(f"{value:>10,.1f}" for value in ms))
    shown_ms = 1e3 * statistics.median(seconds[f"jaxarc show RUN {SHOWN}"])
    if shown_ms > SHELL_TARGET_MS:
        print(f"jaxarc show: {shown_ms:,.0f} ms; target {SHELL_TARGET_MS:,.0f}: missed")
    return [
        {
            "question": name,
            "where": "shell" if name in shell else "python",
            "median_ms": 1e3 * statistics.median(found),
            "median_cpu_ms": 1e3 * statistics.median(worked[name]),
            "s": found,
        }
        for name, found in seconds.items()
    ]


def cpu_s() -> float:
    """Return the processor time of this process and of those that it waited for: a busy machine adds none."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def commit() -> str:
    """Return the commit of this checkout, with a plus where files differ from it."""
    git = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    return subprocess.run(git, capture_output=True, text=True, cwd=Path(__file__).parent).stdout.strip()


def prepared(folder: Path) -> Path:
    """Return the run; made once for a folder."""
    ready = folder / "ready"
    if not ready.is_file():
        ready.write_text(str(record_run(folder)))
    run_dir = Path(ready.read_text())
    run = jaxarc.open(run_dir)
    if len(run) != NUM_EPISODES or run.problems:
        raise SystemExit(f"{run_dir} was made by another version of this benchmark; remove it")
    return run_dir


def main() -> None:
    """Measure, print a table and write JSON."""
    parser = argparse.ArgumentParser(description="Measure questions about a run of 100,000 episodes.")
    parser.add_argument("--rounds", type=int, default=9, help="timings of each question, interleaved")
    parser.add_argument("--folder", type=Path, help="where the run lies; a temporary folder by default")
    parser.add_argument("--out", type=Path, help="folder for the JSON result")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        run_dir = prepared(folder)
        results = measured(run_dir, Path(temporary), arguments.rounds)
        stored = sum(path.stat().st_size for path in (run_dir / "steps").iterdir())
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        report = {
            "benchmark": "replay",
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": commit(),
            "device": platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "versions": {"python": platform.python_version(), **{p: metadata.version(p) for p in PACKAGES}},
            "num_episodes": NUM_EPISODES,
            "num_steps": NUM_EPISODES * EPISODE_STEPS,
            "steps_bytes": stored,
            "results": results,
        }
        (arguments.out / "replay.json").write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
