"""Keeping the index of a running run up to date, off the thread that writes."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from jaxarc.errors import StorageError
from jaxarc.storage.index import is_behind, load_index, write_index

__all__ = ["IndexRefresh"]

_LONGEST_WAIT_S = 2.0

logger = logging.getLogger(__name__)


class IndexRefresh:
    """Write ``index.h5`` while a run goes on, so that it opens fast after days.

    It is written when the segments outside are as many as a quarter of those inside: all that is written in
    the whole course of a run is a few times its last index.
    """

    def __init__(self) -> None:
        self._inside = 0
        self._outside = 0
        self._thread: threading.Thread | None = None
        self._failed = False
        self.written = 0

    def segment_written(self, run_dir: Path) -> None:
        """Hear of a segment; write the index on a thread of its own when it is time. Returns at once."""
        self._outside += 1
        if not is_behind(self._inside, self._outside) or (self._thread and self._thread.is_alive()):
            return
        self._inside, self._outside = self._inside + self._outside, 0
        self._thread = threading.Thread(target=self._write, args=(run_dir,), name="jaxarc-index", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Wait a moment for what is being written; an index that is behind is completed by its reader."""
        if self._thread is not None:
            self._thread.join(_LONGEST_WAIT_S)

    def _write(self, run_dir: Path) -> None:
        try:
            write_index(run_dir, load_index(run_dir))
            self.written += 1
        except (StorageError, OSError) as error:
            if not self._failed:  # it is derived: readers read the segments instead
                self._failed = True
                logger.warning("the index is not kept up to date: %s", error)
