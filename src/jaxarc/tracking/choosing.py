"""Names of backends become backends; one whose package is missing says which extra brings it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from jaxarc.errors import ConfigError, ConfigProblem, TrackingError, closest
from jaxarc.tracking.backend import Backend

__all__ = ["BACKENDS", "backend_named", "backends_of"]


@dataclass(frozen=True)
class _Home:
    """Where a backend is, the package that it needs, and the extra that brings it."""

    home: str
    package: str = ""
    extra: str = ""


BACKENDS: dict[str, _Home] = {
    "wandb": _Home("wandb_backend:WandbBackend", "wandb", "wandb"),
    "mlflow": _Home("mlflow_backend:MlflowBackend", "mlflow", "mlflow"),
    "tensorboard": _Home("tensorboard_backend:TensorBoardBackend", "tensorboard", "tensorboard"),
    "trackio": _Home("trackio_backend:TrackioBackend", "trackio", "trackio"),
    "memory": _Home("memory_backend:MemoryBackend"),
    "null": _Home("null_backend:NullBackend"),
}
"""The backends that have a name."""


def backends_of(config: Any, backends: Iterable[str | Backend] | None = None) -> list[Backend]:
    """Return the backends of a run.

    Args:
        config: a Config, or its section ``logging``: it has the settings of each.
        backends: names, and backends of the user's own; None for those that the configuration names. Beside
            them ``logging.gates`` are watched; with an empty list there is nobody at all.

    Raises:
        ConfigError: a name is unknown, or the package of a backend is missing; the extra is named.
        TrackingError: two have the same name.
    """
    logging = getattr(config, "logging", config)
    asked = logging.trackers if backends is None else backends
    found = [backend_named(each, logging) if isinstance(each, str) else each for each in asked]
    gates = getattr(logging, "gates", None)
    if gates and (backends is None or found):
        from jaxarc.tracking.gate_watch import GateWatch

        found.append(GateWatch.of_config(gates))
    names = [backend.name for backend in found]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise TrackingError(
            f"several backends are called {', '.join(repeated)}; each keeps its place in the run by its name:"
            " give one of them another `name`"
        )
    return found


def backend_named(name: str, logging: Any) -> Backend:
    """Return one backend with its settings.

    Args:
        name: of ``BACKENDS``.
        logging: the configuration's section ``logging``, which has the settings of each.

    Raises:
        ConfigError: there is no such backend, or its package is missing.
    """
    home = BACKENDS.get(name)
    if home is None:
        raise _rejected(f"there is no tracker {name!r}{closest(name, BACKENDS)}", list(BACKENDS)[:1])
    if home.package and find_spec(home.package) is None:
        raise _rejected(
            f"{name} needs the package {home.package}, which is not installed: "
            f"pip install 'jaxarc-toolkit[{home.extra}]'; without it the run on disk holds everything, and"
            f" jaxarc sync RUN --to {name} sends it later",
            [other for other in logging.trackers if other != name],
        )
    module, _, kind = home.home.partition(":")
    made = getattr(import_module(f"jaxarc.tracking.{module}"), kind)(getattr(logging, name, None))
    if hasattr(made, "upload_bytes"):
        made.upload_bytes = logging.upload_bytes
    return made


def _rejected(message: str, instead: Sequence[str]) -> ConfigError:
    return ConfigError(
        [ConfigProblem("logging.trackers", message, f"logging.trackers=[{','.join(instead)}]")]
    )
