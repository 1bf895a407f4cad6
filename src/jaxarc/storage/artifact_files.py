"""Files of artifacts: digests, copies that are addressed by content, and whether they are what was logged."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from jaxarc.errors import StorageError, TrackingError
from jaxarc.storage.atomic import PARTIAL_SUFFIX, fsync_folder, storage_errors
from jaxarc.storage.documents import file_name

__all__ = [
    "ARTIFACTS_FOLDER",
    "COPIES_FOLDER",
    "StoredFile",
    "copy_artifact",
    "look_at",
    "measured_size",
    "remove_artifact",
]

ARTIFACTS_FOLDER = "artifacts"
COPIES_FOLDER = f"{ARTIFACTS_FOLDER}/sha256"
"""Where the copies of a run lie: ``artifacts/sha256/<two digits>/<digest>/<the file's name>``."""

_BLOCK = 1 << 20
_ZEROS = bytes(_BLOCK)
_MOST_FILES = 100_000
"""More files in one directory are no artifact: pack them, or log the directory that matters."""


@dataclass(frozen=True)
class StoredFile:
    """What an artifact's file is.

    Attributes:
        path: the file or directory.
        size: its bytes; of a directory those of its files.
        checksum: ``sha256:`` and the digest; empty where none was taken. The digest of a directory is that
            of a text with a line for each file, ``<digest>  <path with slashes>``, in order of the paths:
            what ``sha256sum`` prints.
        kind: ``file`` or ``directory``.
        num_files: how many files it is.
    """

    path: Path
    size: int
    checksum: str
    kind: str
    num_files: int = 1


def look_at(path: Path, *, digest: bool = True) -> StoredFile:
    """Return size and digest of a file or of a directory with all that is in it.

    Args:
        path: the file; a link is followed.
        digest: whether it is read through; else ``checksum`` is empty.

    Raises:
        TrackingError: it is neither a file nor a directory, or a link in it leads out of it.
        FileNotFoundError: there is nothing.
        StorageError: it cannot be read.
    """
    if _is_directory(path):
        files = list(_files_below(path))
        sizes, lines = 0, []
        for name, file in files:
            with _opened(file) as (source, size):
                sizes += size
                lines.append((_sha256(source, file) if digest else "", name))
        return StoredFile(path, sizes, _tree_checksum(lines) if digest else "", "directory", len(files))
    with _opened(path) as (source, size):
        return StoredFile(path, size, f"sha256:{_sha256(source, path)}" if digest else "", "file")


def copy_artifact(run_dir: Path, path: Path) -> StoredFile:
    """Copy a file or a directory into the run, under the digest of what it holds, whole or not at all.

    The digest is that of the bytes that were copied, whatever becomes of the original meanwhile. What the run
    has already is not copied again. Any number of threads and processes may do this at once.

    Args:
        run_dir: the run; it exists.
        path: the file; a link is followed.

    Raises:
        TrackingError, FileNotFoundError: as for `look_at`.
        StorageError: it cannot be read, or the run cannot be written; nothing is left behind.
    """
    kind = "directory" if _is_directory(path) else "file"
    files = list(_files_below(path)) if kind == "directory" else [("", path)]
    copies = run_dir / COPIES_FOLDER
    incoming = copies / f".{os.urandom(8).hex()}{PARTIAL_SUFFIX}"
    into = incoming / file_name(path.name or "artifact")
    try:
        with storage_errors(copies):
            incoming.mkdir(parents=True)
        lines, sizes = [], 0
        for name, file in files:
            copied = into / name if name else into
            with _opened(file) as (source, _), storage_errors(copied):
                copied.parent.mkdir(parents=True, exist_ok=True)
                digest, size = _copy(source, file, copied)
            sizes += size
            lines.append((digest, name))
        with storage_errors(into):
            if kind == "directory":
                into.mkdir(parents=True, exist_ok=True)
        checksum = _tree_checksum(lines) if kind == "directory" else f"sha256:{lines[0][0]}"
        found = _take_place(incoming, into.name, copies, checksum.removeprefix("sha256:"), kind)
        return StoredFile(found, sizes, checksum, kind, len(files))
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def _take_place(incoming: Path, name: str, copies: Path, digest: str, kind: str) -> Path:
    """Move a whole copy under its digest, or find that another has been there before; return its path.

    One that is there and was damaged since gives way.
    """
    home = copies / digest[:2] / digest
    damaged = incoming.with_name(f".{os.urandom(8).hex()}{PARTIAL_SUFFIX}")
    with storage_errors(home):
        home.parent.mkdir(exist_ok=True)
        try:
            incoming.rename(home)
        except OSError:
            there = [each for each in _entries(home) if each.is_dir() == (kind == "directory")]
            for each in there:
                if _is_what_it_was(each, digest):
                    return each
            if there and there[0].name != name:
                (incoming / name).rename(incoming / there[0].name)  # by which the record names it
                name = there[0].name
            home.rename(damaged)
            incoming.rename(home)
            shutil.rmtree(damaged, ignore_errors=True)
        for folder in (home, home.parent, copies):
            fsync_folder(folder)
    return home / name


