"""What the player says of an episode in words: moments worth jumping to, labels, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.player import PlayerMoment, PlayerRemark
from jaxarc.records.table import METRIC_PARTS, RESERVED_COLUMNS, label_name_column
from jaxarc.rendering.text import number

__all__ = ["player_facts", "player_moments", "player_notes", "player_remarks"]

_MOMENTS = 24
_NOTABLE = 0.25
_NO_LABELS = RESERVED_COLUMNS | {"task", "hidden", "run"}


def player_facts(episode: EpisodeData) -> dict[str, str]:
    """Return the labels of an episode by name, and its metrics where no step is stored that shows them."""
    row = episode.row
    facts = {}
    for name in row:
        first_attempt = name == "attempt" and row[name] == 1  # of a run that was never resumed
        if first_attempt or name in _NO_LABELS or (name.endswith("_id") and name[:-3] in row):
            continue
        if name.endswith(METRIC_PARTS):
            if name.endswith("_last") and not len(episode.step):
                facts[f"last {name.removesuffix('_last')}"] = number(float(row[name]))
            continue
        called = str(row.get(label_name_column(name), "") or row[name])
        if called not in ("-1", ""):
            facts[name] = called
    return facts


def player_remarks(
    episode: EpisodeData, positions: np.ndarray, remarks: Sequence[tuple[int | None, str]]
) -> tuple[PlayerRemark, ...]:
    """Return what people noted on an episode, at the shown step that is at or before theirs.

    Args:
        episode: the episode.
        positions: which of its stored steps are shown, ascending.
        remarks: the step, or None where a note is about the whole episode, and the note.
    """
    shown = episode.step[positions]
    found = []
    for step, words in sorted(remarks, key=lambda remark: -1 if remark[0] is None else remark[0]):
        if step is None or not len(shown):
            found.append(PlayerRemark(words if step is None else f"Step {step:,}: {words}"))
        else:
            at = max(int(np.searchsorted(shown, step, "right")) - 1, 0)
            found.append(PlayerRemark(words if shown[at] == step else f"Step {step:,}: {words}", at))
    return tuple(found)


def player_moments(episode: EpisodeData, series: Mapping[str, np.ndarray]) -> tuple[PlayerMoment, ...]:
    """Return the steps worth jumping to: rewards, the best similarity, marks, the solution, the end."""
    count = len(episode.step)
    if not count:
        return ()
    said: dict[int, list[str]] = {}
    weight: dict[int, float] = {}

    def note(position: int, words: str, matters: float) -> None:
        said.setdefault(position, []).append(words)
        weight[position] = max(weight.get(position, 0.0), matters)

    note(0, "first step", 1e300)
    reward = np.nan_to_num(series["reward"], nan=0.0)
    values, counts = np.unique(reward, return_counts=True)
    usual = values[counts.argmax()]  # what nearly every step brings is no event
    away = np.where(reward == 0, 0.0, np.abs(reward - usual))
    for position in np.flatnonzero(away > _NOTABLE * away.max()).tolist():
        note(position, f"reward {number(reward[position], signed=True)}", float(away[position]))
    similarity = series.get("similarity")
    if similarity is not None and np.isfinite(similarity).any():
        best = int(np.nanargmax(similarity))
        note(best, f"best similarity {number(similarity[best])}", 1e200)
    for position in np.flatnonzero(episode.mark).tolist():
        note(position, "marked", 1e100)
    for position in np.flatnonzero(episode.step_success)[:1].tolist():
        note(position, "solved", 1e250)
    if int(episode.step[-1]) == int(episode.row.total_steps) - 1 and episode.row.ended in (
        "terminated",
        "truncated",
    ):
        note(count - 1, str(episode.row.ended), 1e299)
    # Of many that matter alike some come from everywhere: multiples of the golden ratio spread evenly.
    ranked = sorted(said, key=lambda position: (-weight[position], position * 0.618033988749895 % 1))
    chosen = sorted(ranked[:_MOMENTS])
    return tuple(PlayerMoment(position, " · ".join(said[position])) for position in chosen)


def player_notes(episode: EpisodeData, every: int) -> tuple[str, ...]:
    """Return what is missing of an episode, and of its page, in sentences."""
    notes = episode.missing
    if every == 1:
        return notes
    each = f"every {every:,}{_ordinal(every)}"
    words = f"{each} step" if len(episode.step) == len(episode) else f"{each} of the stored ones"
    return (*notes, f"To keep the page small it shows {words}, and the key moments.")


def _ordinal(count: int) -> str:
    if 10 < count % 100 < 14:
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")
