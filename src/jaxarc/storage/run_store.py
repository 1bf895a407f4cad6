"""What the writer thread writes to: one run's directory, opened with the first thing to keep."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jaxarc.config import EpisodeConfig
from jaxarc.errors import StorageError
from jaxarc.records.events import Event
from jaxarc.records.steps import PendingSegment
from jaxarc.records.table import EpisodeTable
from jaxarc.storage.atomic import atomic_write_bytes, storage_errors
from jaxarc.storage.compaction import compact
from jaxarc.storage.documents import document_path
from jaxarc.storage.event_log import EventLog
from jaxarc.storage.index import build_index, write_index
from jaxarc.storage.open_rows import write_open_rows
from jaxarc.storage.run_directory import RUN_FILE, create_run_dir, write_run_file
from jaxarc.storage.segment_names import writer_number
from jaxarc.storage.segment_writer import write_segment

__all__ = ["RunStore"]

logger = logging.getLogger(__name__)

Describe = Callable[[], Mapping[str, Any]]


class RunStore:
    """One run on disk, as its one writer sees it.

    The directory is made by ``open``, which every write calls: a run that keeps nothing leaves nothing.

    Args:
        config: where runs live and how they are packed.
        describe: returns what ``run.json`` says besides its status; called when the run is opened.
        heartbeat_s: seconds between commits, by which readers tell a running run from a lost one.
    """

    def __init__(self, config: EpisodeConfig, describe: Describe, heartbeat_s: float):
        self._config = config
        self._describe = describe
        self._heartbeat_s = heartbeat_s
        self._lock = threading.RLock()
        self._run_dir: Path | None = None
        self._events: EventLog | None = None
        self._content: dict[str, Any] = {}
        self._sequence = 0
        self.writer = "p000"
        self.segments_written = 0
        self.segment_bytes = 0

    @property
    def run_dir(self) -> Path | None:
        """The run's directory, or None before anything was kept."""
        return self._run_dir

    def open(self) -> Path:
        """Make the run's directory, its ``run.json`` and its first event, once.

        Raises:
            StorageError: the directory cannot be made.
        """
        with self._lock:
            if self._run_dir is None:
                run_dir = create_run_dir(self._config)
                self._content = {
                    "run_id": run_dir.name,
                    "experiment": self._config.experiment,
                    "status": "RUNNING",
                    "heartbeat_s": self._heartbeat_s,
                    **self._describe(),
                }
                config = self._content.pop("config", {})
                (run_dir / "config").mkdir()
                atomic_write_bytes(
                    run_dir / "config" / "config.json",
                    json.dumps(config, indent=2, ensure_ascii=False).encode(),
                )
                write_run_file(run_dir, self._content)
                self._events = EventLog(run_dir / "events" / f"{self.writer}-000001.jsonl", self.writer)
                self._events.append(Event("run_start", self._content))
                self._run_dir = run_dir
            return self._run_dir

    def append_event(self, event: Event) -> None:
        """Append one event."""
        self.open()
        assert self._events is not None
        self._events.append(event)

    def write_segment(self, pending: PendingSegment) -> Path:
        """Commit one segment; return its path.

        Raises:
            StorageError: nothing of it was written.
        """
        run_dir = self.open()
        path = run_dir / "steps" / f"{self.writer}-{self._sequence + 1:06d}.h5"
        write_segment(
            path,
            pending,
            writer=self.writer,
            sequence=self._sequence + 1,
            compression=self._config.compression,
        )
        self._sequence += 1
        self.segments_written += 1
        self.segment_bytes += path.stat().st_size
        return path

    def write_open_rows(self, rows: EpisodeTable) -> None:
        """Replace the rows of the episodes that are open.

        Raises:
            StorageError: they could not be written; those before them are still there.
        """
        if len(rows) or self._run_dir is not None:
            write_open_rows(self.open(), self.writer, rows, self._config.compression)

    def write_document(self, folder: str, name: str, content: Mapping[str, Any]) -> None:
        """Write a small JSON document once (``tasks/<id>.json``); one that is there stays as it is."""
        path = document_path(self.open(), folder, name)
        if not path.exists():
            with storage_errors(path):
                path.parent.mkdir(exist_ok=True)
            atomic_write_bytes(path, json.dumps(content, separators=(",", ":")).encode())

    def beat(self) -> None:
        """Make events durable and say that the run is alive."""
        if self._run_dir is not None:
            if self._events is not None:
                self._events.sync()
            with storage_errors(self._run_dir / RUN_FILE):
                os.utime(self._run_dir / RUN_FILE)

    def mark(self, status: str, summary: Mapping[str, Any]) -> None:
        """Say in ``run.json`` how the run ended, where there is no time for more."""
        if self._run_dir is not None:
            write_run_file(self._run_dir, {**self._content, "status": status, **summary})

    def finish(self, status: str, summary: Mapping[str, Any]) -> None:
        """Write the last event, the final ``run.json`` and the index.

        Args:
            status: FINISHED, FAILED or KILLED.
            summary: counts for ``run.json``; what failed is in it too.

        Raises:
            StorageError: the status or the index could not be written; the segments are whole.
        """
        if self._run_dir is None or self._events is None:
            return
        events, self._events = self._events, None
        try:
            try:
                events.append(Event("run_end", {"status": status, **summary}))
            finally:
                events.close()
        finally:
            write_run_file(self._run_dir, {**self._content, "status": status, **summary})
        self._merge_small_segments(self._run_dir)
        index = build_index(self._run_dir)
        for problem in index.problems:
            logger.warning("%s", problem)
        write_index(self._run_dir, index)
        if index.problems:
            raise StorageError(
                f"{self._run_dir}: {len(index.problems)} segments cannot be read: {index.problems[0]}"
            )

    def _merge_small_segments(self, run_dir: Path) -> None:
        """Compact what this writer wrote; a run whose small segments stay small reads as well."""
        number = writer_number(self.writer)
        assert number is not None
        try:
            compact(
                run_dir,
                number,
                segment_bytes=self._config.segment_bytes,
                compression=self._config.compression,
                ended=True,
                is_ours=True,
            )
        except StorageError as error:
            logger.warning("small segments stay as they are: %s", error)
