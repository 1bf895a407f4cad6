"""The host side: a bounded queue, one writer, episodes assembled and committed whole."""

from jaxarc.pipeline.assembler import Assembler
from jaxarc.pipeline.async_logger import AsyncLogger
from jaxarc.pipeline.budget import Budget
from jaxarc.pipeline.episode_writer import ChunkItem, CommittedReader, EpisodeWriter
from jaxarc.pipeline.exits import EXITS
from jaxarc.pipeline.health import Health

__all__ = [
    "EXITS",
    "Assembler",
    "AsyncLogger",
    "Budget",
    "ChunkItem",
    "CommittedReader",
    "EpisodeWriter",
    "Health",
]
