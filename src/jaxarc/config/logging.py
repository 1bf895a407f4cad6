"""What is said on the console, and to whom a run is sent besides the disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from jaxarc.config.frozen_mapping import FrozenMapping
from jaxarc.config.gates import GateConfig, gate_configs
from jaxarc.config.mlflow import MlflowConfig
from jaxarc.config.rules import RejectedError, boolean, checked, integer, listed, number, one_of
from jaxarc.config.section import Section, section
from jaxarc.config.tensorboard import TensorBoardConfig
from jaxarc.config.trackio import TrackioConfig
from jaxarc.config.wandb import WandbConfig

__all__ = ["TRACKERS", "LoggingConfig"]


TRACKERS = ("wandb", "mlflow", "tensorboard", "trackio", "memory", "null")
"""What a run can be sent to besides the disk, which is ``local`` and always on."""


def tracker_names(value: Any) -> tuple[str, ...]:
    """Accept names of trackers; ``local`` is always on, and may be named."""
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        value = ["null" if name is None else name for name in value]  # YAML reads a bare null as nothing
    names = listed(one_of("local", *TRACKERS, fold=str.lower))(value)
    return tuple(name for name in names if name != "local")


def segment_format(value: Any) -> str:
    """Accept the formats that a run is written in; pickle is refused with what to do instead."""
    if isinstance(value, str) and value.lower() == "pickle":
        raise RejectedError(
            "must be hdf5 or json, got pickle: loading a pickle runs the code that is in it, and a torn one"
            " is lost; jaxarc export RUN --format pickle makes one of a run",
            override="logging.format=hdf5",
        )
    return one_of("hdf5", "json", fold=str.lower)(value)


@dataclass(frozen=True, kw_only=True)
class LoggingConfig(Section):
    """Messages and trackers.

    Attributes:
        log_level: the least severe message that the ``jaxarc`` logger lets through.
        format: what segments are written as: ``hdf5``, packed and fast, or ``json``, which anything reads.
        structured_logging: whether episodes are recorded at all; without it ``recorder.log`` and events go
            on, and programs send no steps.
        include_full_states: records streams whose level is ``verbose`` at level ``full``: with the
            environment's state at every step.
        compression: false stores segments as they are, whatever ``storage.compression`` says.
        trackers: where the run is sent besides the disk, while it goes on: of ``TRACKERS``. ``wandb`` here
            and ``logging.wandb.enabled`` say the same.
        close_timeout: the most seconds that the end of a run waits for its trackers; what they have not got
            by then is sent by ``jaxarc sync``.
        upload_bytes: the most bytes of pictures, films and pages that a run sends to each tracker.
        gates: what metrics are held against while the run goes on, by the metric's name: ``max``, ``min``,
            ``baseline``, ``tolerance``, ``direction`` and ``patience``. Where one is not good enough, an
            alert is written into the run.
        wandb, mlflow, tensorboard, trackio: what each of them is told.
    """

    key: ClassVar[str] = "logging"

    log_level: str = checked("INFO", one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", fold=str.upper))
    format: str = checked("hdf5", segment_format)
    structured_logging: bool = checked(True, boolean)
    include_full_states: bool = checked(False, boolean)
    compression: bool = checked(True, boolean)
    trackers: Sequence[str] = checked((), tracker_names)
    close_timeout: float = checked(30.0, number(minimum=0.0))
    upload_bytes: int = checked(200_000_000, integer(0))
    gates: Mapping[str, GateConfig] = checked(FrozenMapping(), gate_configs)
    wandb: WandbConfig = section(WandbConfig)
    mlflow: MlflowConfig = section(MlflowConfig)
    tensorboard: TensorBoardConfig = section(TensorBoardConfig)
    trackio: TrackioConfig = section(TrackioConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.wandb.enabled and "wandb" not in self.trackers:
            object.__setattr__(self, "trackers", (*self.trackers, "wandb"))
        elif "wandb" in self.trackers and not self.wandb.enabled:
            object.__setattr__(self, "wandb", replace(self.wandb, enabled=True))
