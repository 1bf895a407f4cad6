"""Whether the files of artifacts are still what was logged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jaxarc.errors import StorageError, TrackingError
from jaxarc.records.artifacts import ArtifactVersion
from jaxarc.records.experiment_events import ARTIFACT_CHECKS
from jaxarc.storage.artifact_files import StoredFile, look_at

__all__ = ["BROKEN_STATES", "ArtifactFinding", "check_artifacts"]

BROKEN_STATES = ("missing", "changed", "outside", "unreadable")
"""What should not be: no file, one of other size or content, one out of the run, one that cannot be read."""


@dataclass(frozen=True)
class ArtifactFinding:
    """What was found of one version of an artifact.

    Attributes:
        artifact: the version.
        state: ``ok``; of ``BROKEN_STATES``; ``removed`` where retention took it, ``replaced`` where a later
            version of it was written over it, ``elsewhere`` where it is on another machine, ``unknown`` where
            it was logged without what the level compares.
        words: what was found, in a sentence; empty where it is as it was.
    """

    artifact: ArtifactVersion
    state: str
    words: str = ""

    @property
    def is_broken(self) -> bool:
        """Whether its file is not what was logged."""
        return self.state in BROKEN_STATES

    def __str__(self) -> str:
        about = f"{self.artifact.id} {self.artifact.name_of_version}: {self.state}"
        return f"{about}, {self.words}" if self.words else about


def check_artifacts(
    versions: Iterable[ArtifactVersion], level: str, among: Sequence[ArtifactVersion] | None = None
) -> list[ArtifactFinding]:
    """Look whether files are what was logged.

    Args:
        versions: which; one that was logged as missing is looked for as well.
        level: ``exists``, ``size`` (and kind), or ``digest``, each with those before it.
        among: all versions of the run, to know what was written over; ``versions`` when left off.

    Raises:
        TrackingError: there is no such level.
    """
    if level not in ARTIFACT_CHECKS:
        raise TrackingError(f"level must be one of {', '.join(ARTIFACT_CHECKS)}, got {level!r}")
    chosen = list(versions)
    last_at = {(each.id, each.path): each.number for each in (chosen if among is None else among)}
    return [_check(each, level, last_at[each.id, each.path] > each.number) for each in chosen]


def _check(version: ArtifactVersion, level: str, is_replaced: bool) -> ArtifactFinding:
    if version.removed:
        return ArtifactFinding(version, "removed", version.removed)
    if version.kind == "uri":
        return ArtifactFinding(version, "elsewhere", f"it is on another machine: {version.path}")
    if is_replaced:
        return ArtifactFinding(version, "replaced", f"a later version was written over it: {version.path}")
    try:
        path = version.file
    except TrackingError as error:
        return ArtifactFinding(version, "outside", str(error))
    depth = ARTIFACT_CHECKS.index(level)
    try:
        found = look_at(path, digest=depth >= ARTIFACT_CHECKS.index("digest"))
    except FileNotFoundError:
        return ArtifactFinding(version, "missing", f"there is nothing at {path}")
    except (StorageError, TrackingError) as error:
        return ArtifactFinding(version, "unreadable", str(error))
    return _compared(version, found, depth)


def _compared(version: ArtifactVersion, found: StoredFile, depth: int) -> ArtifactFinding:
    if depth >= ARTIFACT_CHECKS.index("size"):
        if version.kind in ("file", "directory") and found.kind != version.kind:
            return ArtifactFinding(version, "changed", f"it was a {version.kind} and is a {found.kind}")
        if version.size is None:
            return ArtifactFinding(version, "unknown", "it was logged without its size")
        if found.size != version.size:
            words = f"it had {version.size:,} bytes and has {found.size:,}"
            return ArtifactFinding(version, "changed", words)
    if found.checksum:
        if not version.checksum:
            return ArtifactFinding(version, "unknown", "it was logged without a digest")
        if found.checksum != version.checksum:
            was, now = (text.removeprefix("sha256:")[:12] for text in (version.checksum, found.checksum))
            return ArtifactFinding(version, "changed", f"its content changed: {was} is {now} now")
    return ArtifactFinding(version, "ok")
