"""ArtifactVerbs: the verbs for files of an experiment, shared by everything that tracks one."""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxarc.records.artifacts import CHECKPOINT, ArtifactVersion
from jaxarc.records.events import Event
from jaxarc.replay.artifacts import RunArtifacts
from jaxarc.storage.artifact_checks import ArtifactFinding
from jaxarc.tracking.artifact_store import ArtifactStore, Described, Source

__all__ = ["ArtifactVerbs"]

_MAKING = threading.RLock()


class ArtifactVerbs(ABC):
    """The verbs for files of an experiment, for whoever has a run to write.

    A file is read, and copied where a copy is asked for, before a verb returns: what the program does with it
    afterwards changes nothing of what was logged. What is said of it goes into the run's log as everything.
    """

    _artifact_store: ArtifactStore | None = None

    @abstractmethod
    def _open_dir(self) -> Path:
        """Return the run's directory, which is made where it is not there yet."""

    @abstractmethod
    def _submit(self, said: Event) -> object:
        """Have an event written."""

    @abstractmethod
    def flush(self, timeout: float | None = None) -> bool:
        """Wait until what was accepted is on disk; return whether it is."""

    def _records_artifacts(self) -> bool:
        """Return whether anything is recorded: where not, files are looked at and nothing else is done."""
        return True

    def _direction_of(self, metric: str) -> str | None:
        """Return which way a metric gets better, where that was declared."""
        return None

    def add_artifact(
        self,
        artifact_id: str,
        artifact_type: str,
        file_path: str | os.PathLike[str],
        description: str = "",
        tags: Sequence[str] = (),
        *,
        aliases: Sequence[str] = (),
        step: int | None = None,
        epoch: int | None = None,
        metrics: Mapping[str, Any] | None = None,
        lineage: Source | Iterable[Source] = (),
        meta: Mapping[str, Any] | None = None,
        copy: bool = False,
        digest: bool = True,
        must_exist: bool = False,
    ) -> ArtifactVersion:
        """Associate a file or a directory with the experiment, by reference where no copy is asked for.

        Another content under the same id is another version of it. A file that is not there is recorded as
        missing, and a warning says so: something else may make it later.

        Args:
            artifact_id: what it is called.
            artifact_type: what it is; any word: ``checkpoint``, ``metrics``, ``visualization``, ``dataset``.
            file_path: where it lies: a path, seen from the working directory or else from the run, or a URI
                (``s3://…``), which is recorded as it is.
            description, tags: words about it, and for finding it.
            aliases: names that this version of it has from now on, and no other.
            step, epoch, metrics: when it was made, and numbers at that time.
            lineage: what it was made from: ids (``"dataset"``, ``"dataset:v0"``) or what these verbs return.
            meta: anything else that has a JSON form.
            copy: whether the run keeps a copy, under the digest of its content.
            digest: whether it is read through for its digest; one that is not is known by its size alone.
            must_exist: whether a file that is not there is an error.

        Returns:
            The version, with its number, digest and aliases.

        Raises:
            TrackingError: the run was not started, the path is no file or directory, or there is nothing
                although a copy was asked for or it must exist.
            StorageError: it cannot be read, or the copy cannot be written.
        """
        said = Described(description=description, tags=tags, aliases=aliases, lineage=lineage, meta=meta)
        return self._artifacts.add(
            artifact_id,
            artifact_type,
            file_path,
            said,
            step=step,
            epoch=epoch,
            metrics=metrics,
            copy=copy,
            digest=digest,
            must_exist=must_exist,
        )

    def log_artifact(
        self,
        path: str | os.PathLike[str],
        name: str | None = None,
        type: str = "file",
        *,
        copy: bool | None = None,
        must_exist: bool = True,
        **described: Any,
    ) -> ArtifactVersion:
        """Log a file or a directory as it is now: the run keeps a copy of what lies outside of it.

        Args:
            path: where it lies; a URI is recorded as it is.
            name: what it is called; its file name when left off.
            type: what it is; any word.
            copy: whether it is copied; None copies what does not lie in the run already.
            must_exist: as for `add_artifact`.
            **described: ``description, tags, aliases, step, epoch, metrics, lineage, meta, digest`` as for
                `add_artifact`.

        Returns:
            The version, with its number, digest and aliases.

        Raises:
            TrackingError: there is no such file, or the run was not started.
            StorageError: it cannot be read, or the copy cannot be written.
        """
        text = os.fspath(path)
        called = name if name is not None else os.path.basename(os.path.abspath(text)) or text
        wants_copy = self._artifacts.lies_outside(path) if copy is None else copy
        return self.add_artifact(called, type, path, copy=wants_copy, must_exist=must_exist, **described)

    def log_checkpoint(
        self,
        path: str | os.PathLike[str],
        *,
        step: int | None = None,
        epoch: int | None = None,
        metrics: Mapping[str, Any] | None = None,
        best_key: str | None = None,
        direction: str | None = None,
        name: str = CHECKPOINT,
        description: str = "",
        tags: Sequence[str] = (),
        aliases: Sequence[str] = (),
        lineage: Source | Iterable[Source] = (),
        meta: Mapping[str, Any] | None = None,
        copy: bool | None = None,
        digest: bool = True,
    ) -> ArtifactVersion:
        """Log a checkpoint as it is now; of those before it stays what `keep_checkpoints` says.

        ``get_artifact("best")`` and ``get_artifact("latest")`` find it again, also in another process.

        Args:
            path: its file or directory.
            step, epoch, metrics: when it was made, and numbers at that time.
            best_key: the metric by which one is the best; that of `keep_checkpoints` when left off.
            direction: which way it gets better, ``minimize`` or ``maximize``; not needed where it was
                declared by `keep_checkpoints` or ``define_metric``.
            name: what it is called; each is a version of that.
            description, tags, aliases, lineage, meta, digest: as for `add_artifact`. One with an alias stays.
            copy: as for `log_artifact`.

        Returns:
            The version; ``"best" in version.aliases`` says whether it is the best so far.

        Raises:
            TrackingError: there is no such file, or the direction of ``best_key`` was declared nowhere.
            StorageError: it cannot be read, or the copy cannot be written.
        """
        said = Described(description=description, tags=tags, aliases=aliases, lineage=lineage, meta=meta)
        return self._artifacts.add_checkpoint(
            path,
            said,
            name=name,
            step=step,
            epoch=epoch,
            metrics=metrics,
            best_key=best_key,
            direction=direction,
            copy=copy,
            digest=digest,
        )

    def keep_checkpoints(
        self,
        last: int = 1,
        *,
        best: int = 0,
        metric: str | None = None,
        direction: str | None = None,
        name: str = CHECKPOINT,
    ) -> None:
        """Keep the last checkpoints, and the best by a metric; the files of others go with each new one.

        Only files in the run are ever removed, and only when the new one is on disk. What was said of them
        stays. One that somebody gave an alias stays.

        Args:
            last: how many of the newest stay; at least 1.
            best: how many of the best stay.
            metric: the metric, as `log_checkpoint` is given it.
            direction: ``minimize`` or ``maximize``; not needed where ``define_metric`` declared it.
            name: which checkpoints.

        Raises:
            TrackingError: a number is out of range, or it is not said which way the metric gets better.
        """
        self._artifacts.keep(name, last, best, metric, direction)

    def artifacts(self) -> RunArtifacts:
        """Return the versions of all artifacts that this process knows of, the oldest first."""
        return self._artifacts.artifacts()

    def get_artifact(self, name: str = "latest", *, type: str | None = None) -> ArtifactVersion:
        """Return a version: its path opens as any (``open(tracker.get_artifact("best"))``).

        Args:
            name: an id, an alias, or both (``"model:best"``, ``"model:v0"``, ``"model:1f3870be"``).
            type: only among artifacts of this type.

        Raises:
            TrackingError: none answers to it, or several do; the message says which there are.
        """
        return self.artifacts().get(name, type=type)

    def get_artifacts_by_type(self, artifact_type: str) -> list[ArtifactVersion]:
        """Return what is there of a type, in the order in which it was logged; each opens as a path does."""
        return self.artifacts().by_type(artifact_type)

    def verify_artifacts(self, level: str = "digest", name: str | None = None) -> list[ArtifactFinding]:
        """Look whether files are what was logged.

        Args:
            level: ``exists``, ``size``, or ``digest``, which reads every byte.
            name: only the versions of this artifact; None for all.

        Raises:
            TrackingError: there is no such level, or no such artifact.
        """
        return self.artifacts().verify(level, name)

    @property
    def _artifacts(self) -> ArtifactStore:
        with _MAKING:
            if self._artifact_store is None:
                run_dir = self._open_dir if self._records_artifacts() else None
                self._artifact_store = ArtifactStore(run_dir, self._submit, self.flush, self._direction_of)
            return self._artifact_store
