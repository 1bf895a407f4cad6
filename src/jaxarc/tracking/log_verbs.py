"""LogVerbs: what can be said of an experiment, each verb an event in the record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxarc.errors import TrackingError
from jaxarc.records.events import Event
from jaxarc.records.experiment_events import (
    DESCRIPTION_TAG,
    DIRECTIONS,
    SUMMARIES,
    DefineMetric,
    ExperimentEvent,
    Log,
    MetricBatch,
    Param,
    Summary,
    Table,
    Tag,
)
from jaxarc.records.secrets import redacted
from jaxarc.tracking.held_values import flat, held, held_items, param_items, step_of
from jaxarc.tracking.tables import rows_of

__all__ = ["LogVerbs", "Said", "as_tags"]

_MOST_CELLS = 1_000_000
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")

Said = ExperimentEvent | Event | Callable[[], Event]


class LogVerbs:
    """Log metrics, parameters, summaries, tags, tables and messages.

    Every verb hands over and goes on: what it is given is copied where the caller could change it, and the
    writer thread converts and writes it. Any thread may call them.
    """

    @property
    def run_dir(self) -> Path | None:
        """The run's directory; None where nothing is recorded."""
        raise NotImplementedError

    def _open_dir(self) -> Path:
        """Return the run's directory, which is made where it is not there yet."""
        raise NotImplementedError

    def _submit(self, said: Said, nbytes: int = 200) -> None:
        """Queue what is said, or what makes the event on the writer thread."""
        raise NotImplementedError

    def log_metrics(
        self,
        metrics: Mapping[str, Any],
        step: Any = None,
        *,
        epoch: Any = None,
        phase: str | None = None,
        ctx: Mapping[str, Any] | None = None,
    ) -> None:
        """Log values of metrics: Python, NumPy and JAX numbers alike, NaN and infinities among them.

        What is no number is kept as it is, outside of the curve. A mapping within becomes names with ``/``.

        Args:
            metrics: values by name.
            step: the step on the metrics' axis (`define_metric`); None where they have none. One that goes
                back is recorded as it is.
            epoch: the epoch, where there is one.
            phase: ``train``, ``val``, …: metrics of one name in two phases are two series.
            ctx: whatever else tells series apart (``member``, ``stream``, ``agg``); part of the key.

        Raises:
            TrackingError: ``metrics`` is no mapping, or the step no number.
            RecorderClosedError: the run has ended.
        """
        values, step, epoch = held_items(metrics), step_of("step", step), step_of("epoch", epoch)
        context = {} if ctx is None else held_items(ctx)
        if phase is not None:
            context["phase"] = phase

        def event() -> Event:
            return MetricBatch(metrics=flat(values), step=step, epoch=epoch, ctx=context).event()

        self._submit(event, 100 + 50 * len(values))

    def log_params(self, params: Any) -> None:
        """Log hyper-parameters: nested mappings, a DictConfig, a dataclass, a namespace.

        Names of levels are joined by dots. A parameter that was logged before with another value has the
        new one; the record keeps both (``run.record().conflicts``). Secrets are left out.

        Args:
            params: values by name.

        Raises:
            TrackingError: they are none of these.
        """
        for levels, value in param_items(params):
            nested = levels if len(levels) > 1 else None
            key = ".".join(levels)
            self._submit(Param(key=key, value=redacted(value, key), nested_key=nested))

    def log_summary(self, values: Mapping[str, Any]) -> None:
        """Log final numbers: no series, the last value of each name counts.

        Args:
            values: values by name.
        """
        kept = held_items(values)
        self._submit(lambda: Summary(values=flat(kept)).event(), 100 + 50 * len(kept))

    def define_metric(
        self,
        key: str,
        step_metric: str | None = None,
        *,
        direction: str | None = None,
        summary: str | None = None,
    ) -> None:
        """Say what is known of a metric before its values come.

        Args:
            key: its name, or a pattern that ends in ``*``.
            step_metric: its axis: ``env_step``, ``update``, ``episode`` or another metric.
            direction: ``minimize`` or ``maximize``: it is never guessed from the name.
            summary: what of it stands in the summary: ``last``, ``min``, ``max``, ``mean``, ``first``,
                ``best`` (by the direction, which is the default where there is one) or ``none``.

        Raises:
            TrackingError: an unknown direction or summary, or ``best`` without a direction.
        """
        if direction is not None and direction not in DIRECTIONS:
            raise TrackingError(f"direction must be one of {', '.join(DIRECTIONS)}, got {direction!r}")
        summary = summary or ("last" if direction is None else "best")
        if summary not in SUMMARIES:
            raise TrackingError(f"summary must be one of {', '.join(SUMMARIES)}, got {summary!r}")
        if summary == "best" and direction is None:
            raise TrackingError(f"summary='best' of {key} needs direction='minimize' or 'maximize'")
        self._declare(str(key), direction)
        self._submit(
            DefineMetric(key=str(key), step_metric=step_metric, direction=direction, summary=summary)
        )

    def _declare(self, key: str, direction: str | None) -> None:
        """Keep in mind which way a metric gets better."""

    def set_tags(self, tags: Mapping[str, Any] | Iterable[str]) -> None:
        """Give the run tags, with values or without: ``{"team": "a"}`` or ``["baseline"]``.

        Args:
            tags: values by name, or names.
        """
        self._submit(Tag(tags=as_tags(tags)))

    def add_tags(self, tags: Iterable[str]) -> None:
        """Give the run tags without values.

        Args:
            tags: their names.
        """
        self._submit(Tag(tags=as_tags(tags)))

    def remove_tags(self, tags: Iterable[str]) -> None:
        """Take tags away; those that the run has not are passed over.

        Args:
            tags: their names.
        """
        self._submit(Tag(removed=list(as_tags(tags))))

    def update_description(self, description: str) -> None:
        """Say in words what the run is for; the last description counts.

        Args:
            description: plain text.
        """
        self._submit(Tag(tags={DESCRIPTION_TAG: str(description)}))

    def log_table(
        self, key: str, columns: Sequence[str] | None = None, rows: Any = None, *, step: Any = None
    ) -> None:
        """Log a small table, for comparisons: ``log_table("board", ["name", "score"], [["a", 0.9]])``.

        Args:
            key: its name.
            columns: names of its columns; None where ``rows`` has them.
            rows: a list of values a row, a mapping a row, a mapping of columns, or a data frame.
            step: the step, where there is one.

        Raises:
            TrackingError: a row has another number of values than there are columns, or there are more than
                a million cells.
        """
        names, kept = rows_of(columns, rows, most_cells=_MOST_CELLS)
        step = step_of("step", step)
        self._submit(
            lambda: Table(key=str(key), columns=names, rows=kept, step=step).event(),
            100 + 20 * len(names) * len(kept),
        )

    def log_message(self, msg: str, level: str = "INFO", *, step: Any = None, **fields: Any) -> None:
        """Log a line of words.

        Args:
            msg: the words.
            level: ``DEBUG``, ``INFO``, ``WARNING``, ``ERROR`` or ``CRITICAL``.
            step: the step, where there is one.
            **fields: values beside the words.

        Raises:
            TrackingError: there is no such level.
        """
        self._log(level, msg, "", step, fields)

    def alert(self, title: str, text: str = "", level: str = "WARNING", *, step: Any = None) -> None:
        """Tell people that something needs them; backends that can send a message do.

        Args:
            title: what is the matter, in a few words.
            text: the rest.
            level: ``INFO``, ``WARNING`` or ``ERROR``.
            step: the step, where there is one.
        """
        self._log(level, text or title, "alert", step, {"title": str(title)})

    def log_event(self, said: ExperimentEvent | Event) -> None:
        """Log what there is no verb for: any event, which the record keeps as it is.

        Args:
            said: one of ``jaxarc.records.experiment_events``, or an Event of a type of your own.
        """
        self._submit(said)

    def _log(self, level: str, msg: str, logger: str, step: Any, fields: Mapping[str, Any]) -> None:
        if level.upper() not in _LEVELS:
            raise TrackingError(f"level must be one of {', '.join(_LEVELS)}, got {level!r}")
        step, kept = step_of("step", step), held(fields)
        self._submit(Log(level=level.upper(), msg=str(msg), logger=logger, step=step, fields=kept))


def as_tags(tags: Mapping[str, Any] | Iterable[str]) -> dict[str, Any]:
    """Return tags as values by name; one without a value has None."""
    if isinstance(tags, Mapping):
        return {str(name): held(value) for name, value in tags.items()}
    if isinstance(tags, str):
        return {tags: None}
    return {str(name): None for name in tags}
