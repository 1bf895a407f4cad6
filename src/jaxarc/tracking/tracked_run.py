"""What backends are told of a run before they are fed, read from its directory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxarc.errors import DamagedFileError
from jaxarc.storage import derive_status, read_run_file
from jaxarc.tracking.backend import RunInfo

__all__ = ["run_info", "tracked_status"]

_OF_THE_MACHINE = ("hostname", "pid", "platform", "entrypoint", "argv", "devices", "versions", "git", "env")


def run_info(run_dir: Path, ticket: Mapping[str, Any], *, is_live: bool) -> RunInfo:
    """Return what a backend has to know of a run.

    Args:
        run_dir: the run's directory.
        ticket: what the backend returned when the run was open before.
        is_live: whether the run is being written.
    """
    said = _run_file(run_dir)
    created = said.get("created")
    return RunInfo(
        run_dir=run_dir,
        run_id=str(said.get("run_id", run_dir.name)),
        name=str(said.get("name", run_dir.name)),
        experiment=str(said.get("experiment", run_dir.parent.name)),
        created_us=int(created * 1e6) if isinstance(created, (int, float)) else 0,
        config=run_config(run_dir),
        environment={name: said[name] for name in _OF_THE_MACHINE if name in said},
        is_live=is_live,
        ticket=ticket,
    )


def run_config(run_dir: Path) -> dict[str, Any]:
    """Return the configuration that a run was recorded with; empty where it cannot be read."""
    try:
        content = json.loads((run_dir / "config" / "config.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def tracked_status(run_dir: Path) -> str:
    """Return the status that a backend is closed with: a run that is LOST was killed."""
    status = derive_status(run_dir, _run_file(run_dir))
    return status if status in ("FINISHED", "FAILED", "RUNNING") else "KILLED"


def _run_file(run_dir: Path) -> dict[str, Any]:
    try:
        return read_run_file(run_dir)
    except DamagedFileError:
        return {}
