"""Runs read back: episodes found, loaded, compared and simulated again."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxarc.replay.baseline import set_baseline
    from jaxarc.replay.config_difference import ConfigDifference
    from jaxarc.replay.gates import Gate, GateResult
    from jaxarc.replay.leaderboard import Leaderboard
    from jaxarc.replay.query_tokens import QueryError
    from jaxarc.replay.resimulation import resimulate
    from jaxarc.replay.several_runs import Runs, open_runs
    from jaxarc.replay.system import ReplaySystem, open_run
    from jaxarc.replay.verification import Difference, RunVerification, Unproven, Verification

_HOMES = {
    "ConfigDifference": "config_difference",
    "Difference": "verification",
    "Gate": "gates",
    "GateResult": "gates",
    "Leaderboard": "leaderboard",
    "QueryError": "query_tokens",
    "ReplaySystem": "system",
    "RunVerification": "verification",
    "Runs": "several_runs",
    "Unproven": "verification",
    "Verification": "verification",
    "open_run": "system",
    "open_runs": "several_runs",
    "resimulate": "resimulation",
    "set_baseline": "baseline",
}

__all__ = [
    "ConfigDifference",
    "Difference",
    "Gate",
    "GateResult",
    "Leaderboard",
    "QueryError",
    "ReplaySystem",
    "RunVerification",
    "Runs",
    "Unproven",
    "Verification",
    "open_run",
    "open_runs",
    "resimulate",
    "set_baseline",
]


def __getattr__(name: str) -> Any:
    # A command that lists a run imports no verification, and nothing here needs JAX but resimulate.
    if name not in _HOMES:
        raise AttributeError(f"module 'jaxarc.replay' has no attribute {name!r}")
    value = getattr(import_module(f"jaxarc.replay.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
