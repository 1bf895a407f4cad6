"""What is said of a run's experiment at a glance: read once, kept, read again when it grew."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from jaxarc.errors import DamagedFileError, ReplayError, StorageError
from jaxarc.records.events import Event
from jaxarc.records.json_values import PlainValues, restored_value
from jaxarc.replay.experiment import ExperimentRecord
from jaxarc.replay.metric_choice import direction_of, mean_of_members, parted_metric
from jaxarc.storage import annotation_files, atomic_write_bytes, read_events, segment_files

__all__ = ["GLANCE_FILE", "ExperimentGlance", "experiment_glance", "full_record"]

GLANCE_FILE = "glance.json"
_VERSION = 1
_MOST_ELEMENTS = 1_000


@dataclass(frozen=True)
class ExperimentGlance:
    """The record of an experiment without its series.

    Attributes:
        params: hyper-parameters by name.
        summary: the last number of each metric, or what its definition asks for.
        tags: tags by name.
        directions: which way metrics get better, of those that declare it.
        problems: lines of event files that could not be read.
    """

    params: Mapping[str, Any] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, Any] = field(default_factory=dict)
    directions: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """The summary by the names of metrics alone, where that says which series is meant.

        Of several members it is their mean: ``loss`` for ``loss (agg=mean)``.
        """
        keys: dict[str, list[str]] = {}
        for name in self.summary:
            keys.setdefault(parted_metric(name)[0] if name.endswith(")") else name, []).append(name)
        chosen = {key: key if key in names else mean_of_members(names) for key, names in keys.items()}
        return {key: self.summary[name] for key, name in chosen.items() if name is not None}


def experiment_glance(run_dir: Path, *, is_running: bool) -> ExperimentGlance:
    """Return what is said of a run's experiment.

    It is derived, and kept in ``glance.json`` of a run that nobody writes, where that can be written; so a
    list of thousands of runs reads a small file of each.

    Args:
        run_dir: the run.
        is_running: whether somebody writes it: then nothing is kept.
    """
    signature = _signature(run_dir)
    kept = _kept(run_dir / GLANCE_FILE, signature)
    if kept is not None:
        return kept
    record, problems = full_record(run_dir)
    found = ExperimentGlance(
        record.params,
        record.summary,
        record.tags,
        {key: known for key, _ in record.keys if (known := direction_of(record, key)) is not None},
        tuple(str(problem) for problem in problems),
    )
    if not is_running:
        _keep(run_dir / GLANCE_FILE, signature, found)
    return found


def full_record(run_dir: Path) -> tuple[ExperimentRecord, list[DamagedFileError]]:
    """Return the record of a run, its curves among it, and what of its files could not be read."""
    problems: list[DamagedFileError] = []
    record = ExperimentRecord(chain(_events(run_dir, problems), _curves(run_dir, problems)))
    problems += [DamagedFileError(run_dir / "events", problem) for problem in record.problems]
    return record, problems


def _events(run_dir: Path, problems: list[DamagedFileError]) -> Iterator[Event]:
    for path in [*sorted((run_dir / "events").glob("p*.jsonl")), *annotation_files(run_dir)]:
        try:
            yield from read_events(path, problems)
        except OSError as error:
            problems.append(DamagedFileError(path, f"cannot be read ({error})"))


def _curves(run_dir: Path, problems: list[DamagedFileError]) -> Iterator[Event]:
    """Yield the points of the curves that the run's episodes make."""
    if not segment_files(run_dir):
        return
    from jaxarc.replay.run_curves import curve_records
    from jaxarc.replay.run_reader import RunReader

    steps = run_dir / "steps"
    try:
        run = RunReader(run_dir)
        problems += [problem for problem in run.problems if steps in (problem.path, problem.path.parent)]
        points = curve_records(run)
    except (ReplayError, StorageError, OSError) as error:
        problems.append(DamagedFileError(steps, f"the curves cannot be read ({error})"))
        return
    for point in points:
        yield replace(point.said.event(), timestamp_us=point.timestamp_us)


def _signature(run_dir: Path) -> list[Any]:
    """Return what changes when something is added to a run: sizes of event files, names of segments."""
    found: list[Any] = []
    for folder, with_size in (("events", True), ("steps", False)):
        try:
            with os.scandir(run_dir / folder) as entries:
                for entry in entries:
                    stat = entry.stat() if with_size else None
                    found.append([entry.name, *([] if stat is None else [stat.st_size, stat.st_mtime_ns])])
        except OSError:
            continue
    return sorted(found)


def _kept(path: Path, signature: list[Any]) -> ExperimentGlance | None:
    """Return what was kept, where it is of the run as it is now."""
    try:
        said = json.loads(path.read_bytes())
        if said["version"] != _VERSION or said["signature"] != signature:
            return None
        parts = {name: restored_value(said[name]) for name in ("params", "summary", "tags", "directions")}
        problems = tuple(map(str, said["problems"]))
        return ExperimentGlance(**parts, problems=problems) if all(map(_is_mapping, parts.values())) else None
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping)


def _keep(path: Path, signature: list[Any], found: ExperimentGlance) -> None:
    plain = PlainValues(_MOST_ELEMENTS)
    parts = {name: plain.of(getattr(found, name)) for name in ("params", "summary", "tags", "directions")}
    said = {"version": _VERSION, "signature": signature, **parts, "problems": list(found.problems)}
    with suppress(StorageError, ReplayError, ValueError):  # it is derived: who may not write does without
        atomic_write_bytes(path, json.dumps(said, allow_nan=False).encode(), durable=False)
