"""Which files below a run belong to its artifacts, and which of their copies nothing names any more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jaxarc.errors import DamagedFileError
from jaxarc.records.artifact_events import ARTIFACT_EVENTS, artifact_fold
from jaxarc.records.artifact_paths import path_in_run
from jaxarc.records.artifacts import ArtifactVersion
from jaxarc.records.events import Event
from jaxarc.storage.artifact_files import COPIES_FOLDER
from jaxarc.storage.atomic import PARTIAL_SUFFIX
from jaxarc.storage.event_log import read_events
from jaxarc.storage.findings import DAMAGED_FOLDER

__all__ = ["ArtifactFiles", "artifact_files", "artifact_versions"]


@dataclass(frozen=True)
class ArtifactFiles:
    """The files of a run's artifacts.

    Attributes:
        named: files and directories of the run that the record names and keeps.
        leftovers: copies that were never finished, whose event was lost, or that retention gave up.
    """

    named: frozenset[Path]
    leftovers: tuple[Path, ...]

    def holds(self, path: Path) -> bool:
        """Return whether a file is of an artifact that the record names, or lies where copies do."""
        return any(each == path or each in path.parents for each in self.named)


def artifact_files(run_dir: Path) -> ArtifactFiles:
    """Return the files of a run's artifacts; only in a run that nobody writes are leftovers sure to be some.

    Where something of the event log cannot be read, it may have named any copy: then all of them stay.
    """
    root = Path(os.path.realpath(run_dir))
    paths = (path_in_run(run_dir, each.path) for each in artifact_versions(run_dir) if not each.removed)
    named = frozenset(path for path in paths if path is not None)
    unfinished = list((root / COPIES_FOLDER).glob(f".*{PARTIAL_SUFFIX}"))
    unnamed = [path for path in (root / COPIES_FOLDER).glob("*/*/*") if path not in named]
    if unnamed and not _is_all_there(run_dir):
        unnamed = []
    return ArtifactFiles(named, tuple(sorted([*unfinished, *unnamed])))


def artifact_versions(run_dir: Path) -> list[ArtifactVersion]:
    """Return the versions that a run's events name, as far as they can be read."""
    return artifact_fold(_events(run_dir), run_dir).versions()


def _event_files(run_dir: Path) -> list[Path]:
    return sorted((run_dir / "events").glob("p*.jsonl"))


def _events(run_dir: Path) -> Iterator[Event]:
    for path in _event_files(run_dir):
        yield from read_events(path, types=ARTIFACT_EVENTS)


def _is_all_there(run_dir: Path) -> bool:
    """Return whether every line that was ever written can be read."""
    if not _event_files(run_dir) or (run_dir / DAMAGED_FOLDER / "events").exists():
        return False
    problems: list[DamagedFileError] = []
    for path in _event_files(run_dir):
        for _ in read_events(path, problems):
            pass
    return not problems
