"""From Hydra to the dataclasses: the only module that imports OmegaConf."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.version import VersionBase
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from jaxarc.config.logging import LoggingConfig
from jaxarc.config.overrides import checked_overrides, default_values
from jaxarc.config.root import Config, level_from_visualization
from jaxarc.config.rules import shown, spell
from jaxarc.errors import ConfigError, ConfigProblem

__all__ = ["coerce_config", "load_config", "tracking_config"]

ROOT = "jaxarc"

_hydra_lock = threading.Lock()


def load_config(overrides: Sequence[str] = ()) -> Config:
    """Compose a configuration from the packaged Hydra tree.

    Works wherever the package is installed, and inside another application's ``@hydra.main``, whose
    Hydra is left as it was.

    Args:
        overrides: Hydra overrides, such as ``visualization=debug_verbose`` or ``env.num_envs=64``.

    Returns:
        the configuration, checked.

    Raises:
        ConfigError: with every problem of the overrides and of the values, never a Hydra error.
    """
    sound, problems = checked_overrides(overrides)
    try:
        config = Config.from_dict(composed_in_part(sound, problems))
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems]) from None
    if problems:
        raise ConfigError(problems)
    return config


def coerce_config(value: Any = None) -> Config:
    """Turn what a user has into a ``Config``.

    Args:
        value: a ``Config``, which is returned as it is; a mapping or a ``DictConfig``, whole or
            partial, laid over the packaged defaults; a list of overrides; or nothing, for the
            defaults with what the environment variables say.

    Raises:
        ConfigError: with every problem.
    """
    if isinstance(value, Config):
        return value
    if value is None:
        return load_config()
    if OmegaConf.is_config(value):
        value = plain_container(value)
    if isinstance(value, Mapping):
        defaults = level_from_visualization(composed(()))
        return Config.from_dict(overlaid(defaults, level_from_visualization(value)))
    if isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(v, str) for v in value):
        return load_config(value)
    problem = f"must be a Config, a mapping, a list of overrides or None, got {shown(value)}"
    raise ConfigError([ConfigProblem("config", problem, "visualization=debug_standard")])


def tracking_config(value: Any = None) -> Config:
    """Turn what says where a run is sent into a ``Config``.

    Args:
        value: a ``LoggingConfig``; a mapping or a ``DictConfig`` of its fields; or whatever
            ``coerce_config`` takes.

    Raises:
        ConfigError: with every problem.
    """
    if isinstance(value, LoggingConfig):
        return replace(coerce_config(), logging=value)
    if OmegaConf.is_config(value):
        value = plain_container(value)
    if isinstance(value, Mapping) and not {each.name for each in fields(Config)} & value.keys():
        value = {"logging": value}
    return coerce_config(value)


def composed(overrides: Sequence[str]) -> dict[str, Any]:
    """Return the packaged tree under ``overrides`` as a plain mapping, interpolations resolved."""
    try:
        tree = composed_tree(tuple(overrides))
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError([problem_of(error, overrides)]) from None
    return plain_container(tree)


@lru_cache(maxsize=8)
def composed_tree(overrides: tuple[str, ...]) -> DictConfig:
    """Compose the packaged tree, interpolations not resolved yet; the same overrides need it once."""
    with own_hydra():
        return compose(ROOT, overrides=list(overrides))


def composed_in_part(overrides: Sequence[str], problems: list[ConfigProblem]) -> dict[str, Any]:
    """Compose without the overrides that cannot be resolved; what is wrong with them joins ``problems``."""
    try:
        return composed(overrides)
    except ConfigError as error:
        wrong = {problem.key for problem in error.problems}
        rest = [override for override in overrides if override_key(override) not in wrong]
        if len(rest) == len(overrides):
            raise
        problems.extend(error.problems)
        return composed_in_part(rest, problems)


def override_key(override: str) -> str:
    """Return the key that an override sets."""
    return override.lstrip("+~").partition("=")[0]


@contextmanager
def own_hydra() -> Iterator[None]:
    """Let Hydra see the packaged tree alone, and give an application its own Hydra back afterwards."""
    with _hydra_lock:
        host, version = GlobalHydra.instance(), VersionBase.instance()
        host_hydra, host_version = host.hydra, version.version_base
        host.hydra = None
        try:
            with initialize_config_module("jaxarc.conf", job_name="jaxarc", version_base="1.3"):
                yield
        finally:
            host.hydra, version.version_base = host_hydra, host_version
            GlobalHydra.set_instance(host)


def plain_container(tree: Any) -> Any:
    """Return an OmegaConf tree as plain containers, interpolations resolved."""
    try:
        return OmegaConf.to_container(tree, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise ConfigError([problem_of(error, ())]) from None


def problem_of(error: Exception, overrides: Sequence[str]) -> ConfigProblem:
    """Say in one line what Hydra or OmegaConf could not do, and how to be rid of it."""
    message = str(error).splitlines()[0]
    key = str(getattr(error, "full_key", None) or "")
    if not key:
        key = next((name for name in map(override_key, overrides) if name in message), "config")
    return ConfigProblem(key, message, f"{key}={spell(default_values().get(key, {}))}")


def overlaid(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``under`` with the values of ``over``, mappings merged key by key."""
    merged = dict(under)
    for name, value in over.items():
        beneath = merged.get(name)
        if isinstance(value, Mapping) and isinstance(beneath, Mapping):
            value = overlaid(beneath, value)
        merged[name] = value
    return merged
