"""RunArtifacts: the files of an experiment: which there are, which is meant, and whether they are whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, overload

from jaxarc.errors import TrackingError, closest
from jaxarc.records.artifact_events import artifact_fold
from jaxarc.records.artifacts import ArtifactVersion
from jaxarc.records.events import Event
from jaxarc.storage.artifact_checks import ArtifactFinding, check_artifacts

__all__ = ["RunArtifacts"]


class RunArtifacts(Sequence[ArtifactVersion]):
    """The versions of the artifacts of a run, in the order in which they were logged.

    Args:
        versions: the versions.
        run_dir: the run's directory.
    """

    def __init__(self, versions: Sequence[ArtifactVersion], run_dir: Path):
        self.run_dir = run_dir
        self._versions = list(versions)

    @classmethod
    def of_events(cls, events: Iterable[Event], run_dir: Path) -> RunArtifacts:
        """Return the artifacts that a run's events speak of, whatever else these say."""
        return cls(artifact_fold(events, run_dir).versions(), run_dir)

    @overload
    def __getitem__(self, index: int) -> ArtifactVersion: ...
    @overload
    def __getitem__(self, index: slice) -> list[ArtifactVersion]: ...
    def __getitem__(self, index: int | slice) -> ArtifactVersion | list[ArtifactVersion]:
        return self._versions[index]

    def __len__(self) -> int:
        return len(self._versions)

    def __iter__(self) -> Iterator[ArtifactVersion]:
        return iter(self._versions)

    def __repr__(self) -> str:
        count = f"{len(self)} version" if len(self) == 1 else f"{len(self)} versions"
        named = f" of {', '.join(self.ids[:5])}{', …' if len(self.ids) > 5 else ''}" if self.ids else ""
        return f"RunArtifacts({count}{named})"

    def _repr_html_(self) -> str:
        heads = ("artifact", "version", "type", "bytes", "step", "aliases", "path")
        head = "".join(f"<th>{name}</th>" for name in heads)
        rows = "".join(
            "<tr>" + "".join(f"<td>{escape(words)}</td>" for words in _cells(each)) + "</tr>" for each in self
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"

    @property
    def ids(self) -> list[str]:
        """What the artifacts are called, in the order in which each was first logged."""
        return list(dict.fromkeys(each.id for each in self))

    @property
    def copied_bytes(self) -> int:
        """Bytes of the copies that the run keeps; what several artifacts share counts once."""
        kept = {each.path: each.size or 0 for each in self if each.is_copy and not each.removed}
        return sum(kept.values())

    def by_type(self, type: str) -> list[ArtifactVersion]:
        """Return the versions of a type that have a file of their own: neither removed nor written over."""
        last_at = {(each.id, each.path): each.number for each in self}
        return [
            each
            for each in self
            if each.type == type and not each.removed and last_at[each.id, each.path] == each.number
        ]

    def versions(self, id: str) -> list[ArtifactVersion]:
        """Return every version of an artifact, the oldest first; empty where there is none of that id."""
        return [each for each in self if each.id == id]

    def get(self, name: str = "latest", *, type: str | None = None) -> ArtifactVersion:
        """Return the version that is meant.

        Args:
            name: an id, whose newest version is returned; with the version behind a colon (``model:best``,
                ``model:v0``, ``model:1f3870be``); or an alias or part of a digest alone, where one artifact
                has it: ``best``. ``latest`` alone is the newest of all.
            type: only among artifacts of this type.

        Raises:
            TrackingError: there is none, or several answer to it; the message says which there are.
        """
        among = [each for each in self if type is None or each.type == type]
        if of_id := [each for each in among if each.id == name]:
            return next((each for each in of_id if "latest" in each.aliases), of_id[-1])
        id, colon, which = name.rpartition(":")
        if colon and (of_id := [each for each in among if each.id == id]):
            found = [each for each in of_id if each.answers_to(which)]
            if len(found) == 1:
                return found[0]
            aliases = sorted({alias for each in of_id for alias in each.aliases})
            has = f"v0 to v{of_id[-1].number}{''.join(f', {alias}' for alias in aliases)}"
            how = "several versions answer to" if found else "no version is"
            raise TrackingError(f"artifact {id}: {how} {which!r}; it has {has}")
        found = [each for each in among if each.answers_to(name)]
        if name == "latest" and found:
            return max(reversed(found), key=lambda each: (not each.removed, each.timestamp_us))
        if len(found) == 1:
            return found[0]
        if found:
            named = ", ".join(f"{each.id}:{name}" for each in found[:5])
            raise TrackingError(f"several artifacts answer to {name!r}: {named}; name the one that is meant")
        of_type = f" of type {type!r}" if type is not None else ""
        ids = list(dict.fromkeys(each.id for each in among))
        has = (
            f"; there are {', '.join(ids[:8])}{', …' if len(ids) > 8 else ''}" if ids else "; there are none"
        )
        raise TrackingError(f"no artifact{of_type} answers to {name!r}{closest(name, ids) or has}")

    def verify(self, level: str = "digest", name: str | None = None) -> list[ArtifactFinding]:
        """Look whether files are what was logged; nothing is changed.

        Args:
            level: ``exists``, ``size``, or ``digest``, which reads every byte.
            name: only the versions of this artifact; None for all.

        Raises:
            TrackingError: there is no such level, or no such artifact.
        """
        return self.check(self if name is None else self.versions(name) or [self.get(name)], level)

    def check(self, versions: Iterable[ArtifactVersion], level: str) -> list[ArtifactFinding]:
        """Look whether the files of some versions are what was logged, as `verify` does."""
        return check_artifacts(versions, level, among=self._versions)

    def lineage(self, name: str) -> list[ArtifactVersion]:
        """Return the versions of this run that one was made from, and those that they were made from.

        Raises:
            TrackingError: there is no such artifact.
        """
        return self.lineage_of(self.get(name))

    def lineage_of(self, version: ArtifactVersion) -> list[ArtifactVersion]:
        """Return the same of a version."""
        found: list[ArtifactVersion] = []
        waiting = [version]
        seen = {(waiting[0].id, waiting[0].number)}
        while waiting:
            for source in waiting.pop(0).lineage:
                for each in self._sources(source):
                    if (each.id, each.number) not in seen:
                        seen.add((each.id, each.number))
                        found.append(each)
                        waiting.append(each)
        return found

    def _sources(self, source: Mapping[str, Any]) -> list[ArtifactVersion]:
        if source.get("run") not in (None, self.run_dir.name):
            return []
        of_id, version = self.versions(str(source.get("id"))), source.get("version")
        return [each for each in of_id if version in (each.checksum, f"v{each.number}")] or of_id[-1:]


def _cells(version: ArtifactVersion) -> tuple[str, ...]:
    size = "" if version.size is None else f"{version.size:,}"
    step = "" if version.step is None else f"{version.step:,}"
    where = f"removed: {version.removed}" if version.removed else version.path
    aliases = ", ".join(version.aliases)
    return version.id, version.name_of_version, version.type, size, step, aliases, where
