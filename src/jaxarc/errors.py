"""Every exception that jaxarc raises on purpose.

::

    JaxArcError
    ├── ConfigError            one or many problems of a configuration, each with its override
    ├── CaptureError           a Step, a program or a transform that cannot be recorded
    ├── RecorderClosedError    a call to a recorder after close()
    ├── TaskError              task data
    │   ├── TaskFormatError    a file that is not an ARC task (names the file)
    │   └── UnknownTaskError   a task id or data set that does not exist (names the closest ones)
    ├── RenderError            values that cannot be drawn
    ├── ReplayError            reading a run back
    │   ├── RunNotFoundError   no such run (names the closest ones)
    │   ├── EpisodeNotFoundError
    │   ├── QueryError         a where or sort that cannot be understood (shows the place); also a ValueError
    │   ├── NotRecordedError   the run exists, but its level did not store what was asked for
    │   └── DamagedFileError   a file of a run that cannot be read (names the file)
    ├── DiagnosticsError       a number went beyond its threshold, or is not finite; also an ArithmeticError
    ├── TrackingError          an experiment that cannot be tracked as asked
    │   ├── RefusedRecordError a backend will never take this one record
    │   └── StartOverError     a backend can no longer add to what it was given, and wants all of it again
    └── StorageError           writing a run
        ├── DiskSpaceError
        └── StoragePermissionError   also a builtin PermissionError
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

__all__ = [
    "CaptureError",
    "ConfigError",
    "ConfigProblem",
    "DamagedFileError",
    "DiagnosticsError",
    "DiskSpaceError",
    "EpisodeNotFoundError",
    "JaxArcError",
    "NotRecordedError",
    "QueryError",
    "RecorderClosedError",
    "RefusedRecordError",
    "RenderError",
    "ReplayError",
    "RunNotFoundError",
    "StartOverError",
    "StorageError",
    "StoragePermissionError",
    "TaskError",
    "TaskFormatError",
    "TrackingError",
    "UnknownTaskError",
    "closest",
]


class JaxArcError(Exception):
    """Base class: ``except JaxArcError`` catches everything that jaxarc raises on purpose."""


@dataclass(frozen=True)
class ConfigProblem:
    """One thing that is wrong with a configuration.

    Attributes:
        key: the full key, as an override spells it (``capture.level``).
        message: what is wrong, with the value and the limit.
        override: an override that mends it (``capture.level=verbose``).
    """

    key: str
    message: str
    override: str

    def __str__(self) -> str:
        return f"{self.key}: {self.message}; try {self.override}"


class ConfigError(JaxArcError, ValueError):
    """All problems of a configuration at once; ``problems`` holds them one by one."""

    def __init__(self, problems: Sequence[ConfigProblem]):
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{count} in the configuration:\n{lines}")


class CaptureError(JaxArcError, ValueError):
    """A Step, a program or a transform that cannot be recorded, and what to do instead."""


class RecorderClosedError(JaxArcError, RuntimeError):
    """A call to a recorder after ``close()``."""


class TaskError(JaxArcError, ValueError):
    """Task data that cannot be used."""


class TaskFormatError(TaskError):
    """A file that is not an ARC task; ``path`` names it."""

    def __init__(self, path: object, problem: str):
        self.path = path
        super().__init__(f"{path}: {problem}")


class UnknownTaskError(TaskError, KeyError):
    """A task id or a data set that does not exist; the message names the closest ones."""

    def __str__(self) -> str:
        return str(self.args[0])


class RenderError(JaxArcError, ValueError):
    """Values that cannot be drawn."""


class ReplayError(JaxArcError):
    """A run, an episode or a field that cannot be read back."""


class RunNotFoundError(ReplayError, FileNotFoundError):
    """No run answers to this name."""

    def __str__(self) -> str:
        return str(self.args[0])


class EpisodeNotFoundError(ReplayError, LookupError):
    """The run holds no episode of this number."""


class QueryError(ReplayError, ValueError):
    """A ``where`` or ``sort`` that cannot be understood; the message shows the place."""


class NotRecordedError(ReplayError):
    """The run exists, but the level it was recorded at did not store what was asked for."""


class DamagedFileError(ReplayError):
    """A file of a run that cannot be read; ``path`` names it."""

    def __init__(self, path: str | os.PathLike[str], problem: str):
        self.path = Path(path)
        super().__init__(f"{path}: {problem}")


class DiagnosticsError(JaxArcError, ArithmeticError):
    """A number went beyond its threshold, or is not finite.

    Attributes:
        row: everything that was measured at that step.
        step: the step.
        breaches: a sentence for each thing that is wrong.
    """

    def __init__(
        self, words: str, *, row: Mapping[str, float] | None = None, step: int | None = None,
        breaches: Sequence[str] = (),
    ):  # fmt: skip
        self.row = dict(row or {})
        self.step = step
        self.breaches = tuple(breaches)
        super().__init__(words)


class TrackingError(JaxArcError):
    """An experiment that cannot be tracked as asked."""


class RefusedRecordError(TrackingError):
    """A backend will never take this one record: the feed passes it over, counts it and goes on."""


class StartOverError(TrackingError):
    """A backend cannot add to what it was given before: the feed forgets its place, and sends all again."""


class StorageError(JaxArcError):
    """A run that cannot be written."""


class DiskSpaceError(StorageError):
    """The disk has no space left for the run."""


class StoragePermissionError(StorageError, PermissionError):
    """The run directory cannot be written; also a builtin ``PermissionError``."""

    def __str__(self) -> str:
        return str(self.args[0])


def closest(name: object, known: Iterable[str], count: int = 3) -> str:
    """Return ``"; did you mean a, b?"`` for the known names most like ``name``, or an empty string."""
    matches = get_close_matches(str(name), [str(k) for k in known], n=count, cutoff=0.5)
    return f"; did you mean {', '.join(matches)}?" if matches else ""
