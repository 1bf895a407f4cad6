"""The configuration: frozen dataclasses that check themselves, read from Hydra, mappings or nothing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxarc.config.artifacts import BUILDERS, ArtifactConfig, Cadence
    from jaxarc.config.capture import JOURNALS, LEVELS, CaptureConfig, StreamCapture, StreamConfig
    from jaxarc.config.diagnostics import ACTIONS, STATISTICS, DiagnosticsConfig, ThresholdConfig
    from jaxarc.config.env import EnvConfig
    from jaxarc.config.hydra_bridge import coerce_config, load_config, tracking_config
    from jaxarc.config.keep import KEEP_RULES, KeepRule, parse_keep_rule
    from jaxarc.config.logging import TRACKERS, LoggingConfig
    from jaxarc.config.mlflow import MlflowConfig
    from jaxarc.config.pipeline import AsyncLoggerConfig
    from jaxarc.config.rollout import RolloutConfig
    from jaxarc.config.root import POLICIES, Config
    from jaxarc.config.run_meta import RunMeta
    from jaxarc.config.storage import CLEANUP_POLICIES, EpisodeConfig
    from jaxarc.config.tensorboard import TensorBoardConfig
    from jaxarc.config.trackio import TrackioConfig
    from jaxarc.config.visualization import LIVE_RULES, LiveConfig, VisualizationConfig
    from jaxarc.config.wandb import WandbConfig

_HOMES = {
    "ACTIONS": "diagnostics",
    "ArtifactConfig": "artifacts",
    "AsyncLoggerConfig": "pipeline",
    "BUILDERS": "artifacts",
    "CLEANUP_POLICIES": "storage",
    "Cadence": "artifacts",
    "CaptureConfig": "capture",
    "Config": "root",
    "DiagnosticsConfig": "diagnostics",
    "EnvConfig": "env",
    "EpisodeConfig": "storage",
    "JOURNALS": "capture",
    "KEEP_RULES": "keep",
    "KeepRule": "keep",
    "LEVELS": "capture",
    "LIVE_RULES": "visualization",
    "LiveConfig": "visualization",
    "LoggingConfig": "logging",
    "MlflowConfig": "mlflow",
    "POLICIES": "root",
    "RolloutConfig": "rollout",
    "RunMeta": "run_meta",
    "STATISTICS": "diagnostics",
    "StreamCapture": "capture",
    "StreamConfig": "capture",
    "ThresholdConfig": "diagnostics",
    "TRACKERS": "logging",
    "TensorBoardConfig": "tensorboard",
    "TrackioConfig": "trackio",
    "VisualizationConfig": "visualization",
    "WandbConfig": "wandb",
    "coerce_config": "hydra_bridge",
    "load_config": "hydra_bridge",
    "parse_keep_rule": "keep",
    "tracking_config": "hydra_bridge",
}

__all__ = [
    "ACTIONS",
    "BUILDERS",
    "CLEANUP_POLICIES",
    "KEEP_RULES",
    "JOURNALS",
    "LEVELS",
    "LIVE_RULES",
    "POLICIES",
    "STATISTICS",
    "TRACKERS",
    "ArtifactConfig",
    "AsyncLoggerConfig",
    "Cadence",
    "CaptureConfig",
    "Config",
    "DiagnosticsConfig",
    "EnvConfig",
    "EpisodeConfig",
    "KeepRule",
    "LiveConfig",
    "LoggingConfig",
    "MlflowConfig",
    "RolloutConfig",
    "RunMeta",
    "StreamCapture",
    "StreamConfig",
    "ThresholdConfig",
    "TensorBoardConfig",
    "TrackioConfig",
    "VisualizationConfig",
    "WandbConfig",
    "coerce_config",
    "load_config",
    "parse_keep_rule",
    "tracking_config",
]


def __getattr__(name: str) -> Any:
    # Who needs one part of the configuration imports no other, and no Hydra, which is slow.
    if name not in _HOMES:
        raise AttributeError(f"module 'jaxarc.config' has no attribute {name!r}")
    value = getattr(import_module(f"jaxarc.config.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
