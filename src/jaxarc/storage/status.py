"""The status of a run, as those who write it show it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jaxarc.errors import StorageError
from jaxarc.storage.run_directory import RUN_FILE
from jaxarc.storage.segment_names import writer_name
from jaxarc.storage.sharing import SHARE_FILE
from jaxarc.storage.writers import event_files, is_process_writing, read_writer

__all__ = ["derive_status"]

_STATUSES = ("RUNNING", "FINISHED", "FAILED", "KILLED", "LOST")


def derive_status(run_dir: Path, content: Mapping[str, Any]) -> str:
    """Return the run's status: RUNNING while any of its writers is alive, LOST where it only says so.

    ``run.json`` answers for the process that owns the run. The other writers of a shared run answer with
    their event files; nobody else's are looked at.
    """
    status = content.get("status")
    if status not in _STATUSES:
        status = "LOST"
    if status == "RUNNING" and is_process_writing(content, run_dir / RUN_FILE):
        return status
    if (run_dir / SHARE_FILE).exists() and _others_write(run_dir, content):
        return "RUNNING"
    return "LOST" if status == "RUNNING" else status


def _others_write(run_dir: Path, content: Mapping[str, Any]) -> bool:
    """Say whether a writer besides the owner is alive."""
    listed = content.get("writers")  # how each of them stood when the owner ended
    known = listed if isinstance(listed, Mapping) else {}
    for number, path in event_files(run_dir):
        name = writer_name(number)
        if name == content.get("writer") or known.get(name, "RUNNING") != "RUNNING":
            continue
        try:
            if read_writer(path).is_alive:
                return True
        except StorageError:
            continue  # what cannot be read shows nobody alive
    return False
