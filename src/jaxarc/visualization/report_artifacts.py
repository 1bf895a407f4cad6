"""The artifacts of a run as its report tells them: which is current, and which is not there any more."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jaxarc.records.artifacts import ArtifactVersion
from jaxarc.rendering.text import number
from jaxarc.replay.artifacts import RunArtifacts

__all__ = ["ReportArtifacts", "report_artifacts"]

_MOST_CURRENT, _MOST_OLDER = 60, 200
_MOST_METRICS = 3


@dataclass(frozen=True)
class _Line:
    """A version: what stands in its row of the table."""

    version: ArtifactVersion
    link: str
    metrics: str
    state: str


@dataclass(frozen=True)
class ReportArtifacts:
    """The versions of a run's artifacts, the newest first.

    Attributes:
        current: those that an alias names, as the newest of each artifact is.
        older: the others.
        num_left_out: how many of both there are besides.
        has_steps, has_metrics: whether any has a step, or numbers.
        copied_bytes: what the run's copies take.
    """

    current: Sequence[_Line]
    older: Sequence[_Line]
    num_left_out: int
    has_steps: bool
    has_metrics: bool
    copied_bytes: int


def report_artifacts(known: RunArtifacts, folder: Path) -> ReportArtifacts | None:
    """Return what a report says of artifacts; None for a run that has none.

    Args:
        known: the run's artifacts.
        folder: the folder of the page, from which links are relative.
    """
    if not len(known):
        return None
    newest_first = list(known)[::-1]
    current = [each for each in newest_first if each.aliases and not each.removed]
    older = [each for each in newest_first if not each.aliases or each.removed]
    shown = [*current[:_MOST_CURRENT], *older[:_MOST_OLDER]]
    lines = [
        _Line(
            found.artifact,
            _link(found.artifact, folder) if found.state == "ok" else "",
            _metrics(found.artifact.metrics),
            "" if found.state == "ok" else found.state,
        )
        for found in known.check(shown, "exists")
    ]
    num_current = min(len(current), _MOST_CURRENT)
    return ReportArtifacts(
        lines[:num_current],
        lines[num_current:],
        len(known) - len(shown),
        any(each.step is not None for each in shown),
        any(line.metrics for line in lines),
        known.copied_bytes,
    )


def _link(version: ArtifactVersion, folder: Path) -> str:
    """Return a relative link to a file of the run; none leads out of it."""
    if not version.is_in_run:
        return ""
    return quote(Path(os.path.relpath(version.file, os.path.realpath(folder))).as_posix())


def _metrics(values: Mapping[str, Any]) -> str:
    said = [
        f"{name} {number(value)}" if isinstance(value, (int, float)) else f"{name} {value}"
        for name, value in list(values.items())[:_MOST_METRICS]
    ]
    return ", ".join([*said, "…"] if len(values) > _MOST_METRICS else said)
