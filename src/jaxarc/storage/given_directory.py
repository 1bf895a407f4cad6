"""A run in a directory that somebody names: begun there, or gone on with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxarc.config import EpisodeConfig
from jaxarc.errors import DamagedFileError, StorageError
from jaxarc.records.events import Event
from jaxarc.storage.atomic import storage_errors
from jaxarc.storage.origins import OpenedRun, ResumedRun, begin_run
from jaxarc.storage.run_directory import RUN_FILE, read_run_file, run_file_problem
from jaxarc.storage.status import derive_status
from jaxarc.storage.writers import claim_next_writer, claim_writer

__all__ = ["GivenDirectory", "given_run_status"]


def given_run_status(run_dir: Path) -> str:
    """Return the status of the run in a directory; empty where there is none yet.

    Raises:
        StorageError: the directory holds a ``run.json`` that is no run's of ours, or is damaged.
    """
    if not (run_dir / RUN_FILE).is_file():
        return ""
    try:
        content = read_run_file(run_dir)
    except DamagedFileError as error:
        raise StorageError(f"{error}; jaxarc doctor {run_dir} --repair keeps what can be read") from error
    problem = run_file_problem(run_dir, content)
    if problem is not None:
        raise StorageError(f"{problem}; name another directory")
    return derive_status(run_dir, content)


@dataclass(frozen=True)
class GivenDirectory:
    """The directory itself is the run's: no name is made up, and what lies in it stays.

    Where it holds a run already, this is one more writer of it, with an event file of its own: nobody
    overwrites anybody. ``resume`` makes it the owner of a new attempt.

    Attributes:
        run_dir: the directory; made when missing.
        resume: whether a run that nobody writes goes on in a new attempt.
    """

    run_dir: Path
    resume: bool = False

    def open(self, config: EpisodeConfig, content: Mapping[str, Any]) -> OpenedRun:
        """Begin the run, join it, or go on with it.

        Raises:
            StorageError: the directory cannot be written, or holds no run of ours.
        """
        run_dir = self.run_dir
        with storage_errors(run_dir):
            run_dir.mkdir(parents=True, exist_ok=True)
            for folder in ("steps", "events"):
                (run_dir / folder).mkdir(exist_ok=True)
        status = given_run_status(run_dir)
        if not status:
            try:
                events = claim_writer(run_dir, 0)
            except FileExistsError:
                pass  # another process begins it just now, or ended before it said so
            else:
                return begin_run(run_dir, events, config, content)
        elif self.resume and status != "RUNNING":
            return ResumedRun(run_dir).open(config, content)
        events = claim_next_writer(run_dir)
        said = {name: value for name, value in content.items() if name != "config"}
        events.append(Event("writer_start", {**said, "writer": events.writer}))
        return OpenedRun(run_dir, events, None)
