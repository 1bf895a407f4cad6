"""What a series is called where a name is all that tells series apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["series_name"]

_SECTIONS = ("process", "stream", "phase")
_OWN_PLACE = ("member", "agg")
"""Which run, or which folder, shows a series says these."""


def series_name(key: str, ctx: Mapping[str, Any]) -> str:
    """Return what a series is called: what tells it apart stands before the metric, a group of its own.

    Args:
        key: name of the metric.
        ctx: its context; ``process``, ``stream`` and ``phase`` stand alone, others behind it with their name.
    """
    named = key
    for section in reversed(_SECTIONS):
        value = ctx.get(section)
        if value is not None and named != str(value) and not named.startswith(f"{value}/"):
            named = f"{value}/{named}"
    others = sorted(
        (str(name), value) for name, value in ctx.items() if name not in (*_SECTIONS, *_OWN_PLACE)
    )
    return "/".join([named, *(f"{name}={value}" for name, value in others if value is not None)])
