"""Where things lie in a run: the folders that a training may fill."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from jaxarc.storage.atomic import storage_errors

__all__ = ["RunFolders"]

_FOLDERS = (
    *("config", "diagnostics", "plots/png", "plots/interactive"),
    *("report", "video", "states", "checkpoints", "artifacts"),
)


@dataclass(frozen=True)
class RunFolders:
    """The folders of one run.

    Attributes:
        run_dir: the run's directory.
    """

    run_dir: Path

    def make(self) -> RunFolders:
        """Make them all, and return them.

        Raises:
            StorageError: one cannot be made.
        """
        for name in _FOLDERS:
            with storage_errors(self.run_dir / name):
                (self.run_dir / name).mkdir(parents=True, exist_ok=True)
        return self

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.run_dir / "config"

    @property
    def diagnostics(self) -> Path:
        """Plots of what was measured."""
        return self.run_dir / "diagnostics"

    @property
    def png(self) -> Path:
        """Pictures."""
        return self.run_dir / "plots" / "png"

    @property
    def interactive(self) -> Path:
        """Pages to zoom and to browse in."""
        return self.run_dir / "plots" / "interactive"

    @property
    def report(self) -> Path:
        """The report, ``index.html``."""
        return self.run_dir / "report"

    @property
    def video(self) -> Path:
        """Films."""
        return self.run_dir / "video"

    @property
    def states(self) -> Path:
        """States as they were, ``.npz``."""
        return self.run_dir / "states"

    @property
    def checkpoints(self) -> Path:
        """Yours to write to; log what you write with ``context.tracker``."""
        return self.run_dir / "checkpoints"

    @property
    def artifacts(self) -> Path:
        """Copies of files that were logged, by what they hold."""
        return self.run_dir / "artifacts"
