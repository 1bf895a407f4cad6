"""A store that goes on when the disk does not: it makes room, or moves, and says so."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from jaxarc.errors import DiskSpaceError, StorageError, StoragePermissionError
from jaxarc.records.events import Event
from jaxarc.records.steps import PendingSegment
from jaxarc.records.table import EpisodeTable
from jaxarc.storage.origins import NewRun
from jaxarc.storage.run_limits import RunLimits
from jaxarc.storage.run_store import RunStore
from jaxarc.storage.segment_names import writer_number
from jaxarc.storage.storage_errors import handle_storage_error

__all__ = ["SteadyStore"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

_MERGED_AT = 128
"""Small segments after which they are merged while the run goes on, so that its end has little to do."""

_SMALL_BYTES = 100_000
"""About the size of what is no segment."""

_MAX_UNTOLD = 100


class SteadyStore(RunStore):
    """A run on disk that keeps within its limits and outlives what can happen to its disk.

    No space: episodes give up their steps by ``storage.cleanup_policy`` and the write is tried again; where
    that does not help, it fails, and whoever calls keeps what it can. No permission: the run goes on in
    ``storage.fallback_dir``, once. Each is logged as an error, counted in ``actions`` and put into the event
    log as ``storage_error``.

    Attributes:
        moves: how often the run went on elsewhere; steps of before are in the old directory.
        actions: what was done about errors, by kind.
    """

    def __init__(self, *args: Any, **options: Any):
        super().__init__(*args, **options)
        self.actions: dict[str, int] = {}
        self._limits: RunLimits | None = None
        self._cleaned = (0, 0)
        self._failures = 0
        self._small = 0
        self._untold: list[Event] = []

    @property
    def cleaned_episodes(self) -> int:
        """Episodes that gave up their steps to make room."""
        return self._cleaned[0] + (self._limits.episodes_cleaned if self._limits else 0)

    @property
    def cleaned_steps(self) -> int:
        """Steps that were on disk and made room."""
        return self._cleaned[1] + (self._limits.steps_cleaned if self._limits else 0)

    def open(self) -> Path:
        """Come by the run's directory; where it cannot be made, by one below the fallback directory."""
        try:
            return super().open()
        except StoragePermissionError as error:
            if self.moves or not isinstance(self._origin, NewRun):
                raise
            return self._move(error)

    def write_segment(self, pending: PendingSegment) -> Path:
        """Commit one segment; return its path.

        Raises:
            StorageError: nothing of it was written. Where ``moves`` has changed it can be written now, but
                for the steps of episodes of which the old directory has some.
        """
        size = sum(block.nbytes for block in pending.blocks)
        try:
            path = self._with_room(lambda: super(SteadyStore, self).write_segment(pending), size)
        except StoragePermissionError as error:
            if not self.moves:
                self._move(error)
            raise
        except StorageError as error:
            self._failures += 1
            if self._failures <= 2:
                self._report(error, "kept for the next commit" if self._failures == 1 else "without steps")
            raise
        if self._failures:
            logger.warning("recording: segments are written again, after %d that failed", self._failures)
            self._tell(Event("storage_error", {"error": "", "message": "", "action": "written again"}))
            self._failures = 0
        self._committed(path, pending, size)
        return path

    def finish(self, status: str, summary: Mapping[str, Any], *, has_time: bool = True) -> None:
        """Write the last event and, for the run's owner, the final ``run.json`` and the index."""
        if self._limits is not None:
            self._limits.close()
        super().finish(status, summary, has_time=has_time)

    def append_event(self, event: Event) -> None:
        """Append one event."""
        self._or_elsewhere(lambda: super(SteadyStore, self).append_event(event))

    def write_open_rows(self, rows: EpisodeTable) -> None:
        """Replace the rows of the episodes that are open."""
        self._or_elsewhere(
            lambda: self._with_room(lambda: super(SteadyStore, self).write_open_rows(rows), _SMALL_BYTES)
        )

    def write_document(self, folder: str, name: str, content: Mapping[str, Any]) -> None:
        """Write a small JSON document once."""
        self._or_elsewhere(lambda: super(SteadyStore, self).write_document(folder, name, content))

    def beat(self) -> None:
        """Make events durable and say that the writer is alive."""
        self._tell_the_rest()
        self._or_elsewhere(super().beat)

    def _or_elsewhere(self, write: Callable[[], None]) -> None:
        try:
            write()
        except StoragePermissionError as error:
            if self.moves:
                raise
            self._move(error)
            write()

    def _with_room(self, write: Callable[[], T], size: int) -> T:
        try:
            return write()
        except DiskSpaceError as error:
            try:
                freed = self._own_limits().make_room(size)
            except StorageError as why:
                logger.warning("recording: no room could be made: %s", why)
                raise error from why
            if freed <= 0:
                raise
            self._report(error, "made room")
            return write()

    def _committed(self, path: Path, pending: PendingSegment, size: int) -> None:
        """Keep within the limits, and the number of small segments low."""
        stored = int((pending.episodes["stored_steps"] > 0).sum()) if len(pending.episodes) else 0
        try:
            self._own_limits().committed(stored, path.stat().st_size)
        except (StorageError, OSError) as error:
            self._report(StorageError(str(error)), "over its limits")
        self._small += size < self._config.segment_bytes // 4
        if self._small >= _MERGED_AT:
            self._small = 0
            self.merge_small_segments(ended=False)

    def _own_limits(self) -> RunLimits:
        if self._limits is None:
            number = writer_number(self.writer)
            assert number is not None
            self._limits = RunLimits(self.open(), number, self._config, self._tell_durably)
        return self._limits

    def _move(self, error: StorageError) -> Path:
        """Go on in a run below the fallback directory.

        Raises:
            StorageError: that cannot be written either.
        """
        old = self.run_dir
        folder = handle_storage_error(error, self._config.fallback_dir)
        assert folder is not None
        self.moves += 1
        said = {"instead_of": self._config.base_output_dir} if old is None else {"continues": str(old)}
        if self._limits is not None:
            self._limits.close()
            self._cleaned = (self.cleaned_episodes, self.cleaned_steps)
            self._limits = None
        new = self.begin_elsewhere(replace(self._config, base_output_dir=str(folder)), said)
        self._report(error, "moved", str(new))
        return new

    def _report(self, error: StorageError, action: str, *more: str) -> None:
        """Say what was done about an error: in the log once for each kind, in the events every time."""
        if action not in self.actions:
            logger.error("recording: %s: %s %s", action, error, " ".join(more))
        self.actions[action] = self.actions.get(action, 0) + 1
        payload = {"error": type(error).__name__, "message": str(error), "action": " ".join([action, *more])}
        self._tell(Event("storage_error", payload))

    def _tell(self, event: Event) -> None:
        self._untold = [*self._untold, event][-_MAX_UNTOLD:]
        self._tell_the_rest()

    def _tell_durably(self, event: Event) -> None:
        """Append a tombstone; on a full disk it follows when there is room again: the rows say the same."""
        self._tell(event)
        if not self._untold:
            super().beat()

    def _tell_the_rest(self) -> None:
        while self._untold and self.run_dir is not None:
            try:
                super().append_event(self._untold[0])
            except StorageError:
                return
            del self._untold[0]
