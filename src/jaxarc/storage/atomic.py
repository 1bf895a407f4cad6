"""Files that are whole or absent: a temporary name, fsync, rename, fsync of the folder."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jaxarc.errors import DiskSpaceError, StorageError, StoragePermissionError

__all__ = ["PARTIAL_SUFFIX", "atomic_write", "atomic_write_bytes", "fsync_folder", "storage_errors"]

PARTIAL_SUFFIX = ".partial"
"""Files that end so were never finished; readers pass over them."""


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's errors into ours; the message names the path and the way out."""
    try:
        yield
    except OSError as error:
        code = error.errno
        text = str(error)
        if code in (errno.ENOSPC, errno.EDQUOT) or "No space left" in text or "Disk quota" in text:
            raise DiskSpaceError(
                f"{path}: no space left; free some, or write elsewhere (a run: set storage.base_output_dir)"
            ) from error
        if code in (errno.EACCES, errno.EPERM, errno.EROFS) or "Permission denied" in text:
            raise StoragePermissionError(
                f"{path}: not writable ({error.strerror or error}); "
                f"write elsewhere (a run: set storage.base_output_dir)"
            ) from error
        raise StorageError(f"{path}: {error}") from error


_NO_FOLDER_SYNC = {errno.EINVAL, errno.EBADF, errno.ENOSYS, errno.EOPNOTSUPP, errno.EACCES, errno.EPERM}
"""Some network and user-space file systems can't open or sync a folder; they keep names their own way."""


def fsync_folder(folder: Path) -> None:
    """Make durable which names a folder holds, where the file system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise


def atomic_write(path: Path, write: Callable[[Path], None], *, durable: bool = True) -> None:
    """Make the file ``path`` appear whole, or not at all.

    Args:
        path: the final name; an older file of that name is replaced.
        write: writes the whole file to the path that it is given.
        durable: whether it must survive a power failure; what can be made again need not.

    Raises:
        StorageError: the disk is full, the folder is not writable, or another error of the system.
    """
    # Processes and threads may write a file of one name at once, also from several machines.
    partial = path.with_name(f".{path.name}.{os.urandom(4).hex()}{PARTIAL_SUFFIX}")
    with storage_errors(path):
        try:
            write(partial)
            if durable:
                with partial.open("rb") as file:
                    os.fsync(file.fileno())
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        if durable:
            fsync_folder(path.parent)


def atomic_write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write ``content`` to ``path``, whole or not at all; ``durable`` as in ``atomic_write``."""

    def write(partial: Path) -> None:
        partial.write_bytes(content)

    atomic_write(path, write, durable=durable)
