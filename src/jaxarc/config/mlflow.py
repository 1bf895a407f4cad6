"""How a run appears in MLflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxarc.config.rules import boolean, checked, optional, text
from jaxarc.config.section import Section

__all__ = ["MlflowConfig"]


@dataclass(frozen=True, kw_only=True)
class MlflowConfig(Section):
    """Where a run goes in MLflow.

    Attributes:
        tracking_uri: the store or server; None for what MLflow's own settings say.
        experiment: the experiment; None for that of the run.
        log_artifacts: whether files of artifacts and checkpoints are uploaded, within the budget; without it
            MLflow knows where they lie.
    """

    key: ClassVar[str] = "logging.mlflow"

    tracking_uri: str | None = checked(None, optional(text))
    experiment: str | None = checked(None, optional(text))
    log_artifacts: bool = checked(False, boolean)
