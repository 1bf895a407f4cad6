"""What a recorder did so far, in numbers that hide no loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from jaxarc.pipeline.assembler import Assembler
from jaxarc.pipeline.async_logger import AsyncLogger
from jaxarc.pipeline.episode_writer import EpisodeWriter
from jaxarc.pipeline.health_text import health_text
from jaxarc.pipeline.readers import ReaderLag, Readers
from jaxarc.pipeline.tracker_health import TrackerHealth

__all__ = ["Health"]

_LOSSES = (
    "dropped_steps",
    "dropped_episodes",
    "rows_waiting",
    "lost_episodes",
    "lost_events",
    "refused_chunks",
    "lost_chunks",
    "failed_chunks",
)


@dataclass(frozen=True, kw_only=True)
class Health:
    """Counts of one recorder since it was opened; ``print(recorder.health())`` says them in words.

    What was accepted is somewhere::

        accepted_steps  == stored_steps + unkept_steps + dropped_steps + waiting_steps
        episodes        == persisted_episodes + waiting_episodes + lost_episodes
        accepted_events == persisted_events + waiting_events + lost_events
        accepted_chunks == handled_chunks + waiting_chunks

    While the writer works the numbers of one report may be a chunk apart; after a flush they are not.

    Attributes:
        env_steps: environment steps that were assembled.
        episodes: episodes that ended.
        successes: those of them that were solved.
        persisted_episodes: episodes whose rows are on disk.
        waiting_episodes: those whose rows are not yet.
        lost_episodes: those whose rows were not when the writer ended.
        kept_episodes: episodes of which steps are stored.
        accepted_steps: steps of recorded environments that were assembled.
        stored_steps: those of them that are on disk with the row of their episode.
        unkept_steps: those that no keep rule wanted, or that are no key steps.
        waiting_steps: those that may still be stored: of open episodes, and of rows that wait.
        dropped_steps: steps shed to keep up, or given up after two failed writes.
        dropped_episodes: episodes that lost their steps; their rows are kept.
        shed_by_budget_steps, shed_by_budget_episodes: those of them that ``capture.budget`` had no room for.
        accepted_events: events of this recorder: metrics, and what it says of itself.
        persisted_events, waiting_events, lost_events: those that are durable, that are not yet, and that
            never will be.
        accepted_chunks: chunks that were queued.
        accepted_bytes: bytes of those.
        handled_chunks, waiting_chunks: those that the writer took, and those that wait for it.
        rows_waiting: rows whose write failed and will be tried again.
        refused_chunks: chunks that came after close, or when the writer was gone.
        lost_chunks: chunks that the writer could not use, or only the scalars of them.
        orphaned_chunks: chunks for a slot that nobody held (counted for the whole process).
        failed_chunks: chunks that could not be read or handed over, of all recorders that were open.
        coerced: values that were stored as something else than they were given as, by kind.
        queue_bytes: bytes that wait now.
        queue_bytes_max: bytes that waited at most.
        blocked_s: seconds that the program waited for the writer.
        callback_s: seconds that callbacks took besides.
        write_s: seconds that the writer worked, beside the program.
        segments: segments written.
        segment_bytes: bytes of those on disk.
        storage_actions: what was done about errors of the disk, by kind.
        cleaned_episodes, cleaned_steps: episodes that gave up the steps that they had on disk, to make room,
            and those steps; their rows are kept.
        pictures: files drawn while the run went on.
        drawn_episodes: episodes that they show.
        partly_drawn_episodes: those of which some steps have none, for the seconds were spent.
        passed_over_episodes: episodes worth a picture that have none: the budget of ``visualization.live``
            was spent, or there was nothing that could be drawn.
        drawing_s: seconds that this took, beside the program.
        readers: how far each reader is behind what is committed, by name.
        trackers: how each tracker fares, by name.
        reader_errors: drawings that failed, and readers that were switched off.
        errors: writes that failed.
        errors_by_kind: those by the name of the exception.
        first_error: traceback of the first of all errors.
        first_errors: traceback of the first of each kind.
    """

    env_steps: int = 0
    episodes: int = 0
    successes: int = 0
    persisted_episodes: int = 0
    waiting_episodes: int = 0
    lost_episodes: int = 0
    kept_episodes: int = 0
    accepted_steps: int = 0
    stored_steps: int = 0
    unkept_steps: int = 0
    waiting_steps: int = 0
    dropped_steps: int = 0
    dropped_episodes: int = 0
    shed_by_budget_steps: int = 0
    shed_by_budget_episodes: int = 0
    accepted_events: int = 0
    persisted_events: int = 0
    waiting_events: int = 0
    lost_events: int = 0
    accepted_chunks: int = 0
    accepted_bytes: int = 0
    handled_chunks: int = 0
    waiting_chunks: int = 0
    rows_waiting: int = 0
    refused_chunks: int = 0
    lost_chunks: int = 0
    orphaned_chunks: int = 0
    failed_chunks: int = 0
    coerced: Mapping[str, int] = field(default_factory=dict)
    queue_bytes: int = 0
    queue_bytes_max: int = 0
    blocked_s: float = 0.0
    callback_s: float = 0.0
    write_s: float = 0.0
    segments: int = 0
    segment_bytes: int = 0
    storage_actions: Mapping[str, int] = field(default_factory=dict)
    cleaned_episodes: int = 0
    cleaned_steps: int = 0
    pictures: int = 0
    drawn_episodes: int = 0
    partly_drawn_episodes: int = 0
    passed_over_episodes: int = 0
    drawing_s: float = 0.0
    readers: Mapping[str, ReaderLag] = field(default_factory=dict)
    trackers: Mapping[str, TrackerHealth] = field(default_factory=dict)
    reader_errors: int = 0
    errors: int = 0
    errors_by_kind: Mapping[str, int] = field(default_factory=dict)
    first_error: str = ""
    first_errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def losses(self) -> dict[str, int]:
        """What was lost, by kind; empty when nothing was."""
        return {kind: getattr(self, kind) for kind in _LOSSES if getattr(self, kind)}

    def __str__(self) -> str:
        return health_text({each.name: getattr(self, each.name) for each in fields(self)}, self.losses)

    @classmethod
    def of(
        cls,
        assembler: Assembler,
        queue: AsyncLogger,
        writer: EpisodeWriter,
        readers: Readers,
        *,
        has_ended: bool,
        drawing_errors: tuple[int, str] = (0, ""),
        first_failure: str = "",
        **others: object,
    ) -> Health:
        """Gather the counts of a pipeline.

        Args:
            assembler, queue, writer, readers: its parts.
            has_ended: whether nothing more is written: what waits is lost.
            drawing_errors: drawings that failed, and the first error.
            first_failure: the first chunk that could not be handed over.
            others: fields that somebody else counts.
        """
        counts, events, queued = assembler.counts, writer.events, queue.counts
        waiting = {
            "waiting_episodes": writer.waiting_episodes,
            "waiting_steps": writer.waiting_steps,
            "waiting_events": events.waiting,
            "waiting_chunks": queued.accepted_items - queued.handled_items,
        }
        lost = dict.fromkeys(waiting, 0)
        if has_ended:
            waiting, lost = lost, waiting
        told: dict[str, object] = {
            "env_steps": counts.env_steps,
            "episodes": counts.episodes,
            "successes": counts.successes,
            "persisted_episodes": writer.persisted_episodes,
            "lost_episodes": lost["waiting_episodes"],
            "kept_episodes": counts.kept_episodes,
            "accepted_steps": counts.accepted_steps,
            "stored_steps": writer.persisted_steps,
            "unkept_steps": counts.unkept_steps,
            "dropped_steps": counts.steps_lost + writer.steps_given_up + lost["waiting_steps"],
            "dropped_episodes": counts.episodes_lost + writer.episodes_given_up,
            "shed_by_budget_steps": counts.budget_steps,
            "shed_by_budget_episodes": counts.budget_episodes,
            "accepted_events": events.accepted,
            "persisted_events": events.persisted,
            "lost_events": events.lost + lost["waiting_events"],
            "accepted_chunks": queued.accepted_items,
            "accepted_bytes": queued.accepted_bytes,
            "handled_chunks": queued.handled_items + lost["waiting_chunks"],
            "rows_waiting": 0 if has_ended else writer.rows_waiting,
            "refused_chunks": queued.refused_items,
            "lost_chunks": queued.failed_items + writer.failed_gathered + lost["waiting_chunks"],
            "queue_bytes": queued.queue_bytes_now,
            "queue_bytes_max": queued.queue_bytes_max,
            "blocked_s": queued.blocked_s,
            "write_s": queued.handle_s,
            "readers": readers.lags(),
            "reader_errors": readers.errors + drawing_errors[0],
            "errors": queued.errors,
            "errors_by_kind": dict(queued.errors_by_kind),
            "first_error": queued.first_error or first_failure or readers.first_error or drawing_errors[1],
            "first_errors": dict(queued.first_errors),
        }
        return cls(**{**told, **waiting, **others})  # type: ignore[arg-type]
