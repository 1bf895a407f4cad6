"""What a series is called where a name is all that tells series apart, and whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jaxarc.records.experiment_events import Artifact, Checkpoint, ExperimentEvent, Media, MetricBatch

__all__ = ["is_of_several", "member_of", "series_name"]

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


def member_of(said: ExperimentEvent) -> int | None:
    """Return the member that something is said of; None for what belongs to all of the run."""
    context = said.ctx if isinstance(said, MetricBatch) else {}
    if isinstance(said, (Media, Artifact, Checkpoint)):
        context = said.meta
    member = context.get("member")
    return member if isinstance(member, int) and not isinstance(member, bool) and member >= 0 else None


def is_of_several(said: ExperimentEvent) -> bool:
    """Say whether this shows that the run has several members."""
    if (member_of(said) or 0) > 0:
        return True
    if not isinstance(said, MetricBatch):
        return False
    members = said.more.get("members")
    return said.ctx.get("agg") == "mean" or (isinstance(members, int) and members > 1)
