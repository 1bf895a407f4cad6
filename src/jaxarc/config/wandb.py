"""How a run appears in Weights & Biases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from jaxarc.config.rules import (
    RejectedError,
    boolean,
    checked,
    integer,
    listed,
    one_of,
    optional,
    shown,
    text,
)
from jaxarc.config.section import Section

__all__ = ["WandbConfig"]


def image_size(value: Any) -> tuple[int, ...]:
    """Accept a width and a height in pixels."""
    size = listed(integer(1), unique=False)(value)
    if len(size) != 2:
        raise RejectedError(f"must be a width and a height in pixels, got {shown(value)}")
    return size


def words(value: Any) -> str:
    """Accept text, also none."""
    return value if value == "" else text(value)


@dataclass(frozen=True, kw_only=True)
class WandbConfig(Section):
    """What is sent to Weights & Biases, and where it goes.

    Attributes:
        enabled: whether anything is sent; naming ``wandb`` in ``logging.trackers`` says the same.
        project_name: the project.
        entity: the user or team; None for the default one of the account.
        group: what the run is grouped under; None for the run's name where it has several members.
        job_type: what the run is for (``train``, ``eval``); None leaves it empty.
        mode: ``online``, ``offline`` (files that ``wandb sync`` sends), ``disabled``; None is online where
            there is a key, else offline.
        tags: tags of the run, besides those of the record.
        notes: what people are told of the run.
        files_dir: where W&B keeps its files; None for ``WANDB_DIR``, else the run's directory.
        log_artifacts: whether files of artifacts and checkpoints are uploaded, within the budget; else W&B
            has a reference to where they lie.
        log_frequency: of the steps given to ``WandbIntegration.log_step``, every how many are sent.
        image_format: pictures go as ``png``, ``svg`` or ``both``.
        max_image_size: the most pixels of a picture in width and height; larger ones are made smaller.
        player: whether episodes that are drawn while the run goes on are drawn as the offline player, too.
        log_gradients: whether series of gradients and updates are sent.
        log_model_topology: whether the tree of parameters is sent as a table.
    """

    key: ClassVar[str] = "logging.wandb"

    enabled: bool = checked(False, boolean)
    project_name: str = checked("jaxarc-experiments", text)
    entity: str | None = checked(None, optional(text))
    group: str | None = checked(None, optional(text))
    job_type: str | None = checked(None, optional(text))
    mode: str | None = checked(None, optional(one_of("online", "offline", "disabled")))
    tags: Sequence[str] = checked((), listed(text))
    notes: str = checked("", words)
    files_dir: str | None = checked(None, optional(text))
    log_artifacts: bool = checked(False, boolean)
    log_frequency: int = checked(10, integer(1))
    image_format: str = checked("png", one_of("png", "svg", "both"))
    max_image_size: Sequence[int] = checked((800, 600), image_size)
    player: bool = checked(True, boolean)
    log_gradients: bool = checked(False, boolean)
    log_model_topology: bool = checked(False, boolean)
