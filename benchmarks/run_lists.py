"""How long it takes to list, choose and sort a thousand runs by their params and metrics.

Each run has an event file of its own, with params and the series of a few metrics. Timed are the first list,
which reads every event, and later ones, which read what is kept of each run. The baseline parses every line
of every event file with json.loads and keeps the last value of each key, and nothing else. CPU time of this
process; later lists and the baseline alternate, the first list is made anew three times.

    python benchmarks/run_lists.py --out benchmarks/results
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jaxarc.records.experiment_events import MetricBatch, Param
from jaxarc.replay.experiment_glance import GLANCE_FILE
from jaxarc.replay.query import sort_order, where_mask
from jaxarc.replay.run_list import run_table
from jaxarc.storage import find_runs
from jaxarc.storage.event_log import EventLog
from jaxarc.storage.run_directory import write_run_file

NUM_PARAMS, NUM_METRICS = 20, 4


def make_run(run_dir: Path, number: int, num_steps: int) -> None:
    """Write a run that says a little of itself."""
    for folder in ("events", "steps"):
        (run_dir / folder).mkdir(parents=True)
    log = EventLog(run_dir / "events" / "p000-000001.jsonl", "p000")
    for name in range(NUM_PARAMS):
        log.append(Param(key=f"group.param{name}", value=number * name / 7).event())
    for step in range(num_steps):
        values = {f"train/metric{name}": (number + name) / (step + 1) for name in range(NUM_METRICS)}
        log.append(MetricBatch(metrics=values, step=step).event())
    log.close()
    said = {"run_id": run_dir.name, "experiment": run_dir.parent.name, "created": 1e9 + number}
    write_run_file(run_dir, {**said, "status": "FINISHED", "writer": "p000", "episodes": 0})


def listed(root: Path) -> int:
    """Find the runs, choose and sort them; return how many there are."""
    runs = find_runs(root)
    table = run_table(runs, with_experiments=True)
    chosen = table.take(where_mask("`metrics.train/metric0` > 1 and params.group.param3 > 2", table))
    return len(sort_order("-`metrics.train/metric1`", chosen, 20)) and len(runs)


def parsed(root: Path) -> int:
    """Parse every event; return how many runs there are."""
    runs = find_runs(root)
    last: list[dict[str, Any]] = []
    for run_dir in runs:
        found: dict[str, Any] = {}
        for path in (run_dir / "events").glob("*.jsonl"):
            for line in path.read_bytes().splitlines():
                said = json.loads(line)["p"]
                found |= said.get("metrics") or {said["key"]: said["value"]}
        last.append(found)
    return len(last)


def cpu_s(work: Callable[[], int], expected: int) -> float:
    """Return the processor seconds that some work takes."""
    start = time.process_time()
    assert work() == expected
    return time.process_time() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1_000)
    parser.add_argument("--steps", type=int, default=100, help="logged steps of each run")
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--out", type=Path, help="a folder for run_lists.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="jaxarc-lists-") as folder:
        root = Path(folder)
        for number in range(options.runs):
            make_run(root / f"experiment{number % 10}" / f"run-{number:05d}", number, options.steps)
        first, later, baseline = [], [], []
        for _ in range(3):
            for kept in root.glob(f"*/*/{GLANCE_FILE}"):
                kept.unlink()
            first.append(cpu_s(lambda: listed(root), options.runs))
        for _ in range(options.pairs):
            later.append(cpu_s(lambda: listed(root), options.runs))
            baseline.append(cpu_s(lambda: parsed(root), options.runs))
    medians = {
        "first list": statistics.median(first),
        "later lists": statistics.median(later),
        "json.loads of every event": statistics.median(baseline),
    }
    print(f"{options.runs:,} runs of {NUM_PARAMS} params and {options.steps} steps of {NUM_METRICS} metrics")
    for name, seconds in medians.items():
        print(f"  {name:<28}{seconds:8.3f} s")
    if options.out is not None:
        document = {
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "machine": platform.machine(),
            "runs": options.runs,
            "steps": options.steps,
            "pairs": options.pairs,
            "cpu_s": medians,
        }
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "run_lists.json").write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
