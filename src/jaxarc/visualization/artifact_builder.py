"""ArtifactBuilder: what makes pictures and pages of a training's state while it goes on."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxarc.config import Cadence
from jaxarc.errors import RenderError, StorageError
from jaxarc.records.experiment_events import Media
from jaxarc.storage import atomic_write_bytes, file_name
from jaxarc.storage.atomic import storage_errors

__all__ = ["ArtifactBuilder", "ArtifactFolder", "Snapshot"]


@dataclass(frozen=True)
class Snapshot:
    """What a builder draws.

    Attributes:
        step: the step.
        state: the state as the loop handed it over; taken now or never, as the loop may donate it. None at
            the last step where it did, or where no state was ever handed over.
        metrics: what was logged last.
        reason: why it is drawn: ``first``, ``every``, ``time``, ``last``, or the name of an event.
    """

    step: int
    state: Any
    metrics: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""


class ArtifactFolder:
    """Where a builder puts its files: whole or not at all, never outside the run, and said in the record.

    Args:
        run_dir: the run's directory.
        tell: takes a Media for each file that is to be seen elsewhere too.

    Attributes:
        run_dir: the run's directory.
        name: what the run is called.
        num_bytes: what was written so far.
    """

    def __init__(self, run_dir: Path, tell: Callable[[Media], object], name: str = ""):
        self.run_dir = run_dir
        self.name = name or run_dir.name
        self.num_bytes = 0
        self._paths: set[str] = set()
        self._tell = tell

    @property
    def num_files(self) -> int:
        """Files that were written; one that was replaced is one."""
        return len(self._paths)

    def write(
        self,
        path: str,
        content: bytes,
        *,
        key: str = "",
        kind: str = "image",
        caption: str = "",
        step: int | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> Path:
        """Write a file of the run; with a ``key`` it is in the report and in every tracker.

        Args:
            path: relative to the run's directory; a file that is there is replaced.
            content: all of it.
            key: what the picture is called over all its steps; empty for a file that is only a file.
            kind: ``image``, ``video``, ``html``, ``plotly`` or ``text``.
            caption: words beneath it.
            step: the step that it shows.
            meta: whatever else is known of it.

        Raises:
            StorageError: the path leads out of the run, or it cannot be written.
        """
        whole = (self.run_dir / path).resolve()
        if not whole.is_relative_to(self.run_dir.resolve()):
            raise StorageError(f"{path}: leads out of the run {self.run_dir}; give a path below it")
        with storage_errors(whole):
            whole.parent.mkdir(parents=True, exist_ok=True)
        atomic_write_bytes(whole, content, durable=False)
        said = whole.relative_to(self.run_dir.resolve()).as_posix()
        self._paths.add(said)
        self.num_bytes += len(content)
        if key:
            self._tell(
                Media(key=key, kind=kind, path=said, caption=caption, step=step, meta=dict(meta or {}))
            )
        return whole

    def write_figure(self, path: str, figure: Any, *, key: str = "", **said: Any) -> Path:
        """Write a figure of Matplotlib as PNG, or one of Plotly as a page that needs no network.

        Args:
            path: as for `write`.
            figure: the figure; one of Matplotlib stays open.
            key: as for `write`.
            **said: ``caption``, ``step`` and ``meta``, as for `write`.

        Raises:
            RenderError: it is a figure of neither.
            StorageError: as for `write`.
        """
        if hasattr(figure, "savefig"):
            content = io.BytesIO()
            figure.savefig(content, format="png", metadata={"Software": None})
            return self.write(path, content.getvalue(), key=key, kind="image", **said)
        if hasattr(figure, "to_html"):
            page = figure.to_html(include_plotlyjs=True, full_html=True, div_id="figure")
            return self.write(path, page.encode(), key=key, kind="html", **said)
        raise RenderError(f"{path}: a {type(figure).__name__} is no figure of Matplotlib or of Plotly")

    @staticmethod
    def step_name(key: str, step: int, suffix: str) -> str:
        """Return a file name for any key at a step: ``temperature_000100.png``."""
        return f"{file_name(key)}_{step:06d}.{suffix}"

    @staticmethod
    def plain_name(key: str, suffix: str) -> str:
        """Return a file name for any key: ``temperature.html``."""
        return f"{file_name(key)}.{suffix}"


class ArtifactBuilder:
    """Make pictures, pages or any other files of a training while it goes on.

    A subclass says what `snapshot` does; it may do something at the `start`, with what is logged
    (`log`) and at the `end` too. Each runs on the thread of the loop, for a state that is donated is gone
    afterwards: what it takes is counted (``RunContext.health``), and how often it is asked is the cadence's
    to say. What it raises is counted and told, and the run goes on, unless ``strict`` is set.

    Args:
        cadence: when it is given a snapshot; at the first and the last step when left off.

    Attributes:
        name: what messages call it; the class's name unless it is set.
        folder: where it writes; there from the `start` on.
    """

    name: str = ""
    folder: ArtifactFolder

    def __init__(self, cadence: Cadence | Mapping[str, Any] | None = None):
        if isinstance(cadence, Mapping):
            cadence = Cadence.from_dict(cadence)
        self.cadence = cadence or Cadence()
        self.name = self.name or type(self).__name__

    def start(self, folder: ArtifactFolder) -> None:
        """Begin: the run's directory is there.

        Args:
            folder: where to write; kept as ``self.folder``.
        """
        self.folder = folder

    def log(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Hear of what was logged at a step; does nothing unless a subclass says so."""

    def snapshot(self, snapshot: Snapshot) -> None:
        """Draw; called when the cadence says so."""
        raise NotImplementedError(f"{type(self).__name__} has no snapshot(); say there what it draws")

    def end(self, status: str) -> None:
        """End, after the last snapshot; does nothing unless a subclass says so.

        Args:
            status: FINISHED, FAILED or KILLED.
        """
