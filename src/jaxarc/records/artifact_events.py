"""What events say of artifacts, folded."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from jaxarc.records.artifacts import ArtifactFold, ArtifactSaid
from jaxarc.records.events import Event
from jaxarc.records.experiment_events import Artifact, ArtifactRemoved, Checkpoint, read_experiment_event

__all__ = ["ARTIFACT_EVENTS", "artifact_fold"]

ARTIFACT_EVENTS = (Artifact.TYPE, Checkpoint.TYPE, ArtifactRemoved.TYPE)
"""The types of the events that speak of artifacts."""


def artifact_fold(events: Iterable[Event], run_dir: Path) -> ArtifactFold:
    """Return what events say of artifacts, folded in order of time; what cannot be read is passed over."""
    found: list[tuple[int, ArtifactSaid]] = []
    for event in events:
        if event.type in ARTIFACT_EVENTS:
            try:
                said = read_experiment_event(event)
            except (ValueError, TypeError):
                continue
            if isinstance(said, ArtifactSaid):
                found.append((event.timestamp_us, said))
    fold = ArtifactFold(run_dir)
    for timestamp_us, said in sorted(found, key=lambda pair: pair[0]):
        fold.add(timestamp_us, said)
    return fold
