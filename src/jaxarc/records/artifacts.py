"""ArtifactVersion: a file of an experiment as its run's events say it, with its aliases."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jaxarc.errors import TrackingError
from jaxarc.records.artifact_paths import is_uri, path_in_run
from jaxarc.records.experiment_events import DIRECTIONS, Artifact, ArtifactRemoved, Checkpoint

__all__ = ["CHECKPOINT", "DERIVED_ALIASES", "ArtifactFold", "ArtifactSaid", "ArtifactVersion", "best_of"]

CHECKPOINT = "checkpoint"
"""The type, and the usual id, of what ``log_checkpoint`` logs."""

DERIVED_ALIASES = ("best", "latest")
"""Aliases that follow from the record; ``best`` can be given as well."""

ArtifactSaid = Artifact | Checkpoint | ArtifactRemoved
"""The events that artifacts are folded from."""

_META = ("id", "aliases", "tags", "description", "step", "epoch", "metrics", "lineage", "kind", "mode")
_CHECKPOINT_META = ("name", "size", "checksum", "direction")
_SHORT = 12


@dataclass(frozen=True, kw_only=True)
class ArtifactVersion:
    """One version of an artifact. It stands for its file: ``open(version)`` and ``Path(version)`` do.

    Attributes:
        id: what it is called; every other content under one id is another version.
        type: what it is: an open vocabulary (``checkpoint``, ``metrics``, ``visualization``, …).
        number: which version of its id it is, from 0.
        path: where it lies, as the event says it: relative to the run, absolute, or a URI.
        size: bytes; None where nobody could look.
        checksum: ``sha256:`` and its hexadecimal digest; empty where none was taken.
        kind: ``file``, ``directory`` or ``uri``; ``missing`` where there was no file when it was logged.
        is_copy: whether the run keeps a copy of its own; else the path is a reference.
        tags, aliases, description: what people call it and say of it. An alias belongs to one version of an
            id; ``latest`` is the newest one, ``best`` the one that was said to be, or that has the best value
            of the checkpoints' metric.
        step, epoch: when it was made.
        metrics: numbers at that time.
        lineage: what it was made from: for each ``id`` and ``version``, and ``run`` where it is of another.
        timestamp_us: when it was logged, microseconds since the epoch.
        removed: why the run keeps its file no more; empty while it does.
        best_key, direction: of a checkpoint, the metric by which one is the best, and which way.
        meta: everything else that was said.
        run_dir: the run's directory.
    """

    id: str
    type: str
    path: str
    run_dir: Path
    number: int = 0
    size: int | None = None
    checksum: str = ""
    kind: str = "file"
    is_copy: bool = False
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    description: str = ""
    step: int | None = None
    epoch: int | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    lineage: tuple[Mapping[str, Any], ...] = ()
    timestamp_us: int = 0
    removed: str = ""
    best_key: str | None = None
    direction: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        aliases = f" [{', '.join(self.aliases)}]" if self.aliases else ""
        gone = f", removed: {self.removed}" if self.removed else ""
        return (
            f"ArtifactVersion({self.id!r} {self.name_of_version}{aliases}, {self.type}, {self.path!r}{gone})"
        )

    def __fspath__(self) -> str:
        return str(self.file)

    @property
    def version(self) -> str:
        """The digest of what it holds, which names the version whatever else there is; empty without one."""
        return self.checksum.removeprefix("sha256:")

    @property
    def name_of_version(self) -> str:
        """Its number and the beginning of its digest: ``v2 (1f3870be274f)``."""
        return f"v{self.number} ({self.version[:_SHORT]})" if self.version else f"v{self.number}"

    @property
    def is_in_run(self) -> bool:
        """Whether its file is one of the run's: only these are sent elsewhere, shown and removed."""
        return path_in_run(self.run_dir, self.path) is not None

    @property
    def file(self) -> Path:
        """Its file or directory here.

        Raises:
            TrackingError: it is on another machine, or the event names a file out of the run as one of it.
        """
        if is_uri(self.path):
            raise TrackingError(f"artifact {self.id} is no file here: {self.path}")
        found = path_in_run(self.run_dir, self.path)
        if found is not None:
            return found
        if os.path.isabs(self.path) and not self.is_copy:
            return Path(self.path)
        raise TrackingError(f"artifact {self.id}: {self.path!r} leads out of the run {self.run_dir.name}")

    def answers_to(self, name: str) -> bool:
        """Return whether this version of its id is meant, by alias, ``v2`` or part of its digest."""
        digits = name.removeprefix("sha256:")
        is_digest = len(digits) >= 6 and self.version.startswith(digits.lower())
        return name in self.aliases or name == f"v{self.number}" or is_digest


