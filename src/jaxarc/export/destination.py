"""Where an export goes: whole or absent, and never over something that is there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from jaxarc.errors import StorageError
from jaxarc.storage.atomic import PARTIAL_SUFFIX, atomic_write, storage_errors

__all__ = ["refuse_existing", "write_file", "write_folder"]


def refuse_existing(path: Path, force: bool) -> None:
    """Check that nothing lies at ``path`` that nobody asked to replace.

    Raises:
        StorageError: something does.
    """
    if not force and (path.exists() or path.is_symlink()):
        raise StorageError(f"{path} is there already; give --force to replace it, or another --out")


def write_file(path: Path, write: Callable[[Path], None], force: bool) -> None:
    """Make a file appear whole, or not at all.

    Raises:
        StorageError: it is there already, or cannot be written.
    """
    refuse_existing(path, force)
    if path.is_dir():
        raise StorageError(f"{path} is a folder; give the name of a file")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, write)


def write_folder(path: Path, fill: Callable[[Path], None], force: bool) -> None:
    """Make a folder appear with all that ``fill`` puts into it, or not at all.

    Raises:
        StorageError: it is there already, or cannot be written.
    """
    refuse_existing(path, force)
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL_SUFFIX}")
    replaced = path.with_name(f".{path.name}.{os.getpid()}.replaced{PARTIAL_SUFFIX}")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.mkdir()
            fill(partial)
            if path.exists():
                path.rename(replaced)
            partial.rename(path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
            if replaced.is_dir():
                shutil.rmtree(replaced, ignore_errors=True)
            else:
                replaced.unlink(missing_ok=True)
