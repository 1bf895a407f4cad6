"""Attempts of a run: a job that was ended goes on in the same run, from a step that it has saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from jaxarc.errors import DamagedFileError, StorageError
from jaxarc.storage.event_log import read_events
from jaxarc.storage.index import load_index
from jaxarc.storage.open_rows import read_open_rows
from jaxarc.storage.run_directory import RUN_FILE, read_run_file
from jaxarc.storage.segment_names import writer_name
from jaxarc.storage.writers import event_files, is_process_writing, next_writer, run_writers

__all__ = ["Attempt", "plan_attempt", "read_attempts"]

_DEFAULT_STREAM = "train"
_FIRST_EVENTS = 4
"""The event ``resume`` stands among so many at the beginning of its writer's file."""


@dataclass(frozen=True)
class Attempt:
    """Where a run goes on.

    Attributes:
        number: of the attempt; the run itself was the first.
        writer: number of the writer that makes it.
        at_step: environment steps of streams at which it goes on; what the writers before it recorded
            beyond is hidden. The other streams go on after what is on disk.
        writers: the writers before it.
        env_steps: environment steps after which each stream goes on, those of ``at_step`` among them.
        before: what ``run.json`` said until then.
    """

    number: int
    writer: int
    at_step: Mapping[str, int]
    writers: tuple[str, ...]
    env_steps: Mapping[str, int] = field(default_factory=dict)
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


def read_attempts(run_dir: Path) -> list[Attempt]:
    """Return the attempts with which the run went on, in order; none where it never did."""
    found = []
    for number, path in event_files(run_dir):
        for event in islice(read_events(path), _FIRST_EVENTS):
            attempt = Attempt.of_event(number, event.payload) if event.type == "resume" else None
            if attempt is not None:
                found.append(attempt)
    return found


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
    attempts = read_attempts(run_dir)
    recorded = _recorded(run_dir, attempts)
    numbers = [before.get("attempt"), *(attempt.number for attempt in attempts)]
    named = _named_steps(run_dir, at_step, recorded)
    return Attempt(
        number=max((n for n in numbers if isinstance(n, int)), default=1) + 1,
        writer=writer,
        at_step=named,
        writers=tuple(writer_name(number) for number in range(writer)),
        env_steps={**recorded, **named},
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


def _recorded(run_dir: Path, attempts: Sequence[Attempt]) -> dict[str, int]:
    """Return how many environment steps of each stream are on disk and not hidden."""
    index = load_index(run_dir)
    open_rows, open_problems = read_open_rows(run_dir)
    for problem in (*index.problems, *open_problems):
        raise _damaged(run_dir, problem)
    recorded: dict[str, int] = {}
    committed = index.episodes
    for writer in np.unique(committed["writer"]).tolist() if len(committed) else []:
        mine = committed["writer"] == writer
        _count(recorded, writer, committed["stream"][mine], committed["end_step"][mine], attempts)
    for writer, rows in open_rows.items():
        _count(recorded, writer, rows["stream"], rows["end_step"], attempts)
    return recorded


def _count(
    recorded: dict[str, int],
    writer: int,
    streams: np.ndarray,
    end_steps: np.ndarray,
    attempts: Sequence[Attempt],
) -> None:
    """Raise the steps of each stream to what a writer's rows reach, so far as no attempt hides them."""
    for name in np.unique(streams):
        stream = name.decode() if isinstance(name, bytes) else str(name)
        last = int(end_steps[streams == name].max())
        for attempt in attempts:
            if writer_name(writer) in attempt.writers and stream in attempt.at_step:
                last = min(last, attempt.at_step[stream])
        recorded[stream] = max(last, recorded.get(stream, 0))


def _named_steps(
    run_dir: Path, at_step: int | Mapping[str, int] | None, recorded: Mapping[str, int]
) -> dict[str, int]:
    """Return the steps that the user names, by stream."""
    if at_step is None:
        return {}
    if not isinstance(at_step, Mapping):
        streams = list(recorded) or [_DEFAULT_STREAM]
        stream = _DEFAULT_STREAM if _DEFAULT_STREAM in streams else streams[0]
        if stream != _DEFAULT_STREAM and len(streams) > 1:
            raise StorageError(
                f"at_step={at_step} is for the stream train or the only one, but {run_dir.name} has "
                f"{', '.join(streams)}; give at_step={{{streams[0]!r}: {at_step}}}"
            )
        at_step = {stream: at_step}
    named = {}
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
        named[str(stream)] = int(step.__index__())
    return named
