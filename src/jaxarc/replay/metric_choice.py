"""Which series a metric's name means, and the one number that it comes to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from jaxarc.errors import QueryError, closest
from jaxarc.records.experiment_events import DIRECTIONS, SUMMARIES, DefineMetric
from jaxarc.replay.experiment import ExperimentRecord, Series, SeriesKey, summarised

__all__ = [
    "MEASURES",
    "MetricValue",
    "chosen_key",
    "direction_of",
    "mean_of_members",
    "metric_value",
    "parted_metric",
    "shown_key",
]

MEASURES = tuple(name for name in SUMMARIES if name != "none")
"""What a series can come to."""

_WITH_CONTEXT = re.compile(r"(?s)(.+?)\s*[\[(]([^\[\]()]*=[^\[\]()]*)[\])]\s*")

_RETURNS = re.compile(r"[^/]+/(episode_return_(mean|min|max)|success_rate)")
"""The curves that every stream has and that are better the higher they are, whoever's task it is."""


@dataclass(frozen=True)
class MetricValue:
    """What a metric of a run comes to.

    Attributes:
        value: the number, or what stands in its place; None where the run has no such metric.
        of: what it is of the series (``last``, ``min``, ``best``, …), or ``summary`` where it was said.
        series: the series; None where there is none.
        direction: which way it gets better; None where that was not declared.
    """

    value: Any
    of: str
    series: Series | None = None
    direction: str | None = None


def parted_metric(name: str) -> tuple[str, dict[str, str]]:
    """Part ``loss[phase=val, member=0]`` into the key and its context."""
    found = _WITH_CONTEXT.fullmatch(name)
    if found is None:
        return name, {}
    pairs = (part.partition("=") for part in found[2].split(",") if part.strip())
    return found[1], {key.strip(): value.strip() for key, _, value in pairs}


def chosen_key(keys: Iterable[SeriesKey], name: str) -> SeriesKey | None:
    """Return the series that a name means; None where there is none.

    Of several with one key it is the one without a context, else the mean over the members.

    Args:
        keys: what the series go by.
        name: a key (``loss``), or a key with what is known of its context: ``loss[phase=val]``.

    Raises:
        QueryError: several series are meant; the message lists them.
    """
    known = list(keys)
    key, ctx = (name, {}) if any(each[0] == name for each in known) else parted_metric(name)
    found = [each for each in known if each[0] == key and _has(dict(each[1]), ctx)]
    for chosen in (
        found,
        [each for each in found if not each[1]],
        [each for each in found if dict(each[1]).get("agg") == "mean" and "member" not in dict(each[1])],
    ):
        if len(chosen) == 1:
            return chosen[0]
    if not found:
        return None
    shown = ", ".join(f"{key}[{','.join(f'{n}={v}' for n, v in each[1])}]" for each in found[:8])
    more = f" and {len(found) - 8} more" if len(found) > 8 else ""
    raise QueryError(f"{name} means {len(found)} series; say which: {shown}{more}")


def mean_of_members(names: Iterable[str]) -> str | None:
    """Return which of several series of one key stands for it, by their names in a summary; None for none."""
    keys = {(parted_metric(name)[0], tuple(parted_metric(name)[1].items())): name for name in names}
    try:
        chosen = chosen_key(keys, next(iter(keys))[0]) if keys else None
    except QueryError:
        return None
    return None if chosen is None else keys[chosen]


def _has(held: Mapping[str, Any], ctx: Mapping[str, str]) -> bool:
    return all(name in held and str(held[name]) == value for name, value in ctx.items())


def direction_of(record: ExperimentRecord, name: str) -> str | None:
    """Return which way a metric gets better, as it was declared; None where it was not.

    Returns and success rates of the curves that every stream has are declared here: higher is better.

    Args:
        record: the run's record.
        name: the metric, as for `metric_value`.
    """
    key = name if any(each[0] == name for each in record.keys) else parted_metric(name)[0]
    definition = record.definition(key)
    if definition is not None and definition.direction in DIRECTIONS:
        return definition.direction
    return "maximize" if _RETURNS.fullmatch(key) else None


def metric_value(
    record: ExperimentRecord, name: str, of: str | None = None, direction: str | None = None
) -> MetricValue:
    """Return what a metric of a run comes to.

    Args:
        record: the run's record.
        name: a key of a series or of the summary; ``loss[phase=val]`` for one of several series.
        of: what of the series; None for what its definition says, else the last, above which stands what
            was said in the summary.
        direction: which way it gets better; None for what was declared.

    Raises:
        QueryError: several series are meant, ``of`` is no measure, or ``best`` is asked for where no
            direction is known.
    """
    if of is not None and of not in MEASURES:
        raise QueryError(f"of must be one of {', '.join(MEASURES)}, got {of!r}{closest(of, MEASURES)}")
    chosen = chosen_key(record.keys, name)
    key = parted_metric(name)[0] if chosen is None else chosen[0]
    known = direction or direction_of(record, key)
    series = None if chosen is None else record.of(chosen)
    summary = record.summary
    label = name if chosen is None else shown_key(chosen)
    if of is None and (name in summary or label in summary):
        value = summary.get(name, summary.get(label))
        return MetricValue(value, _said_how(record, key, series, value), series, known)
    if series is None:
        return MetricValue(None, of or "last", None, known)
    how = of or "last"
    if how == "best" and known is None:
        raise QueryError(
            f"which way {key} gets better was not declared; give direction='minimize' or 'maximize', or "
            f"declare it while recording: define_metric({key!r}, direction=…)"
        )
    definition = replace(record.definition(key) or DefineMetric(key=key), summary=how, direction=known)
    return MetricValue(summarised(series, definition), how, series, known)


def shown_key(key: SeriesKey) -> str:
    """Return a series as the summary calls it: ``loss (phase=val)``."""
    return key[0] if not key[1] else f"{key[0]} ({', '.join(f'{n}={v}' for n, v in key[1])})"


def _said_how(record: ExperimentRecord, key: str, series: Series | None, value: Any) -> str:
    """Return what of its series a number of the summary is."""
    definition = record.definition(key) or DefineMetric(key=key)
    if series is None or definition.summary == "none" or not _equal(value, summarised(series, definition)):
        return "summary"
    return "last" if definition.summary == "best" and definition.direction is None else definition.summary


def _equal(a: Any, b: Any) -> bool:
    return a == b or (a != a and b != b)
