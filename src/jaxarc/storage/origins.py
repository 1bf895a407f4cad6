"""How a process comes to write a run: it makes one, joins one, or goes on with one."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from jaxarc.config import EpisodeConfig
from jaxarc.errors import DamagedFileError, StorageError
from jaxarc.records.events import Event
from jaxarc.records.experiment_events import RunStart
from jaxarc.records.secrets import redacted
from jaxarc.storage.atomic import atomic_write_bytes, storage_errors
from jaxarc.storage.attempts import Attempt, plan_attempt
from jaxarc.storage.event_log import EventLog
from jaxarc.storage.run_directory import create_run_dir, read_run_file, resolve_run, write_run_file
from jaxarc.storage.sharing import JOIN_VARIABLE, Invitation, invitation_from, read_token
from jaxarc.storage.status import derive_status
from jaxarc.storage.writers import claim_next_writer, claim_writer

__all__ = ["JoinedRun", "NewRun", "NoRun", "OpenedRun", "Origin", "ResumedRun", "begin_run", "choose_origin"]

logger = logging.getLogger(__name__)


@dataclass
class OpenedRun:
    """A run that this process writes.

    Attributes:
        run_dir: its directory.
        events: this writer's event log, which has its name.
        content: what ``run.json`` says; None where another process writes that file.
        env_steps: environment steps that each stream took before.
    """

    run_dir: Path
    events: EventLog
    content: dict[str, Any] | None
    env_steps: Mapping[str, int] = field(default_factory=dict)


class Origin(Protocol):
    """Where a run comes from."""

    def open(self, config: EpisodeConfig, content: Mapping[str, Any]) -> OpenedRun:
        """Take a writer's name in the run and write what says so.

        Args:
            config: where runs live.
            content: what this process says of itself; ``config``, the resolved configuration, among it.

        Raises:
            StorageError: it cannot be written, or may not.
        """
        ...


def begin_run(
    run_dir: Path, events: EventLog, config: EpisodeConfig, content: Mapping[str, Any]
) -> OpenedRun:
    """Write what a run begins with into its directory: configuration, ``run.json`` and first event.

    Args:
        run_dir: the directory.
        events: the log of its first writer.
        config: where runs live.
        content: what this process says of itself; ``run_id`` in it is the run's.

    Raises:
        StorageError: it cannot be written.
    """
    said = {
        "run_id": run_dir.name,
        "experiment": config.experiment,
        "status": "RUNNING",
        "attempt": 1,
        "writer": events.writer,
        **_without_config(content),
    }
    _write_config(run_dir, "config", content)
    write_run_file(run_dir, said)
    events.append(RunStart.of_run(said).event())
    return OpenedRun(run_dir, events, said)


@dataclass(frozen=True)
class NewRun:
    """A run that is begun."""

    def open(self, config: EpisodeConfig, content: Mapping[str, Any]) -> OpenedRun:
        """Make the run's directory, its ``run.json`` and its first event."""
        run_dir = create_run_dir(config)
        return begin_run(run_dir, claim_writer(run_dir, 0), config, content)


@dataclass(frozen=True)
class NoRun:
    """No run: the process that this one would join records nothing.

    Attributes:
        reason: why.
    """

    reason: str

    def open(self, config: EpisodeConfig, content: Mapping[str, Any]) -> OpenedRun:
        """Refuse: nothing is written.

        Raises:
            StorageError: always.
        """
        raise StorageError(f"nothing is recorded: {self.reason}")


@dataclass(frozen=True)
class JoinedRun:
    """A run of another process that this one joins.

    Attributes:
        invitation: what that process gave out; one that leads to a run.
    """

    invitation: Invitation

    def open(self, config: EpisodeConfig, content: Mapping[str, Any]) -> OpenedRun:
        """Take the next writer's name of the run.

        Raises:
            StorageError: the run is gone or has ended, or the invitation is not this run's.
        """
        run_dir = self.invitation.run_dir
        assert run_dir is not None
        run = self._admitted(run_dir)
        events = claim_next_writer(run_dir)
        said = {"writer": events.writer, "attempt": run.get("attempt", 1), **_without_config(content)}
        events.append(Event("writer_start", said))
        try:
            self._admitted(run_dir)  # its owner may have ended it meanwhile, not knowing of this writer
        except StorageError:
            events.append(Event("writer_end", {"writer": events.writer, "status": "REFUSED"}))
            events.close()
            raise
        if run.get("config_hash") != content.get("config_hash"):
            logger.info(
                "joins run %s with a configuration of its own (%s, the run has %s)",
                run_dir.name,
                content.get("config_hash"),
                run.get("config_hash"),
            )
        return OpenedRun(run_dir, events, None, _env_steps(run.get("env_steps_before")))

    def _admitted(self, run_dir: Path) -> Mapping[str, Any]:
        """Return ``run.json`` of a run that may be joined."""
        instead = f"unset {JOIN_VARIABLE} to record a run of its own"
        try:
            if not run_dir.is_dir():
                raise StorageError(f"{run_dir}: the run to join is not there; {instead}")
            token, run = read_token(run_dir), read_run_file(run_dir)
        except DamagedFileError as error:
            raise StorageError(f"the run to join is damaged: {error}; {instead}") from error
        if token != self.invitation.token:
            raise StorageError(
                f"{run_dir}: the invitation is not (or no longer) this run's; give the child what "
                f"recorder.share() returns now, or {instead}"
            )
        if run.get("status") != "RUNNING":
            raise StorageError(
                f"{run_dir}: the run to join has ended ({run.get('status')}); keep its recorder open as long "
                f"as others join, or {instead}"
            )
        if derive_status(run_dir, run) == "LOST":
            raise StorageError(f"{run_dir}: nobody writes the run to join any more (LOST); {instead}")
        return run


