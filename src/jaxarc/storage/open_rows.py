"""Rows of episodes that are open, as they stand: one small file a writer, replaced at every commit.

A killed process cannot end its episodes. Their rows are here, so that what was flushed of them is found. The
file has all the open rows of its writer each time, so it does not grow with the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from jaxarc.errors import DamagedFileError
from jaxarc.records.table import EpisodeTable
from jaxarc.storage.atomic import atomic_write_bytes, storage_errors
from jaxarc.storage.columns import group_at, read_table, write_table
from jaxarc.storage.datasets import file_image
from jaxarc.storage.limits import read_attribute
from jaxarc.storage.segment_names import writer_number
from jaxarc.storage.segments import UNREADABLE

__all__ = ["OPEN_FOLDER", "OpenRows", "number_open_rows", "read_open_rows", "write_open_rows"]

OPEN_FOLDER = "open"
_FORMAT = "jaxarc-open"
_VERSION = 1


def write_open_rows(
    run_dir: Path, writer: str, rows: EpisodeTable, compression: str, *, sequence: int
) -> None:
    """Replace the open rows of a writer atomically; without rows there is no file.

    Args:
        run_dir: the run.
        writer: name of the writer.
        rows: all its open rows.
        compression: as of a segment.
        sequence: number of the writer's last segment, 0 before the first.

    Raises:
        StorageError: they could not be written; those before them are still there.
    """
    path = run_dir / OPEN_FOLDER / f"{writer}.h5"
    with storage_errors(path):
        if not len(rows):
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(exist_ok=True)

    def write(file: h5py.File) -> None:
        file.attrs["format"] = _FORMAT
        file.attrs["schema_version"] = _VERSION
        file.attrs["sequence"] = sequence
        write_table(file, "episodes", rows.columns, compression)

    atomic_write_bytes(path, file_image(path, write))


class OpenRows(EpisodeTable):
    """Rows of a writer's episodes that were open at a commit, by uid.

    Args:
        columns: as of any table.
        sequence: number of the last segment that was written then; those after it may have ended some.
    """

    def __init__(self, columns: Mapping[str, np.ndarray], sequence: int):
        super().__init__(columns)
        self.sequence = sequence


def read_open_rows(run_dir: Path) -> tuple[dict[int, OpenRows], list[DamagedFileError]]:
    """Return the open rows of every writer by its number, and the files that could not be read."""
    found: dict[int, OpenRows] = {}
    problems = []
    for path in sorted((run_dir / OPEN_FOLDER).glob("p*.h5")):
        number = writer_number(path.stem)
        if number is None:
            continue
        try:
            found[number] = _read(path)
        except FileNotFoundError:
            continue  # its episodes have ended since the folder was listed
        except DamagedFileError as error:
            problems.append(error)
    return found, problems


def _read(path: Path) -> OpenRows:
    try:
        with h5py.File(path, "r", locking=False) as file:
            version = int(read_attribute(file, "schema_version", 0))
            if read_attribute(file, "format") != _FORMAT or version > _VERSION:
                raise DamagedFileError(
                    path, f"holds no open rows of schema {_VERSION}; update jaxarc-toolkit"
                )
            return OpenRows(read_table(group_at(file, "episodes")), int(read_attribute(file, "sequence")))
    except (FileNotFoundError, DamagedFileError):
        raise
    except UNREADABLE as error:
        raise DamagedFileError(path, f"open rows cannot be read ({error})") from error


def number_open_rows(rows: EpisodeTable, ended: np.ndarray, first: int, *, is_running: bool) -> EpisodeTable:
    """Return open rows as a reader shows them, without those whose episodes have ended since.

    Args:
        rows: open rows of one writer, by uid.
        ended: uids of episodes of that writer whose rows are committed.
        first: the number that the first of them gets.
        is_running: whether somebody writes them on; else what is there is all that there will be.
    """
    rows = rows.take(np.flatnonzero(~np.isin(rows["uid"], ended)))
    count = len(rows)
    return EpisodeTable(
        {
            **rows.columns,
            "episode": np.arange(first, first + count),
            "ended": np.full(count, b"running" if is_running else b"cut"),
        }
    )
