"""Runs of events alone, written by the package's own event log: no JAX, no recorder, no waiting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jaxarc.records.events import Event
from jaxarc.records.experiment_events import (
    DefineMetric,
    ExperimentEvent,
    MetricBatch,
    Param,
    Status,
    Summary,
    Tag,
)
from jaxarc.storage.event_log import EventLog
from jaxarc.storage.run_directory import write_run_file

CREATED = 1_760_000_000.0


def write_run(
    run_dir: Path,
    said: list[ExperimentEvent | Event],
    *,
    status: str = "FINISHED",
    writer: str = "p000",
    config: dict[str, Any] | None = None,
) -> Path:
    """Write a run that says these things, and return its directory."""
    (run_dir / "events").mkdir(parents=True, exist_ok=True)
    (run_dir / "config").mkdir(exist_ok=True)
    (run_dir / "config" / "config.json").write_text(json.dumps(config or {}))
    if writer == "p000":
        content = {
            "run_id": run_dir.name,
            "experiment": run_dir.parent.name,
            "created": CREATED,
            "status": status,
            "writer": writer,
            "hostname": "somewhere",
            "versions": {"python": "3.11"},
        }
        write_run_file(run_dir, content)
    log = EventLog(run_dir / "events" / f"{writer}-000001.jsonl", writer)
    for each in said:
        log.append(each if isinstance(each, Event) else each.event())
    log.close()
    return run_dir


def an_experiment(num_steps: int = 5) -> list[ExperimentEvent | Event]:
    """Return what a small experiment says: parameters, two series of one name, a summary, tags."""
    return [
        Event("run_start", {"run_id": "x"}),
        Param(key="lr", value=0.01),
        Param(key="net.width", value=64, nested_key=["net", "width"]),
        DefineMetric(key="loss", direction="minimize", summary="min"),
        Tag(tags={"kind": "test", "good": None}),
        *(
            MetricBatch(metrics={"loss": 1.0 / (step + 1)}, step=step, ctx={"phase": phase})
            for step in range(num_steps)
            for phase in ("train", "validation")
        ),
        Event("shedding", {"kind": "budget", "on": True}),
        MetricBatch(metrics={"odd": float("nan"), "word": "high", "large": float("inf")}, step=9),
        Summary(values={"final": 0.2}),
        Status(status="RUNNING", msg="on its way", progress={"cur": 5, "total": 5, "unit": "steps"}),
    ]
