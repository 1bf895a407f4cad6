"""Backend: who shows a run elsewhere (W&B, MLflow, TensorBoard), fed with what is committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from jaxarc.records.tracked_record import TrackedRecord

__all__ = ["Backend", "Joining", "RunInfo", "TrackedRecord"]


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """What a backend has to know of a run before it is fed.

    Attributes:
        run_dir: the run's directory; paths of artifacts and media are relative to it.
        run_id: the run's identity, the same in every session of the backend.
        name: what people call it.
        experiment: what it belongs to: W&B's group or project, MLflow's experiment.
        created_us: when it began, microseconds since the epoch.
        config: the resolved configuration.
        environment: versions, devices, git, command line; secrets are redacted.
        is_live: whether the run is being written; False where it is sent after the fact.
        ticket: what this backend returned for the run when it was open before (ids of its runs, byte
            offsets); empty for the first time.
    """

    run_dir: Path
    run_id: str
    name: str
    experiment: str
    created_us: int
    config: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)
    is_live: bool = False
    ticket: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Joining(Protocol):
    """A backend that joins a run which the user began in the same process."""

    def join_active(self) -> None:
        """Look for a run that is active, and remember it for ``open``.

        Called by the thread that begins the run: which run is active may differ from thread to thread.
        """
        ...


class Backend(Protocol):
    """Show a run elsewhere.

    The feed calls one method at a time, on a thread of its own, in the order ``open``, then ``write`` and
    ``ticket`` as often as there is something, then ``close``. Whatever is raised counts as "not accepted":
    the feed waits, tries the same records again, gives a single record that is refused up after some tries
    (counted, named), and stops asking a backend that stays down; the rest comes with ``jaxarc sync``.
    """

    name: str

    def open(self, run: RunInfo) -> None:
        """Begin, or go on where ``run.ticket`` says."""
        ...

    def write(self, records: Sequence[TrackedRecord]) -> None:
        """Show records, which come in order; those that it has already change nothing.

        Raises:
            RefusedRecordError: one record cannot be shown, and never will be.
            StartOverError: what was written before cannot be added to, or is gone: the feed opens it again
                without a ticket and sends everything. ``open`` may raise it too.
            Exception: anything else may pass, and the records come again.
        """
        ...

    def ticket(self) -> Mapping[str, Any]:
        """Return plain values with which ``open`` goes on in another process: saved with the cursor.

        ``shown_at`` among them is the command or the address with which people see the run: reports print it.
        """
        ...

    def close(self, status: str) -> None:
        """End: FINISHED, FAILED, KILLED, or RUNNING where the run goes on without this backend."""
        ...
