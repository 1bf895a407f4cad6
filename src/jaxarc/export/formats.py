"""One run to one file, or folder, of a format: what is chosen, where it goes, what became of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from jaxarc.errors import ReplayError, closest
from jaxarc.export.destination import write_file, write_folder
from jaxarc.export.selection import Selection
from jaxarc.replay import ReplaySystem

__all__ = ["EXPORT_FORMATS", "ExportError", "ExportSummary", "export_run"]

EXPORT_FORMATS = ("minari", "parquet", "jsonl", "pickle")
_EXTRAS = {"minari": "minari", "parquet": "parquet"}
_ENDINGS = {"minari": "-minari", "parquet": "-parquet", "jsonl": ".jsonl", "pickle": ".pkl"}


class ExportError(ReplayError):
    """An export that cannot be made: no such format, or a package that it needs is not installed."""


@dataclass(frozen=True)
class ExportSummary:
    """What an export holds.

    Attributes:
        run: name of the run.
        format: what it was exported to.
        path: where it lies.
        episodes: episodes in it.
        steps: their stored steps.
        left_out: how many episodes are not in it, for each reason.
        dataset_id: the name by which ``minari.load_dataset`` finds it; empty for other formats.
    """

    run: str
    format: str
    path: str
    episodes: int
    steps: int
    left_out: dict[str, int]
    dataset_id: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def export_run(
    run: ReplaySystem,
    format: str,
    out: str | os.PathLike[str] | None = None,
    *,
    where: str | None = None,
    limit: int | None = None,
    force: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ExportSummary:
    """Write the episodes of a run as another format, whole or not at all.

    Args:
        run: the run.
        format: ``minari``, ``parquet``, ``jsonl`` or ``pickle``.
        out: the file, for ``parquet`` the folder, for ``minari`` the folder of data sets (what
            ``MINARI_DATASETS_PATH`` means to Minari). None for a name after the run in this folder, and for
            ``minari`` that variable where it is set.
        where: which episodes, as for ``run.episodes``.
        limit: the most episodes.
        force: whether to replace what is there.
        progress: is told how many episodes of how many are done.

    Raises:
        ExportError: there is no such format, or a package that it needs is missing.
        QueryError: ``where`` cannot be understood.
        StorageError: the place is taken, or cannot be written.
        NotRecordedError: the format cannot hold what was recorded.
        DamagedFileError: steps cannot be read; ``jaxarc doctor`` says more.
    """
    if format not in EXPORT_FORMATS:
        known = ", ".join(EXPORT_FORMATS)
        raise ExportError(
            f"no export is called {format!r}; there are {known}{closest(format, EXPORT_FORMATS)}"
        )
    module = _writer_module(format)
    table = run.episodes(where=where, limit=limit)
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        progress(done, len(table))

    selection = Selection(run, table, advance)
    path = Path(out).expanduser() if out is not None else _default_path(run, format)
    dataset_id = ""
    if format == "minari":
        dataset_id = module.dataset_id(run)
        write_folder(path / dataset_id, lambda folder: module.write_minari(folder, run, selection), force)
    elif format == "parquet":
        write_folder(path, lambda folder: module.write_parquet(folder, run, selection), force)
    else:
        write = module.write_json_lines if format == "jsonl" else module.write_pickle
        write_file(path, lambda partial: write(partial, run, selection), force)
    return ExportSummary(
        run.name, format, str(path), selection.written, selection.steps, selection.left_out, dataset_id
    )


def _default_path(run: ReplaySystem, format: str) -> Path:
    datasets = os.environ.get("MINARI_DATASETS_PATH") if format == "minari" else None
    return Path(datasets).expanduser() if datasets else Path(f"{run.name}{_ENDINGS[format]}")


def _writer_module(format: str) -> Any:
    """Import what writes a format.

    Raises:
        ExportError: a package that it needs is missing; the message names the extra.
    """
    name = {"jsonl": "json_lines", "pickle": "pickled"}.get(format, format)
    try:
        return import_module(f"jaxarc.export.{name}")
    except ImportError as error:
        extra = _EXTRAS.get(format)
        if extra is None:
            raise
        raise ExportError(
            f"--format {format} needs a package that is not installed ({error}); "
            f"pip install 'jaxarc-toolkit[{extra}]'"
        ) from error
