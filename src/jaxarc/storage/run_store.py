"""What the writer thread writes to: one run's directory, opened with the first thing to keep."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
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
from jaxarc.storage.index import load_index, write_index
from jaxarc.storage.index_refresh import IndexRefresh
from jaxarc.storage.open_rows import write_open_rows
from jaxarc.storage.origins import JoinedRun, NewRun, Origin
from jaxarc.storage.run_directory import RUN_FILE, write_run_file
from jaxarc.storage.segment_names import writer_number
from jaxarc.storage.segment_writer import write_segment
from jaxarc.storage.sharing import Invitation, write_token
from jaxarc.storage.writers import add_others, run_writers

__all__ = ["RunStore"]

logger = logging.getLogger(__name__)

Describe = Callable[[], Mapping[str, Any]]


class RunStore:
    """One run on disk, as one of its writers sees it.

    The run is opened by ``open``, which every write calls: a run that keeps nothing leaves nothing.

    Args:
        config: where runs live and how they are packed.
        describe: returns what the writer says of itself at the start; called when the run is opened.
        heartbeat_s: seconds between commits, by which readers tell a running run from a lost one.
        origin: where the run comes from; None begins one.
        segment_format: ``hdf5`` or ``json``.
    """

    def __init__(
        self,
        config: EpisodeConfig,
        describe: Describe,
        heartbeat_s: float,
        origin: Origin | None = None,
        segment_format: str = "hdf5",
    ):
        self._config = config
        self._describe = describe
        self._heartbeat_s = heartbeat_s
        self._origin = origin or NewRun()
        self._suffix = "json" if segment_format == "json" else "h5"
        self._lock = threading.RLock()
        self._run_dir: Path | None = None
        self._events: EventLog | None = None
        self._content: dict[str, Any] | None = None
        self._token = ""
        self._sequence = 0
        self.writer = ""
        self.env_steps: Mapping[str, int] = {}
        self._coerced = 0
        self.moves = 0
        self._index_refresh = IndexRefresh()
        self.segments_written = 0
        self.segment_bytes = 0

    @property
    def run_dir(self) -> Path | None:
        """The run's directory, or None before anything was kept."""
        return self._run_dir

    @property
    def owns_run(self) -> bool:
        """Whether the run is this process's: it began or resumed it, and did not join it."""
        return self._content is not None

    @property
    def coerced(self) -> int:
        """Values of events that had no JSON form and were written as text."""
        return self._coerced + (self._events.coerced if self._events is not None else 0)

    @property
    def seen_devices(self) -> list[str]:
        """The devices that arrays of JAX among the values of events lay on."""
        return sorted(self._events.devices) if self._events is not None else []

    def open(self) -> Path:
        """Come by the run's directory and a writer's name in it, once.

        Raises:
            StorageError: the directory cannot be made, or the run may not be joined or resumed.
        """
        with self._lock:
            if self._run_dir is None:
                opened = self._origin.open(
                    self._config, {"heartbeat_s": self._heartbeat_s, **self._describe()}
                )
                self._events, self._content = opened.events, opened.content
                self.writer, self.env_steps = opened.events.writer, opened.env_steps
                self._run_dir = opened.run_dir
            return self._run_dir

    def begin_elsewhere(self, config: EpisodeConfig, said: Mapping[str, Any]) -> Path:
        """Leave the run's directory as it is and go on in a run of its own.

        Args:
            config: where it lives.
            said: what the new run says of itself besides.

        Raises:
            StorageError: it cannot be made.
        """
        with self._lock:
            opened = NewRun().open(config, {"heartbeat_s": self._heartbeat_s, **self._describe(), **said})
            if self._events is not None:
                self._coerced += self._events.coerced
                with suppress(StorageError):
                    self._events.close()
            self._config, self._origin, self._token, self._sequence = config, NewRun(), "", 0
            self._events, self._content = opened.events, opened.content
            self.writer, self._run_dir = opened.events.writer, opened.run_dir
            return self._run_dir

    def steps_before(self, stream: str) -> int:
        """Return how many environment steps a stream took before this writer came: 0 in a new run.

        Raises:
            StorageError: as for ``open``.
        """
        if not isinstance(self._origin, NewRun):
            self.open()
        return self.env_steps.get(stream, 0)

    def share(self) -> Invitation:
        """Let other processes join the run; return what they need for it, the same every time.

        Raises:
            StorageError: ``share.json`` cannot be written.
        """
        with self._lock:
            run_dir = self.open()
            if isinstance(self._origin, JoinedRun):
                return self._origin.invitation
            if not self._token:
                self._token = write_token(run_dir)
            return Invitation(self._token, run_dir)

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
        path = run_dir / "steps" / f"{self.writer}-{self._sequence + 1:06d}.{self._suffix}"
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
        self._index_refresh.segment_written(run_dir)
        return path

    def write_open_rows(self, rows: EpisodeTable) -> None:
        """Replace the rows of the episodes that are open.

        Raises:
            StorageError: they could not be written; those before them are still there.
        """
        if len(rows) or self._run_dir is not None:
            write_open_rows(self.open(), self.writer, rows, self._config.compression, sequence=self._sequence)

    def write_document(self, folder: str, name: str, content: Mapping[str, Any]) -> None:
        """Write a small JSON document once (``tasks/<id>.json``); one that is there stays as it is."""
        path = document_path(self.open(), folder, name)
        if not path.exists():
            with storage_errors(path):
                path.parent.mkdir(exist_ok=True)
            atomic_write_bytes(path, json.dumps(content, separators=(",", ":")).encode())

    def beat(self) -> None:
        """Make events durable and say that the writer is alive, and with its owner the run."""
        if self._run_dir is None:
            return
        if self._events is not None:
            self._events.sync()
        if self._content is not None:
            with storage_errors(self._run_dir / RUN_FILE):
                os.utime(self._run_dir / RUN_FILE)

    def mark(self, status: str, summary: Mapping[str, Any]) -> None:
        """Say in ``run.json`` how the run ended, where there is no time for more."""
        if self._run_dir is not None and self._content is not None:
            write_run_file(self._run_dir, {**self._content, "status": status, **summary})

    def finish(self, status: str, summary: Mapping[str, Any], *, has_time: bool = True) -> None:
        """Write the last event and, for the run's owner, the final ``run.json`` and the index.

        Args:
            status: FINISHED, FAILED or KILLED.
            summary: counts for ``run.json``; what failed is in it too.
            has_time: False leaves small segments as they are, and the index to the first reader.

        Raises:
            StorageError: the status or the index could not be written; the segments are whole.
        """
        if self._run_dir is None or self._events is None:
            return
        events, self._events = self._events, None
        content = self._content
        if content is None:
            if has_time and status != "KILLED":
                self.merge_small_segments(ended=True)
            said = {"writer": self.writer, "status": status, "counts": dict(summary)}
            self._end(events, Event("writer_end", said))
            self._index_refresh.finish()
            return
        try:
            self._end(events, Event("run_end", {"status": status, **summary}))
        finally:
            write_run_file(self._run_dir, {**content, "status": status, **self._of_all_writers(summary)})
        if not has_time:
            return
        if status != "KILLED":  # somebody waits for the prompt; jaxarc clean does it later
            self.merge_small_segments(ended=True)
        self._index_refresh.finish()
        index = load_index(self._run_dir)
        for problem in index.problems:
            logger.warning("%s", problem)
        write_index(self._run_dir, index)
        if index.problems:
            raise StorageError(
                f"{self._run_dir}: {len(index.problems)} segments cannot be read: {index.problems[0]}"
            )

    def merge_small_segments(self, *, ended: bool) -> None:
        """Compact what this writer wrote; a run whose small segments stay small reads as well.

        Args:
            ended: whether this writer writes no more.
        """
        number = writer_number(self.writer)
        if self._run_dir is None or number is None:
            return
        try:
            compact(
                self._run_dir,
                number,
                segment_bytes=self._config.segment_bytes,
                compression=self._config.compression,
                ended=ended,
                is_ours=True,
                most_bytes=2 * self._config.segment_bytes,
            )
        except StorageError as error:
            logger.warning("small segments stay as they are: %s", error)

    def _of_all_writers(self, summary: Mapping[str, Any]) -> Mapping[str, Any]:
        assert self._run_dir is not None
        try:
            return add_others(summary, self.writer, run_writers(self._run_dir))
        except StorageError as error:
            logger.warning("recording: run.json counts this writer only (%s)", error)
            return summary

    def _end(self, events: EventLog, last: Event) -> None:
        try:
            events.append(last)
        finally:
            self._coerced += events.coerced
            events.close()
