"""Some space that is kept for the day when there is none: making room needs a little room first."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from jaxarc.storage.atomic import PARTIAL_SUFFIX

__all__ = ["RESERVE_NAME", "Reserve"]

RESERVE_NAME = f".reserve{PARTIAL_SUFFIX}"


class Reserve:
    """A file that holds nothing, in a run that is written.

    A segment is replaced by a whole new file before the old one goes, which a full disk does not allow.

    Args:
        run_dir: the run.
        writer: name of the writer.
        num_bytes: its size.
    """

    def __init__(self, run_dir: Path, writer: str, num_bytes: int):
        self._path = run_dir / f".{writer}{RESERVE_NAME}"
        self._num_bytes = num_bytes

    def take(self) -> None:
        """Take the space, if there is any."""
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except OSError:
            return  # it is there, or there is not even room for a name
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(descriptor, 0, self._num_bytes)
            else:
                os.write(descriptor, bytes(self._num_bytes))
        except OSError:
            self.release()
        finally:
            os.close(descriptor)

    def release(self) -> None:
        """Give the space back."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
