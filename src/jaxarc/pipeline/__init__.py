"""The host side: a bounded queue, one writer, episodes assembled and committed whole."""

from jaxarc.pipeline.assembler import Assembler
from jaxarc.pipeline.async_logger import AsyncLogger
from jaxarc.pipeline.budget import Budget
from jaxarc.pipeline.disk_use import assumed_bytes_per_env_step
from jaxarc.pipeline.episode_writer import ChunkItem, EpisodeWriter, EventItem
from jaxarc.pipeline.exits import CLOSE_S, EXITS, Closer
from jaxarc.pipeline.health import Health
from jaxarc.pipeline.health_text import losses_text
from jaxarc.pipeline.loop_episode import LoopEpisode
from jaxarc.pipeline.loop_recorder import LoopRecorder
from jaxarc.pipeline.performance_monitor import PerformanceMonitor, RecordingCosts
from jaxarc.pipeline.python_loops import PythonLoops
from jaxarc.pipeline.readers import CommittedReader, ReaderLag, Readers
from jaxarc.pipeline.run_ending import RunEnding
from jaxarc.pipeline.step_notes import StepNotes
from jaxarc.pipeline.tracker_health import TrackerHealth
from jaxarc.pipeline.visualization_log import VisualizationLog

__all__ = [
    "CLOSE_S",
    "EXITS",
    "Assembler",
    "AsyncLogger",
    "Budget",
    "ChunkItem",
    "Closer",
    "CommittedReader",
    "EpisodeWriter",
    "EventItem",
    "Health",
    "LoopEpisode",
    "LoopRecorder",
    "PerformanceMonitor",
    "PythonLoops",
    "ReaderLag",
    "Readers",
    "RecordingCosts",
    "RunEnding",
    "StepNotes",
    "TrackerHealth",
    "VisualizationLog",
    "assumed_bytes_per_env_step",
    "losses_text",
]
