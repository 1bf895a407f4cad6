"""The trackers' settings of a run that is there: its own, and above them what somebody says now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from jaxarc.config import Config, LoggingConfig
from jaxarc.errors import ConfigError
from jaxarc.tracking.tracked_run import run_config

__all__ = ["logging_of"]

_SECTION = "logging."


def logging_of(run_dir: Path, overrides: Sequence[str] = ()) -> LoggingConfig:
    """Return the section ``logging`` that a run was recorded with, with overrides above it.

    What this version does not know of it, or would not take, is left out.

    Args:
        run_dir: the run's directory.
        overrides: such as ``logging.mlflow.experiment=ppo``.

    Raises:
        ConfigError: with everything that is wrong with the overrides.
    """
    stored = run_config(run_dir).get("logging")
    recorded = _known(LoggingConfig(), stored) if isinstance(stored, Mapping) else LoggingConfig()
    if not overrides:
        return recorded
    from jaxarc.config import load_config

    asked: Config = load_config(overrides)
    for override in overrides:
        key = override.lstrip("+~").partition("=")[0]
        if key.startswith(_SECTION):
            recorded = _with(recorded, asked.logging, key.removeprefix(_SECTION).split("."))
        elif key == "logging":
            recorded = asked.logging
    return recorded


def _with(section: Any, asked: Any, path: Sequence[str]) -> Any:
    """Return a section with one value of another one."""
    value = getattr(asked, path[0])
    if len(path) > 1 and is_dataclass(value):
        value = _with(getattr(section, path[0]), value, path[1:])
    return replace(section, **{path[0]: value})


def _known(section: Any, stored: Mapping[str, Any]) -> Any:
    """Return a section with what was stored, as far as it is valid today."""
    for declared in fields(section):
        if declared.name not in stored:
            continue
        value, now = stored[declared.name], getattr(section, declared.name)
        if is_dataclass(now) and isinstance(value, Mapping):
            value = _known(now, value)
        try:
            section = replace(section, **{declared.name: value})
        except ConfigError:
            continue
    return section
