"""LiveTracker: a backend is fed while the run goes on, by a thread that nobody waits for."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from jaxarc.pipeline import ReaderLag, TrackerHealth
from jaxarc.recorded_run import RecordedRun
from jaxarc.records.table import EpisodeTable
from jaxarc.tracking.backend import Backend, Joining
from jaxarc.tracking.choosing import BACKENDS
from jaxarc.tracking.feed import Feed
from jaxarc.tracking.tracked_run import tracked_status

__all__ = ["GIVE_UP_S", "LiveTracker", "LiveTrackers"]

logger = logging.getLogger(__name__)

GIVE_UP_S = 900.0
"""Seconds for which a backend that takes nothing is asked again; the rest is left to ``jaxarc sync``."""

_LOOK_S = 1.0
_PAUSES_S = (0.5, 30.0)
_LAST_PAUSE_S = 0.2
_SILENT_S = 30.0
"""Seconds of one call after which the user is told that a backend does not answer."""

_AFTER_INTERRUPT_S = 1.0
_TICK_S = 0.1
"""Seconds after which whoever waits for a tracker looks up: whether there is a hurry."""


class LiveTracker:
    """Feed one backend while its run goes on.

    It reads what is committed, on a thread of its own, each second and at every commit. What the backend
    raises is counted; it is asked again after half a second, and after twice as long each time, up to half a
    minute. After `GIVE_UP_S` seconds in which it took nothing it is given up, loudly. A call cannot be broken
    off: a backend that hangs holds its own thread, and nothing else.

    Args:
        backend: who is fed.
        where: the run's directory now; None where there is none.
        give_up_s: seconds for which a backend is asked again that takes nothing.
        pauses_s: the first pause after a failure, and the longest.
    """

    def __init__(
        self,
        backend: Backend,
        where: Callable[[], Path | None],
        *,
        give_up_s: float = GIVE_UP_S,
        pauses_s: tuple[float, float] = _PAUSES_S,
    ):
        self.name = f"tracker {backend.name}"
        self.backend = backend
        self._where = where
        self._give_up_s = give_up_s
        self._pauses_s = pauses_s
        self._condition = threading.Condition()
        self._woken = False
        self._status: str | None = None
        self._is_abandoned = False
        self._state = "waiting"
        self._feed: Feed | None = None
        self._failures = 0
        self._last_error = ""
        self._failing_since: float | None = None
        self._called_at: float | None = None
        self._told_of_silence = False
        self._unseen = ReaderLag()
        self._unseen_since = 0.0
        self._thread = threading.Thread(target=self._work, name=f"jaxarc-{self.name}", daemon=True)
        self._thread.start()

    @property
    def lag(self) -> ReaderLag:
        """Committed episodes whose curves the backend does not have."""
        unseen = self._unseen.episodes
        return ReaderLag(unseen, time.monotonic() - self._unseen_since if unseen else 0.0)

    def committed(self, episodes: EpisodeTable) -> None:
        """Hear that episodes are on disk."""
        with self._condition:
            if not self._unseen.episodes:
                self._unseen_since = time.monotonic()
            self._unseen = ReaderLag(self._unseen.episodes + len(episodes))
        self.events_committed()

    def events_committed(self) -> None:
        """Hear that events are on disk."""
        with self._condition:
            self._woken = True
            self._condition.notify()
        called = self._called_at
        if called is not None and time.monotonic() - called > _SILENT_S and not self._told_of_silence:
            self._told_of_silence = True
            logger.warning(
                "tracking: %s has not answered for %.0f s; the run goes on without it",
                self.backend.name,
                time.monotonic() - called,
            )

    def health(self) -> TrackerHealth:
        """Return how the backend fares."""
        feed, since, called, now = self._feed, self._failing_since, self._called_at, time.monotonic()
        return TrackerHealth(
            state=self._state,
            sent=feed.cursor.sent if feed else 0,
            refused=feed.cursor.refused if feed else 0,
            behind_bytes=feed.behind_bytes if feed else 0,
            failures=self._failures,
            failing_s=0.0 if since is None else now - since,
            waits_s=0.0 if called is None else now - called,
            last_error=self._last_error,
            shown_at=str(feed.cursor.ticket.get("shown_at", "")) if feed else "",
        )

    def close(self, status: str) -> None:
        """Let the backend have the rest and end the thread; nobody waits for it here."""
        with self._condition:
            self._status = status
            self._condition.notify()

    @property
    def is_at_work(self) -> bool:
        """Whether its thread may still bring the backend further."""
        return self._thread.is_alive()

    def wait(self, seconds: float) -> None:
        """Wait for the thread, at most so long."""
        self._thread.join(seconds)

    def leave(self) -> None:
        """Wait no longer: say what the backend does not have, and let the thread end after its call."""
        self._is_abandoned = True
        if self._state == "ended":
            self._tell_of_refusals()
            return
        run_dir = self._where()
        if run_dir is not None and self._state != "given up":
            logger.warning(
                "tracking: %s does not have all of run %s (%s); %s",
                self.backend.name,
                run_dir.name,
                self._last_error or "there was no time for more",
                _way_out(self.backend.name, run_dir),
            )

    def _tell_of_refusals(self) -> None:
        feed = self._feed
        if feed is not None and feed.cursor.refused:
            logger.warning(
                "tracking: %s refused %d records of run %s; the first: %s",
                self.backend.name,
                feed.cursor.refused,
                feed.run_dir.name,
                feed.cursor.refusals[0]["error"],
            )

    def _work(self) -> None:
        try:
            pause = 0.0
            while self._status is None:
                self._wait(pause or _LOOK_S, only_for_the_end=bool(pause))
                if self._status is None and not self._try(self._advance):
                    pause = min(max(2 * pause, self._pauses_s[0]), self._pauses_s[1])
                    if self._is_hopeless():
                        return
                else:
                    pause = 0.0
            while not self._is_abandoned and not self._try(self._finish):
                time.sleep(_LAST_PAUSE_S)
        finally:
            if self._feed is not None:
                self._feed.release()

    def _wait(self, seconds: float, *, only_for_the_end: bool) -> None:
        until = time.monotonic() + seconds
        with self._condition:
            while self._status is None and (only_for_the_end or not self._woken):
                left = until - time.monotonic()
                if left <= 0:
                    break
                self._condition.wait(left)
            self._woken = False

    def _try(self, work: Callable[[], None]) -> bool:
        """Call the backend; what it raises is counted and told once, until it works again."""
        self._called_at = time.monotonic()
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the edge of a backend: counted, and the run is whole
            self._failed(error)
            return False
        finally:
            self._called_at = None
        if self._failing_since is not None:
            logger.warning("tracking: %s works again", self.backend.name)
            self._failing_since = None
        self._told_of_silence = False
        return True

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        self._last_error = f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]
        self._state = "failing"
        if self._failing_since is None:
            self._failing_since = time.monotonic()
            logger.warning(
                "tracking: %s failed and is asked again (%s); the run goes on",
                self.backend.name,
                self._last_error,
            )

    def _is_hopeless(self) -> bool:
        """Say, loudly, whether the backend takes nothing for too long."""
        since, feed = self._failing_since, self._feed
        if since is None or time.monotonic() - since < self._give_up_s:
            return False
        self._state = "given up"
        run_dir = feed.run_dir if feed is not None else self._where()
        logger.error(
            "tracking: %s took nothing for %.0f s and is given up (%s); the run on disk is whole; %s",
            self.backend.name,
            time.monotonic() - since,
            self._last_error,
            _way_out(self.backend.name, run_dir),
        )
        return True

    def _advance(self) -> None:
        run_dir = self._where()
        if run_dir is None:
            return
        feed = self._feed_of(run_dir)
        unseen = self._unseen.episodes
        feed.open()
        while feed.advance():
            self._state = "sending"
            self._called_at = time.monotonic()
            if self._status is not None or self._is_abandoned:
                return
        with self._condition:
            self._unseen = ReaderLag(self._unseen.episodes - unseen)
        self._state = "up to date"

    def _finish(self) -> None:
        run_dir = self._where()
        if run_dir is None:
            self._state = "ended"
            return
        assert self._status is not None
        # Other processes may still write a shared run: what they say is left to jaxarc sync.
        status = "RUNNING" if tracked_status(run_dir) == "RUNNING" else self._status
        self._feed_of(run_dir).finish(status)
        self._unseen = ReaderLag()
        self._state = "ended"

    def _feed_of(self, run_dir: Path) -> Feed:
        """Return the feed of the run; where it went on elsewhere the old one is finished first."""
        if self._feed is not None and self._feed.run_dir != run_dir:
            self._feed.finish("RUNNING")
            self._feed = None
        if self._feed is None:
            self._feed = Feed(run_dir, self.backend, is_live=True)
        return self._feed


class LiveTrackers:
    """The live trackers of one recorded run.

    Args:
        run: the run.
        backends: who is fed.
        close_s: seconds that the end of the run waits for them at most.
        options: as for `LiveTracker`.
    """

    @classmethod
    def start(cls, run: RecordedRun, backends: Sequence[Backend], **options: Any) -> Self | None:
        """Feed these backends while the run goes on, and at its end; None where there are none.

        Args:
            run: the run; they hear of its commits, and of its end.
            backends: who is fed.
            options: as for `LiveTracker`.
        """
        return cls(run, backends, run.config.logging.close_timeout, **options) if backends else None

    def __init__(self, run: RecordedRun, backends: Sequence[Backend], close_s: float, **options: Any):
        store = run.store
        for backend in backends:
            if isinstance(backend, Joining):
                backend.join_active()
        self._close_s = close_s
        self.trackers = [
            # The process that owns the run feeds all of it, also what those say that joined it.
            LiveTracker(backend, lambda: store.run_dir if store.owns_run else None, **options)
            for backend in backends
        ]
        for tracker in self.trackers:
            run.readers.add(tracker)
        run.trackers = self

    def health(self) -> dict[str, TrackerHealth]:
        """Return how each fares, by name."""
        return {tracker.backend.name: tracker.health() for tracker in self.trackers}

    def close(self, status: str, *, is_hurried: Callable[[], bool]) -> None:
        """Let all have the rest at once, and wait for them no longer than they may take together.

        Args:
            status: how the run ended.
            is_hurried: whether somebody waits for the prompt; asked again and again.
        """
        until = time.monotonic() + self._close_s
        for tracker in self.trackers:
            tracker.close(status)
        is_short = False
        while any(tracker.is_at_work for tracker in self.trackers):
            if not is_short and is_hurried():
                is_short, until = True, min(until, time.monotonic() + _AFTER_INTERRUPT_S)
            left = until - time.monotonic()
            if left <= 0:
                break
            next(each for each in self.trackers if each.is_at_work).wait(min(left, _TICK_S))
        for tracker in self.trackers:
            tracker.leave()


def _way_out(backend: str, run_dir: Path | None) -> str:
    run = "RUN" if run_dir is None else run_dir.name
    if backend in BACKENDS:
        return f"jaxarc sync {run} --to {backend} sends the rest"
    return f"jaxarc.tracking.sync_run({str(run_dir)!r}, backend) sends the rest"
