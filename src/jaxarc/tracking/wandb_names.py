"""What series and tags are called in W&B."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["is_of_gradients", "series_name", "tag_words"]

_MAX_TAG = 64
_OWN_RUN = ("member", "agg")
"""Which run of W&B shows a series says these."""

_SECTIONS = ("process", "stream", "phase")
_GRADIENTS = ("gradients", "gradient", "grads", "grad", "updates")


def series_name(key: str, ctx: Mapping[str, Any]) -> str:
    """Return what a series is called: what tells it apart stands before the metric, a panel section each.

    Args:
        key: name of the metric.
        ctx: its context; ``stream`` and ``phase`` stand alone, others with their name.
    """
    parts = key.lstrip("_") or "metric"
    for name in reversed(_SECTIONS):
        value = ctx.get(name)
        if value is not None and parts != str(value) and not parts.startswith(f"{value}/"):
            parts = f"{value}/{parts}"
    rest = sorted((str(name), value) for name, value in ctx.items() if name not in (*_SECTIONS, *_OWN_RUN))
    return "/".join([parts, *(f"{name}={value}" for name, value in rest if value is not None)])


def is_of_gradients(key: str) -> bool:
    """Say whether a metric is one of gradients or updates: the first part of its name says so."""
    return key.split("/", 1)[0] in _GRADIENTS


def tag_words(name: str, value: Any) -> str:
    """Return a tag as W&B has it: one piece of text."""
    words = name if value is None else f"{name}:{value}"
    return words[:_MAX_TAG]
