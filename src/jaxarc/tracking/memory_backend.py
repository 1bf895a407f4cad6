"""MemoryBackend: a backend that keeps everything, for tests of whatever tracks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jaxarc.tracking.backend import RunInfo, TrackedRecord

if TYPE_CHECKING:
    from jaxarc.replay.experiment import ExperimentRecord

__all__ = ["MemoryBackend"]


class MemoryBackend:
    """Keep what a backend is given, in memory.

    A test hands it to a Recorder or a tracker (``backends=[memory]``) and looks at what arrived::

        memory = MemoryBackend()
        with jaxarc.Recorder(config, backends=[memory]) as recorder:
            recorder.log({"loss": 0.5}, step=1)
        assert memory.record().series("loss").value[-1] == 0.5

    Args:
        settings: nothing; every backend is made with its settings.
        before: called before each ``open``, ``write`` and ``close`` with that word and what is given; what it
            raises is what the backend raises, and while it waits the backend hangs.

    Attributes:
        run: what it knows of the run; None before it is open.
        records: what it was given of that run, each record once, by source and number.
        times_opened: how often it was opened.
        closed: the status with which it was closed; empty while it is open.
        repeated: records that came although it had them.
    """

    name = "memory"

    def __init__(self, settings: Any = None, *, before: Callable[[str, Any], None] | None = None):
        self._before = before or (lambda word, given: None)
        self.run: RunInfo | None = None
        self.records: dict[tuple[str, int], TrackedRecord] = {}
        self.times_opened = 0
        self.closed = ""
        self.repeated = 0

    def open(self, run: RunInfo) -> None:
        """Begin, or go on."""
        self._before("open", run)
        if self.run is not None and self.run.run_id != run.run_id:
            self.records, self.repeated = {}, 0
        self.run, self.closed = run, ""
        self.times_opened += 1

    def write(self, records: Sequence[TrackedRecord]) -> None:
        """Keep records."""
        self._before("write", records)
        for record in records:
            key = record.source, record.seq
            self.repeated += key in self.records
            self.records.setdefault(key, record)

    def ticket(self) -> Mapping[str, Any]:
        """Return how many records it has."""
        return {"records": len(self.records)}

    def close(self, status: str) -> None:
        """End."""
        self._before("close", status)
        self.closed = status

    def record(self) -> ExperimentRecord:
        """Return what was said, as ``run.record()`` does for the run."""
        from jaxarc.replay.experiment import ExperimentRecord

        return ExperimentRecord(record.event for record in self.records.values())
