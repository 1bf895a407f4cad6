"""Runs read back: episodes found, loaded and compared."""

from jaxarc.replay.query import QueryError
from jaxarc.replay.system import ReplaySystem, open_run

__all__ = ["QueryError", "ReplaySystem", "open_run"]
