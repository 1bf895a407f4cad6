"""Pictures that are drawn while the run goes on, within a budget of their own."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

import numpy as np

from jaxarc.config import LiveConfig
from jaxarc.errors import NotRecordedError
from jaxarc.pipeline import ReaderLag
from jaxarc.pipeline.keep import is_capped_cubic
from jaxarc.records.table import EpisodeTable
from jaxarc.replay import ReplaySystem
from jaxarc.storage import writer_name
from jaxarc.visualization.enhanced_visualizer import EnhancedVisualizer
from jaxarc.visualization.report import write_report

__all__ = ["LiveDrawing"]

logger = logging.getLogger(__name__)

_MAX_WAITING = 64
_MAX_REPORTED = 1_000_000
"""Episodes of a run whose report is written when it is closed: a second or two."""


class LiveDrawing:
    """A reader of committed records that draws the episodes worth a picture.

    It has a thread of its own and never holds the writer back. The newest waiting episode is drawn first;
    what does not fit the budget is left to ``jaxarc show`` and drawing on demand.

    Args:
        config: which episodes, how many files, how many seconds.
        visualizer: draws them.
        run_dir: the run to read.
        writer: the writer that commits the episodes.
    """

    name = "live drawing"

    def __init__(self, config: LiveConfig, visualizer: EnhancedVisualizer, run_dir: Path, writer: int = 0):
        self._config = config
        self._visualizer = visualizer
        self._run_dir = run_dir
        self._writer = writer
        self._condition = threading.Condition()
        self._waiting: list[tuple[int, float]] = []
        self._closing = False
        self._seen = 0
        self._best = float("-inf")
        self._solved: set[str] = set()
        self.files_drawn = 0
        self.seconds_spent = 0.0
        self.episodes_drawn: list[int] = []
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
            return ReaderLag(len(self._waiting), time.monotonic() - self._waiting[0][1])

    def committed(self, episodes: EpisodeTable) -> None:
        """Choose what to draw of the episodes that were just committed."""
        chosen = []
        stored = episodes["stored_steps"]
        for i in np.flatnonzero(stored).tolist():
            if self._is_wanted(episodes, i):
                chosen.append(int(episodes["episode"][i]))
        if not chosen:
            return
        with self._condition:
            now = time.monotonic()
            self._waiting += [(number, now) for number in chosen]
            self.episodes_passed_over += max(0, len(self._waiting) - _MAX_WAITING)
            del self._waiting[:-_MAX_WAITING]
            self._condition.notify()

    def _is_wanted(self, episodes: EpisodeTable, i: int) -> bool:
        index, rules = self._seen, self._config.rules
        self._seen += 1
        task = str(episodes["task_id"][i])
        reward = float(episodes["total_reward"][i])
        first_success = bool(episodes["success"][i]) and task not in self._solved
        if first_success:
            self._solved.add(task)
        best = reward > self._best
        self._best = max(self._best, reward)
        return (
            ("first" in rules and index == 0)
            or ("first_success" in rules and first_success)
            or ("best" in rules and best)
            or ("capped_cubic" in rules and is_capped_cubic(index))
        )

    def close(self, timeout: float | None = None) -> None:
        """Draw what waits, within the budget, and end the thread."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        self._thread.join(timeout)

    def report(self) -> None:
        """Write the page about the run, which has ended, where pictures of it were drawn and it is wanted.

        Of runs with more than a million episodes, and of those that another process owns, ``jaxarc report``
        makes it.
        """
        if not self.files_drawn or not self._visualizer.vis_config.report:
            return
        try:
            run = ReplaySystem(self._run_dir)
            if len(run) <= _MAX_REPORTED and run.info.get("writer") == writer_name(self._writer):
                write_report(run)
        except Exception as error:  # noqa: BLE001 - the edge of a reader: counted, and the run is whole
            self.errors += 1
            self.first_error = self.first_error or repr(error)
            logger.error("the report of %s could not be written: %s", self._run_dir.name, error)

    def _has_budget(self) -> bool:
        return self.files_drawn < self._config.max_files and self.seconds_spent < self._config.max_seconds

    def _draw(self) -> None:
        while True:
            with self._condition:
                while not self._waiting and not self._closing:
                    self._condition.wait()
                if not self._waiting:
                    return
                number, _ = self._waiting.pop()
                if not self._has_budget():
                    self.episodes_passed_over += 1
                    continue
            started = time.perf_counter()
            try:
                episode = ReplaySystem(self._run_dir).load_episode(number, writer=self._writer)
                room = self._config.max_files - self.files_drawn
                self.files_drawn += len(self._visualizer.visualize_episode(episode, max_files=room))
                self.episodes_drawn.append(number)
            except NotRecordedError:
                self.episodes_passed_over += (
                    1  # a Step without observations has no picture, and need not have
                )
            except Exception as error:  # noqa: BLE001 - the edge of a reader: counted, and training does not feel it
                self.errors += 1
                if not self.first_error:
                    self.first_error = repr(error)
                    logger.error("live drawing of episode %d failed: %s", number, error)
            self.seconds_spent += time.perf_counter() - started
