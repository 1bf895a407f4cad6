"""How a run was told to be drawn."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

from jaxarc.config import VisualizationConfig
from jaxarc.errors import ConfigError
from jaxarc.rendering.style import Style

__all__ = ["chosen_style", "run_visualization_config", "style_of"]

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


def style_of(config: VisualizationConfig) -> Style:
    """Return the look that a configuration asks for."""
    return Style(
        palette=config.color_scheme,
        theme=config.theme,
        show_coordinates=config.show_coordinates,
        show_operation_names=config.show_operation_names,
        highlight_changes=config.highlight_changes,
        include_metrics=config.include_metrics,
        show_digits=config.show_digits,
    )


def chosen_style(
    run_dir: Path, style: Style | None = None, palette: str | None = None, theme: str | None = None
) -> Style:
    """Return the look of a page or a picture: as the run was told to be drawn, but for what is said here.

    Args:
        run_dir: the run.
        style: the whole look.
        palette, theme: that of it.

    Raises:
        RenderError: a palette or theme that does not exist.
    """
    look = style or style_of(run_visualization_config(run_dir))
    said = {"palette": palette, "theme": theme}
    return replace(look, **{name: value for name, value in said.items() if value is not None})
