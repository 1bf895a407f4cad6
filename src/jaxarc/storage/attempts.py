"""Attempts of a run: a job that was ended goes on in the same run, from a step that it has saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from jaxarc.errors import DamagedFileError, StorageError
from jaxarc.records.table import EpisodeTable
from jaxarc.storage.event_log import read_events
from jaxarc.storage.index import load_index
from jaxarc.storage.open_rows import read_open_rows
from jaxarc.storage.run_directory import RUN_FILE, read_run_file
from jaxarc.storage.segment_names import writer_name, writer_number
from jaxarc.storage.writers import event_files, is_process_writing, next_writer, run_writers

__all__ = ["Attempt", "latest_attempt", "plan_attempt"]

_DEFAULT_STREAM = "train"
_FIRST_EVENTS = 4
"""The event ``resume`` stands among so many at the beginning of its writer's file."""


@dataclass(frozen=True)
class Attempt:
    """Where a run goes on.

    Attributes:
        number: of the attempt; the run itself was the first.
        writer: number of the writer that makes it.
        at_step: environment steps of each stream at which it goes on; what the writers before it recorded
            beyond is hidden.
        writers: the writers before it.
        before: what ``run.json`` said until then.
    """

    number: int
    writer: int
    at_step: Mapping[str, int]
    writers: tuple[str, ...]
    before: Mapping[str, Any] = field(default_factory=dict)

    def payload(self) -> dict[str, Any]:
        """Return what the event ``resume`` says."""
        return {"attempt": self.number, "at_step": dict(self.at_step), "writers": list(self.writers)}

    @classmethod
    def of_event(cls, writer: int, payload: object) -> Attempt | None:
        """Read what ``payload`` wrote; None where it is something else."""
        if not isinstance(payload, Mapping):
            return None
        number, at_step, writers = (payload.get(name) for name in ("attempt", "at_step", "writers"))
        if not (isinstance(number, int) and isinstance(at_step, Mapping) and isinstance(writers, list)):
            return None
        steps = {str(name): step for name, step in at_step.items() if isinstance(step, int)}
        return cls(number, writer, steps, tuple(map(str, writers)))


def latest_attempt(run_dir: Path) -> Attempt | None:
    """Return the attempt with which the run went on last; None where it never did."""
    for number, path in reversed(event_files(run_dir)):
        for event in islice(read_events(path), _FIRST_EVENTS):
            attempt = Attempt.of_event(number, event.payload) if event.type == "resume" else None
            if attempt is not None:
                return attempt
    return None


def plan_attempt(run_dir: Path, at_step: int | Mapping[str, int] | None) -> Attempt:
    """Find out where and as whom a run goes on.

    Args:
        run_dir: the run.
        at_step: environment steps; a number for the stream ``train`` or the only one, or numbers by stream.
            A stream that is not named goes on after its last step on disk, and so do all with None.

    Raises:
        StorageError: somebody writes the run, it is damaged, or ``at_step`` is none of its steps.
    """
    writer = next_writer(run_dir)  # before anything is looked at: whoever comes in between is noticed
    try:
        before = read_run_file(run_dir)
    except DamagedFileError as error:
        raise _damaged(run_dir, error) from error
    _refuse_living(run_dir, before)
    latest = latest_attempt(run_dir)
    recorded = _recorded(run_dir, latest)
    numbers = [before.get("attempt"), latest.number if latest else None]
    return Attempt(
        number=max((n for n in numbers if isinstance(n, int)), default=1) + 1,
        writer=writer,
        at_step=_steps(run_dir, at_step, recorded),
        writers=tuple(writer_name(number) for number in range(writer)),
        before=before,
    )


def _damaged(run_dir: Path, error: object) -> StorageError:
    return StorageError(
        f"a damaged run is not resumed, for what is lost of it could not be told from what never was: "
        f"{error}; jaxarc doctor {run_dir} --repair keeps what can be read"
    )


def _refuse_living(run_dir: Path, before: Mapping[str, Any]) -> None:
    said = [writer.started for writer in run_writers(run_dir) if writer.is_alive]
    if before.get("status") == "RUNNING" and is_process_writing(before, run_dir / RUN_FILE):
        said.append(before)
    if said:
        process = (
            f"process {said[0].get('pid', 'unknown')} on {said[0].get('hostname', 'an unknown machine')}"
        )
        raise StorageError(
            f"{run_dir}: {process} still writes this run; end it first (on another machine it counts as "
            "alive for six heartbeats and half a minute after its last one), or record a run of its own"
        )


def _recorded(run_dir: Path, latest: Attempt | None) -> dict[str, int]:
    """Return how many environment steps of each stream are on disk and not hidden."""
    index = load_index(run_dir)
    if index.problems:
        raise _damaged(run_dir, index.problems[0])
    open_rows, problems = read_open_rows(run_dir)
    if problems:
        raise _damaged(run_dir, problems[0])
    tables = [index.episodes]
    for writer, rows in open_rows.items():
        rows.columns["writer"] = np.full(len(rows), writer, np.int32)
        tables.append(rows)
    rows = EpisodeTable.concatenate(tables)
    hidden = {writer_number(name) for name in latest.writers} if latest else set()
    recorded = dict(latest.at_step) if latest else {}
    if not len(rows):
        return recorded
    counts = ~np.isin(rows["writer"], [number for number in hidden if number is not None])
    for stream in np.unique(rows["stream"]):
        mine = counts & (rows["stream"] == stream)
        last = int(rows["end_step"][mine].max()) if mine.any() else 0
        recorded[str(stream)] = max(last, recorded.get(str(stream), 0))
    return recorded


def _steps(
    run_dir: Path, at_step: int | Mapping[str, int] | None, recorded: Mapping[str, int]
) -> dict[str, int]:
    if at_step is None:
        return dict(recorded)
    if not isinstance(at_step, Mapping):
        streams = list(recorded) or [_DEFAULT_STREAM]
        stream = _DEFAULT_STREAM if _DEFAULT_STREAM in streams else streams[0]
        if stream != _DEFAULT_STREAM and len(streams) > 1:
            raise StorageError(
                f"at_step={at_step} is for the stream train or the only one, but {run_dir.name} has "
                f"{', '.join(streams)}; give at_step={{{streams[0]!r}: {at_step}}}"
            )
        at_step = {stream: at_step}
    steps = dict(recorded)
    for stream, step in at_step.items():
        if isinstance(step, bool) or not hasattr(step, "__index__") or step < 0:
            raise StorageError(f"at_step of stream {stream} must be a whole number from 0, got {step!r}")
        last = recorded.get(stream, 0)
        if step > last:
            raise StorageError(
                f"at_step {int(step)} of stream {stream} is beyond what {run_dir.name} has on disk, {last} "
                f"environment steps; resume at a step that was saved before (recorder.position()), or leave "
                f"at_step out"
            )
        steps[str(stream)] = int(step.__index__())
    return steps
