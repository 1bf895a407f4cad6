"""Baselines of a folder of runs: the run that others are compared with, by a name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from jaxarc.errors import RunNotFoundError
from jaxarc.storage import Baseline, resolve_run, write_baseline
from jaxarc.storage.baselines import BASELINES_FOLDER, baseline_dir, baseline_of
from jaxarc.storage.documents import document_path

if TYPE_CHECKING:
    from jaxarc.replay.run_reader import RunReader

__all__ = ["base_dir_of", "baseline_run_dir", "set_baseline"]


def base_dir_of(run: RunReader, root: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of runs that a run is in: where the baselines are kept that it is compared with.

    Args:
        run: the run.
        root: where runs are looked for; None for where ``jaxarc.open`` looks, if the run is there, else for
            the folder that the run was written below.
    """
    if root is not None:
        return Path(root).expanduser()
    from jaxarc.replay.system import DEFAULT_ROOT

    run_dir = run.run_dir.resolve()
    usual = Path(os.environ.get("JAXARC_OUTPUT_DIR", DEFAULT_ROOT)).expanduser()
    if run_dir.is_relative_to(usual.resolve()):
        return usual
    return run_dir.parent.parent if run.info.get("experiment") == run_dir.parent.name else run_dir.parent


def set_baseline(
    run: RunReader, name: str = "default", root: str | os.PathLike[str] | None = None
) -> Baseline:
    """Give a run a name under which others are compared with it; whoever had it before has it no more.

    Args:
        run: the run.
        name: the name.
        root: the folder of runs whose name it is; None for the one that the run is in.

    Raises:
        RunNotFoundError: the name is empty.
        StorageError: it cannot be written.
    """
    if not name.strip():
        raise RunNotFoundError("a baseline has a name, such as default")
    return write_baseline(base_dir_of(run, root), name, run.run_dir, str(run.info.get("run_id", run.name)))


def baseline_run_dir(name: str, run: RunReader, root: str | os.PathLike[str] | None = None) -> Path:
    """Return the run that a baseline's name means, or a run of that name.

    Args:
        name: of a baseline, or what ``jaxarc.open`` takes.
        run: the run that is compared; baselines of its folder count.
        root: where runs and baselines are looked for; None for the folder that the run is in.

    Raises:
        RunNotFoundError: there is no such baseline, and no such run.
    """
    base = base_dir_of(run, root)
    alias = baseline_of(name) or name
    if document_path(base, BASELINES_FOLDER, alias).is_file():
        return baseline_dir(base, alias)
    try:
        return resolve_run(name, base)
    except RunNotFoundError as error:
        if baseline_of(name) is not None:
            raise
        raise RunNotFoundError(f"{name!r} is no baseline, and {error}") from None
