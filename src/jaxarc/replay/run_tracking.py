"""RunTracking: what a run's experiment said: params, metrics, summary, tags. Needs no JAX."""

from __future__ import annotations

from typing import Any

from jaxarc.replay.artifacts import ARTIFACT_EVENTS, RunArtifacts
from jaxarc.replay.experiment import ExperimentRecord, Series
from jaxarc.replay.run_reader import RunReader
from jaxarc.storage import read_events

__all__ = ["RunTracking"]


class RunTracking(RunReader):
    """A run whose experiment can be asked; what was committed since is read at the next question."""

    _record: tuple[object, ExperimentRecord] | None = None

    def record(self) -> ExperimentRecord:
        """Return what was said of the experiment, folded from the run's events as they are now."""
        state = self._events_state()
        if self._record is None or self._record[0] != state:
            self._record = (state, ExperimentRecord(self.events()))
        return self._record[1]

    @property
    def params(self) -> dict[str, Any]:
        """Hyper-parameters by name; of one that was logged twice the last value."""
        return dict(self.record().params)

    @property
    def summary(self) -> dict[str, Any]:
        """Final numbers: what each series comes to by its definition, and above it what was said."""
        return self.record().summary

    @property
    def tags(self) -> dict[str, Any]:
        """Tags by name; one without a value has None."""
        return dict(self.record().tags)

    def metrics(self, key: str | None = None, **ctx: Any) -> Series | list[Series]:
        """Return the series of a metric, or all series.

        Args:
            key: name of the metric; None for all.
            **ctx: what is known of its context (``phase="train"``, ``member=0``).

        Returns:
            The one series of this key and context; without a key, the list of all that have the context.

        Raises:
            KeyError: no series has it, or several have; what there is is named.
        """
        record = self.record()
        return record.all_series(**ctx) if key is None else record.series(key, **ctx)

    def artifacts(self) -> RunArtifacts:
        """Return the versions of the run's artifacts and checkpoints, the oldest first.

        ``run.artifacts().get("best")`` opens as a path does, and ``run.artifacts().verify("digest")`` says
        whether the files are what was logged.
        """
        paths = sorted((self.run_dir / "events").glob("p*.jsonl"))
        events = (event for path in paths for event in read_events(path, types=ARTIFACT_EVENTS))
        return RunArtifacts.of_events(events, self.run_dir)

    def _events_state(self) -> object:
        """Return what changes when events were added."""
        paths = sorted((self.run_dir / "events").glob("*.jsonl"))
        return tuple((path.name, path.stat().st_size) for path in paths)
