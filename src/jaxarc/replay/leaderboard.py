"""Leaderboard: runs by one of their metrics, the best first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from jaxarc.errors import QueryError, closest
from jaxarc.records.experiment_events import DIRECTIONS, Table
from jaxarc.rendering.text import escape
from jaxarc.replay.arguments import checked_limit
from jaxarc.replay.experiment import number_of
from jaxarc.replay.experiment_columns import names_in_full
from jaxarc.replay.experiment_glance import ExperimentGlance, experiment_glance, full_record
from jaxarc.replay.metric_choice import mean_of_members, metric_value, parted_metric
from jaxarc.replay.query import where_mask
from jaxarc.replay.run_list import RUN_COLUMNS, run_table

__all__ = ["Leaderboard", "RankedRun", "differing_params", "leaderboard_of"]

_MOST_PARAMS = 6
_SHOWN = 20


@dataclass(frozen=True)
class RankedRun:
    """A run and where it stands.

    Attributes:
        rank: 1 for the best; runs that are equal share theirs. None where the metric is no finite number.
        run: the run's name.
        run_dir: its directory.
        value: what the metric comes to; None where the run has none.
        status: how it ended.
        params: its hyper-parameters.
    """

    rank: int | None
    run: str
    run_dir: Path
    value: Any
    status: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class Leaderboard:
    """Runs by a metric, the best first; those without a finite value come last and have no rank.

    ``tracker.log_table("leaderboard", board.columns, board.rows)`` shows it in W&B.

    Attributes:
        metric: the metric.
        direction: ``minimize`` or ``maximize``.
        runs: the runs.
        shown_params: the parameters in which they differ.
        total: how many runs there are with those that a limit left out.
        baseline: the run that the others are compared with; None without one.
    """

    metric: str
    direction: str
    runs: tuple[RankedRun, ...]
    shown_params: tuple[str, ...]
    total: int
    baseline: RankedRun | None = None

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[RankedRun]:
        return iter(self.runs)

    def __getitem__(self, place: int) -> RankedRun:
        return self.runs[place]

    @property
    def best(self) -> RankedRun:
        """The best run.

        Raises:
            QueryError: no run has a finite value.
        """
        if not self.runs or self.runs[0].rank is None:
            raise QueryError(f"none of {self.total:,} runs has a finite {self.metric}")
        return self.runs[0]

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        against = [] if self.baseline is None else ["vs baseline"]
        return ["rank", "run", self.metric, *against, "status", *self.shown_params]

    @property
    def rows(self) -> list[list[Any]]:
        """A list of values a run, in the order of `columns`."""
        return [
            [each.rank, each.run, each.value, *self._against(each), each.status]
            + [each.params.get(name) for name in self.shown_params]
            for each in self.runs
        ]

    def _against(self, each: RankedRun) -> list[float | None]:
        """Return how much larger a run's value is than the baseline's."""
        if self.baseline is None:
            return []
        known = is_finite(each.value) and is_finite(self.baseline.value)
        return [each.value - self.baseline.value if known else None]

    def table(self, key: str = "leaderboard", step: int | None = None) -> Table:
        """Return it as an event of the record, which trackers show as a table of theirs.

        Args:
            key: what the table is called.
            step: the step that it belongs to.
        """
        return Table(key=key, columns=self.columns, rows=self.rows, step=step)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        runs = [
            {
                "rank": each.rank,
                "run": each.run,
                "run_dir": each.run_dir,
                "value": each.value,
                "status": each.status,
                "params": dict(each.params),
                **({} if self.baseline is None else {"vs_baseline": self._against(each)[0]}),
            }
            for each in self.runs
        ]
        baseline = None if self.baseline is None else self.baseline.run
        head = {"metric": self.metric, "direction": self.direction, "baseline": baseline}
        return {**head, "total": self.total, "runs": runs}

    @property
    def heading(self) -> str:
        """What it ranks."""
        order = "lowest" if self.direction == "minimize" else "highest"
        count = f"{len(self):,}" if len(self) == self.total else f"{len(self):,} of {self.total:,}"
        return f"{count} {'run' if self.total == 1 else 'runs'} by {self.metric}, the {order} first"

    def __repr__(self) -> str:
        cells = [self.columns, *([shown_cell(value) for value in row] for row in self.rows[:_SHOWN])]
        widths = [max(len(row[place]) for row in cells) for place in range(len(self.columns))]
        lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in cells]
        more = [f"… and {len(self) - _SHOWN:,} more"] if len(self) > _SHOWN else []
        return "\n".join(line.rstrip() for line in [self.heading, *lines, *more])

    def _repr_html_(self) -> str:
        from jaxarc.rendering.notebook_style import notebook_cell

        head = "".join(f"<th>{escape(name)}</th>" for name in self.columns)
        rows = ""
        for row in self.rows[:_SHOWN]:
            kinds = (' class="number"' if isinstance(value, (int, float)) else "" for value in row)
            cells = zip(kinds, row, strict=True)
            rows += "<tr>" + "".join(f"<td{k}>{escape(shown_cell(v))}</td>" for k, v in cells) + "</tr>"
        more = f'<p class="note">… and {len(self) - _SHOWN:,} more</p>' if len(self) > _SHOWN else ""
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        return notebook_cell(f"<h4>{escape(self.heading)}</h4>{table}{more}")


def leaderboard_of(
    run_dirs: Sequence[Path],
    metric: str,
    *,
    direction: str | None = None,
    of: str | None = None,
    where: str | None = None,
    limit: int | None = None,
    baseline: Path | None = None,
) -> Leaderboard:
    """Rank runs by a metric.

    Args:
        run_dirs: their directories, the oldest first; of runs that are equal the older comes first.
        metric: the metric; ``loss[phase=val]`` for one of several series.
        direction: ``minimize`` or ``maximize``; None for what the runs declare.
        of: what of the series counts, as for ``ReplaySystem.gate``; None for what each run says.
        where: which runs: about the columns of ``jaxarc ls --runs``.
        limit: the most runs; None for all.
        baseline: a run that the others are compared with.

    Raises:
        QueryError: ``where`` cannot be understood, no run has the metric, or nobody declared a direction, or
            some declare one and some the other.
    """
    table = run_table(run_dirs, with_experiments=where is not None)
    chosen = np.arange(len(run_dirs))
    if where is not None:
        names = [name for name in table.columns if "." in name]
        chosen = np.flatnonzero(where_mask(names_in_full(where, names, RUN_COLUMNS), table))
    status = table.text("status")
    glances = {
        place: experiment_glance(run_dirs[place], is_running=status[place] == "RUNNING")
        for place in chosen.tolist()
    }
    _check_known(metric, glances.values())
    way = _direction(metric, direction, glances.values())
    found = [
        RankedRun(
            None, run_dirs[place].name, run_dirs[place],
            _value(run_dirs[place], glance, metric, of, way), status[place], glance.params,
        )
        for place, glance in glances.items()
    ]  # fmt: skip
    ranked = _ranked(found, way)
    most = checked_limit(limit)
    shown = ranked if most is None else ranked[:most]
    against = None
    if baseline is not None:
        glance = experiment_glance(baseline, is_running=True)
        value = _value(baseline, glance, metric, of, way)
        against = RankedRun(None, baseline.name, baseline, value, "", glance.params)
    params = tuple(differing_params([each.params for each in shown])[:_MOST_PARAMS])
    return Leaderboard(metric, way, tuple(shown), params, len(found), against)


def _ranked(found: Sequence[RankedRun], direction: str) -> list[RankedRun]:
    sign = 1 if direction == "minimize" else -1
    order = sorted(found, key=lambda each: sign * each.value if is_finite(each.value) else math.inf)
    ranked: list[RankedRun] = []
    for place, each in enumerate(order):
        rank = place + 1 if is_finite(each.value) else None
        if rank is not None and ranked and ranked[-1].value == each.value:
            rank = ranked[-1].rank
        ranked.append(RankedRun(rank, each.run, each.run_dir, each.value, each.status, each.params))
    return ranked


def _value(run_dir: Path, glance: ExperimentGlance, metric: str, of: str | None, direction: str) -> Any:
    if of is not None:
        return metric_value(full_record(run_dir)[0], metric, of, direction).value
    if metric in glance.metrics or metric in glance.summary:
        return glance.metrics.get(metric, glance.summary.get(metric))
    key, ctx = parted_metric(metric)
    held = {name: parted_metric(name) for name in glance.summary}
    series = [
        name for name, (of_key, of_ctx) in held.items() if of_key == key and ctx.items() <= of_ctx.items()
    ]
    chosen = mean_of_members(series)
    if chosen is None and series:
        shown = ", ".join(series[:8])
        raise QueryError(f"{metric} means {len(series)} series of {run_dir.name}; say which: {shown}")
    return None if chosen is None else glance.summary[chosen]


def _check_known(metric: str, glances: Iterable[ExperimentGlance]) -> None:
    key = parted_metric(metric)[0]
    names = {name for glance in glances for name in (*glance.summary, *glance.directions)}
    keys = {parted_metric(name)[0] for name in names}
    if metric not in names and key not in keys:
        raise QueryError(f"no run has a metric {metric!r}{closest(metric, names | keys)}")


def _direction(metric: str, direction: str | None, glances: Iterable[ExperimentGlance]) -> str:
    if direction is not None:
        if direction not in DIRECTIONS:
            near = closest(direction, DIRECTIONS)
            raise QueryError(f"direction must be minimize or maximize, got {direction!r}{near}")
        return direction
    names = (metric, parted_metric(metric)[0])
    said = {glance.directions[name] for glance in glances for name in names if name in glance.directions}
    if len(said) == 1:
        return said.pop()
    problem = (
        "some runs minimize it and some maximize it" if said else "no run declares which way it gets better"
    )
    raise QueryError(f"{metric}: {problem}; give direction='minimize' or 'maximize' (--direction)")


def is_finite(value: Any) -> bool:
    """Return whether a value is a finite number."""
    number = number_of(value)
    return number is not None and math.isfinite(number)


def shown_cell(value: Any) -> str:
    """Return a value as a table shows it."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.5g}"
    return str(value)


def differing_params(params: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the parameters that not all runs have alike; all of them where there is one run."""
    names = list(dict.fromkeys(name for each in params for name in each))
    if len(params) < 2:
        return names
    missing = object()
    return [name for name in names if len({repr(each.get(name, missing)) for each in params}) > 1]