@dataclass(frozen=True)
class ResumedRun:
    """A run that goes on with a new attempt.

    Attributes:
        run_dir: the run.
        at_step: environment steps at which it goes on: of the stream ``train`` or the only one, or by
            stream; None for the last that are on disk.
    """

    run_dir: Path
    at_step: int | Mapping[str, int] | None = None

    def open(self, config: EpisodeConfig, content: Mapping[str, Any]) -> OpenedRun:
        """Take the next writer's name of the run, and say from which step on it is this writer's.

        Raises:
            StorageError: the run is being written, is damaged, or does not reach that far.
        """
        attempt = plan_attempt(self.run_dir, self.at_step)
        try:
            events = claim_writer(self.run_dir, attempt.writer)
        except FileExistsError as error:
            raise StorageError(f"{self.run_dir}: another process resumes this run just now") from error
        before = attempt.before
        said = {
            "run_id": self.run_dir.name,
            "experiment": before.get("experiment", config.experiment),
            "status": "RUNNING",
            "attempt": attempt.number,
            "writer": events.writer,
            "env_steps_before": dict(attempt.env_steps),
            "started": content.get("created"),
            **_without_config(content),
            "created": before.get("created", content.get("created")),
        }
        events.append(RunStart.of_run(said).event())
        events.append(Event("resume", attempt.payload()))
        events.sync()
        _write_config(self.run_dir, f"config-{attempt.number:03d}", content)
        write_run_file(self.run_dir, said)
        _tell(self.run_dir, attempt, content)
        return OpenedRun(self.run_dir, events, said, attempt.env_steps)


def choose_origin(
    *,
    root: Path,
    join: str | None = None,
    resume: str | os.PathLike[str] | None = None,
    at_step: int | Mapping[str, int] | None = None,
    environment: Mapping[str, str],
) -> Origin:
    """Return where a process's run comes from.

    Args:
        root: where a run to resume is looked for.
        join: an invitation to a run.
        resume: a run to go on with, as ``resolve_run`` takes it.
        at_step: where it goes on.
        environment: may hold an invitation, which counts where neither is given.

    Raises:
        StorageError: they contradict each other, or there is no such invitation.
        RunNotFoundError: there is no such run to resume.
    """
    if join is not None and resume is not None:
        raise StorageError("a run is joined or resumed, got join= and resume=; leave one of them out")
    if resume is None and at_step is not None:
        raise StorageError(f"at_step={at_step!r} says where a run goes on; say which one with resume=")
    if resume is not None:
        return ResumedRun(resolve_run(resume, root), at_step)
    invitation = Invitation.parse(join) if join is not None else invitation_from(environment)
    if invitation is None:
        return NewRun()
    return NoRun(invitation.reason) if invitation.run_dir is None else JoinedRun(invitation)


def _tell(run_dir: Path, attempt: Attempt, content: Mapping[str, Any]) -> None:
    where = ", ".join(f"{name} {step:,}" for name, step in attempt.env_steps.items()) or "its beginning"
    logger.info("attempt %d of run %s goes on at step: %s", attempt.number, run_dir.name, where)
    config_hash = attempt.before.get("config_hash")
    if config_hash is not None and config_hash != content.get("config_hash"):
        logger.warning(
            "attempt %d of run %s has another configuration: %s, before it was %s; both are in config/",
            attempt.number,
            run_dir.name,
            content.get("config_hash"),
            config_hash,
        )


def _without_config(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name != "config"}


def _write_config(run_dir: Path, name: str, content: Mapping[str, Any]) -> None:
    folder = run_dir / "config"
    with storage_errors(folder):
        folder.mkdir(exist_ok=True)
    text = json.dumps(redacted(content.get("config", {})), indent=2, ensure_ascii=False)
    atomic_write_bytes(folder / f"{name}.json", text.encode())


def _env_steps(value: Any) -> dict[str, int]:
    if not isinstance(value, Mapping):
        return {}
    return {str(name): step for name, step in value.items() if isinstance(step, int)}
