"""Where an artifact lies, and whether that is in its run: what an event says leads nobody out of it."""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["is_uri", "path_in_run", "said_path"]

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+://")
"""At least two letters before the colon: a drive of Windows is no scheme."""


def is_uri(path: str) -> bool:
    """Return whether it names something on another machine (``s3://bucket/file``), and no file here."""
    return _URI.match(path) is not None


def path_in_run(run_dir: Path, path: str | os.PathLike[str]) -> Path | None:
    """Return the file that an artifact or a picture of a run names; None where it leads out of the run.

    Who sends a run's files elsewhere (a backend, a report) asks this first: an event can name any file, with
    ``..`` or through a link, and a run may come from somebody else.

    Args:
        run_dir: the run's directory.
        path: as the event says it; relative to ``run_dir``, or absolute.

    Returns:
        An absolute path with no link in it, whether there is a file or not.
    """
    text = os.fspath(path)
    if not text or "\0" in text or is_uri(text):
        return None
    root = os.path.realpath(run_dir)
    found = os.path.realpath(os.path.join(root, text))
    inside = found.startswith(root.rstrip(os.sep) + os.sep)
    return Path(found) if inside else None


def said_path(run_dir: Path, file: Path) -> str:
    """Return the path by which an event names a file: relative where it is in the run, else absolute."""
    found = path_in_run(run_dir, os.path.abspath(file))
    if found is None:
        return os.path.realpath(file)
    return found.relative_to(os.path.realpath(run_dir)).as_posix()
