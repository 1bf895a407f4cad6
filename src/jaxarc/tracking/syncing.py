"""Send a run to a backend after the fact: what ``jaxarc sync`` does."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from jaxarc.errors import TrackingError
from jaxarc.tracking.backend import Backend
from jaxarc.tracking.feed import Feed
from jaxarc.tracking.tracked_run import tracked_status

__all__ = ["SyncResult", "sync_run"]

_TRIES = 6
_PAUSE_S = 0.2
"""Seconds before the second try; each pause is twice the one before it."""


@dataclass(frozen=True, kw_only=True)
class SyncResult:
    """What was sent.

    Attributes:
        backend: name of the backend.
        status: the status that it shows for the run.
        sent: records that it has now and had not before.
        refused: records that it refused, ever.
        refusals: the first of those: ``source``, ``seq`` and ``error``.
        problems: lines of the run's event files that could not be read.
        shown_at: the command or the address with which people see the run there; empty where it is not known.
    """

    backend: str
    status: str
    sent: int
    refused: int
    refusals: tuple[dict[str, object], ...]
    problems: tuple[str, ...]
    shown_at: str = ""


def sync_run(run_dir: Path, backend: Backend, *, pause_s: float = _PAUSE_S) -> SyncResult:
    """Send a run to a backend: what it does not have, to the end; a second time nothing is left to send.

    Args:
        run_dir: the run's directory.
        backend: who gets it.
        pause_s: seconds before what failed is tried again the first time.

    Raises:
        TrackingError: the backend did not take it, after six tries; what it has stays there, and sending it
            again goes on behind that. Or another process sends it.
    """
    status = tracked_status(run_dir)
    with Feed(run_dir, backend) as feed:
        before = feed.cursor.sent
        if not feed.is_done(status):
            _finish(feed, status, pause_s)
        cursor = feed.cursor
        return SyncResult(
            backend=backend.name,
            status=status,
            sent=cursor.sent - before,
            refused=cursor.refused,
            refusals=tuple(cursor.refusals),
            problems=tuple(str(problem) for problem in feed.problems),
            shown_at=str(cursor.ticket.get("shown_at", "")),
        )


def _finish(feed: Feed, status: str, pause_s: float) -> None:
    """Send everything; a try that brought it further counts as none."""
    tries, reached = 0, feed.cursor.sent
    while True:
        try:
            feed.finish(status)
            return
        except Exception as error:
            tries = 1 if feed.cursor.sent > reached else tries + 1
            reached = feed.cursor.sent
            if tries >= _TRIES:
                name = feed.backend.name
                raise TrackingError(
                    f"{name} did not take run {feed.run_dir.name} ({type(error).__name__}: {error}); "
                    f"{reached} records are there; jaxarc sync {feed.run_dir.name} --to {name} goes on behind"
                    " them"
                ) from error
            time.sleep(min(pause_s * 2 ** (tries - 1), 10.0))
