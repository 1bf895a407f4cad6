"""Experiment tracking: what is said of a run goes into its log, and backends read it there."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxarc.tracking.backend import Backend, RunInfo, TrackedRecord
    from jaxarc.tracking.choosing import backends_of
    from jaxarc.tracking.feed import Feed
    from jaxarc.tracking.gate_watch import GateWatch
    from jaxarc.tracking.memory_backend import MemoryBackend
    from jaxarc.tracking.null_backend import NullBackend
    from jaxarc.tracking.syncing import SyncResult, sync_run

_HOMES = {
    "Backend": "backend",
    "Feed": "feed",
    "GateWatch": "gate_watch",
    "MemoryBackend": "memory_backend",
    "NullBackend": "null_backend",
    "RunInfo": "backend",
    "SyncResult": "syncing",
    "TrackedRecord": "backend",
    "backends_of": "choosing",
    "sync_run": "syncing",
}

__all__ = [
    "Backend",
    "Feed",
    "GateWatch",
    "MemoryBackend",
    "NullBackend",
    "RunInfo",
    "SyncResult",
    "TrackedRecord",
    "backends_of",
    "sync_run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value
