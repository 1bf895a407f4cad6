"""The end of a run: what is written last, what was lost, and what there was no time for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from jaxarc.errors import StorageError
from jaxarc.pipeline.async_logger import AsyncLogger
from jaxarc.pipeline.health import Health
from jaxarc.records.clock import CLOCK

__all__ = ["EndingStore", "RunEnding"]

logger = logging.getLogger(__name__)

_STATUS_S = 0.3
"""Seconds that the status of a run may take whose end was cut short."""


class EndingStore(Protocol):
    """Where a run says how it ended."""

    def mark(self, status: str, summary: Mapping[str, Any]) -> None:
        """Say how the run ended, and no more."""
        ...

    def finish(self, status: str, summary: Mapping[str, Any], *, has_time: bool) -> None:
        """Write what a run has at its end; without time only what cannot be made later."""
        ...


class RunEnding:
    """End one run.

    Args:
        store: where it says so.
        count: ``has_ended -> Health``.
        wait_for_readers: gives the readers time to read what is committed.

    Attributes:
        status: how the run ends.
        error: what ended it: ``type``, ``message`` and ``traceback``; None where nothing was raised.
        devices: returns those of this process that were not known when the run began.
        report: called when everything is written, unless somebody waits for the prompt; must not raise.
        was_cut_short: whether the close came back before everything was written.
    """

    def __init__(
        self,
        store: EndingStore,
        count: Callable[[bool], Health],
        wait_for_readers: Callable[[], None],
    ):
        self._store = store
        self._count = count
        self._wait_for_readers = wait_for_readers
        self.report: Callable[[], None] = lambda: None
        self._is_written = False
        self._started = CLOCK.now_s()
        self._problem = ""
        self.status = "FINISHED"
        self.error: Mapping[str, str] | None = None
        self.devices: Callable[[], Sequence[str]] = tuple
        self.was_cut_short = False

    def finish(self, queue: AsyncLogger) -> None:
        """End the readers and the run: the last thing that the writer thread does."""
        if not queue.is_in_a_hurry:
            self._wait_for_readers()
        try:
            self._store.finish(self.status, self._summary(), has_time=not queue.is_late)
        except StorageError as error:
            self._problem = str(error)
            logger.error("recording: the run could not be ended properly: %s", error)
        self._is_written = True
        if not queue.is_in_a_hurry and self.status != "KILLED":
            self.report()

    def problem(self, queue: AsyncLogger) -> str:
        """Say what was lost, and what there was no time for; return it, empty when all is well."""
        if not queue.has_ended and not self._is_written:
            self.status, self.was_cut_short = "KILLED", True
            mark = threading.Thread(target=self._mark, name="jaxarc-status", daemon=True)
            mark.start()
            mark.join(_STATUS_S)
        health = self._count(True)
        problems = [self._problem] if self._problem else []
        if self.was_cut_short and not queue.has_ended:
            problems.append(f"there was no time to write {health.queue_bytes / 1e6:.1f} MB")
        if health.losses:
            counted = ", ".join(f"{kind} {count}" for kind, count in health.losses.items())
            problems.append(f"recording lost something: {counted}")
        if problems:
            logger.warning("%s", "; ".join(problems))
        if health.errors:
            problems.append(f"{health.errors} writes failed; the first:\n{health.first_error}")
        return "; ".join(problems)

    def _mark(self) -> None:
        try:
            self._store.mark(self.status, self._summary())
        except StorageError as error:
            logger.error("recording: the run could not be marked as killed: %s", error)

    def _summary(self) -> dict[str, Any]:
        health = self._count(True)
        seconds = CLOCK.now_s() - self._started
        devices = list(self.devices())
        return {
            "error": self.error if self.status == "FAILED" else None,
            "duration_ms": round(1000 * seconds),
            **({"devices": devices} if devices else {}),
            "duration_s": round(seconds, 3),
            "env_steps": health.env_steps,
            "episodes": health.episodes,
            "successes": health.successes,
            "stored_steps": health.stored_steps,
            "events": health.accepted_events,
            "losses": health.losses,
            "errors": health.errors,
            "costs": {
                "callback_s": round(health.callback_s, 3),
                "blocked_s": round(health.blocked_s, 3),
                "write_s": round(health.write_s, 3),
                "accepted_bytes": health.accepted_bytes,
                "pictures": health.pictures,
                "drawn_episodes": health.drawn_episodes,
                "partly_drawn_episodes": health.partly_drawn_episodes,
                "passed_over_episodes": health.passed_over_episodes,
                "reader_errors": health.reader_errors,
                "drawing_s": round(health.drawing_s, 3),
            },
        }
