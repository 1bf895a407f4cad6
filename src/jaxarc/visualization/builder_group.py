"""The builders of one run: each asked when its cadence says so, none able to end the run unasked."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jaxarc.config import Cadence
from jaxarc.records.experiment_events import Log, Media
from jaxarc.visualization.artifact_builder import ArtifactBuilder, ArtifactFolder, Snapshot

__all__ = ["BUILDER_LOGGER", "BuilderGroup", "BuilderHealth"]

logger = logging.getLogger(__name__)


BUILDER_LOGGER = "jaxarc.artifacts"
"""Who says in the record what builders did."""


@dataclass(frozen=True)
class BuilderHealth:
    """How the builders of a run fared.

    Attributes:
        snapshots: how often one of them drew.
        files, nbytes: what they wrote.
        seconds: what it took of the loop.
        errors: exceptions that they raised.
        first_error: traceback of the first.
        passed_over: snapshots that were due and beyond ``max_files``.
    """

    snapshots: int = 0
    files: int = 0
    nbytes: int = 0
    seconds: float = 0.0
    errors: int = 0
    first_error: str = ""
    passed_over: int = 0


class _Clock:
    """When one builder is due."""

    def __init__(self, cadence: Cadence):
        self._cadence = cadence
        self._turn: int | None = None
        self._drawn_at = time.monotonic()
        self._last_step: int | None = None

    def reason(self, step: int, event: str | None) -> str:
        """Return why a snapshot is due at a step; empty where it is not."""
        cadence = self._cadence
        if event is not None and ({event, "*"} & set(cadence.on)):
            return event
        turn, before = (step // cadence.every if cadence.every else 0), self._turn
        self._turn = turn
        if before is None:
            if cadence.first:
                return "first"
            if cadence.every and step % cadence.every == 0:
                return "every"
        elif turn != before:
            return "every"
        if cadence.every_s is not None and time.monotonic() - self._drawn_at >= cadence.every_s:
            return "time"
        return ""

    def drawn(self, step: int) -> None:
        self._drawn_at, self._last_step = time.monotonic(), step

    def wants_last(self, step: int) -> bool:
        return self._cadence.last and step != self._last_step


class BuilderGroup:
    """Ask builders for their pictures.

    Args:
        builders: the builders; any object with the hooks of ArtifactBuilder.
        run_dir: the run's directory.
        tell: takes what is to be in the record: Media for pictures, Log for what went wrong.
        name: what the run is called.
        max_files: files of one builder beyond which only events and the end are drawn.
        strict: raise what a builder raises.
    """

    def __init__(
        self,
        builders: Sequence[ArtifactBuilder],
        run_dir: Path,
        tell: Callable[[Media | Log], object],
        *,
        name: str = "",
        max_files: int = 500,
        strict: bool = False,
    ):
        self._builders = tuple(builders)
        self._folders = tuple(ArtifactFolder(run_dir, tell, name) for _ in self._builders)
        self._clocks = tuple(_Clock(getattr(each, "cadence", None) or Cadence()) for each in self._builders)
        self._tell = tell
        self._max_files = max_files
        self._strict = strict
        self._failed: set[int] = set()
        self._off: set[int] = set()
        self._snapshots = self._errors = self._passed_over = 0
        self._seconds = 0.0
        self._first_error = ""

    def health(self) -> BuilderHealth:
        """Return how they fared so far."""
        return BuilderHealth(
            snapshots=self._snapshots,
            files=sum(folder.num_files for folder in self._folders),
            nbytes=sum(folder.num_bytes for folder in self._folders),
            seconds=self._seconds,
            errors=self._errors,
            first_error=self._first_error,
            passed_over=self._passed_over,
        )

    def start(self) -> None:
        """Let each begin; one that cannot is asked for nothing more."""
        for index, builder in enumerate(self._builders):
            with self._guarded(index, "start"):
                builder.start(self._folders[index])
            if index in self._failed:
                self._off.add(index)

    def log(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Tell each what was logged."""
        for index, builder in enumerate(self._builders):
            hook = getattr(builder, "log", None)
            if hook is not None and index not in self._off:
                with self._guarded(index, "log"):
                    hook(step, metrics)

    def offer(self, step: int, state: Any, metrics: Mapping[str, Any], event: str | None = None) -> bool:
        """Give each for whom it is time a snapshot; return whether one drew.

        Args:
            step: the step.
            state: the state.
            metrics: what was logged last.
            event: what happened, where something did.
        """
        drew = False
        for index in range(len(self._builders)):
            reason = "" if index in self._off else self._clocks[index].reason(step, event)
            if reason and reason != event and self._folders[index].num_files >= self._max_files:
                self._pass_over(index)
            elif reason:
                drew |= self._draw(index, Snapshot(step, state, metrics, reason))
        return drew

    def end(self, step: int | None, state: Any, metrics: Mapping[str, Any], status: str) -> None:
        """Draw the last state for those who want it, then let each end.

        Args:
            step: the last step; None where there was none.
            state: the last state; None where it is not known.
            metrics: what was logged last.
            status: FINISHED, FAILED or KILLED.
        """
        for index, builder in enumerate(self._builders):
            if index in self._off:
                continue
            if step is not None and self._clocks[index].wants_last(step):
                self._draw(index, Snapshot(step, state, metrics, "last"))
            with self._guarded(index, "end"):
                builder.end(status)
        self._say_cost()

    def _say_cost(self) -> None:
        health = self.health()
        if health.files or health.errors:
            words = f"builders wrote {health.files} files in {health.seconds:.1f} s"
            said = {name: value for name, value in asdict(health).items() if name != "first_error"}
            self._tell(Log(level="INFO", msg=words, logger=BUILDER_LOGGER, fields=said))

    def _draw(self, index: int, snapshot: Snapshot) -> bool:
        errors = self._errors
        with self._guarded(index, f"snapshot of step {snapshot.step}"):
            self._builders[index].snapshot(snapshot)
        self._clocks[index].drawn(snapshot.step)
        self._snapshots += self._errors == errors
        return self._errors == errors

    def _pass_over(self, index: int) -> None:
        if not self._passed_over:
            logger.warning(
                "%s has written %d files, which is artifacts.max_files; until the end it draws events only",
                _name(self._builders[index]),
                self._folders[index].num_files,
            )
        self._passed_over += 1

    @contextmanager
    def _guarded(self, index: int, doing: str) -> Iterator[None]:
        """Run a part of a builder's work: what it raises is counted, and told once for each builder."""
        started = time.perf_counter()
        try:
            yield
        except Exception as error:
            self._errors += 1
            trace = "".join(traceback.format_exception(error))
            self._first_error = self._first_error or trace
            if index not in self._failed:
                self._failed.add(index)
                name = _name(self._builders[index])
                words = f"{name}: {doing} failed ({type(error).__name__}: {error})"
                self._tell(Log(level="ERROR", msg=words, logger=BUILDER_LOGGER, fields={"traceback": trace}))
                if not self._strict:
                    logger.error("%s; the run goes on, further errors of it are counted", words)
            if self._strict:
                raise
        finally:
            self._seconds += time.perf_counter() - started


def _name(builder: Any) -> str:
    return str(getattr(builder, "name", "") or type(builder).__name__)
