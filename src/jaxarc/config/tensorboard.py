"""How a run appears in TensorBoard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxarc.config.rules import checked, optional, text
from jaxarc.config.section import Section

__all__ = ["TensorBoardConfig"]


@dataclass(frozen=True, kw_only=True)
class TensorBoardConfig(Section):
    """Where event files of TensorBoard are written.

    Attributes:
        log_dir: a folder, in which the run gets one of its name; None for ``tensorboard`` in the run's own.
    """

    key: ClassVar[str] = "logging.tensorboard"

    log_dir: str | None = checked(None, optional(text))
