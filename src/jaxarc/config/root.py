"""The whole configuration of a run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from jaxarc.config.capture import CaptureConfig
from jaxarc.config.env import EnvConfig
from jaxarc.config.logging import LoggingConfig
from jaxarc.config.pipeline import AsyncLoggerConfig
from jaxarc.config.rollout import RolloutConfig
from jaxarc.config.rules import checked, integer, one_of
from jaxarc.config.section import Section, section
from jaxarc.config.storage import EpisodeConfig
from jaxarc.config.visualization import VisualizationConfig
from jaxarc.errors import ConfigProblem

__all__ = ["POLICIES", "Config"]

POLICIES = ("random", "painter")

NAMES_AND_PLACES = ("base_output_dir", "experiment", "run_name", "fallback_dir")
SENDING = ("close_timeout", "upload_bytes", "wandb", "mlflow", "tensorboard", "trackio")


@dataclass(frozen=True, kw_only=True)
class Config(Section):
    """Everything that a run is told, checked as a whole.

    Attributes:
        env: the tasks and rewards of ``jaxarc rollout``.
        capture: what is recorded.
        pipeline: how it travels to the disk.
        visualization: how it is drawn.
        logging: what is said, and to whom.
        storage: where it is kept.
        rollout: how long ``jaxarc rollout`` plays.
        policy: who plays there: ``random`` or ``painter``.
        seed: the seed of that rollout.
    """

    key: ClassVar[str] = ""

    env: EnvConfig = section(EnvConfig)
    capture: CaptureConfig = section(CaptureConfig)
    pipeline: AsyncLoggerConfig = section(AsyncLoggerConfig)
    visualization: VisualizationConfig = section(VisualizationConfig)
    logging: LoggingConfig = section(LoggingConfig)
    storage: EpisodeConfig = section(EpisodeConfig)
    rollout: RolloutConfig = section(RolloutConfig)
    policy: str = checked("random", one_of(*POLICIES))
    seed: int = checked(0, integer(0, 2**32 - 1))

    @classmethod
    def from_dict(cls, mapping: Mapping[str, Any]) -> Self:
        """Build a configuration from a mapping; what it leaves out keeps its default.

        ``visualization.debug_level``, the seed's name, stands in for ``capture.level`` where that is
        not given.

        Raises:
            ConfigError: with all that is wrong.
        """
        return super().from_dict(level_from_visualization(mapping))

    def conflicts(self, rejected: frozenset[str]) -> Iterator[ConfigProblem]:
        """Yield sizes that contradict each other across sections."""
        if {"capture.chunk_bytes", "pipeline.queue_bytes"} & rejected:
            return
        chunk_bytes = size_in(self.capture, "chunk_bytes", CaptureConfig.chunk_bytes)
        queue_bytes = size_in(self.pipeline, "queue_bytes", AsyncLoggerConfig.queue_bytes)
        if queue_bytes < chunk_bytes:
            yield ConfigProblem(
                "pipeline.queue_bytes",
                f"must be at least capture.chunk_bytes, got {queue_bytes} and {chunk_bytes};"
                " raise pipeline.queue_bytes or lower capture.chunk_bytes",
                f"pipeline.queue_bytes={chunk_bytes}",
            )

    @property
    def as_logged(self) -> Self:
        """The configuration with what ``logging`` says of states and the like put where it acts."""
        capture, storage = self.capture, self.storage
        if self.logging.include_full_states:
            streams = {
                name: replace(stream, level="full") if stream.level == "verbose" else stream
                for name, stream in capture.streams.items()
            }
            level = "full" if capture.level == "verbose" else capture.level
            capture = replace(capture, level=level, streams=streams)
        if not self.logging.compression:
            storage = replace(storage, compression="none")
        visualization, formats = self.visualization, self.visualization.output_formats
        if "wandb" in self.logging.trackers and self.logging.wandb.player and "html" not in formats:
            visualization = replace(visualization, output_formats=(*formats, "html"))
        return replace(self, capture=capture, storage=storage, visualization=visualization)

    @property
    def hash(self) -> str:
        """Twelve hex digits that two configurations share when their runs would record the same.

        It covers every value but those that only name or place the run (``storage.base_output_dir``,
        ``storage.experiment``, ``storage.run_name`` and ``storage.fallback_dir``) and those that say to whom
        it is sent besides (``logging.trackers`` and what they are told).
        """
        content = self.to_dict()
        content["storage"] = {
            name: value for name, value in content["storage"].items() if name not in NAMES_AND_PLACES
        }
        recorded = {name: value for name, value in content["logging"].items() if name not in SENDING}
        content["logging"] = {**recorded, "trackers": []}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def size_in(part: Any, name: str, default: int) -> int:
    """Return a size of a section, or of the mapping it could not be built from."""
    value = part.get(name, default) if isinstance(part, Mapping) else getattr(part, name, default)
    return value if isinstance(value, int) else default


def level_from_visualization(mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    """Move ``visualization.debug_level`` to ``capture.level``, unless that is given."""
    visualization = mapping.get("visualization")
    capture = mapping.get("capture", {})
    if not isinstance(visualization, Mapping) or "debug_level" not in visualization:
        return mapping
    rest = {name: value for name, value in visualization.items() if name != "debug_level"}
    if isinstance(capture, Mapping):
        capture = {"level": visualization["debug_level"], **capture}
    return {**mapping, "visualization": rest, "capture": capture}
