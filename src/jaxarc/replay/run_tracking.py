"""RunTracking: what a run's experiment said: params, metrics, summary, tags. Needs no JAX."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, overload

from jaxarc.errors import DamagedFileError
from jaxarc.records.artifact_events import ARTIFACT_EVENTS
from jaxarc.records.events import Event
from jaxarc.replay.artifacts import RunArtifacts
from jaxarc.replay.experiment import ExperimentRecord, Series, SeriesList
from jaxarc.replay.run_curves import curve_records
from jaxarc.replay.run_reader import RunReader
from jaxarc.storage import read_events

__all__ = ["RunTracking"]


class RunTracking(RunReader):
    """A run whose experiment can be asked; what was committed since is read at the next question."""

    _said: tuple[object, ExperimentRecord] | None = None
    _record: tuple[object, ExperimentRecord] | None = None

    def record(self) -> ExperimentRecord:
        """Return the record of the experiment: what its events say as they are now, and its curves.

        Lines that cannot be read are in its ``problems``; everything else counts.
        """
        state = (self._events_state(), self._rows, self.status)
        if self._record is None or self._record[0] != state:
            self._record = (state, self._folded(self._curve_events()))
        return self._record[1]

    def said(self) -> ExperimentRecord:
        """Return what was said of the experiment, without the curves of its episodes."""
        state = self._events_state()
        if self._said is None or self._said[0] != state:
            self._said = (state, self._folded(()))
        return self._said[1]

    def _folded(self, curves: Iterable[Event]) -> ExperimentRecord:
        damaged: list[DamagedFileError] = []
        record = ExperimentRecord(chain(self.events(problems=damaged), curves))
        record.problems += map(str, damaged)
        return record

    def curves(self, **ctx: Any) -> SeriesList:
        """Return the curves that episodes make without a word of yours, over environment steps.

        Of each stream there are ``<stream>/episode_return_mean``, ``_std``, ``_min``, ``_max``,
        ``episode_length_mean``, ``success_rate``, ``episodes`` and ``env_steps_per_s``: for each member, and,
        of several members, for their mean. The episodes of one update are one point; without updates it is
        those of a window of steps. Of a run that goes on there are the points that are complete.

        Args:
            **ctx: what is known of the context (``stream="train"``, ``member=0``, ``agg="mean"``).
        """
        return ExperimentRecord(self._curve_events()).all_series(**ctx)

    @property
    def experiment_status(self) -> str:
        """What the run says of itself, SCHEDULED and PAUSED among it, or LOST: nobody writes it any more."""
        status = self.status
        said = self.said().status
        return said if status == "RUNNING" and said in ("SCHEDULED", "PAUSED") else status

    @property
    def params(self) -> dict[str, Any]:
        """Hyper-parameters by name; of one that was logged twice the last value."""
        return dict(self.said().params)

    @property
    def summary(self) -> dict[str, Any]:
        """Final numbers: what each series comes to by its definition, and above it what was said."""
        return self.record().summary

    @property
    def tags(self) -> dict[str, Any]:
        """Tags by name; one without a value has None."""
        return dict(self.said().tags)

    @overload
    def metrics(self, key: str, **ctx: Any) -> Series: ...

    @overload
    def metrics(self, key: None = None, **ctx: Any) -> SeriesList: ...

    def metrics(self, key: str | None = None, **ctx: Any) -> Series | SeriesList:
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

    def _curve_events(self) -> Iterator[Event]:
        return (point.event for point in curve_records(self))

    def _events_state(self) -> object:
        """Return what changes when events were added."""
        paths = sorted((self.run_dir / "events").glob("*.jsonl"))
        return tuple((path.name, path.stat().st_size) for path in paths)
