"""Rows of episodes: from what the lanes knew to the columns that are stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from jaxarc.pipeline.lanes import ClosedEpisodes, Columns
from jaxarc.pipeline.spans import ScalarNames
from jaxarc.records.table import ENDED, EpisodeTable, encode_text, label_name_column

__all__ = ["EndedEpisodes", "NameOf", "episode_table", "open_table"]

NameOf = Callable[[str, np.ndarray], Sequence[str]]

_ENDED = encode_text(ENDED)


@dataclass
class EndedEpisodes:
    """Episodes of one stream that ended within one chunk.

    Attributes:
        stream: its name.
        names: its metrics and labels.
        num_envs: environments of its lanes.
        last_observation_lost: the program gave no ``next_observation``.
        number: number of each episode, int64[n].
        closed: what the lanes knew of them.
    """

    stream: str
    names: ScalarNames
    num_envs: int
    last_observation_lost: bool
    number: np.ndarray
    closed: ClosedEpisodes


def episode_table(
    ended: Sequence[EndedEpisodes], name_of: NameOf, stored: Callable[[np.ndarray], np.ndarray]
) -> EpisodeTable:
    """Return the rows of episodes that ended, by number.

    Args:
        ended: the episodes.
        name_of: ``(label, values) -> names`` of label values; an empty name where there is none.
        stored: ``uids -> steps`` that are stored of those episodes.
    """
    alike: dict[tuple[object, ...], list[EndedEpisodes]] = {}
    for part in ended:
        key = (part.stream, tuple(part.names.metrics), tuple(part.names.labels))
        alike.setdefault(key, []).append(part)
    tables = [_rows(parts, name_of, stored) for parts in alike.values()]
    table = EpisodeTable.concatenate(tables)
    return table if len(tables) < 2 else table.take(np.argsort(table["episode"]))


def open_table(still_open: Sequence[EndedEpisodes], name_of: NameOf) -> EpisodeTable:
    """Return the rows of episodes that are open, as they stand, by uid.

    Args:
        still_open: the episodes, as if they were cut here.
        name_of: as in ``episode_table``.
    """
    still_open = [part for part in still_open if len(part.closed)]
    if not still_open:
        return EpisodeTable.empty()
    uids = np.concatenate([part.closed.columns["uid"] for part in still_open])
    on_disk = np.concatenate(
        [np.where(part.closed.columns["lost"] == 0, part.closed.columns["spilled"], 0) for part in still_open]
    )
    order = np.argsort(uids)
    rows = episode_table(still_open, name_of, lambda uid: on_disk[order][np.searchsorted(uids[order], uid)])
    return rows.take(np.argsort(rows["uid"]))


def _rows(
    parts: Sequence[EndedEpisodes], name_of: NameOf, stored: Callable[[np.ndarray], np.ndarray]
) -> EpisodeTable:
    columns = Columns.concatenate([part.closed.columns for part in parts])
    count = len(columns)
    lane = np.concatenate([part.closed.lane for part in parts])
    how = np.concatenate([part.closed.ended for part in parts])
    num_envs = np.repeat([part.num_envs for part in parts], [len(part.closed) for part in parts])
    lost = np.repeat([part.last_observation_lost for part in parts], [len(part.closed) for part in parts])
    member, env = np.divmod(lane, num_envs)
    stored_steps = stored(columns["uid"])
    rows: dict[str, np.ndarray] = {
        "episode": np.concatenate([part.number for part in parts]),
        "uid": columns["uid"],
        "stream": np.repeat(encode_text([parts[0].stream]), count),
        "member": member.astype(np.int32),
        "env_id": env.astype(np.int32),
        "update": columns["update"],
        "task_id": np.zeros(count, "S1"),
        "total_steps": columns["count"],
        "total_reward": columns["reward"],
        "success": columns["success"] != 0,
        "ended": _ENDED[how],
        "start_step": columns["start_step"],
        "end_step": columns["end_step"],
        "start_time": columns["start_time"],
        "end_time": columns["end_time"],
        "stored_steps": stored_steps,
        "complete": (stored_steps == columns["count"]) & (_ENDED[how] != _ENDED[2]),
        "last_observation_lost": lost,
    }
    names = parts[0].names
    for name, values in zip(names.labels, columns.labels, strict=True):
        rows[name] = values
        known, place = np.unique(values, return_inverse=True)
        rows[label_name_column(name)] = encode_text(name_of(name, known))[place]
    for part, metrics in zip(("first", "last", "min", "max"), columns.values, strict=True):
        for name, values in zip(names.metrics, metrics, strict=True):
            rows[f"{name}_{part}"] = values
    return EpisodeTable(rows)
