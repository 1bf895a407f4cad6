"""What a recorder did so far, in numbers that hide no loss."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Health"]


@dataclass(frozen=True)
class Health:
    """Counts of one recorder since it was opened.

    Attributes:
        env_steps: environment steps that were assembled.
        episodes: episodes that ended.
        successes: those of them that were solved.
        persisted_episodes: episodes whose rows are on disk.
        kept_episodes: episodes of which steps are stored.
        stored_steps: steps handed to segments; those of an episode that went to disk before it ended are
            taken off again when no rule keeps it.
        accepted_chunks: chunks that were queued.
        accepted_bytes: bytes of those.
        dropped_steps: steps shed to keep up, or given up after two failed writes.
        dropped_episodes: episodes that lost their steps; their rows are kept.
        shed_by_budget_steps, shed_by_budget_episodes: those of them that ``capture.budget`` had no room for.
        rows_waiting: rows whose write failed and will be tried again.
        refused_chunks: chunks that came after close.
        lost_chunks: chunks that the writer could not use, or only the scalars of them.
        orphaned_chunks: chunks for a slot that nobody held (counted for the whole process).
        failed_chunks: chunks that could not be read or handed over (counted for the whole process).
        queue_bytes: bytes that wait now.
        queue_bytes_max: bytes that waited at most.
        blocked_s: seconds that the program waited for the writer.
        write_s: seconds that the writer worked.
        segments: segments written.
        segment_bytes: bytes of those on disk.
        pictures: files drawn while the run went on.
        reader_errors: drawings that failed.
        errors: writes that failed.
        first_error: traceback of the first.
    """

    env_steps: int
    episodes: int
    successes: int
    persisted_episodes: int
    kept_episodes: int
    stored_steps: int
    accepted_chunks: int
    accepted_bytes: int
    dropped_steps: int
    dropped_episodes: int
    shed_by_budget_steps: int
    shed_by_budget_episodes: int
    rows_waiting: int
    refused_chunks: int
    lost_chunks: int
    orphaned_chunks: int
    failed_chunks: int
    queue_bytes: int
    queue_bytes_max: int
    blocked_s: float
    write_s: float
    segments: int
    segment_bytes: int
    pictures: int
    reader_errors: int
    errors: int
    first_error: str

    @property
    def losses(self) -> dict[str, int]:
        """What was lost, by kind; empty when nothing was."""
        kinds = {
            "dropped_steps": self.dropped_steps,
            "dropped_episodes": self.dropped_episodes,
            "rows_waiting": self.rows_waiting,
            "refused_chunks": self.refused_chunks,
            "lost_chunks": self.lost_chunks,
            "failed_chunks": self.failed_chunks,
        }
        return {kind: count for kind, count in kinds.items() if count}
