"""How a run was told to be drawn."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from jaxarc.config import VisualizationConfig
from jaxarc.errors import ConfigError

__all__ = ["run_visualization_config"]

logger = logging.getLogger(__name__)


def run_visualization_config(run_dir: Path) -> VisualizationConfig:
    """Return how a run was told to be drawn; the defaults for what its configuration does not say."""
    try:
        said = json.loads((run_dir / "config" / "config.json").read_bytes())["visualization"]
        if not isinstance(said, Mapping):
            raise TypeError("visualization is no mapping")
        known = {each.name for each in fields(VisualizationConfig)} - {"live"}
        return VisualizationConfig.from_dict({name: value for name, value in said.items() if name in known})
    except (OSError, ValueError, LookupError, TypeError, RecursionError, ConfigError) as error:
        logger.warning("%s: how it is drawn cannot be read (%s); the defaults count", run_dir, error)
        return VisualizationConfig()
