"""TrackedRecord: one thing that is said of an experiment, with where it comes from and its number there."""

from __future__ import annotations

from dataclasses import dataclass

from jaxarc.records.events import Event
from jaxarc.records.experiment_events import ExperimentEvent

__all__ = ["TrackedRecord"]


@dataclass(frozen=True, kw_only=True)
class TrackedRecord:
    """One thing that a backend is to show.

    Attributes:
        source: where it comes from: an event file's name, or ``curves/<writer>/<stream>/<member>``.
        seq: its number there, dense from 0; ``(source, seq)`` never names two records.
        timestamp_us: when it was said, or, of a curve, when the last episode of the point ended.
        said: what it says. Points of curves are MetricBatch over ``env_step``.
    """

    source: str
    seq: int
    timestamp_us: int
    said: ExperimentEvent

    @property
    def event(self) -> Event:
        """What it says as an event; ``writer`` is its source."""
        said = self.said.event()
        return Event(said.type, said.payload, self.seq, self.timestamp_us, self.source)
