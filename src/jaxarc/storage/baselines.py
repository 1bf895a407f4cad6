"""Baselines: names for runs that others are compared with, in small files beside the runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jaxarc.errors import DamagedFileError, RunNotFoundError, closest
from jaxarc.records.clock import CLOCK
from jaxarc.storage.atomic import atomic_write_bytes, storage_errors
from jaxarc.storage.documents import document_path

__all__ = [
    "BASELINES_FOLDER",
    "Baseline",
    "baseline_dir",
    "baseline_of",
    "list_baselines",
    "read_baseline",
    "remove_baseline",
    "write_baseline",
]

BASELINES_FOLDER = "baselines"
_VERSION = 1
_PREFIX = "baseline"


@dataclass(frozen=True)
class Baseline:
    """A name for a run.

    Attributes:
        name: the name (``default`` where none was given).
        run: the run's directory below the root, or its whole path.
        run_id: the run's identity.
        set_us: when the name was given, microseconds since the epoch.
        path: the file that says so.
    """

    name: str
    run: str
    run_id: str
    set_us: int
    path: Path


def baseline_of(text: str) -> str | None:
    """Return the baseline that a run's name means: ``baseline`` is ``default``, ``baseline:NAME`` is NAME."""
    if text == _PREFIX:
        return "default"
    return text.removeprefix(f"{_PREFIX}:") or None if text.startswith(f"{_PREFIX}:") else None


def write_baseline(root: Path, name: str, run_dir: Path, run_id: str) -> Baseline:
    """Give a run a name; whoever had it before has it no more.

    A name is a file of its own, so that two who name runs at once cannot lose each other's.

    Args:
        root: where the runs are.
        name: the name.
        run_dir: the run.
        run_id: its identity.

    Raises:
        StorageError: it cannot be written.
    """
    path = document_path(root, BASELINES_FOLDER, name)
    where, base = run_dir.resolve(), root.resolve()
    run = os.fspath(where.relative_to(base)) if where.is_relative_to(base) else os.fspath(where)
    said = {"schema_version": _VERSION, "name": name, "run": run, "run_id": run_id}
    said["set_us"] = set_us = CLOCK.now_ns() // 1000
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write_bytes(path, json.dumps(said, indent=2).encode() + b"\n")
    return Baseline(name, run, run_id, set_us, path)


def read_baseline(path: Path) -> Baseline:
    """Read the file of a baseline.

    Raises:
        DamagedFileError: it is none.
    """
    try:
        said = json.loads(path.read_bytes())
        return Baseline(
            str(said["name"]), str(said["run"]), str(said["run_id"]), int(said.get("set_us", 0)), path
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedFileError(
            path, f"names no baseline ({error!r}); set it again with jaxarc baseline set RUN"
        ) from error


def list_baselines(root: Path) -> Iterator[Baseline]:
    """Yield the baselines of a folder of runs by name; files that are damaged are passed over."""
    try:
        paths = sorted((root / BASELINES_FOLDER).glob("*.json"))
    except OSError:
        return
    for path in paths:
        try:
            yield read_baseline(path)
        except DamagedFileError:
            continue


def baseline_dir(root: Path, name: str) -> Path:
    """Return the run that has a name.

    Raises:
        RunNotFoundError: none has it, or the run is gone.
        DamagedFileError: the file of the baseline cannot be read.
    """
    path = document_path(root, BASELINES_FOLDER, name)
    if not path.is_file():
        known = [each.name for each in list_baselines(root)]
        there = f"; there are {', '.join(known)}" if known else ""
        raise RunNotFoundError(
            f"no baseline {name!r} below {root}{closest(name, known) or there}; "
            "set one with jaxarc baseline set RUN" + ("" if name == "default" else f" --name {name}")
        )
    said = read_baseline(path)
    run_dir = root / said.run  # a whole path replaces the root
    if not run_dir.is_dir():
        raise RunNotFoundError(
            f"the baseline {name!r} is {said.run}, which is gone; set another with jaxarc baseline set RUN"
        )
    return run_dir.resolve()


def remove_baseline(root: Path, name: str) -> None:
    """Take a name away; the run stays.

    Raises:
        RunNotFoundError: no run has it.
        StorageError: it cannot be removed.
    """
    path = document_path(root, BASELINES_FOLDER, name)
    if not path.is_file():
        known = [each.name for each in list_baselines(root)]
        raise RunNotFoundError(f"no baseline {name!r} below {root}{closest(name, known)}")
    with storage_errors(path):
        path.unlink(missing_ok=True)
