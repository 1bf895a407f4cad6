"""Charts of what was logged: one a metric and context, its members together with their mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from jaxarc.records.metric_pictures import MetricLine, MetricPicture
from jaxarc.replay.experiment import Series

__all__ = ["metric_pictures"]

_MOST_LINES = 64
"""Members whose lines are drawn; of more the first, and the mean of all where there is one."""

_Group = tuple[str, tuple[tuple[str, str], ...]]


def metric_pictures(series: Iterable[Series]) -> list[MetricPicture]:
    """Return the charts of some series, in the order in which they began."""
    groups: dict[_Group, list[Series]] = {}
    for each in series:
        ctx = tuple(
            sorted((name, str(value)) for name, value in each.ctx.items() if name not in ("member", "agg"))
        )
        groups.setdefault((each.key, ctx), []).append(each)
    return [_picture(group, members) for group, members in groups.items()]


def _picture(group: _Group, series: Sequence[Series]) -> MetricPicture:
    key, ctx = group
    members = [each for each in series if "member" in each.ctx]
    alone = [each for each in series if "member" not in each.ctx] or members[:1]
    main = alone[-1]
    others = [each for each in series if each is not main][:_MOST_LINES] if len(series) > 1 else []
    has_steps = all(np.isfinite(each.step).any() for each in (main, *others))
    lines = [_line(each, has_steps, is_main=False) for each in others] + [
        _line(main, has_steps, is_main=True)
    ]
    last = main.others.get(len(main) - 1, float(main.value[-1])) if len(main) else float("nan")
    return MetricPicture(
        name=_name(key, ctx),
        lines=lines,
        axis="step" if has_steps else "value",
        last=last if isinstance(last, float) else str(last),
        num_values=len(main),
        num_not_finite=sum(int((~np.isfinite(each.value)).sum()) for each in (main, *others)),
        num_members=len(members) if main not in members else 0,
    )


def _line(series: Series, has_steps: bool, *, is_main: bool) -> MetricLine:
    """Return the line of a series: over steps in their order, or over the numbers of its values."""
    at = series.step if has_steps else np.arange(len(series), dtype=np.float64)
    known = np.flatnonzero(np.isfinite(at))
    order = known[np.argsort(at[known], kind="stable")]
    return MetricLine(at[order], series.value[order], is_main)


def _name(key: str, ctx: Sequence[tuple[str, str]]) -> str:
    """Return the metric's name, with what tells it apart and is not in it already."""
    more = []
    for name, value in ctx:
        is_plain = name in ("stream", "phase")
        if not (is_plain and key.startswith(f"{value}/")) and (name, value) != ("stream", "train"):
            more.append(value if is_plain else f"{name}={value}")
    return f"{key} ({', '.join(more)})" if more else key
