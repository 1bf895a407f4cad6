"""Everything that a report says of a run, read from its files. Needs no JAX."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxarc.config import Config
from jaxarc.records.run_pictures import RunPictureData
from jaxarc.records.table import EpisodeRow
from jaxarc.replay.known_success import says_success
from jaxarc.replay.run_reader import RunReader
from jaxarc.replay.task_counts import TaskCount
from jaxarc.replay.views.run_events import RunNotes, read_notes
from jaxarc.replay.views.run_survey import RunSurvey, StreamSurvey, stream_pictures
from jaxarc.storage import read_attempts, segment_files

__all__ = ["RecordingCost", "RunSummary", "summarise_run"]

_MAX_STREAMS = 4
_ENDINGS = {
    "RUNNING": "It is being written; this is what was on disk when it was read.",
    "FINISHED": "It ended as it was meant to.",
    "FAILED": "An exception ended the program; what was recorded until then is on disk.",
    "KILLED": "Ctrl-C or SIGTERM ended it; what was recorded until then is on disk.",
    "LOST": "Nobody ended it and nobody writes it: its process is gone. What it had committed is here.",
}


@dataclass(frozen=True)
class RecordingCost:
    """What recording took, as the run said at its end.

    Attributes:
        callback_s: seconds that callbacks took of the program.
        blocked_s: seconds that the program waited for the writer besides.
        write_s: seconds that the writer worked beside the program.
        accepted_bytes: bytes that crossed to the host.
        pictures: files drawn while the run went on.
        drawing_s: seconds that this took, beside the program.
        duration_s: how long the run lasted; its wall time.
    """

    callback_s: float
    blocked_s: float
    write_s: float
    accepted_bytes: int
    pictures: int
    drawing_s: float
    duration_s: float

    @property
    def share(self) -> float:
        """The part of the wall time for which the program waited: callbacks and the full queue."""
        taken = self.callback_s + self.blocked_s
        return taken / self.duration_s if self.duration_s > 0 else float("nan")

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> RecordingCost | None:
        """Read what ``run.json`` says; None where it says nothing (the run goes on, or nobody ended it)."""
        said, duration = info.get("costs"), info.get("duration_s")
        if not isinstance(said, Mapping) or not _is_number(duration):
            return None
        numbers = {name: said.get(name, 0) for name in cls.__annotations__ if name != "duration_s"}
        if not all(map(_is_number, numbers.values())):
            return None
        return cls(**numbers, duration_s=float(duration))  # type: ignore[arg-type]


@dataclass(frozen=True)
class RunSummary:
    """What a run was told, how it went, what it cost, and what is missing.

    Attributes:
        name, experiment, status: of the run.
        ending: what the status means, in a sentence.
        created: when it began, seconds since the epoch; None where that is lost.
        duration_s: seconds from the first step to the last row.
        info: what ``run.json`` says.
        config: the configuration as it ran, or None where its file is lost.
        changes: what differs from the defaults, ``key -> (value, default)``.
        picture: the curves of its streams.
        num_stored: episodes whose steps are stored.
        num_stored_steps: those steps.
        num_cut, num_running: episodes that the end of the recording cut, and those that still go on.
        success_rate, mean_return, mean_length: over the episodes that ended; NaN where there is none.
        tasks: the tasks with the most attempts.
        num_tasks: how many there are; None where there are too many to be told apart.
        remarkable: rows by what is remarkable (``best``, ``worst``, ``longest``, ``first_solved``).
        examples: rows of episodes whose steps are stored, evenly spread over the run.
        cost: what recording took, or None while that is not known.
        losses: what was lost, by kind; None while that is not known.
        problems: files that cannot be read, and what is missing.
        notes: what the run said of itself: shedding, errors of the disk, steps given up.
        num_segments, segment_bytes: files with rows and steps.
        num_attempts: how often it was begun or resumed.
        continued_in: the run in which it goes on, or None.
    """

    name: str
    experiment: str
    status: str
    ending: str
    created: float | None
    duration_s: float | None
    info: Mapping[str, Any]
    config: Mapping[str, Any] | None
    changes: Mapping[str, tuple[Any, Any]]
    picture: RunPictureData
    num_stored: int = 0
    num_stored_steps: int = 0
    num_cut: int = 0
    num_running: int = 0
    success_rate: float = float("nan")
    mean_return: float = float("nan")
    mean_length: float = float("nan")
    tasks: Sequence[TaskCount] = ()
    num_tasks: int | None = 0
    remarkable: Mapping[str, EpisodeRow] = field(default_factory=dict)
    examples: Sequence[EpisodeRow] = ()
    cost: RecordingCost | None = None
    losses: Mapping[str, int] | None = None
    problems: Sequence[str] = ()
    notes: RunNotes = field(default_factory=RunNotes)
    num_segments: int = 0
    segment_bytes: int = 0
    num_attempts: int = 1
    continued_in: Path | None = None

    @property
    def num_ended(self) -> int:
        """Episodes that ended by themselves."""
        return self.picture.num_episodes - self.num_cut - self.num_running

    @property
    def env_steps_per_s(self) -> float | None:
        """Environment steps a second of the time that was played; None where that is not known."""
        if not self.duration_s or self.num_attempts > 1:
            return None
        return self.picture.env_steps / self.duration_s

    @property
    def is_whole(self) -> bool | None:
        """Whether nothing was lost; None while nobody can say."""
        if self.problems or self.losses:
            return False
        return None if self.losses is None else True


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in tree.items():
        key = f"{prefix}{name}"
        found |= _flat(value, f"{key}.") if isinstance(value, Mapping) and value else {key: value}
    return found


def _read_config(run_dir: Path) -> dict[str, Any] | None:
    try:
        content = json.loads((run_dir / "config" / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _changes(config: Mapping[str, Any] | None) -> dict[str, tuple[Any, Any]]:
    """Return what differs from the defaults of this version, by dotted key."""
    if config is None:
        return {}
    defaults = _flat(json.loads(json.dumps(Config().to_dict())))
    return {
        key: (value, defaults.get(key))
        for key, value in _flat(config).items()
        if key not in defaults or defaults[key] != value
    }


def _says_success(run: RunReader, survey: RunSurvey, stream: StreamSurvey) -> bool:
    """Say whether the program says which episodes of a stream succeed: one does, or a stored one knows."""
    if stream.num_solved:
        return True
    if stream.example is None:
        return False
    return says_success(run, survey.table.row(stream.example))


def summarise_run(run: RunReader, *, max_tasks: int = 50, max_examples: int = 24) -> RunSummary:
    """Read a run, whatever became of it.

    Args:
        run: the run; it may still be written, or be damaged.
        max_tasks: the most tasks to list.
        max_examples: the most examples of stored episodes.
    """
    info = run.info
    survey = RunSurvey(run.episodes())
    streams = sorted(survey.streams, key=lambda name: (-survey.streams[name].num_episodes, name))
    knows = {name: _says_success(run, survey, survey.streams[name]) for name in streams}
    resumed: dict[str, list[int]] = {}
    attempts = read_attempts(run.run_dir)
    for attempt in attempts:
        for stream, step in attempt.at_step.items():
            resumed.setdefault(stream, []).append(step)
    shown = streams[:_MAX_STREAMS]
    by_survey = {id(survey.streams[name]): knows[name] for name in streams}
    pictures = stream_pictures(survey, shown, lambda each: by_survey[id(each)], resumed)
    status = run.status
    picture = RunPictureData(
        name=run.name,
        status=status,
        streams=tuple(pictures),
        num_episodes=len(survey.table),
        env_steps=survey.env_steps,
        num_solved=sum(each.num_solved for each in survey.streams.values()) if any(knows.values()) else None,
        num_streams_left_out=len(streams) - len(shown),
    )
    config = _read_config(run.run_dir)
    tasks = survey.tasks
    played_s = survey.last_time - survey.first_time
    segments = [path for path in segment_files(run.run_dir) if path.exists()]
    losses = info.get("losses")
    said_end = status in ("FINISHED", "FAILED", "KILLED")
    created = info.get("created")
    return RunSummary(
        name=run.name,
        experiment=str(info.get("experiment", "")),
        status=status,
        ending=_ENDINGS.get(status, ""),
        created=float(created) if _is_number(created) else None,  # type: ignore[arg-type]
        duration_s=float(played_s) if played_s > 0 else None,
        info=info,
        config=config,
        changes=_changes(config),
        picture=picture,
        num_stored=survey.stored.total,
        num_stored_steps=survey.num_stored_steps,
        num_cut=sum(each.num_cut for each in survey.streams.values()),
        num_running=sum(each.num_running for each in survey.streams.values()),
        success_rate=survey.success_rate,
        mean_return=survey.mean_return,
        mean_length=survey.mean_length,
        tasks=tasks.most_tried(max_tasks),
        num_tasks=None if tasks.is_full else len(tasks),
        remarkable={rule: survey.table.row(at) for rule, at in survey.remarkable.positions.items()},
        examples=[survey.table.row(at) for at in survey.stored.spread(max_examples)],
        cost=RecordingCost.of(info) if said_end else None,
        losses=dict(losses) if isinstance(losses, Mapping) and said_end else None,
        problems=[str(problem) for problem in run.problems],
        notes=read_notes(run.run_dir),
        num_segments=len(segments),
        segment_bytes=sum(path.stat().st_size for path in segments),
        num_attempts=1 + len(attempts),
        continued_in=run.continued_in,
    )
