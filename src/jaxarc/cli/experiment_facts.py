"""What ``jaxarc show RUN`` says of the experiment: what it is for, its params, metrics, progress and end."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from jaxarc.records.experiment_events import EXPERIMENT_EVENTS, MetricBatch
from jaxarc.replay import ReplaySystem
from jaxarc.replay.experiment import ExperimentRecord, Series, summarised
from jaxarc.storage import read_events

__all__ = ["experiment_facts", "experiment_lines"]

_MOST_PARAMS, _MOST_METRICS, _MOST_TAGS = 8, 8, 12
_MOST_WARNINGS = 3
_LONGEST_VALUE, _LONGEST_WARNING = 40, 200
_OF_MEMBERS = ("member", "agg")
_PLAIN = "stream=train"
_BUT_METRICS = tuple(name for name in EXPERIMENT_EVENTS if name != MetricBatch.TYPE)
_MOST_EVENT_BYTES = 40_000_000
"""Of a run with longer event files the metrics are not gone through for a glance."""


def experiment_lines(run: ReplaySystem) -> list[tuple[str, str, str]]:
    """Return name, words and style of each line about the experiment; of what was never said there is none.

    Args:
        run: the run.
    """
    failed = _failure(run.info.get("error"))
    facts = [("error", failed, "red")] if failed else []
    record = _record(run)
    name = str(run.info.get("name") or "")
    if name and name != run.name:
        facts.append(("name", name, ""))
    if record.description:
        facts.append(("about", record.description, ""))
    if record.tag_names:
        tags = [name if record.tags[name] is None else f"{name}={_value(record.tags[name])}"
                for name in record.tag_names]  # fmt: skip
        facts.append(("tags", _listed(tags, _MOST_TAGS), ""))
    if run.status == "RUNNING" or record.progress or _last_words(record):
        facts += _progress(run, record)
    if record.params:
        params = [f"{name} {_value(value)}" for name, value in record.params.items()]
        facts.append(("params", _listed(params, _MOST_PARAMS), ""))
    if not _is_short(run):
        facts.append(("metrics", "more than fit a glance: run.metrics() in Python has them", ""))
    else:
        facts += _metrics(record)
    facts += [
        ("logged", f"{name} was given {len(values)} values, {_value(values[-1])} is the last", "yellow")
        for name, values in list(record.conflicts.items())[:3]
    ]
    told = [said.msg if said.step is None else f"step {said.step}: {said.msg}" for said in record.warnings]
    facts += [("warning", _shortened(words, _LONGEST_WARNING), "yellow") for words in told[:_MOST_WARNINGS]]
    if len(told) > _MOST_WARNINGS:
        facts.append(("", f"and {len(told) - _MOST_WARNINGS:,} more: run.record().warnings", "yellow"))
    return facts


def experiment_facts(run: ReplaySystem) -> dict[str, Any]:
    """Return what ``show RUN --json`` has of the experiment.

    Args:
        run: the run.
    """
    record = _record(run)
    return {
        "name": run.info.get("name", run.name),
        "said_status": _status(run, record),
        "error": run.info.get("error"),
        "description": record.description,
        "tags": {name: record.tags[name] for name in record.tag_names},
        "params": record.params,
        "metrics": [
            {"key": series.key, "ctx": series.ctx, "values": len(series), "last": _last(series)}
            for series in record.all_series()
        ]
        if _is_short(run)
        else None,
        "summary": record.summary,
        "progress": record.progress,
        "warnings": [
            {"level": said.level, "msg": said.msg, "logger": said.logger, "step": said.step}
            for said in record.warnings
        ],
        "record_problems": record.problems,
    }


def _record(run: ReplaySystem) -> ExperimentRecord:
    """Return what was said; of a run with long event files without its metrics."""
    if _is_short(run):
        return run.said()
    paths = sorted((run.run_dir / "events").glob("*.jsonl"))
    return ExperimentRecord(event for path in paths for event in read_events(path, types=_BUT_METRICS))


def _status(run: ReplaySystem, record: ExperimentRecord) -> str:
    status = run.status
    return record.status if status == "RUNNING" and record.status in ("SCHEDULED", "PAUSED") else status


def _is_short(run: ReplaySystem) -> bool:
    return sum(path.stat().st_size for path in (run.run_dir / "events").glob("*.jsonl")) <= _MOST_EVENT_BYTES


def _failure(error: object) -> str:
    if not isinstance(error, Mapping):
        return ""
    kind, message = str(error.get("type") or ""), str(error.get("message") or "")
    return ": ".join(part for part in (kind, " ".join(message.split())[:300]) if part)


def _last_words(record: ExperimentRecord) -> str:
    return record.statuses[-1][1].msg if record.statuses else ""


def _metrics(record: ExperimentRecord) -> Iterable[tuple[str, str, str]]:
    """Yield the metrics in one line; where there are members, one a line with what they come to."""
    groups: dict[tuple[str, str], list[Series]] = {}
    for series in record.all_series():
        others = [f"{name}={value}" for name, value in series.ctx.items() if name not in _OF_MEMBERS]
        groups.setdefault((series.key, ", ".join(others)), []).append(series)
    finals: dict[str, str] = {}
    for (key, others), all_of_it in groups.items():
        definition = record.definition(key)
        if definition is None or definition.summary != "none":
            name = f"{key} ({others})" if others and others != _PLAIN else key
            finals[name] = _final([(series, summarised(series, definition)) for series in all_of_it])
    finals.update({name: _value(value) for name, value in record.said_summary.items()})
    words = [f"{name} {value}" for name, value in finals.items()]
    if all(len(each) == 1 for each in groups.values()):
        if words:
            yield "metrics", _listed(words, _MOST_METRICS), ""
        return
    for index, line in enumerate(words[:_MOST_METRICS]):
        yield "" if index else "metrics", line, ""
    if len(words) > _MOST_METRICS:
        yield "", f"and {len(words) - _MOST_METRICS:,} more", ""


def _final(finals: list[tuple[Series, Any]]) -> str:
    """Return what a metric came to: of several members their mean and how far they are apart."""
    whole = [value for series, value in finals if "member" not in series.ctx]
    members = [value for series, value in finals if "member" in series.ctx]
    if len(members) < 2:
        return _value((whole or members)[-1])
    numbers = [value for value in members if isinstance(value, (int, float)) and math.isfinite(value)]
    mean = whole[-1] if whole else (sum(numbers) / len(numbers) if numbers else members[-1])
    apart = f"{_value(min(numbers))} to {_value(max(numbers))}" if numbers else "none finite"
    odd = len(members) - len(numbers)
    not_finite = f", {odd:,} not finite" if odd and numbers else ""
    return f"{_value(mean)}, {len(members):,} members {apart}{not_finite}"


def _progress(run: ReplaySystem, record: ExperimentRecord) -> Iterable[tuple[str, str, str]]:
    words = []
    said = _status(run, record)
    if said != run.status:
        words.append(said.lower())
    progress = record.progress
    if progress:
        of = f" of {_value(progress['total'])}" if progress.get("total") is not None else ""
        unit = f" {progress['unit']}s" if progress.get("unit") else ""
        words.append(f"{_value(progress.get('cur'))}{of}{unit}")
    if last := _last_words(record):
        words.append(last)
    if words:
        yield "progress", ", ".join(words), ""


def _listed(words: list[str], most: int) -> str:
    more = len(words) - most
    return ", ".join(words[:most]) + (f" and {more:,} more" if more > 0 else "")


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return _shortened(str(value), _LONGEST_VALUE)


def _shortened(text: str, most: int) -> str:
    words = " ".join(text.split())
    return words if len(words) <= most else f"{words[: most - 1]}…"


def _last(series: Any) -> Any:
    last = len(series) - 1
    return series.others.get(last, float(series.value[last]))
