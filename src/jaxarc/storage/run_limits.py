"""Keeping a run within its limits while it is written, by the thread that writes it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from jaxarc.config import EpisodeConfig
from jaxarc.errors import DiskSpaceError
from jaxarc.records.events import Event
from jaxarc.storage.cleanup import CleanupResult, clean_up, folder_bytes, read_sizes
from jaxarc.storage.compaction import SMALL_SHARE, compact
from jaxarc.storage.numbered_names import episode_folder
from jaxarc.storage.reserve import Reserve
from jaxarc.storage.retention import RetentionLimits
from jaxarc.storage.segment_names import writer_name

__all__ = ["RunLimits"]

logger = logging.getLogger(__name__)

_HEADROOM = 0.1
"""The part of a limit that is freed beyond it, so that the next commits have room."""

_RESERVE_BYTES = 1_000_000
"""Space for what is written before something goes."""

_HOPELESS_S = 30.0
"""Seconds in which a full disk of which nothing could be freed is not looked at again."""

_MEASURED_EVERY = 64
"""Commits after which the folder is measured, since pictures and events come there as well."""


class RunLimits:
    """Watch the size of a run, and let its oldest or largest episodes give up their steps in time.

    Only episodes of the caller's own writer go.

    Args:
        run_dir: the run.
        writer: number of the writer.
        config: limits and policy.
        tell: makes an event durable.
    """

    def __init__(self, run_dir: Path, writer: int, config: EpisodeConfig, tell: Callable[[Event], None]):
        self._run_dir = run_dir
        self._writer = writer
        self._config = config
        self._tell = tell
        self._limits = RetentionLimits.of(config.max_storage_gb, config.max_episodes_per_run)
        self._bytes = 0
        self._episodes = 0
        self._commits = 0
        self._waits_above: tuple[int, int] | None = None
        self._hopeless_until = 0.0
        self._reserve = Reserve(
            run_dir, writer_name(writer), min(_RESERVE_BYTES, config.segment_bytes // SMALL_SHARE // 2)
        )
        if config.cleanup_policy != "manual":
            self._reserve.take()
        self.episodes_cleaned = 0
        self.steps_cleaned = 0

    def committed(self, stored_episodes: int, num_bytes: int) -> None:
        """Hear of a segment that was written; make room where the run is over a limit now.

        Raises:
            StorageError: something could not be written; what went is whole.
        """
        if self._limits == RetentionLimits():
            return
        self._commits += 1
        self._episodes += stored_episodes
        self._bytes += num_bytes
        if self._limits.max_bytes is not None and self._commits % _MEASURED_EVERY == 1:
            self._bytes = folder_bytes(self._run_dir)
        if not self._limits.are_exceeded(self._bytes, self._episodes):
            return
        if self._waits_above is not None and not self._has_grown(*self._waits_above):
            return
        self._clean()

    def make_room(self, num_bytes: int) -> int:
        """Free space for so many bytes on a full disk, by the policy; return how many bytes went.

        Raises:
            StorageError: there was not even room for what is left of a segment.
        """
        if self._config.cleanup_policy == "manual" or time.monotonic() < self._hopeless_until:
            return 0
        self._reserve.release()
        self._hopeless_until = time.monotonic() + _HOPELESS_S
        freed = self._make_room(num_bytes)
        if freed > 0:
            self._hopeless_until = 0.0
        self._reserve.take()
        return freed

    def close(self) -> None:
        """Give back what is kept for a full disk."""
        self._reserve.release()

    def _make_room(self, num_bytes: int) -> int:
        used = folder_bytes(self._run_dir)
        stored = int(read_sizes(self._run_dir, [])[1].sum())
        wanted = max(2 * num_bytes, int(stored * _HEADROOM))
        limits = RetentionLimits(max_bytes=max(0, used - wanted))
        # Each segment by itself: what is written before the old one goes is then as small as can be.
        result = self._clean_up(limits, "no space left", segment_bytes=1, headroom=0.0)
        with suppress(DiskSpaceError):  # many small files take more than what is in them
            compact(
                self._run_dir,
                self._writer,
                segment_bytes=self._config.segment_bytes,
                compression=self._config.compression,
                is_ours=True,
                most_bytes=2 * self._config.segment_bytes,
            )
        return result.bytes_before - folder_bytes(self._run_dir)

    def _clean(self) -> None:
        if self._config.cleanup_policy != "manual":
            result = self._clean_up(self._limits, "limits", self._config.segment_bytes, _HEADROOM)
            self._bytes = result.bytes_after
            self._episodes = self._stored_episodes()
            if result.episodes:
                logger.info(
                    "recording: %d episodes gave up their steps (%s), %.3f GB are left",
                    len(result.episodes),
                    self._config.cleanup_policy,
                    result.bytes_after / 1e9,
                )
            if result.is_within_limits:
                self._waits_above = None
                return
        if self._waits_above is None:
            logger.warning(
                "recording: %s is over storage.max_storage_gb or storage.max_episodes_per_run, and %s; raise "
                "the limit",
                self._run_dir,
                "storage.cleanup_policy is manual: call jaxarc clean when it ends"
                if self._config.cleanup_policy == "manual"
                else "what is left is protected or not steps",
            )
        self._waits_above = (self._bytes, self._episodes)

    def _has_grown(self, num_bytes: int, num_episodes: int) -> bool:
        """Say whether there is enough more than last time to try again."""
        return self._bytes > num_bytes * (1 + _HEADROOM) or self._episodes > num_episodes * (1 + _HEADROOM)

    def _stored_episodes(self) -> int:
        rows, _ = read_sizes(self._run_dir, [])
        return int(((rows["stored_steps"] > 0) & (rows["writer"] == self._writer)).sum())

    def _clean_up(
        self, limits: RetentionLimits, reason: str, segment_bytes: int, headroom: float
    ) -> CleanupResult:
        result = clean_up(
            self._run_dir,
            policy=self._config.cleanup_policy,
            limits=limits,
            segment_bytes=segment_bytes,
            compression=self._config.compression,
            episode_folder=lambda w, e: episode_folder(self._run_dir, self._config, w, e),
            tell=self._tell,
            reason=reason,
            writers=[self._writer],
            headroom=headroom,
            is_ours=True,
        )
        self.episodes_cleaned += len(result.episodes)
        self.steps_cleaned += result.steps
        return result
