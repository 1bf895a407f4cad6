"""DiagnosticsRecorder: what a state is like at each step, and what is done where it goes wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from jax import tree_util
from jax.core import Tracer

from jaxarc.config import STATISTICS, DiagnosticsConfig
from jaxarc.diagnostics.history import History
from jaxarc.diagnostics.leaves import GROUPS, Leaf, Numbers
from jaxarc.diagnostics.locating import located
from jaxarc.diagnostics.measuring import Function, Measured, Measuring, imported_function, named_numbers
from jaxarc.diagnostics.plots import pictures
from jaxarc.diagnostics.reductions import norm_ratio
from jaxarc.diagnostics.thresholds import Breach, Thresholds, severest, told
from jaxarc.errors import DiagnosticsError
from jaxarc.records.events import Event
from jaxarc.records.experiment_events import Log, Media, MetricBatch
from jaxarc.records.name_patterns import fits
from jaxarc.records.non_finite import DIAGNOSTICS_LOGGER, NonFinite
from jaxarc.rendering.diagnostic_plot import render_diagnostics
from jaxarc.storage import atomic_write_bytes

__all__ = ["DiagnosticsRecorder"]

logger = logging.getLogger(DIAGNOSTICS_LOGGER)


_FLUSH_S = 60.0
"""That a row which is about to be raised may take to the disk."""


class DiagnosticsTracker(Protocol):
    """What diagnostics need of an ExperimentTracker."""

    def log_event(self, said: Any) -> None:
        """Record an event."""
        ...

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until what was recorded is on disk; return whether it is."""
        ...


