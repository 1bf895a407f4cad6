"""jaxarc: record, draw, replay and verify episodes from inside compiled JAX programs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxarc.capture import Step
    from jaxarc.config import Config, VisualizationConfig, WandbConfig, load_config
    from jaxarc.diagnostics import DiagnosticsRecorder
    from jaxarc.envs import Action, ArcEnv, AutoReset, arc_step, load_tasks, make_policy
    from jaxarc.envs.record_episodes import RecordEpisodes
    from jaxarc.pipeline import AsyncLogger, PerformanceMonitor
    from jaxarc.recorder import Recorder
    from jaxarc.records.episode_data import EpisodeData
    from jaxarc.records.log_entries import EpisodeLogEntry, StepLogEntry
    from jaxarc.records.pictures import EpisodeSummaryData, StepVisualizationData
    from jaxarc.replay import ReplaySystem, resimulate
    from jaxarc.replay import open_runs as open
    from jaxarc.replay.verify import verify
    from jaxarc.run_context import RunContext
    from jaxarc.storage import EpisodeManager
    from jaxarc.structured_logger import StructuredLogger
    from jaxarc.tracking.experiment_tracker import ExperimentTracker
    from jaxarc.tracking.local_tracker import LocalTracker
    from jaxarc.tracking.wandb_context import (
        WandbContext,
        create_wandb_context,
        load_wandb_context_from_env,
        save_wandb_context,
    )
    from jaxarc.tracking.wandb_integration import WandbIntegration
    from jaxarc.visualization import (
        ArtifactBuilder,
        CurvesArtifactBuilder,
        EnhancedVisualizer,
        FieldArtifactBuilder,
        Snapshot,
    )

__version__ = "0.1.0"

_HOMES = {
    "Action": "jaxarc.envs",
    "ArcEnv": "jaxarc.envs",
    "ArtifactBuilder": "jaxarc.visualization",
    "AsyncLogger": "jaxarc.pipeline",
    "AutoReset": "jaxarc.envs",
    "Config": "jaxarc.config",
    "CurvesArtifactBuilder": "jaxarc.visualization",
    "DiagnosticsRecorder": "jaxarc.diagnostics",
    "EnhancedVisualizer": "jaxarc.visualization",
    "EpisodeData": "jaxarc.records.episode_data",
    "EpisodeLogEntry": "jaxarc.records.log_entries",
    "EpisodeManager": "jaxarc.storage",
    "EpisodeSummaryData": "jaxarc.records.pictures",
    "ExperimentTracker": "jaxarc.tracking.experiment_tracker",
    "FieldArtifactBuilder": "jaxarc.visualization",
    "PerformanceMonitor": "jaxarc.pipeline",
    "RecordEpisodes": "jaxarc.envs.record_episodes",
    "Recorder": "jaxarc.recorder",
    "LocalTracker": "jaxarc.tracking.local_tracker",
    "ReplaySystem": "jaxarc.replay",
    "RunContext": "jaxarc.run_context",
    "Snapshot": "jaxarc.visualization",
    "Step": "jaxarc.capture",
    "StepLogEntry": "jaxarc.records.log_entries",
    "StepVisualizationData": "jaxarc.records.pictures",
    "StructuredLogger": "jaxarc.structured_logger",
    "VisualizationConfig": "jaxarc.config",
    "WandbConfig": "jaxarc.config",
    "WandbContext": "jaxarc.tracking.wandb_context",
    "WandbIntegration": "jaxarc.tracking.wandb_integration",
    "arc_step": "jaxarc.envs",
    "create_wandb_context": "jaxarc.tracking.wandb_context",
    "load_config": "jaxarc.config",
    "load_tasks": "jaxarc.envs",
    "load_wandb_context_from_env": "jaxarc.tracking.wandb_context",
    "make_policy": "jaxarc.envs",
    "open": "jaxarc.replay",
    "resimulate": "jaxarc.replay",
    "save_wandb_context": "jaxarc.tracking.wandb_context",
    "verify": "jaxarc.replay.verify",
}
_RENAMED = {"open": "open_runs"}

__all__ = [
    "Action",
    "ArcEnv",
    "ArtifactBuilder",
    "AsyncLogger",
    "AutoReset",
    "Config",
    "CurvesArtifactBuilder",
    "DiagnosticsRecorder",
    "EnhancedVisualizer",
    "EpisodeData",
    "EpisodeLogEntry",
    "EpisodeManager",
    "EpisodeSummaryData",
    "ExperimentTracker",
    "FieldArtifactBuilder",
    "LocalTracker",
    "PerformanceMonitor",
    "RecordEpisodes",
    "Recorder",
    "ReplaySystem",
    "RunContext",
    "Snapshot",
    "Step",
    "StepLogEntry",
    "StepVisualizationData",
    "StructuredLogger",
    "VisualizationConfig",
    "WandbConfig",
    "WandbContext",
    "WandbIntegration",
    "__version__",
    "arc_step",
    "create_wandb_context",
    "load_config",
    "load_tasks",
    "load_wandb_context_from_env",
    "make_policy",
    "open",
    "resimulate",
    "save_wandb_context",
    "verify",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'jaxarc' has no attribute {name!r}")
    value = getattr(import_module(home), _RENAMED.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
