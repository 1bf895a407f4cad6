"""Many episodes drawn in several processes, none of which imports JAX."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from jaxarc.errors import NotRecordedError, RenderError
from jaxarc.replay import ReplaySystem
from jaxarc.storage import EpisodeManager, keep_segments_open, run_storage_config, writer_name
from jaxarc.visualization.episode_files import Drawing, episode_files

__all__ = ["DrawnEpisode", "DrawnRun", "draw_run", "episode_name", "usual_jobs"]

_BATCH = 8
_EPISODES_A_JOB = 16
"""Episodes that are worth a process of their own, which takes half a second to start."""


@dataclass(frozen=True)
class DrawnEpisode:
    """What became of one episode.

    Attributes:
        writer, episode: which one.
        files: files written.
        num_bytes: bytes of those.
        left_out: why it has no picture, where nothing that could be drawn was recorded.
        failed: what went wrong, where something did.
    """

    writer: int
    episode: int
    files: int = 0
    num_bytes: int = 0
    left_out: str = ""
    failed: str = ""


@dataclass
class DrawnRun:
    """What became of the episodes that were to be drawn.

    Attributes:
        asked: episodes to draw.
        episodes: those that were drawn.
        files, num_bytes: files written, and their bytes.
        left_out: those of which nothing is stored that could be drawn.
        failed: those that could not be drawn.
        was_stopped: whether it was stopped before the last.
    """

    asked: int = 0
    episodes: int = 0
    files: int = 0
    num_bytes: int = 0
    left_out: list[DrawnEpisode] = field(default_factory=list)
    failed: list[DrawnEpisode] = field(default_factory=list)
    was_stopped: bool = False

    @property
    def done(self) -> int:
        """Episodes that are dealt with."""
        return self.episodes + len(self.left_out) + len(self.failed)

    def add(self, drawn: DrawnEpisode) -> None:
        """Count an episode."""
        self.files += drawn.files
        self.num_bytes += drawn.num_bytes
        if drawn.failed:
            self.failed.append(drawn)
        elif drawn.left_out:
            self.left_out.append(drawn)
        else:
            self.episodes += 1


def episode_name(writer: int, episode: int) -> str:
    """Return the name of an episode as a command line takes it: ``7``, ``p001-7``."""
    return f"{writer_name(writer)}-{episode}" if writer else str(episode)


def usual_jobs(num_episodes: int) -> int:
    """Return how many processes to draw with: at most one a core, and none without enough to do."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, num_episodes // _EPISODES_A_JOB))


def draw_run(
    run: ReplaySystem,
    episodes: Sequence[tuple[int, int]],
    drawing: Drawing,
    *,
    out: Path | None = None,
    jobs: int = 1,
    progress: Callable[[DrawnRun], None] = lambda drawn: None,
) -> DrawnRun:
    """Draw episodes of a run; one that fails is counted and the others are drawn.

    Drawing the same twice gives the same bytes. Ctrl-C ends it after the files that are being written.

    Args:
        run: the run.
        episodes: writer and number of each.
        drawing: formats and looks.
        out: the folder for their folders; None for the run's ``episodes``.
        jobs: processes; with 1 this one draws. A script that asks for more needs Python's usual
            ``if __name__ == "__main__":``.
        progress: hears of the counts after every episode or few.

    Raises:
        RenderError: a process ended in the middle.
    """
    drawn = DrawnRun(asked=len(episodes))
    # In the order in which they were written, neighbours lie in one segment, which is opened once.
    in_order = sorted(episodes)
    if jobs <= 1:
        try:
            with keep_segments_open():
                worker = _Worker(run, drawing, out, lambda: False)
                for writer, episode in in_order:
                    drawn.add(worker.draw(writer, episode))
                    progress(drawn)
        except KeyboardInterrupt:
            drawn.was_stopped = True
        return drawn
    context = get_context("spawn")
    stop = context.Event()
    begin = (run.run_dir, drawing, out, stop)
    with ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=begin) as pool:
        try:
            for found in _each_result(pool, in_order, jobs):
                for each in found:
                    drawn.add(each)
                progress(drawn)
        except KeyboardInterrupt:
            drawn.was_stopped = True
            stop.set()
            pool.shutdown(cancel_futures=True)
        except BrokenProcessPool as error:
            raise RenderError(
                f"a drawing process ended after {drawn.done:,} of {drawn.asked:,} episodes, perhaps for want "
                f"of memory; try fewer: --jobs {max(1, jobs // 2)}"
            ) from error
    return drawn


def _each_result(
    pool: ProcessPoolExecutor, episodes: Sequence[tuple[int, int]], jobs: int
) -> Iterator[list[DrawnEpisode]]:
    """Hand out a few episodes at a time, so that nobody holds a million of them."""
    size = max(1, min(_BATCH, len(episodes) // (2 * jobs)))
    waiting: set[Future[list[DrawnEpisode]]] = set()
    for first in range(0, len(episodes), size):
        with _held_back(signal.SIGINT):
            waiting.add(pool.submit(_draw, episodes[first : first + size]))
        if len(waiting) >= 3 * jobs:
            ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in ended)
    while waiting:
        ended, waiting = wait(waiting, return_when=FIRST_COMPLETED)
        yield from (future.result() for future in ended)


@contextmanager
def _held_back(number: signal.Signals) -> Iterator[None]:
    """Deliver a signal later; a process that is begun meanwhile never hears of it, not even at first."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Worker:
    """Draws one episode after the other."""

    def __init__(self, run: ReplaySystem, drawing: Drawing, out: Path | None, stop: Callable[[], bool]):
        self._run = run
        self._drawing = drawing
        self._stop = stop
        self._manager = EpisodeManager(run_storage_config(run.run_dir), run.run_dir, pictures_dir=out)

    def draw(self, writer: int, episode: int) -> DrawnEpisode:
        """Draw one episode, and say what became of it."""
        files = num_bytes = 0
        try:
            loaded = self._run.load_episode(episode, writer=writer)
            for path in episode_files(loaded, self._manager, self._drawing, stop=self._stop):
                files += 1
                num_bytes += path.stat().st_size
        except NotRecordedError as error:
            return DrawnEpisode(writer, episode, files, num_bytes, left_out=str(error))
        except Exception as error:  # noqa: BLE001 - the edge of a reader: counted, told, the others are drawn
            said = f"{type(error).__name__}: {error}"
            return DrawnEpisode(writer, episode, files, num_bytes, failed=said)
        return DrawnEpisode(writer, episode, files, num_bytes)


_PROCESS = ExitStack()
_STATE: dict[str, Any] = {}


def _begin(run_dir: Path, drawing: Drawing, out: Path | None, stop: Any) -> None:
    """Begin a process: Ctrl-C is its parent's business, which says when to stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _PROCESS.enter_context(keep_segments_open())
    _STATE.update(run_dir=run_dir, drawing=drawing, out=out, stop=stop)


@cache
def _worker() -> _Worker:
    run = ReplaySystem(_STATE["run_dir"])
    return _Worker(run, _STATE["drawing"], _STATE["out"], _STATE["stop"].is_set)


def _draw(episodes: Sequence[tuple[int, int]]) -> list[DrawnEpisode]:
    worker, stop = _worker(), _STATE["stop"]
    return [worker.draw(writer, episode) for writer, episode in episodes if not stop.is_set()]