def best_of(
    versions: Iterable[ArtifactVersion], metric: str, direction: str, count: int = 1
) -> list[ArtifactVersion]:
    """Return the versions with the best values of a metric, the best first; of equal ones the earlier.

    Those without it, with a NaN or with something that is no number are never among them.

    Args:
        versions: where to look, in the order in which they were logged.
        metric: its name in their ``metrics``.
        direction: of ``DIRECTIONS``.
        count: the most to return.
    """
    sign = 1.0 if direction == DIRECTIONS[0] else -1.0
    found = [(value, each) for each in versions if (value := _number(each.metrics.get(metric))) is not None]
    return [each for _, each in sorted(found, key=lambda pair: sign * pair[0])[:count]]


class ArtifactFold:
    """Versions of artifacts, as one thing after the other is said of them.

    What is logged again with the same content is the same version, with what is said of it now added.

    Args:
        run_dir: the run's directory.
    """

    def __init__(self, run_dir: Path):
        self._run_dir = run_dir
        self._order: list[tuple[str, str]] = []
        self._families: dict[str, _Family] = {}

    def add(self, timestamp_us: int, said: ArtifactSaid) -> ArtifactVersion | None:
        """Take what is said; return the version that was logged, None where one was removed.

        Args:
            timestamp_us: when it was said, microseconds since the epoch.
            said: what.
        """
        if isinstance(said, ArtifactRemoved):
            family = self._families.get(said.name)
            if family is not None:
                family.remove(said)
            return None
        new = _read(said, timestamp_us, self._run_dir)
        family = self._families.setdefault(new.id, _Family())
        key = new.checksum or f"{new.path}\0{new.size}\0{new.step}"
        if key not in family.versions:
            self._order.append((new.id, key))
        family.add(key, new)
        return replace(family.versions[key], aliases=family.aliases_of(key))

    def versions(self) -> list[ArtifactVersion]:
        """Return all versions, in the order in which each was first logged."""
        aliases = {id: family.aliases() for id, family in self._families.items()}
        return [
            replace(self._families[id].versions[key], aliases=aliases[id].get(key, ()))
            for id, key in self._order
        ]

    def of_id(self, id: str) -> list[ArtifactVersion]:
        """Return the versions of one artifact, the oldest first."""
        family = self._families.get(id)
        if family is None:
            return []
        aliases = family.aliases()
        return [replace(each, aliases=aliases.get(key, ())) for key, each in family.versions.items()]


