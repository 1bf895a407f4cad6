"""Runs whose event files are written by hand, with the real event log, for tests that read them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jaxarc.records.experiment_events import ExperimentEvent, MetricBatch, Param, Tag
from jaxarc.storage.event_log import EventLog

__all__ = ["experiment_run"]


def experiment_run(
    run_dir: Path,
    *,
    params: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Iterable[Any]] | None = None,
    tags: Mapping[str, Any] | None = None,
    said: Iterable[ExperimentEvent] = (),
    status: str = "FINISHED",
    **info: Any,
) -> Path:
    """Make a run that holds no episodes; return its directory.

    Args:
        run_dir: its directory.
        params, tags: what it says of itself.
        metrics: values by name, logged at steps 0, 10, 20, …
        said: what is said besides, after all of that.
        status: how it ended.
        **info: more of its ``run.json``.
    """
    (run_dir / "events").mkdir(parents=True)
    (run_dir / "steps").mkdir()
    log = EventLog(run_dir / "events" / "p000-000001.jsonl", "p000")
    for key, value in (params or {}).items():
        log.append(Param(key=key, value=value).event())
    if tags:
        log.append(Tag(tags=dict(tags)).event())
    for key, values in (metrics or {}).items():
        for place, value in enumerate(values):
            log.append(MetricBatch(metrics={key: value}, step=10 * place).event())
    for each in said:
        log.append(each.event())
    log.close()
    document = {"schema_version": 1, "run_id": run_dir.name, "status": status, "writer": "p000"}
    document |= {"episodes": 0, "successes": 0, "env_steps": 0, "level": "minimal", **info}
    (run_dir / "run.json").write_text(json.dumps(document))
    return run_dir
