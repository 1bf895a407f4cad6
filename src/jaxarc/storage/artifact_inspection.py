"""The artifacts of a run, as an examination of its files sees them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from jaxarc.records.artifact_paths import path_in_run
from jaxarc.records.artifacts import ArtifactVersion
from jaxarc.storage.artifact_checks import check_artifacts
from jaxarc.storage.artifact_files import COPIES_FOLDER
from jaxarc.storage.findings import FileFinding

__all__ = ["inspected_copies"]

_DAMAGED = "log the file again, or copy it back; --repair moves this one to damaged/"
_MISSING = "log the file again, or copy it back from a backup; its content is lost otherwise"


def inspected_copies(
    run_dir: Path, versions: Sequence[ArtifactVersion], known_lost: Sequence[str] = ()
) -> Iterator[FileFinding]:
    """Yield what is found of the copies that a run keeps, each read through and held against its digest.

    What a run only refers to may change: ``jaxarc artifacts --verify`` says whether it did.

    Args:
        run_dir: the run.
        versions: its artifacts.
        known_lost: what an earlier repair said is gone.
    """
    copies = Path(os.path.realpath(run_dir)) / COPIES_FOLDER
    seen: set[str] = set()
    for version in versions:
        path = path_in_run(run_dir, version.path)
        if version.removed or version.path in seen or path is None or copies not in path.parents:
            continue
        seen.add(version.path)
        (finding,) = check_artifacts([version], "digest")
        if not finding.is_broken:
            yield FileFinding(version.path, "artifact", "whole")
            continue
        name = f"artifact {version.id} {version.name_of_version}"
        if finding.state != "missing":
            yield FileFinding(version.path, "artifact", "damaged", (f"{name}: {finding.words}",), _DAMAGED)
        else:
            why = (f"{name}: its copy is not there",)
            state = "harmless" if f"{version.path} is missing" in known_lost else "missing"
            yield FileFinding(version.path, "artifact", state, why, _MISSING)
