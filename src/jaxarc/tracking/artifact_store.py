"""ArtifactStore: what becomes of an artifact's file, what is said of it, and which checkpoints stay."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxarc.errors import TrackingError, closest
from jaxarc.records.artifact_events import ARTIFACT_EVENTS, artifact_fold
from jaxarc.records.artifact_paths import is_uri, path_in_run, said_path
from jaxarc.records.artifacts import CHECKPOINT, ArtifactSaid, ArtifactVersion, best_of
from jaxarc.records.checkpoint_retention import CheckpointRetention
from jaxarc.records.clock import CLOCK
from jaxarc.records.events import Event
from jaxarc.records.experiment_events import DIRECTIONS, Artifact, ArtifactRemoved, Checkpoint, DefineMetric
from jaxarc.replay.artifacts import RunArtifacts
from jaxarc.storage import read_events
from jaxarc.storage.artifact_files import (
    COPIES_FOLDER,
    StoredFile,
    copy_artifact,
    look_at,
    remove_artifact,
)
from jaxarc.tracking.artifact_arguments import declared_direction, name_of, names_of, plain_values, whole

__all__ = ["ArtifactStore", "Described", "Source"]

logger = logging.getLogger(__name__)

_FLUSH_S = 60.0
"""Old checkpoints stay where the new one is not on disk after so long."""

Source = str | ArtifactVersion | Mapping[str, Any]
"""What something was made from: its name in this run, a version of any run, or plain values."""


@dataclass(frozen=True, kw_only=True)
class Described:
    """What somebody says of a file: the keywords of the verbs."""

    description: str = ""
    tags: Sequence[str] = ()
    aliases: Sequence[str] = ()
    lineage: Source | Iterable[Source] = ()
    meta: Mapping[str, Any] | None = None


class ArtifactStore:
    """The artifacts of a run that is being tracked, as this process knows them.

    Args:
        run_dir: returns the run's directory, which it makes where it is not there yet; None where nothing is
            recorded: then files are looked at where they lie, and nothing is copied, said or removed.
        submit: has an event written.
        flush: waits until what was submitted is on disk; returns whether it is.
        direction_of: returns which way a metric gets better, where that was declared.
    """

    def __init__(
        self,
        run_dir: Callable[[], Path] | None,
        submit: Callable[[Event], object],
        flush: Callable[[float | None], bool],
        direction_of: Callable[[str], str | None] = lambda metric: None,
    ):
        self._run_dir = run_dir
        self._submit = submit
        self._flush = flush
        self._direction_of = direction_of
        # A signal may end the run while its thread is in here: it may come in again.
        self._lock = threading.RLock()
        self._retention: dict[str, CheckpointRetention] = {}
        before = list(_events_before(self.run_dir)) if run_dir is not None else []
        self._fold = artifact_fold(before, self.run_dir)
        self._declared: dict[str, str | None] = {
            str(each.payload.get("key")): each.payload.get("direction")
            for each in before
            if each.type == DefineMetric.TYPE
        }

    @property
    def run_dir(self) -> Path:
        """The run's directory."""
        return Path(os.devnull) if self._run_dir is None else self._run_dir()

    def artifacts(self) -> RunArtifacts:
        """Return the versions that are known."""
        with self._lock:
            return RunArtifacts(self._fold.versions(), self.run_dir)

    def lies_outside(self, path: str | os.PathLike[str]) -> bool:
        """Return whether a path leads to a file that does not lie in the run."""
        if self._run_dir is None or is_uri(os.fspath(path)):
            return False
        return path_in_run(self.run_dir, self._located(path)) is None

    def add(
        self,
        id: str,
        type: str,
        path: str | os.PathLike[str],
        said: Described,
        *,
        step: int | None,
        epoch: int | None,
        metrics: Mapping[str, Any] | None,
        copy: bool,
        digest: bool,
        must_exist: bool,
    ) -> ArtifactVersion:
        """Log a file: ``ArtifactVerbs.add_artifact`` says what each argument is."""
        id, type = name_of("artifact_id", id), name_of("artifact_type", type)
        at = {"step": whole("step", step), "epoch": whole("epoch", epoch), "metrics": dict(metrics or {})}
        more = self._described(said)
        where, stored, facts = self._taken(path, copy, digest, is_needed=copy or must_exist)
        return self._say(
            Artifact(
                path=where,
                type=type,
                name=id,
                size=None if stored is None else stored.size,
                checksum="" if stored is None else stored.checksum,
                meta=plain_values({**more, **facts, **at}),
            )
        )

    def add_checkpoint(
        self,
        path: str | os.PathLike[str],
        said: Described,
        *,
        name: str,
        step: int | None,
        epoch: int | None,
        metrics: Mapping[str, Any] | None,
        best_key: str | None,
        direction: str | None,
        copy: bool | None,
        digest: bool,
    ) -> ArtifactVersion:
        """Log a checkpoint: ``ArtifactVerbs.log_checkpoint`` says what each argument is."""
        name, step, epoch = name_of("name", name), whole("step", step), whole("epoch", epoch)
        kept = self._retention.get(name)
        best_key = best_key if best_key is not None or kept is None else kept.metric
        if best_key is not None:
            direction = self._direction(best_key, direction, kept)
        more, numbers = self._described(said), plain_values(metrics or {})
        wants_copy = self.lies_outside(path) if copy is None else copy
        where, stored, facts = self._taken(path, wants_copy, digest, is_needed=True)
        size = {} if stored is None else {"size": stored.size, "checksum": stored.checksum}
        with self._lock:
            version = self._say(
                Checkpoint(
                    step=step,
                    epoch=epoch,
                    path=where,
                    metrics=numbers,
                    is_best=_is_best(self._fold.of_id(name), numbers, best_key, direction),
                    best_key=best_key,
                    meta=plain_values({**more, **facts, **size, "name": name, "direction": direction}),
                )
            )
            self._drop(name)
        return version

    def keep(
        self, name: str, last: int, best: int, metric: str | None, direction: str | None
    ) -> CheckpointRetention:
        """Keep the last checkpoints of a name, and the best, from now on."""
        if metric is not None and direction is None:
            direction = self._declared_direction(metric)
        kept = CheckpointRetention(last=last, best=best, metric=metric, direction=direction)
        with self._lock:
            self._retention[name_of("name", name)] = kept
            self._drop(name)
        return kept

    def _located(self, path: str | os.PathLike[str]) -> Path:
        """Return where a path leads: from the working directory, or else from the run."""
        given = Path(path).expanduser()
        inside = self.run_dir / given
        return inside if not os.path.lexists(given) and inside.exists() else given.absolute()

    def _taken(
        self, path: str | os.PathLike[str], copy: bool, digest: bool, *, is_needed: bool
    ) -> tuple[str, StoredFile | None, dict[str, Any]]:
        """Return the path that the record names, what its file is, and what is said of both."""
        run_dir, text = self.run_dir, os.fspath(path)
        if not isinstance(text, str) or not text or "\0" in text:
            raise TrackingError(f"the path of an artifact must be a text that is not empty, got {text!r}")
        if is_uri(text):
            return text, None, {"kind": "uri", "mode": "reference"}
        file = self._located(path)
        try:
            copy = copy and self._run_dir is not None
            stored = copy_artifact(run_dir, file) if copy else look_at(file, digest=digest)
        except FileNotFoundError as error:
            if is_needed:
                raise TrackingError(f"{file}: there is no such file{_neighbours(file)}") from error
            logger.warning("%s: there is no such file; the artifact is recorded as missing", file)
            return said_path(run_dir, file), None, {"kind": "missing", "mode": "reference"}
        said = said_path(run_dir, stored.path)
        facts: dict[str, Any] = {"kind": stored.kind, "mode": "reference"}
        if copy or said.startswith(f"{COPIES_FOLDER}/"):
            facts["mode"] = "copy"
        if stored.kind == "directory":
            facts["files"] = stored.num_files
        return said, stored, facts

    def _described(self, said: Described) -> dict[str, Any]:
        return {
            **(said.meta or {}),
            "description": str(said.description or ""),
            "tags": names_of("tags", said.tags),
            "aliases": names_of("aliases", said.aliases),
            "lineage": self._resolved(said.lineage),
        }

    def _resolved(self, lineage: Source | Iterable[Source]) -> list[dict[str, Any]]:
        """Return what something was made from: which versions, as far as this run knows them."""
        given = [lineage] if isinstance(lineage, (str, ArtifactVersion, Mapping)) else list(lineage)
        found: list[dict[str, Any]] = []
        for source in given:
            if isinstance(source, Mapping):
                found.append({str(key): value for key, value in source.items()})
                continue
            if isinstance(source, str):
                try:
                    source = self.artifacts().get(source)
                except TrackingError:
                    found.append({"id": source})
                    continue
            named = {"id": source.id, "version": source.checksum or f"v{source.number}"}
            is_here = source.run_dir == self.run_dir
            found.append(named if is_here else {**named, "run": source.run_dir.name})
        return found

    def _direction(self, metric: str, given: str | None, kept: CheckpointRetention | None) -> str:
        declared = kept.direction if kept is not None and kept.metric == metric else None
        direction = given or declared or self._declared_direction(metric)
        if direction not in DIRECTIONS:
            said = "" if direction is None else f", got {direction!r}"
            raise TrackingError(
                f"which way {metric} gets better was not said{said}: give direction='maximize' or "
                f"'minimize', or declare it once: define_metric({metric!r}, direction='maximize')"
            )
        return direction

    def _declared_direction(self, metric: str) -> str | None:
        return self._direction_of(metric) or declared_direction(self._declared, metric)

    def _say(self, said: ArtifactSaid) -> Any:
        with self._lock:
            self._submit(said.event())
            return self._fold.add(CLOCK.now_ns() // 1000, said)

    def _drop(self, name: str) -> None:
        """Remove the checkpoints that nothing keeps, once the new one is on disk."""
        kept = self._retention.get(name)
        going = [] if kept is None else kept.dropped(self._fold.of_id(name))
        going = [each for each in going if each.is_in_run]
        if kept is None or not going:
            return
        if not self._flush(_FLUSH_S):
            logger.warning("%s: old checkpoints stay: the new one is not on disk yet", name)
            return
        for each in going:
            self._say(ArtifactRemoved(name=name, path=each.path, checksum=each.checksum, reason=kept.words))
        needed = {each.path for each in self._fold.versions() if not each.removed}
        for each in going:
            if self._run_dir is not None and each.path not in needed:
                remove_artifact(self.run_dir, each.file)


def _events_before(run_dir: Path) -> Iterator[Event]:
    """Yield what was said of artifacts, and of directions, before this process came."""
    for path in sorted((run_dir / "events").glob("p*.jsonl")):
        yield from read_events(path, types=[*ARTIFACT_EVENTS, DefineMetric.TYPE])


def _is_best(
    before: list[ArtifactVersion], metrics: Mapping[str, Any], metric: str | None, direction: str | None
) -> bool:
    if metric is None or direction is None:
        return False
    new = ArtifactVersion(id="", type=CHECKPOINT, path="", run_dir=Path(), metrics=metrics)
    best = best_of([each for each in before if not each.removed] + [new], metric, direction)
    return bool(best) and best[0] is new


def _neighbours(path: Path) -> str:
    """Return what of the folder is called much like a file that is not there."""
    try:
        return closest(path.name, os.listdir(path.parent))
    except OSError:
        return f", nor the folder {path.parent}"
