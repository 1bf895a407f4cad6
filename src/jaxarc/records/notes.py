"""Note: what somebody wrote about a run, an episode or a step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["Note"]


@dataclass(frozen=True)
class Note:
    """A note.

    Attributes:
        text: what was written, as it was written: whoever shows it escapes it.
        timestamp_us: when, in microseconds since the epoch.
        writer, episode: the episode that it is about; None where it is about the run.
        step: the step of this episode that it is about, or None.
    """

    text: str
    timestamp_us: int
    writer: int | None = None
    episode: int | None = None
    step: int | None = None

    @property
    def time(self) -> datetime:
        """When it was written, in UTC."""
        return datetime.fromtimestamp(self.timestamp_us / 1e6, UTC)

    @property
    def about(self) -> str:
        """What it is about: ``run``, ``episode 7``, ``episode p001-7, step 3``."""
        if self.episode is None:
            return "run"
        name = f"p{self.writer:03d}-{self.episode}" if self.writer else str(self.episode)
        return f"episode {name}" if self.step is None else f"episode {name}, step {self.step}"

    def __str__(self) -> str:
        return f"{self.time.astimezone():%Y-%m-%d %H:%M} {self.about}: {self.text}"