class DiagnosticsRecorder:
    """Measure any pytree in one compiled reduction and one transfer a logged step.

    Of every leaf min, max, mean, standard deviation, norm, and how many numbers are NaN and infinite; of the
    state, of parameters, gradients and updates besides totals (``state/norm``, ``grads/nan``) and how large
    gradients and updates are beside the parameters (``updates/ratio``); and your own functions of the state,
    within the same program. Where a number goes beyond a threshold or is not finite it is recorded, told or
    raised, as the configuration says; what is raised is on disk before.

    Args:
        config: a DiagnosticsConfig, a mapping or a DictConfig of its fields, or nothing for the defaults.
        functions: functions of the state by name, traced into the reduction: each returns a number or a
            mapping of numbers. They join those that the configuration names.
        host_functions: the same for functions that cannot be traced (NumPy); they are given the state as it
            is, which is a transfer of its own.
        tracker: an ExperimentTracker, into whose run each row and each finding goes. Without it, and without
            ``submit``, whoever calls ``measure`` does what is to be done with the row.
        submit: the same for who has no tracker: takes events.
        flush: makes durable what was submitted, and returns whether it could; called before something is
            raised. None for that of the tracker.

    Attributes:
        config: the configuration.
        found: the first number that was not finite, of each member where the state has such an axis.
        breaches: how often each metric was beyond its threshold.
        history: rows for the plots.

    Raises:
        ConfigError: with everything that is wrong with the configuration.
    """

    def __init__(
        self,
        config: Any = None,
        *,
        functions: Mapping[str, Function] | None = None,
        host_functions: Mapping[str, Function] | None = None,
        tracker: DiagnosticsTracker | None = None,
        submit: Callable[[Event], Any] | None = None,
        flush: Callable[[], Any] | None = None,
    ):
        self.config = DiagnosticsConfig.of(config)
        named = {name: imported_function(name, path) for name, path in self.config.functions.items()}
        self._measuring = Measuring({**named, **(functions or {})})
        self._host_functions = dict(host_functions or {})
        self._submit = submit if tracker is None else tracker.log_event
        self._flush = flush if tracker is None or flush is not None else partial(tracker.flush, _FLUSH_S)
        self._thresholds = Thresholds(self.config.thresholds)
        self._kept: dict[str, bool] = {}
        self._breached: set[str] = set()
        self._told: set[str] = set()
        self._has_measured = False
        self._found: dict[int | None, NonFinite] = {}
        self.breaches: dict[str, int] = {}
        self.history = History(self.config.history)

    @property
    def found(self) -> list[NonFinite]:
        """The first number that was not finite, of each member where the state has such an axis."""
        return list(self._found.values())

    def measure(
        self, step: int, state: Any, *, params: Any = None, grads: Any = None, updates: Any = None
    ) -> dict[str, float]:
        """Return what the state is like: ``<leaf>/<statistic>``, totals, ratios, functions.

        Args:
            step: the step; nothing is measured, and the row is empty, where ``every`` does not divide it.
            state: any pytree of numbers; what is no number in it is passed over.
            params, grads, updates: pytrees that are measured besides, where given; with ``params`` come the
                ratios of the other two to them.

        Raises:
            DiagnosticsError: a number is beyond a threshold, or not finite, whose action is ``raise``, or any
                with ``strict``; the row is recorded before, and stands in the error. Or the state is traced.
        """
        step = int(step)
        if step % self.config.every:
            return {}
        given = {"state": state, "params": params, "grads": grads, "updates": updates}
        trees = {group: given[group] for group in GROUPS if given[group] is not None}
        if any(isinstance(leaf, Tracer) for leaf in tree_util.tree_leaves(trees)):
            raise DiagnosticsError(
                "the state is traced: within a program that is compiled call recorder.watch or recorder.log "
                "(jaxarc.diagnostics.statistics), and measure what the program returns",
                step=step,
            )
        measured, numbers = self._measuring(trees)
        for name, function in self._host_functions.items():
            values = named_numbers(name, function(state))
            measured.functions.update({key: float(value) for key, value in values.items()})
        row = self._row(measured, trees)
        if self._submit is not None:
            self._submit(MetricBatch(metrics=row, step=step).event())
        self._judge(step, row, measured, numbers)
        return row

    def write_plots(self, run_dir: str | Path) -> list[Path]:
        """Draw what was measured, and what was wrong with it, as ``diagnostics/*.svg`` of a run.

        Args:
            run_dir: the run's directory; with ``submit`` the pictures are recorded as its media.

        Returns:
            The files: totals and functions, and the leaves; none where nothing was measured, or ``plots`` is
            off.
        """
        if not self.config.plots:
            return []
        words = str(self.found[0]) if self.found else ""
        written = []
        for name, picture in pictures(self.history.rows, self.config.thresholds, words):
            path = Path("diagnostics") / f"{name}.svg"
            svg = render_diagnostics(picture).encode()
            (Path(run_dir) / path).parent.mkdir(parents=True, exist_ok=True)
            atomic_write_bytes(Path(run_dir) / path, svg)
            written.append(Path(run_dir) / path)
            if self._submit is not None:
                self._submit(
                    Media(
                        key=f"diagnostics/{name}",
                        kind="image",
                        path=path.as_posix(),
                        caption=picture.title,
                        step=self.history.rows[-1].step,
                        meta={"format": "svg"},
                    ).event()
                )
        return written

    def _row(self, measured: Measured, trees: Mapping[str, Any]) -> dict[str, float]:
        row: dict[str, float] = {}
        norms: dict[tuple[str, str], float] = {}
        wanted = [(i, name) for i, name in enumerate(STATISTICS) if name in self.config.statistics]
        for leaf, values in zip(measured.leaves, measured.table.tolist(), strict=True):
            norms[leaf.group, leaf.path] = values[STATISTICS.index("norm")]
            if self._is_kept(leaf.name):
                row |= {f"{leaf.name}/{name}": values[i] for i, name in wanted}
                self._add_ratio(row, leaf.name, norms, leaf)
        for group in trees:
            total = measured.total(group)
            if total is not None:
                row |= {f"{group}/{name}": value for name, value in total.items()}
                norms[group, "*"] = total["norm"]
                self._add_ratio(row, group, norms, Leaf(group, group, "*"))
        return row | measured.functions

    def _add_ratio(
        self, row: dict[str, float], name: str, norms: Mapping[tuple[str, str], float], leaf: Leaf
    ) -> None:
        """Add how large a leaf of gradients or updates is beside that of the parameters."""
        if leaf.group in ("grads", "updates") and ("params", leaf.path) in norms:
            ratio = norm_ratio(norms[leaf.group, leaf.path], norms["params", leaf.path])
            if ratio is not None:
                row[f"{name}/ratio"] = ratio

    def _is_kept(self, name: str) -> bool:
        if name not in self._kept:
            self._kept[name] = any(fits(name, pattern) for pattern in self.config.leaves)
        return self._kept[name]

    def _judge(self, step: int, row: dict[str, float], measured: Measured, numbers: Numbers) -> None:
        """Record, tell or raise what is wrong with a row."""
        actions: list[str] = []
        sentences: list[str] = []
        if not self._has_measured:
            self._has_measured = True
            for sentence in self._thresholds.unmatched(row):
                self._tell("warn", Log(level="WARNING", msg=sentence, logger=DIAGNOSTICS_LOGGER, step=step))
                if self.config.strict:
                    actions.append("raise")
                    sentences.append(sentence)
        breaches = self._thresholds.check(row)
        for breach in breaches:
            actions.append(breach.action)
            sentences.append(str(breach))
        self._tell_breaches(step, breaches)
        wrong = self._non_finite(step, measured, numbers)
        if wrong:
            actions.append(self.config.non_finite)
            sentences += wrong
        self.history.add(step, row, [breach.metric for breach in breaches], is_finite=not wrong)
        if sentences and severest(actions, strict=self.config.strict) == "raise":
            raise DiagnosticsError(
                f"diagnostics at step {step:,}: {'; '.join(sentences)}{self._made_durable()}",
                row=row,
                step=step,
                breaches=sentences,
            )

    def _made_durable(self) -> str:
        """Have the row written before something is raised; return what to say of it."""
        if self._flush is None:
            return ""
        # None is what a flush returns that waits as long as it takes.
        return "" if self._flush() in (True, None) else " (this row could not be written in time)"

    def _tell_breaches(self, step: int, breaches: list[Breach]) -> None:
        """Tell of what is beyond its limit for the first time, and of what is so no more."""
        beyond = {breach.metric: breach for breach in breaches}
        for metric, breach in beyond.items():
            self.breaches[metric] = self.breaches.get(metric, 0) + 1
            if metric not in self._breached:
                self._tell(breach.action, breach.log(step))
        for metric in sorted(self._breached - beyond.keys()):
            fields = {"kind": "threshold_over", "metric": metric}
            words = f"{metric} is within its threshold again"
            self._tell(
                "record", Log(level="INFO", msg=words, logger=DIAGNOSTICS_LOGGER, step=step, fields=fields)
            )
        self._breached = set(beyond)

    def _non_finite(self, step: int, measured: Measured, numbers: Numbers) -> list[str]:
        """Locate what is not finite, once a member; return a sentence for each thing that is not."""
        unsound = [name for name, value in measured.functions.items() if not abs(value) < float("inf")]
        sentences = [f"{name} is {measured.functions[name]}" for name in unsound]
        for name in unsound:
            if name not in self._told:
                self._told.add(name)
                fields = told("function", self.config.non_finite, f"{name} is not finite")
                fields["metric"] = name
                words = f"{name} is {measured.functions[name]}"
                self._tell(
                    self.config.non_finite,
                    Log(level="ERROR", msg=words, logger=DIAGNOSTICS_LOGGER, step=step, fields=fields),
                )
        if not measured.table[:, -2:].any():
            return sentences
        has_members = self.config.axes[:1] == ("member",)
        if has_members or not self._found:
            for place in located(numbers, tuple(self.config.axes), step):
                if place.member not in self._found:
                    self._found[place.member] = place
                    self._tell(self.config.non_finite, place.log(self.config.non_finite, step))
        return sentences + [str(place) for place in self._found.values()]

    def _tell(self, action: str, entry: Log) -> None:
        """Put an entry into the run's log, and on the console where it is more than recorded."""
        if self._submit is not None:
            self._submit(entry.event())
        if action != "record":
            logger.log(logging.getLevelName(entry.level), "step %s: %s", entry.step, entry.msg)
