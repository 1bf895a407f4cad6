"""The configuration: frozen dataclasses that check themselves, read from Hydra, mappings or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jaxarc.config.capture import JOURNALS, LEVELS, CaptureConfig, StreamCapture, StreamConfig
from jaxarc.config.env import EnvConfig
from jaxarc.config.keep import KEEP_RULES, KeepRule, parse_keep_rule
from jaxarc.config.logging import LoggingConfig
from jaxarc.config.pipeline import AsyncLoggerConfig
from jaxarc.config.rollout import RolloutConfig
from jaxarc.config.root import POLICIES, Config
from jaxarc.config.storage import CLEANUP_POLICIES, EpisodeConfig
from jaxarc.config.visualization import LIVE_RULES, LiveConfig, VisualizationConfig

if TYPE_CHECKING:
    from jaxarc.config.hydra_bridge import coerce_config, load_config

__all__ = [
    "CLEANUP_POLICIES",
    "KEEP_RULES",
    "JOURNALS",
    "LEVELS",
    "LIVE_RULES",
    "POLICIES",
    "AsyncLoggerConfig",
    "CaptureConfig",
    "Config",
    "EnvConfig",
    "EpisodeConfig",
    "KeepRule",
    "LiveConfig",
    "LoggingConfig",
    "RolloutConfig",
    "StreamCapture",
    "StreamConfig",
    "VisualizationConfig",
    "coerce_config",
    "load_config",
    "parse_keep_rule",
]


def __getattr__(name: str) -> Any:
    """Import the Hydra bridge when it is first asked for, since Hydra is slow to import."""
    if name in {"coerce_config", "load_config"}:
        from jaxarc.config import hydra_bridge

        return getattr(hydra_bridge, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
