"""What an examination of a run says: of each file, and of what is gone."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["DAMAGED_FOLDER", "FileFinding", "RunInspection"]

DAMAGED_FOLDER = "damaged"
"""Where a repair puts the files that it replaced."""


@dataclass(frozen=True)
class FileFinding:
    """What is known of one file.

    Attributes:
        path: the file, from the run's directory.
        kind: ``run file``, ``segment``, ``events``, ``open rows``, ``document``, ``artifact``,
            ``index`` or ``leftover``.
        state: ``whole``, ``damaged``, ``missing``, or ``harmless``: not as it should be, but nothing is lost.
        problems: what is wrong, in words.
        remedy: what can be done.
    """

    path: str
    kind: str
    state: str
    problems: tuple[str, ...] = ()
    remedy: str = ""


@dataclass
class RunInspection:
    """What ``jaxarc doctor`` found.

    Attributes:
        run_dir: the run.
        status: RUNNING, FINISHED, FAILED, KILLED or LOST.
        episodes: rows that can be read.
        files: all files that were looked at.
        lost: what is gone, in sentences.
        known_lost: what an earlier repair said is gone.
        short: stored steps that can be read of episodes whose rows claim more, by writer and uid.
    """

    run_dir: Path
    status: str
    episodes: int = 0
    files: list[FileFinding] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    known_lost: list[str] = field(default_factory=list)
    short: dict[tuple[int, int], int] = field(default_factory=dict)

    @property
    def damaged(self) -> list[FileFinding]:
        """Files that are damaged or missing."""
        return [file for file in self.files if file.state in ("damaged", "missing")]

    @property
    def is_whole(self) -> bool:
        """Whether no file is damaged and nothing is gone that no earlier repair named."""
        return not self.damaged and not self.lost

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "run": str(self.run_dir),
            "status": self.status,
            "whole": self.is_whole,
            "episodes": self.episodes,
            "lost": self.lost,
            "lost_before": self.known_lost,
            "files": [asdict(file) for file in self.files],
        }
