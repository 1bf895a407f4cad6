"""What it costs the training thread to log three metrics.

Each variant logs the same three numbers. Between two calls the thread sleeps for a moment, as it waits for a
compiled program in training: what is measured is the call alone. ``in a row`` is the same without the pause,
where the writer thread competes for the interpreter. The baselines are an empty call, one line of JSON that
is written and flushed by the caller, and the tools that people log to.

    python benchmarks/tracking.py --out benchmarks/results
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from jaxarc import ExperimentTracker
from jaxarc.config import Config, EpisodeConfig

CALLS, ROUNDS, PAUSE_S = 200, 9, 0.0005
SLOW_CALLS = 20
"""Calls of a tool that takes milliseconds for each."""

TARGET_US = 20.0
PACKAGES = ("jaxarc-toolkit", "numpy", "wandb", "mlflow-skinny")

Log = Callable[[dict[str, Any], int], object]


@contextmanager
def nothing(_: Path) -> Iterator[Log]:
    """Yield a call that does nothing."""
    yield lambda metrics, step: None


@contextmanager
def json_lines(folder: Path) -> Iterator[Log]:
    """Yield what writes a line and flushes it."""
    with (folder / "naive.jsonl").open("a") as file:

        def log(metrics: dict[str, Any], step: int) -> None:
            file.write(json.dumps({"step": step, **metrics}) + "\n")
            file.flush()

        yield log


@contextmanager
def tracker(folder: Path) -> Iterator[Log]:
    """Yield the call of an ExperimentTracker."""
    config = Config(storage=EpisodeConfig(base_output_dir=str(folder / "runs")))
    with ExperimentTracker(config) as found:
        yield lambda metrics, step: found.log_metrics(metrics, step=step)


@contextmanager
def wandb_offline(folder: Path) -> Iterator[Log]:
    """Yield the call of an offline run of Weights & Biases."""
    os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true")
    import wandb

    run = wandb.init(project="benchmark", dir=str(folder))
    yield lambda metrics, step: run.log(metrics)
    run.finish()


@contextmanager
def mlflow_sqlite(folder: Path) -> Iterator[Log]:
    """Yield the call of MLflow's client over an SQLite store."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    with mlflow.start_run():
        yield lambda metrics, step: mlflow.log_metrics(metrics, step=step)


VARIANTS: dict[str, tuple[Callable[[Path], Any], int]] = {
    "no call": (nothing, CALLS),
    "jaxarc": (tracker, CALLS),
    "a line of JSON, flushed": (json_lines, CALLS),
    "wandb, offline": (wandb_offline, CALLS),
    "mlflow, SQLite": (mlflow_sqlite, SLOW_CALLS),
}


def numbers(kind: str) -> list[dict[str, Any]]:
    """Return three metrics as numbers of Python or of JAX, a few times over."""
    plain = [{"loss": 0.1 * n, "accuracy": 0.5, "entropy": 1.5} for n in range(8)]
    if kind == "python":
        return plain
    import jax.numpy as jnp

    return [{name: jnp.float32(value) for name, value in each.items()} for each in plain]


def timed(log: Log, metrics: list[dict[str, Any]], calls: int, pause_s: float) -> list[float]:
    """Return microseconds of each call."""
    found = []
    for step in range(calls):
        given = metrics[step % len(metrics)]
        began = time.perf_counter_ns()
        log(given, step)
        found.append((time.perf_counter_ns() - began) / 1e3)
        if pause_s:
            time.sleep(pause_s)
    return found


def measure(folder: Path, rounds: int, chosen: list[str]) -> list[dict[str, Any]]:
    """Return a row a variant: microseconds a call, the rounds of all variants interleaved."""
    cases = [(name, kind, pause) for name in chosen for kind, pause in (("python", PAUSE_S), ("python", 0.0))]
    cases += [("jaxarc", "jax", PAUSE_S)] if "jaxarc" in chosen else []
    taken: dict[tuple[str, str, float], list[list[float]]] = {case: [] for case in cases}
    cpu: dict[tuple[str, str, float], list[float]] = {case: [] for case in cases}
    with ExitStack() as stack:
        logs = {name: stack.enter_context(VARIANTS[name][0](folder)) for name in chosen}
        given = {kind: numbers(kind) for kind in {kind for _, kind, _ in cases}}
        for name, kind, _ in cases:
            timed(logs[name], given[kind], 5, 0.0)
        for _ in range(rounds):
            for case in cases:
                name, kind, pause = case
                began = time.thread_time()
                taken[case].append(timed(logs[name], given[kind], VARIANTS[name][1], pause))
                cpu[case].append(1e6 * (time.thread_time() - began) / VARIANTS[name][1])
    return [
        {
            "variant": name,
            "numbers": kind,
            "pause": "in a row" if not pause else "between steps",
            "median_us": statistics.median(statistics.median(each) for each in taken[case]),
            "p99_us": statistics.median(sorted(each)[int(0.99 * len(each))] for each in taken[case]),
            "mean_us": statistics.median(statistics.fmean(each) for each in taken[case]),
            "thread_cpu_us": statistics.median(cpu[case]),
            "rounds": rounds,
            "calls": VARIANTS[name][1],
        }
        for case in cases
        for name, kind, pause in [case]
    ]


def main() -> None:
    """Measure, print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", nargs="*", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder), arguments.rounds, arguments.only)
    print(f"{'variant':<26}{'numbers':<9}{'':<15}{'median':>10}{'p99':>10}{'mean':>10}{'CPU':>10}  us a call")
    for row in rows:
        figures = "".join(
            f"{row[name]:>10.1f}" for name in ("median_us", "p99_us", "mean_us", "thread_cpu_us")
        )
        print(f"{row['variant']:<26}{row['numbers']:<9}{row['pause']:<15}{figures}")
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
        said = {
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "platform": platform.platform(),
            "cpus": os.cpu_count(),
            "versions": {"python": platform.python_version(), **_versions()},
            "target_us": TARGET_US,
            "rows": rows,
        }
        (arguments.out / "tracking.json").write_text(json.dumps(said, indent=2) + "\n")


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    main()
