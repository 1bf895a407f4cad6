"""W&B shows a run: a run there for every member, and one for what belongs to all of them."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxarc.errors import StartOverError
from jaxarc.records.experiment_events import (
    DefineMetric,
    Param,
    Tag,
)
from jaxarc.tracking.backend import RunInfo, TrackedRecord
from jaxarc.tracking.series_names import is_of_several, member_of
from jaxarc.tracking.wandb_run import MetricAxes, WandbRun
from jaxarc.tracking.wandb_session import Link, begin_run, mode_of

if TYPE_CHECKING:
    from jaxarc.config.wandb import WandbConfig

__all__ = ["WandbBackend"]

logger = logging.getLogger(__name__)

_ALL = ""
"""The run of what belongs to all members; those of members go by their number."""

_EXIT_CODES = {"FINISHED": 0, "FAILED": 1, "KILLED": 130, "RUNNING": 0}


class WandbBackend:
    """Show a run in Weights & Biases.

    Series, summary, config, tables, media and files each go where W&B has them. No step is sent:
    environment steps, updates and episodes are axes of the metrics (``define_metric``). A run of several
    members is a group: one run for each member, and one with their mean and all that is said of the whole.
    A run of W&B that is active in this process is joined, and not finished.

    Without a key it writes W&B's offline files, in the run's directory, which ``wandb sync`` uploads. They
    are derived like everything else: where more is to be sent after they were closed they are written anew.

    Args:
        settings: ``logging.wandb`` of the configuration.

    Attributes:
        upload_bytes: the most bytes of media and files; None for what ``logging.upload_bytes`` says.
    """

    name = "wandb"

    def __init__(self, settings: WandbConfig):
        self.settings = settings
        self.upload_bytes: int | None = None
        self._mode = "disabled"
        self._info: RunInfo | None = None
        self._link = Link()
        self._runs: dict[str, WandbRun] = {}
        self._axes = MetricAxes()
        self._is_split = False
        self._has_several = False
        self._uploaded = 0
        self._known: dict[str, Any] = {}
        self._shown_at = ""

    @property
    def runs(self) -> tuple[Any, ...]:
        """The runs of W&B that are open, the one of all members first."""
        return tuple(each.run for each in self._runs.values())

    def open(self, run: RunInfo) -> None:
        """Begin the run in W&B, or go on with it.

        Raises:
            StartOverError: it was written to offline files that cannot be added to, or is to go online now.
        """
        self._mode = mode_of(self.settings)
        self._info = run
        if self._mode == "disabled":
            return
        ticket = run.ticket
        if ticket.get("runs") and (self._mode == "offline" or ticket.get("mode") != self._mode):
            _remove_offline(ticket)
            raise StartOverError("W&B: files of an offline run cannot be added to; they are written anew")
        self._known = {str(name): dict(each) for name, each in ticket.get("runs", {}).items()}
        self._is_split = self._has_several or bool(ticket.get("is_split"))
        self._uploaded = int(ticket.get("uploaded_bytes", 0))
        self._axes = MetricAxes(ticket.get("definitions", {}))
        self._link = Link.of_environment(run.run_dir)
        self._runs = {}
        main = self._run_of(_ALL)
        main.configure({"jaxarc": run.config, "environment": run.environment})
        self._tell(main)

    def write(self, records: Sequence[TrackedRecord]) -> None:
        """Show records; those that W&B has already are passed over."""
        if self._mode == "disabled":
            return
        if not self._is_split and any(is_of_several(record.said) for record in records):
            self._split()
        for record in records:
            for name in self._homes(record):
                run = self._run_of(name)
                if run.lacks(record):
                    run.show(record, self._axes, self)
                    run.has(record)

    def ticket(self) -> Mapping[str, Any]:
        """Return the runs of W&B, what each of them has, and how metrics are defined."""
        return {
            "mode": self._mode,
            "shown_at": self._shown_at,
            "runs": {**self._known, **{name: run.ticket() for name, run in self._runs.items()}},
            "is_split": self._is_split,
            "uploaded_bytes": self._uploaded,
            "definitions": self._axes.plain(),
        }

    def close(self, status: str) -> None:
        """Finish the runs that this began; one that was joined goes on."""
        for name, run in self._runs.items():
            self._known[name] = run.ticket()
            if not run.is_joined:
                self._finish(run, _EXIT_CODES.get(status, 1))
        self._runs = {}

    def _finish(self, run: WandbRun, exit_code: int) -> None:
        try:
            run.run.finish(exit_code=exit_code)
        except TimeoutError:
            logger.warning("W&B did not upload all of it in time; the rest: wandb sync %s", run.folder)

    def may_upload(self, nbytes: int) -> bool:
        """Say whether so many bytes more are within the upload budget."""
        said = self.upload_bytes
        if said is None:
            section = self._info.config.get("logging", {}) if self._info is not None else {}
            said = section.get("upload_bytes") if isinstance(section, Mapping) else None
        return said is None or self._uploaded + nbytes <= said

    def uploaded(self, nbytes: int) -> None:
        """Count bytes that were handed to W&B."""
        self._uploaded += nbytes

    @property
    def run_dir(self) -> Path:
        """The directory of the run that is shown."""
        assert self._info is not None
        return self._info.run_dir

    def _homes(self, record: TrackedRecord) -> list[str]:
        """Return the runs that show a record, in the order in which they do."""
        said = record.said
        if isinstance(said, DefineMetric):
            self._axes.define(said)
        if isinstance(said, (Param, Tag, DefineMetric)):
            return [_ALL, *(name for name in self._runs if name != _ALL)]
        member = member_of(said) if self._is_split else None
        return [_ALL if member is None else str(member)]

    def _run_of(self, name: str) -> WandbRun:
        if name in self._runs:
            return self._runs[name]
        assert self._info is not None
        joined = _active_run() if self._info.is_live and name == _ALL else None
        member = int(name) if name else None
        run = joined or begin_run(self._info, self.settings, self._mode, member=member, link=self._link)
        known, run_id = self._known.get(name, {}), self._info.run_id
        made = WandbRun(run, is_joined=joined is not None, ticket=known, run_id=run_id)
        if name and self._runs:
            made.begin_like(self._runs[_ALL], int(name))
        self._runs[name] = made
        return made

    def _split(self) -> None:
        """Show every member in a run of its own from now on."""
        self._is_split = self._has_several = True
        if self._runs[_ALL].has_members and self._mode == "offline":
            self.close("RUNNING")
            _remove_offline(self.ticket())
            raise StartOverError("W&B: the run turned out to have several members; it is written anew")

    def _tell(self, main: WandbRun) -> None:
        """Say where people find it."""
        if self._mode == "online":
            self._shown_at = main.run.url or ""
            logger.info("W&B: %s%s", "joined the active run " if main.is_joined else "", self._shown_at)
            return
        # A run of several members has a folder for each.
        folder = f"{Path(main.folder).parent}/offline-run-*" if self._is_split else main.folder
        self._shown_at = f"wandb sync {folder}"
        is_asked_for = main.is_joined or self.settings.mode or os.environ.get("WANDB_MODE")
        logger.log(
            logging.INFO if is_asked_for else logging.WARNING,
            "W&B%s: the run is written to offline files; %s uploads it",
            " is offline" if is_asked_for else " has no key here",
            self._shown_at,
        )


def _active_run() -> Any:
    """Return the run of W&B that somebody began in this process; None where there is none."""
    import wandb

    return wandb.run


def _remove_offline(ticket: Mapping[str, Any]) -> None:
    """Remove offline files that are written anew; those that were uploaded stay."""
    for each in ticket.get("runs", {}).values():
        folder = Path(each.get("folder") or "")
        is_ours = folder.name.startswith("offline-run-") and not each.get("is_joined")
        if is_ours and folder.is_dir() and not any(folder.glob("*.synced")):
            shutil.rmtree(folder, ignore_errors=True)