def _is_what_it_was(path: Path, digest: str) -> bool:
    """Return whether a copy still holds what its digest says."""
    try:
        return look_at(path).checksum == f"sha256:{digest}"
    except (OSError, StorageError, TrackingError):
        return False


def remove_artifact(run_dir: Path, path: Path) -> int:
    """Remove a file or directory of the run, and the folder of its digest; return its bytes.

    Args:
        run_dir: the run.
        path: what goes, as ``path_in_run`` returns it.

    Raises:
        StorageError: it cannot be removed.
    """
    size = measured_size(path)
    with storage_errors(path):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        copies = Path(os.path.realpath(run_dir / COPIES_FOLDER))
        if path.parent.parent.parent == copies:
            for folder in (path.parent, path.parent.parent):
                if not _entries(folder):
                    folder.rmdir()
    return size


def measured_size(path: Path) -> int:
    """Return the bytes of a file, or of the files in a directory; 0 where there is nothing."""
    try:
        if not path.is_dir():
            return path.stat().st_size
        return sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir())
    except OSError:
        return 0


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Say what cannot be read; that there is nothing stays what it is."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(f"{path}: there is no such file") from error
    except OSError as error:
        raise StorageError(f"{path}: cannot be read ({error.strerror or error})") from error


def _is_directory(path: Path) -> bool:
    with _reading(path):
        return stat.S_ISDIR(os.stat(path).st_mode)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, int]]:
    """Open a file; what only looks like one (a pipe, a device) is refused and not waited for."""
    with _reading(path):
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise TrackingError(f"{path}: is neither a file nor a directory; save what it gives to a file")
        yield file, status.st_size  # pyright: ignore[reportReturnType]


def _files_below(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the files of a directory, each with its path in it, in order of these."""
    names: list[str] = []
    base = os.path.realpath(root)

    def told(error: OSError) -> None:
        raise StorageError(f"{error.filename}: cannot be read ({error.strerror})") from error

    for folder, subfolders, files in os.walk(root, onerror=told):
        for name in (*subfolders, *files):
            path = os.path.join(folder, name)
            if os.path.islink(path):
                target = os.path.realpath(path)
                if os.path.isdir(target) or not target.startswith(base + os.sep):
                    raise TrackingError(
                        f"{path}: is a link to {target}; in a directory that is logged, links lead to files "
                        "of the same directory: copy what it leads to there, or log that by itself"
                    )
        names += (os.path.relpath(os.path.join(folder, name), root) for name in files)
        if len(names) > _MOST_FILES:
            raise TrackingError(f"{root}: holds more than {_MOST_FILES:,} files; pack them into one")
    for name in sorted(name.replace(os.sep, "/") for name in names):
        yield name, root / name


def _blocks(file: BinaryIO, path: Path) -> Iterator[memoryview]:
    buffer = bytearray(_BLOCK)
    view = memoryview(buffer)
    while True:
        with _reading(path):
            count = file.readinto(buffer)  # pyright: ignore[reportAttributeAccessIssue]
        if not count:
            return
        yield view[:count]


def _sha256(file: BinaryIO, path: Path) -> str:
    digest = hashlib.sha256()
    for block in _blocks(file, path):
        digest.update(block)
    return digest.hexdigest()


def _copy(source: BinaryIO, original: Path, path: Path) -> tuple[str, int]:
    """Copy a file, holes as holes, and make it durable; return the digest and size of what was copied."""
    digest, size = hashlib.sha256(), 0
    with path.open("xb", buffering=0) as copied:
        for block in _blocks(source, original):
            digest.update(block)
            size += len(block)
            if len(block) == _BLOCK and block == _ZEROS:
                copied.seek(_BLOCK, os.SEEK_CUR)
                continue
            while block:
                block = block[copied.write(block) :]
        copied.truncate(size)
        os.fsync(copied.fileno())
    return digest.hexdigest(), size


def _tree_checksum(lines: list[tuple[str, str]]) -> str:
    text = "".join(f"{digest}  {name}\n" for digest, name in lines)
    return f"sha256:{hashlib.sha256(text.encode('utf-8', 'surrogateescape')).hexdigest()}"
