"""What is said on the console, and to whom records are sent besides the disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from jaxarc.config.rules import RejectedError, boolean, checked, listed, one_of, text
from jaxarc.config.section import Section

__all__ = ["LoggingConfig"]


def no_trackers_yet(value: Any) -> tuple[str, ...]:
    """Refuse trackers as long as this version has none."""
    names = listed(text)(value)
    if names:
        raise RejectedError(
            f"must be empty, got {', '.join(names)}: this version has no trackers yet; the run on disk holds"
            " everything they would get and can be sent to them later",
            override="logging=local_only",
        )
    return names


def segment_format(value: Any) -> str:
    """Accept the formats that a run is written in; pickle is refused with what to do instead."""
    if isinstance(value, str) and value.lower() == "pickle":
        raise RejectedError(
            "must be hdf5 or json, got pickle: loading a pickle runs the code that is in it, and a torn one"
            " is lost; jaxarc export RUN --format pickle makes one of a run",
            override="logging.format=hdf5",
        )
    return one_of("hdf5", "json", fold=str.lower)(value)


@dataclass(frozen=True, kw_only=True)
class LoggingConfig(Section):
    """Messages and trackers.

    Attributes:
        log_level: the least severe message that the ``jaxarc`` logger lets through.
        format: what segments are written as: ``hdf5``, packed and fast, or ``json``, which anything reads.
        structured_logging: whether episodes are recorded at all; without it ``recorder.log`` and events go
            on, and programs send no steps.
        include_full_states: records streams whose level is ``verbose`` at level ``full``: with the
            environment's state at every step.
        compression: false stores segments as they are, whatever ``storage.compression`` says.
        trackers: names of experiment trackers; empty in this version.
    """

    key: ClassVar[str] = "logging"

    log_level: str = checked("INFO", one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", fold=str.upper))
    format: str = checked("hdf5", segment_format)
    structured_logging: bool = checked(True, boolean)
    include_full_states: bool = checked(False, boolean)
    compression: bool = checked(True, boolean)
    trackers: Sequence[str] = checked((), no_trackers_yet)