class _Family:
    """The versions of one id, by what tells them apart, and who was given which alias."""

    def __init__(self):
        self.versions: dict[str, ArtifactVersion] = {}
        self._last = ""
        self._given: dict[str, str] = {}

    def add(self, key: str, new: ArtifactVersion) -> None:
        known = self.versions.get(key)
        numbered = replace(new, number=len(self.versions)) if known is None else _joined(known, new)
        self.versions[key], self._last = numbered, key
        self._given.update(dict.fromkeys(new.aliases, key))

    def remove(self, said: ArtifactRemoved) -> None:
        for key, version in list(self.versions.items()):
            if (version.path, version.checksum) == (said.path, said.checksum):
                self.versions[key] = replace(version, removed=said.reason or "removed")

    def aliases_of(self, key: str) -> tuple[str, ...]:
        return self.aliases().get(key, ())

    def aliases(self) -> dict[str, tuple[str, ...]]:
        """Return the aliases of each version: those that were given, and those that follow."""
        holders = dict(self._given)
        there = [key for key, each in self.versions.items() if not each.removed]
        holders["latest"] = there[-1] if there and self.versions[self._last].removed else self._last
        asked = self.versions[self._last]
        if asked.best_key and asked.direction in DIRECTIONS:
            best = best_of([self.versions[key] for key in there], asked.best_key, asked.direction)
            holders.pop("best", None)
            for key in there:
                if best and self.versions[key] is best[0]:
                    holders["best"] = key
        named: dict[str, list[str]] = {}
        for alias, key in holders.items():
            named.setdefault(key, []).append(alias)
        return {key: tuple(sorted(names)) for key, names in named.items()}


def _read(said: Artifact | Checkpoint, timestamp_us: int, run_dir: Path) -> ArtifactVersion:
    meta = dict(said.meta) if isinstance(said.meta, Mapping) else {}
    aliases = _texts(meta.get("aliases"))
    more = {name: value for name, value in meta.items() if name not in _META}
    if isinstance(said, Checkpoint):
        name, type = str(meta.get("name") or CHECKPOINT), CHECKPOINT
        size, checksum = meta.get("size"), str(meta.get("checksum") or "")
        step, epoch, metrics = said.step, said.epoch, said.metrics
        aliases += ("best",) if said.is_best and "best" not in aliases else ()
        more = {key: value for key, value in more.items() if key not in _CHECKPOINT_META}
        by = {"best_key": said.best_key, "direction": meta.get("direction")}
    else:
        name, type = str(meta.get("id") or said.name), str(said.type)
        size, checksum = said.size, str(said.checksum or "")
        step, epoch, metrics, by = meta.get("step"), meta.get("epoch"), meta.get("metrics"), {}
    path = str(said.path)
    return ArtifactVersion(
        id=name,
        type=type,
        path=path,
        run_dir=run_dir,
        size=size if isinstance(size, int) else None,
        checksum=checksum,
        kind=str(meta.get("kind") or ("uri" if is_uri(path) else "file")),
        is_copy=meta.get("mode") == "copy",
        tags=_texts(meta.get("tags")),
        aliases=tuple(alias for alias in aliases if alias != "latest"),
        description=str(meta.get("description") or ""),
        step=step if isinstance(step, int) else None,
        epoch=epoch if isinstance(epoch, int) else None,
        metrics=dict(metrics) if isinstance(metrics, Mapping) else {},
        lineage=_sources(meta.get("lineage")),
        timestamp_us=timestamp_us,
        meta=more,
        **by,
    )


def _joined(known: ArtifactVersion, new: ArtifactVersion) -> ArtifactVersion:
    """Return a version that was logged again: what is said now counts, what is not said stays."""
    keeps_copy = known.is_copy and not new.is_copy and not known.removed
    return replace(
        new,
        number=known.number,
        path=known.path if keeps_copy else new.path,
        is_copy=new.is_copy or keeps_copy,
        tags=(*known.tags, *(tag for tag in new.tags if tag not in known.tags)),
        description=new.description or known.description,
        step=known.step if new.step is None else new.step,
        epoch=known.epoch if new.epoch is None else new.epoch,
        metrics={**known.metrics, **new.metrics},
        lineage=new.lineage or known.lineage,
        timestamp_us=known.timestamp_us,
        meta={**known.meta, **new.meta},
    )


def _texts(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    return tuple(dict.fromkeys(map(str, value))) if isinstance(value, Sequence) else ()


def _sources(value: object) -> tuple[Mapping[str, Any], ...]:
    if isinstance(value, (str, Mapping)):
        value = (value,)
    found = value if isinstance(value, Sequence) else ()
    return tuple(dict(each) if isinstance(each, Mapping) else {"id": str(each)} for each in found)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return None if math.isnan(value) else float(value)
