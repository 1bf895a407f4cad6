"""What happens when a run cannot be written: where it goes on, said aloud."""

from __future__ import annotations

import getpass
import json
import logging
import os
import tempfile
from pathlib import Path

from jaxarc.errors import DamagedFileError, DiskSpaceError, StorageError, StoragePermissionError
from jaxarc.storage.atomic import storage_errors
from jaxarc.storage.run_directory import RUN_FILE, find_runs, read_run_file
from jaxarc.storage.status import derive_status

__all__ = ["continued_in", "default_fallback_dir", "handle_storage_error"]

logger = logging.getLogger(__name__)


def handle_storage_error(error: StorageError, fallback_dir: str | os.PathLike[str] | None) -> Path | None:
    """Return where to go on after an error of storage, or None where nothing can be done about it.

    No space: the runs below ``fallback_dir`` that have ended are cleaned by their own limits and policies,
    and it is the folder to try again in. No permission: ``fallback_dir``, or a folder for temporary files
    where that cannot be written either. Whatever is done is logged as an error.

    Args:
        error: what went wrong.
        fallback_dir: the folder to go on in; None for a folder of this user's for temporary files.

    Raises:
        StorageError: no folder can be written.
    """
    folder = Path(fallback_dir).expanduser() if fallback_dir is not None else default_fallback_dir()
    if isinstance(error, DiskSpaceError):
        freed = _clean_ended_runs(folder)
        logger.error("recording: %s; %d bytes were freed below %s", error, freed, folder)
        return folder
    if isinstance(error, StoragePermissionError):
        chosen = next((each for each in (folder, default_fallback_dir()) if _is_writable(each)), None)
        if chosen is None:
            raise StorageError(
                f"{error}; nor can {folder} be written; set storage.fallback_dir to a folder that can"
            ) from error
        logger.error("recording: %s; the run goes on in %s", error, chosen)
        return chosen
    logger.error("recording: %s", error)
    return None


def default_fallback_dir() -> Path:
    """Return a folder of this user's in the one for temporary files; nobody else can write it."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    folder = Path(tempfile.gettempdir()) / f"jaxarc-{user}"
    with storage_errors(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
            return Path(tempfile.mkdtemp(prefix="jaxarc-"))  # somebody else has taken the name
    return folder


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _clean_ended_runs(folder: Path) -> int:
    from jaxarc.storage.run_cleaning import clean_run, run_storage_config

    freed = 0
    for run_dir in find_runs(folder) if folder.is_dir() else []:
        try:
            if derive_status(run_dir, read_run_file(run_dir)) == "RUNNING":
                continue
            result = clean_run(run_dir, run_storage_config(run_dir))
            freed += result.bytes_before - result.bytes_after
        except (StorageError, DamagedFileError) as error:
            logger.warning("cleaning %s: %s", run_dir, error)
    return freed


def continued_in(run_dir: Path) -> Path | None:
    """Return the run in which this one goes on, since its own directory could not be written any more.

    Looks where the run was told to go on, and for this user's default; None where there is no such run.
    """
    from jaxarc.storage.run_cleaning import run_storage_config  # which few readers need

    said = run_storage_config(run_dir).fallback_dir
    folders = [Path(said).expanduser()] if said is not None else []
    folders.append(Path(tempfile.gettempdir()) / default_fallback_dir().name)
    for folder in folders:
        for path in sorted(folder.glob(f"*/*/{RUN_FILE}")):
            try:
                content = json.loads(path.read_bytes())
            except (OSError, ValueError, RecursionError):
                continue
            if isinstance(content, dict) and content.get("continues") == str(run_dir.resolve()):
                return path.parent
    return None
