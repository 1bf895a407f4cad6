"""Runs that are recorded while backends are fed, without JAX."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from jaxarc.config import Config
from jaxarc.recorded_run import RecordedRun
from jaxarc.records.experiment_events import MetricBatch, Param
from jaxarc.tracking import Backend
from jaxarc.tracking.live import LiveTrackers

QUICK = {"pauses_s": (0.01, 0.05)}


def small_config(root: Path, flush_interval: float = 0.1) -> Config:
    """Return a configuration that commits often."""
    config = Config()
    return replace(
        config,
        storage=replace(config.storage, base_output_dir=str(root), run_name="run"),
        capture=replace(config.capture, level="verbose"),
        pipeline=replace(config.pipeline, flush_interval=flush_interval),
    )


def tracked_run(
    root: Path,
    backends: Sequence[Backend] = (),
    *,
    num_steps: int = 20,
    close_s: float = 20.0,
    between: Callable[[RecordedRun, int], None] = lambda run, step: None,
    **options: Any,
) -> tuple[Path, RecordedRun]:
    """Record parameters, a metric and an episode a step, feed the backends, and end the run."""
    run = RecordedRun(small_config(root))
    run.store.open()
    LiveTrackers(run, backends, close_s, **{**QUICK, **options})
    run.submit(Param(key="lr", value=0.5).event())
    for step in range(num_steps):
        run.submit(MetricBatch(metrics={"loss": 1 / (step + 1)}, step=step, ctx={"member": 0}).event())
        episode = run.loops.episode("task", stream="train")
        episode.step(np.float32(step), 0, float(step), np.float32(step + 1), terminated=True)
        episode.close()
        between(run, step)
    run.begin_close()
    run.close("FINISHED")
    assert run.store.run_dir is not None
    return run.store.run_dir, run


class Gate:
    """A backend's call waits here until somebody opens it."""

    def __init__(self, word: str = "write"):
        self._word = word
        self.opened = threading.Event()
        self.reached = threading.Event()

    def __call__(self, word: str, given: Any) -> None:
        if word == self._word and not self.opened.is_set():
            self.reached.set()
            self.opened.wait(60.0)
