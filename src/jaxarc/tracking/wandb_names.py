"""What series and tags are called in W&B."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxarc.tracking import series_names

__all__ = ["BY_LOG_STEP", "is_of_gradients", "series_name", "tag_words"]

BY_LOG_STEP = "log_step"
"""Who said a record of which W&B gets every ``log_frequency``-th alone."""

_MAX_TAG = 64
_GRADIENTS = ("gradients", "gradient", "grads", "grad", "updates")


def series_name(key: str, ctx: Mapping[str, Any]) -> str:
    """Return what a series is called: W&B keeps names that begin with an underscore for itself.

    Args:
        key: name of the metric.
        ctx: its context.
    """
    return series_names.series_name(key.lstrip("_") or "metric", ctx)


def is_of_gradients(key: str) -> bool:
    """Say whether a metric is one of gradients or updates: the first part of its name says so."""
    return key.split("/", 1)[0] in _GRADIENTS


def tag_words(name: str, value: Any) -> str:
    """Return a tag as W&B has it: one piece of text."""
    words = name if value is None else f"{name}:{value}"
    return words[:_MAX_TAG]
