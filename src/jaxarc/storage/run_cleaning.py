"""Cleaning a run that nobody writes any more: within its limits, merged, without leftovers."""

from __future__ import annotations

import json
import logging
import os
import socket
from dataclasses import fields
from pathlib import Path

from jaxarc.config import EpisodeConfig
from jaxarc.errors import ConfigError, StorageError
from jaxarc.records.events import Event
from jaxarc.storage.artifact_files import measured_size
from jaxarc.storage.cleanup import CleanupResult, clean_up, folder_bytes, leftovers, remove_leftovers
from jaxarc.storage.compaction import compact
from jaxarc.storage.event_log import EventLog
from jaxarc.storage.index import build_index, write_index
from jaxarc.storage.numbered_names import episode_folder
from jaxarc.storage.retention import RetentionLimits
from jaxarc.storage.run_directory import read_run_file
from jaxarc.storage.segment_names import active_segments, segment_names
from jaxarc.storage.status import derive_status
from jaxarc.storage.writers import claim_writer, next_writer

__all__ = ["clean_run", "run_storage_config"]

logger = logging.getLogger(__name__)


def run_storage_config(run_dir: Path) -> EpisodeConfig:
    """Return how a run was told to be stored; the defaults for what its configuration does not say."""
    try:
        said = json.loads((run_dir / "config" / "config.json").read_bytes())["storage"]
        known = {each.name for each in fields(EpisodeConfig)}
        return EpisodeConfig(**{name: value for name, value in said.items() if name in known})
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RecursionError,
        ConfigError,
    ) as error:
        logger.warning(
            "%s: its storage configuration cannot be read (%s); the defaults count", run_dir, error
        )
        return EpisodeConfig()


def clean_run(run_dir: Path, config: EpisodeConfig, *, dry_run: bool = False) -> CleanupResult:
    """Bring a run within its limits, merge its small segments and remove what nobody reads.

    Args:
        run_dir: the run.
        config: its limits; ``manual`` means the oldest first, since somebody asks for it.
        dry_run: change nothing, and return what would go.

    Raises:
        StorageError: somebody writes the run, or something cannot be written; what went is whole.
    """
    if derive_status(run_dir, read_run_file(run_dir)) == "RUNNING":
        raise StorageError(
            f"{run_dir}: is being written; its writer keeps within storage.max_storage_gb and "
            "storage.max_episodes_per_run by itself"
        )
    policy = "oldest_first" if config.cleanup_policy == "manual" else config.cleanup_policy
    before = folder_bytes(run_dir)
    left = leftovers(run_dir)
    left_bytes = sum(map(measured_size, left))
    if not dry_run:
        remove_leftovers(run_dir, left)
    log = _Tombstones(run_dir)
    try:
        result = clean_up(
            run_dir,
            policy=policy,
            limits=RetentionLimits.of(config.max_storage_gb, config.max_episodes_per_run),
            segment_bytes=config.segment_bytes,
            compression=config.compression,
            episode_folder=lambda writer, episode: episode_folder(run_dir, config, writer, episode),
            tell=log.append,
            reason="jaxarc clean",
            unread_bytes=left_bytes if dry_run else 0,
            dry_run=dry_run,
            ended=True,
        )
    finally:
        log.close()
    result.leftovers, result.bytes_before = left, before
    if not dry_run:
        _merge(run_dir, config)
        result.bytes_after = folder_bytes(run_dir)
    return result


def _merge(run_dir: Path, config: EpisodeConfig) -> None:
    """Merge the small segments of every writer, and write the index anew where something changed."""
    before = segment_names(run_dir)
    for writer in sorted({name.writer for name in active_segments(before)}):
        compact(
            run_dir, writer, segment_bytes=config.segment_bytes, compression=config.compression, ended=True
        )
    if segment_names(run_dir) != before or not (run_dir / "index.h5").exists():
        write_index(run_dir, build_index(run_dir))


class _Tombstones:
    """An event file of its own for who cleans a run; made with the first event."""

    def __init__(self, run_dir: Path):
        self._run_dir = run_dir
        self._log: EventLog | None = None

    def append(self, event: Event) -> None:
        while self._log is None:
            try:
                self._log = claim_writer(self._run_dir, next_writer(self._run_dir))
            except FileExistsError:
                continue  # somebody else cleans as well
            said = {"role": "clean", "pid": os.getpid(), "hostname": socket.gethostname()}
            self._log.append(Event("writer_start", {"writer": self._log.writer, **said}))
        self._log.append(event)
        self._log.sync()

    def close(self) -> None:
        if self._log is not None:
            said = {"writer": self._log.writer, "status": "FINISHED", "counts": {}}
            self._log.append(Event("writer_end", said))
            self._log.close()
