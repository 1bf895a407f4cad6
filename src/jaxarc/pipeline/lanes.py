"""Episodes that are open: one entry for every member and environment of a stream."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from jaxarc.pipeline.spans import ScalarNames, Spans

__all__ = ["ClosedEpisodes", "LaneTable", "Merged"]

_PER_LANE: dict[str, type] = {
    "open": bool,
    "uid": np.int64,
    "count": np.int64,
    "reward": float,
    "success": bool,
    "update": np.int64,
    "start_step": np.int64,
    "end_step": np.int64,
    "start_time": float,
    "end_time": float,
}
_PER_METRIC = ("first_values", "last_values", "min_values", "max_values")


@dataclass
class ClosedEpisodes:
    """Episodes that ended, a NumPy array a column, in the order in which they ended."""

    lane: np.ndarray
    ended: np.ndarray
    columns: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.lane)


@dataclass
class Merged:
    """What ``LaneTable.merge`` found.

    Attributes:
        closed: the episodes that ended, in the order in which they ended.
        closed_span: the last span of each of them.
        uid: the uid of every span's episode.
        offset: steps of that episode before the span.
        next_uid: the first uid that was not given out.
    """

    closed: ClosedEpisodes
    closed_span: np.ndarray
    uid: np.ndarray
    offset: np.ndarray
    next_uid: int


@dataclass
class LaneTable:
    """The open episodes of one stream, as columns over its lanes.

    A lane's index is ``member * num_envs + env_id``; the table grows when a program brings more of either.
    """

    names: ScalarNames
    num_members: int = 0
    num_envs: int = 0
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    env_steps: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    def fit(self, num_members: int, num_envs: int) -> dict[int, int]:
        """Make room for this many members and environments; return the lanes that moved, old to new."""
        members, envs = max(self.num_members, num_members), max(self.num_envs, num_envs)
        if (members, envs) == (self.num_members, self.num_envs):
            return {}
        old = np.arange(self.num_members * self.num_envs)
        new = old // max(self.num_envs, 1) * envs + old % max(self.num_envs, 1)
        columns = {}
        for name, kind in _PER_LANE.items():
            columns[name] = np.zeros(members * envs, kind)
        for name in _PER_METRIC:
            columns[name] = np.full((len(self.names.metrics), members * envs), np.nan)
        columns["labels"] = np.full((len(self.names.labels), members * envs), -1, np.int64)
        for name, column in self.columns.items():
            columns[name][..., new] = column
        self.columns = columns
        self.env_steps = np.append(self.env_steps, np.zeros(members - self.num_members, np.int64))
        self.num_members, self.num_envs = members, envs
        return dict(zip(old.tolist(), new.tolist(), strict=True))

    def cut(self, lanes: np.ndarray) -> ClosedEpisodes:
        """Close the open episodes of these lanes as ``cut``."""
        lanes = lanes[self.columns["open"][lanes]]
        closed = ClosedEpisodes(
            lanes, np.full(len(lanes), 2), {name: column[..., lanes] for name, column in self.columns.items()}
        )
        self.columns["open"][lanes] = False
        return closed

    def cut_all(self) -> ClosedEpisodes:
        """Close every open episode as ``cut``."""
        return self.cut(np.flatnonzero(self.columns["open"])) if self.columns else self.cut_nothing()

    def cut_nothing(self) -> ClosedEpisodes:
        """Return no episodes."""
        return ClosedEpisodes(np.zeros(0, np.int64), np.zeros(0, np.int64), {})

    def merge(self, spans: Spans, lane: np.ndarray, received: float, next_uid: int) -> Merged:
        """Join spans to the episodes that are open, and keep what stays open.

        Call ``cut`` first for the lanes whose open episode does not go on.

        Args:
            spans: what ``find_spans`` found.
            lane: table lane of each span.
            received: arrival time of the chunk.
            next_uid: the first uid to give out.

        """
        table = self.columns
        joins = spans.leads & table["open"][lane]
        fresh = np.flatnonzero(~joins)
        uid = table["uid"][lane]
        order = fresh[np.lexsort((lane[fresh], spans.steps[spans.first[fresh]]))]
        uid[order] = next_uid + np.arange(len(order))
        next_uid += len(order)
        offset = np.where(joins, table["count"][lane], 0)

        def carried(name: str, value: np.ndarray) -> np.ndarray:
            return np.where(joins, table[name][..., lane], value)

        times = np.full(len(spans), received)
        merged: dict[str, np.ndarray] = {
            "open": np.ones(len(spans), bool),
            "uid": uid,
            "count": offset + spans.count,
            "reward": np.where(joins, table["reward"][lane], 0.0) + spans.reward,
            "success": (joins & table["success"][lane]) | spans.success,
            "update": spans.update,
            "start_step": carried("start_step", spans.start_step),
            "end_step": spans.end_step,
            "start_time": carried("start_time", times),
            "end_time": times,
            "first_values": carried("first_values", spans.first_values),
            "last_values": spans.last_values,
            "min_values": np.fmin(carried("min_values", spans.min_values), spans.min_values),
            "max_values": np.fmax(carried("max_values", spans.max_values), spans.max_values),
            "labels": spans.labels,
        }
        staying = np.flatnonzero(~spans.closed)
        table["open"][lane] = False
        for name, value in merged.items():
            table[name][..., lane[staying]] = value[..., staying]
        closed = np.flatnonzero(spans.closed)
        closed = closed[np.lexsort((lane[closed], spans.steps[spans.last[closed]]))]
        columns = {name: value[..., closed] for name, value in merged.items()}
        return Merged(
            ClosedEpisodes(lane[closed], spans.ended[closed], columns), closed, uid, offset, next_uid
        )
