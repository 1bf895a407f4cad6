"""``print(recorder.health())``: the counts as a short text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["health_text", "losses_text"]

_LOST = {
    "dropped_steps": ("step dropped", "steps dropped"),
    "dropped_episodes": ("episode without its steps", "episodes without their steps"),
    "rows_waiting": ("row not written yet", "rows not written yet"),
    "lost_episodes": ("episode", "episodes"),
    "lost_events": ("event", "events"),
    "refused_chunks": ("chunk that came too late", "chunks that came too late"),
    "lost_chunks": ("chunk that could not be used", "chunks that could not be used"),
    "failed_chunks": ("chunk that could not be handed over", "chunks that could not be handed over"),
}


def losses_text(losses: Mapping[str, int]) -> str:
    """Return losses in words, with their counts; empty when there are none."""
    parts = []
    for kind, count in losses.items():
        one, many = _LOST.get(kind, (kind, kind))
        parts.append(f"{count:,} {one if count == 1 else many}")
    return ", ".join(parts)


def health_text(counts: Mapping[str, Any], losses: Mapping[str, int]) -> str:
    """Return a line for every kind of thing that is counted; what is zero is left out where nobody misses it.

    Args:
        counts: the fields of ``Health``.
        losses: what was lost, by kind.
    """

    def line(name: str, *parts: tuple[str, str, bool]) -> str:
        shown = [f"{counts[key]:,} {word}" for key, word, always in parts if always or counts[key]]
        return f"  {name:<9} {', '.join(shown)}"

    orphaned = counts["orphaned_chunks"]
    times = f"{counts['blocked_s']:.2f} s blocked, {counts['callback_s']:.2f} s in callbacks, "
    times += f"{counts['write_s']:.2f} s writing beside the program"
    segments = f"{counts['segments']:,} segment{'' if counts['segments'] == 1 else 's'}"
    lines = [
        f"lost: {losses_text(losses)}" if losses else "nothing lost",
        line(
            "steps",
            ("accepted_steps", "accepted", True),
            ("stored_steps", "on disk", True),
            ("waiting_steps", "waiting", False),
            ("unkept_steps", "not kept", False),
            ("dropped_steps", "dropped", False),
            ("shed_by_budget_steps", "of them by capture.budget", False),
        ),
        line(
            "episodes",
            ("episodes", "ended", True),
            ("persisted_episodes", "on disk", True),
            ("waiting_episodes", "waiting", False),
            ("lost_episodes", "lost", False),
            ("kept_episodes", "kept with steps", True),
            ("dropped_episodes", "lost their steps", False),
        ),
        line(
            "events",
            ("accepted_events", "accepted", True),
            ("persisted_events", "on disk", True),
            ("waiting_events", "waiting", False),
            ("lost_events", "lost", False),
        ),
        line(
            "chunks",
            ("accepted_chunks", "accepted", True),
            ("waiting_chunks", "waiting", False),
            ("lost_chunks", "lost", False),
            ("refused_chunks", "refused", False),
            ("failed_chunks", "failed", False),
        )
        + (f", {orphaned:,} orphaned in this process" if orphaned else ""),
        f"  {'queue':<9} {_bytes(counts['queue_bytes'])} now, {_bytes(counts['queue_bytes_max'])} at most",
        f"  {'time':<9} " + times,
        f"  {'disk':<9} {_bytes(counts['segment_bytes'])} in {segments}{_of_storage(counts)}",
    ]
    trackers = counts.get("trackers", {})
    for name, lag in counts["readers"].items():
        if name.removeprefix("tracker ") in trackers:
            continue
        behind = f"{lag.episodes:,} episodes behind, {lag.seconds:.1f} s" if lag.episodes else "up to date"
        lines.append(f"  {'reader':<9} {name}: {behind}")
    lines += [f"  {'tracker':<9} {name}: {health}" for name, health in trackers.items()]
    for kind, count in counts["coerced"].items():
        lines.append(f"  {'coerced':<9} {count:,} values: {kind}")
    for kind, count in counts["errors_by_kind"].items():
        lines.append(f"  {'errors':<9} {count:,} {kind}")
    if counts["reader_errors"]:
        lines.append(f"  {'errors':<9} {counts['reader_errors']:,} in readers")
    if counts["first_error"]:
        lines += ["  the first error:", *(f"    {text}" for text in counts["first_error"].splitlines())]
    return "\n".join(lines)


def _bytes(count: int) -> str:
    """Return a size in words."""
    if count < 1_000:
        return f"{count} bytes"
    unit, size = ("kB", 1e3) if count < 1e6 else ("MB", 1e6) if count < 1e9 else ("GB", 1e9)
    return f"{count / size:.1f} {unit}"


def _of_storage(counts: Mapping[str, Any]) -> str:
    """Return what was done to have room, and about errors."""
    parts = (
        [f"{counts['cleaned_episodes']:,} episodes gave up their steps"] if counts["cleaned_episodes"] else []
    )
    parts += [f"{action} ({count:,}x)" for action, count in counts["storage_actions"].items()]
    return "".join(f", {part}" for part in parts)
