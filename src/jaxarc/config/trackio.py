"""How a run appears in Trackio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxarc.config.rules import checked, optional, text
from jaxarc.config.section import Section

__all__ = ["TrackioConfig"]


@dataclass(frozen=True, kw_only=True)
class TrackioConfig(Section):
    """Where a run goes in Trackio.

    Attributes:
        project: the project; None for the run's experiment.
        space_id: a Hugging Face Space that shows it; None for the local store.
    """

    key: ClassVar[str] = "logging.trackio"

    project: str | None = checked(None, optional(text))
    space_id: str | None = checked(None, optional(text))
