"""Runs read back: episodes found, loaded, compared and simulated again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jaxarc.errors import QueryError
from jaxarc.replay.system import ReplaySystem, open_run
from jaxarc.replay.verification import Difference, RunVerification, Unproven, Verification

if TYPE_CHECKING:
    from jaxarc.replay.resimulation import resimulate

__all__ = [
    "Difference",
    "QueryError",
    "ReplaySystem",
    "RunVerification",
    "Unproven",
    "Verification",
    "open_run",
    "resimulate",
]


def __getattr__(name: str) -> Any:
    if name != "resimulate":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from jaxarc.replay.resimulation import resimulate  # the only part that needs JAX, with verify

    globals()[name] = resimulate
    return resimulate
