"""Episodes of a StructuredLogger, as the entries that were logged."""

from __future__ import annotations

from typing import Any

from jaxarc.records.json_arrays import TAGGED_ARRAY, decode_array
from jaxarc.records.log_entries import EpisodeLogEntry, StepLogEntry
from jaxarc.replay.system import ReplaySystem

__all__ = ["CONFIG_LABEL", "ENTRY_LABEL", "EPISODE_LABEL", "STREAM", "logged_episode"]

STREAM = "log"
"""The stream of logged episodes."""

EPISODE_LABEL = "number"
CONFIG_LABEL = "config"
ENTRY_LABEL = "entry"
"""A number that no other logged episode of the run has."""


def logged_episode(run: ReplaySystem, number: int) -> EpisodeLogEntry | None:
    """Return the last episode of a run that was logged under a number; None where there is none."""
    if not len(run) or not {EPISODE_LABEL, ENTRY_LABEL} <= set(next(iter(run))):
        return None
    rows = list(run.episodes(f"stream == '{STREAM}' and {EPISODE_LABEL} == {number}"))
    return _entry_of(run, max(rows, key=lambda row: row[ENTRY_LABEL])) if rows else None


def _entry_of(run: ReplaySystem, row: Any) -> EpisodeLogEntry:
    said: dict[tuple[int, float], Any] = {}
    summary = None
    for event in run.events():
        if event.type not in ("log_steps", "log_episode") or event.payload[ENTRY_LABEL] != row[ENTRY_LABEL]:
            continue
        if event.type == "log_episode":
            summary = event.payload["summary_visualization_path"]
        else:
            said |= {(note["step"], note["timestamp"]): note for note in event.payload["steps"]}
    episode = run.load_episode(row.episode)
    steps = []
    if episode.num_stored_steps:
        has_states, has_actions = episode.has("observation"), episode.has("action")
        numbers, times = episode.info["step_num"].tolist(), episode.info["timestamp"].tolist()
        for index, (step_num, timestamp) in enumerate(zip(numbers, times, strict=True)):
            note = said.get((step_num, timestamp), {})
            steps.append(
                StepLogEntry(
                    step_num=step_num,
                    timestamp=timestamp,
                    before_state=_at(episode.observation, index) if has_states else None,
                    action=_at(episode.action, index) if has_actions else _untagged(note.get("action")),
                    after_state=_at(episode.next_observation, index) if has_states else None,
                    reward=float(episode.reward[index]),
                    info=_untagged(note.get("info", {})),
                    visualization_path=note.get("visualization_path"),
                )
            )
    return EpisodeLogEntry(
        episode_num=int(row[EPISODE_LABEL]),
        start_timestamp=steps[0].timestamp if steps else row.start_time,
        end_timestamp=steps[-1].timestamp if steps else row.end_time,
        total_steps=row.total_steps,
        total_reward=row.total_reward,
        final_similarity=row.final_similarity,
        task_id=row.task_id,
        config_hash=row[f"{CONFIG_LABEL}_id"],
        steps=tuple(steps),
        summary_visualization_path=summary,
    )


def _untagged(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {TAGGED_ARRAY}:
            return decode_array(value[TAGGED_ARRAY])[()]
        return {key: _untagged(below) for key, below in value.items()}
    return [_untagged(below) for below in value] if isinstance(value, list) else value


def _at(tree: Any, index: int) -> Any:
    if isinstance(tree, dict):
        return {key: _at(below, index) for key, below in tree.items()}
    if isinstance(tree, tuple):
        return tuple(_at(below, index) for below in tree)
    return tree[index]
