"""Pictures that are drawn while the run goes on, within a budget of their own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jaxarc.config import LiveConfig
from jaxarc.errors import EpisodeNotFoundError, NotRecordedError
from jaxarc.pipeline import ReaderLag
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.experiment_events import Media
from jaxarc.records.table import EpisodeTable
from jaxarc.replay import ReplaySystem
from jaxarc.replay.views.pictures import bytes_of_a_step
from jaxarc.storage import writer_name
from jaxarc.visualization.drawn_media import drawn_media
from jaxarc.visualization.enhanced_visualizer import EnhancedVisualizer
from jaxarc.visualization.live_choice import Choice, LiveChoice
from jaxarc.visualization.report import write_report

__all__ = ["LiveDrawing"]

logger = logging.getLogger(__name__)

_MAX_WAITING = 64
_FEWEST_FILES = 8
"""Files that an episode gets in any case; else at most half of those that are left: others come, too."""

_STEPS_AT_ONCE = 12
"""Steps that have to fit into the memory: those of a summary."""

_MAX_REPORTED = 1_000_000
"""Episodes of a run whose report is written when it is closed: a second or two."""


@dataclass(frozen=True)
class _Waiting:
    choice: Choice
    run_dir: Path
    writer: int
    since: float


class LiveDrawing:
    """A reader of committed records that draws the episodes worth a picture.

    It has a thread of its own and never holds the writer back. The newest waiting episode is drawn first;
    what does not fit the budget is left to ``jaxarc render``. The budget counts files, seconds and megabytes:
    an episode is drawn until the seconds are spent, and where its arrays are larger than the memory, a part
    of them is read at a time.

    Args:
        config: which episodes, how many files, seconds and megabytes.
        visualizer: draws them.
        where: the run's directory and the number of the writer that commits, now: a run whose directory
            cannot be written any more goes on in another.

    Attributes:
        files_drawn: files written.
        seconds_spent: seconds that this took.
        episodes_drawn: numbers of the episodes that were drawn, in that order.
        episodes_cut_short: those of them whose drawing stopped when the seconds were spent.
        episodes_passed_over: episodes worth a picture that have none: the budget was spent, too many waited,
            nothing was recorded that could be drawn, or a few steps are larger than the memory.
        errors: drawings that failed.
        first_error: what the first was.
    """

    name = "live drawing"

    def __init__(
        self, config: LiveConfig, visualizer: EnhancedVisualizer, where: Callable[[], tuple[Path | None, int]]
    ):
        self._config = config
        self._visualizer = visualizer
        self._where = where
        self._run: ReplaySystem | None = None
        self._condition = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._said: list[Media] = []
        self._closing = False
        self._chosen = LiveChoice(config.rules)
        self.files_drawn = 0
        self.seconds_spent = 0.0
        self.episodes_drawn: list[int] = []
        self.episodes_cut_short = 0
        self.episodes_passed_over = 0
        self.errors = 0
        self.first_error = ""
        self._thread = threading.Thread(target=self._draw, name="jaxarc-live-drawing", daemon=True)
        self._thread.start()

    @property
    def lag(self) -> ReaderLag:
        """Episodes that wait to be drawn."""
        with self._condition:
            if not self._waiting:
                return ReaderLag()
            return ReaderLag(len(self._waiting), time.monotonic() - self._waiting[0].since)

    def committed(self, episodes: EpisodeTable) -> None:
        """Choose what to draw of the episodes that were just committed."""
        stored = np.flatnonzero(episodes["stored_steps"]).tolist()
        run_dir, writer = self._where()
        if not stored or run_dir is None:
            return
        with self._condition:
            now = time.monotonic()
            for position in stored:
                choice = self._chosen.choose(episodes, position)
                if choice is not None:
                    self._waiting.append(_Waiting(choice, run_dir, writer, now))
            self.episodes_passed_over += max(0, len(self._waiting) - _MAX_WAITING)
            del self._waiting[:-_MAX_WAITING]
            self._condition.notify()

    def close(self, timeout: float | None = None) -> None:
        """Draw what waits, within the budget, and end the thread."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        self._thread.join(timeout)

    def take_media(self) -> list[Media]:
        """Return, once, what is to be said of the pictures drawn since the last call."""
        with self._condition:
            said, self._said = self._said, []
        return said

    def report(self) -> None:
        """Write the page about the run, which has ended, where pictures of it were drawn and it is wanted.

        Of runs with more than a million episodes, and of those that another process owns, ``jaxarc report``
        makes it.
        """
        if not self.files_drawn or not self._visualizer.vis_config.report:
            return
        run_dir, writer = self._where()
        if run_dir is None:
            return
        try:
            run = ReplaySystem(run_dir)
            if len(run) <= _MAX_REPORTED and run.info.get("writer") == writer_name(writer):
                write_report(run)
        except Exception as error:  # noqa: BLE001 - the edge of a reader: counted, and the run is whole
            self._failed(error)
            logger.error("the report of %s could not be written: %s", run_dir.name, error)

    def _has_budget(self) -> bool:
        return self.files_drawn < self._config.max_files and self.seconds_spent < self._config.max_seconds

    def _draw(self) -> None:
        while True:
            with self._condition:
                while not self._waiting and not self._closing:
                    self._condition.wait()
                if not self._waiting:
                    return
                waiting = self._waiting.pop()
                if not self._has_budget():
                    self.episodes_passed_over += 1
                    continue
            started = time.perf_counter()
            try:
                self._draw_one(waiting)
            except NotRecordedError:  # a Step without observations has no picture, and need not have
                with self._condition:
                    self.episodes_passed_over += 1
                    self._chosen.give_back(waiting.choice)
            except Exception as error:  # noqa: BLE001 - the edge of a reader: counted, training does not feel it
                self._failed(error)
                logger.error("live drawing of episode %d failed: %s", waiting.choice.episode, error)
            self.seconds_spent += time.perf_counter() - started

    def _draw_one(self, waiting: _Waiting) -> None:
        """Draw an episode, and stop where the seconds are spent."""
        spent = self.seconds_spent
        started = time.perf_counter()
        episode = self._load(waiting)
        max_bytes = self._config.max_memory_mb * 1e6
        if episode.has("observation") and _STEPS_AT_ONCE * bytes_of_a_step(episode) > max_bytes:
            self.episodes_passed_over += 1
            logger.info(
                "episode %d is not drawn: %d of its steps are more than visualization.live.max_memory_mb=%g",
                waiting.choice.episode,
                _STEPS_AT_ONCE,
                self._config.max_memory_mb,
            )
            return
        # Where the run went on elsewhere meanwhile, the old directory may be one that cannot be written.
        self._visualizer.episode_manager.current_run_dir = self._where()[0]
        left = self._config.max_files - self.files_drawn
        room = min(left, max(_FEWEST_FILES, left // 2))
        was_stopped = False

        def stop() -> bool:
            """Say whether the seconds are spent; asked only where there is more to draw."""
            nonlocal was_stopped
            was_stopped = spent + time.perf_counter() - started >= self._config.max_seconds
            return was_stopped

        files = []
        for path in self._visualizer.each_file(episode, max_files=room, max_bytes=max_bytes, stop=stop):
            self.files_drawn += 1
            if not files:
                self.episodes_drawn.append(waiting.choice.episode)
            files.append(path)
        drawn_in = self._visualizer.episode_manager.current_run_dir
        if drawn_in is not None:
            said = drawn_media(episode, files, drawn_in)
            with self._condition:
                self._said += said
        if was_stopped:
            self.episodes_cut_short += 1
            logger.info(
                "drawing of episode %d stopped: visualization.live.max_seconds=%g are spent; "
                "jaxarc render draws the rest",
                waiting.choice.episode,
                self._config.max_seconds,
            )

    def _load(self, waiting: _Waiting) -> EpisodeData:
        """Return an episode from the run in which it was committed; one reader follows the run."""
        if self._run is None or self._run.run_dir != waiting.run_dir:
            self._run = ReplaySystem(waiting.run_dir)
        try:
            return self._run.load_episode(waiting.choice.episode, writer=waiting.writer)
        except EpisodeNotFoundError:
            self._run.refresh()
            return self._run.load_episode(waiting.choice.episode, writer=waiting.writer)

    def _failed(self, error: Exception) -> None:
        self.errors += 1
        self.first_error = self.first_error or repr(error)
