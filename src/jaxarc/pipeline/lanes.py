"""Episodes that are open: one entry for every member and environment of a stream."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from jaxarc.pipeline.spans import ScalarNames, Spans

__all__ = ["CUT", "LOST", "SHED_BY_BUDGET", "Arrivals", "ClosedEpisodes", "Joined", "LaneTable"]

CUT = 2
"""What ``ended`` says of an episode that nobody ended."""

LOST = 1
SHED_BY_BUDGET = 2
"""Why nothing of an episode's steps is stored: a part of them was shed, or the budget had no room."""

_WHOLE = (
    "open",
    "uid",
    "count",
    "success",
    "update",
    "start_step",
    "end_step",
    "recorded",
    "rows",
    "held",
    "spilled",
    "lost",
    "marked",
)
"""Whole numbers of an open episode. ``recorded``: its environment is one whose steps cross; ``rows``: steps
that came with their rows; ``held``: bytes of those in memory; ``spilled``: first steps, on their way to disk;
``lost``: why its steps are not stored, 0 while they are; ``marked``: some step was."""

_REAL = ("reward", "start_time", "end_time")
_WHOLE_AT = {name: position for position, name in enumerate(_WHOLE)}
_REAL_AT = {name: position for position, name in enumerate(_REAL)}


class Columns:
    """Whole and real numbers by name, each kind in one array, so that all of a lane moves at once.

    Attributes:
        whole: int64[columns n]: those of ``_WHOLE``, then the labels.
        real: float64[columns n]: those of ``_REAL``, then the metrics' first, last, least and largest values.
    """

    def __init__(self, whole: np.ndarray, real: np.ndarray):
        self.whole = whole
        self.real = real

    @classmethod
    def blank(cls, names: ScalarNames, length: int) -> Columns:
        """Return columns for so many entries, in which no episode is open."""
        whole = np.zeros((len(_WHOLE) + len(names.labels), length), np.int64)
        whole[len(_WHOLE) :] = -1
        real = np.zeros((len(_REAL) + 4 * len(names.metrics), length))
        real[len(_REAL) :] = np.nan
        return cls(whole, real)

    def __getitem__(self, name: str) -> np.ndarray:
        at = _WHOLE_AT.get(name)
        return self.whole[at] if at is not None else self.real[_REAL_AT[name]]

    def __len__(self) -> int:
        return self.whole.shape[1]

    @property
    def labels(self) -> np.ndarray:
        """int64[labels n]."""
        return self.whole[len(_WHOLE) :]

    @property
    def values(self) -> np.ndarray:
        """float64[4 metrics n]: first, last, least and largest values."""
        metrics = self.real[len(_REAL) :]
        return metrics.reshape(4, len(metrics) // 4, len(self))

    def take(self, positions: np.ndarray) -> Columns:
        """Return the entries at these positions."""
        return Columns(self.whole[:, positions], self.real[:, positions])

    def without_names(self) -> Columns:
        """Return the columns that every stream has: episodes of other metrics and labels can join them."""
        return Columns(self.whole[: len(_WHOLE)], self.real[: len(_REAL)])

    @classmethod
    def concatenate(cls, columns: list[Columns]) -> Columns:
        """Join columns of the same names."""
        return cls(
            np.concatenate([part.whole for part in columns], axis=1),
            np.concatenate([part.real for part in columns], axis=1),
        )


@dataclass
class ClosedEpisodes:
    """Episodes that ended, in the order in which they ended.

    Attributes:
        lane: their lane in the table.
        ended: 0 terminated, 1 truncated, 2 cut.
        columns: what the table knew of them.
    """

    lane: np.ndarray
    ended: np.ndarray
    columns: Columns

    def __len__(self) -> int:
        return len(self.lane)


@dataclass
class Joined:
    """How spans go on with the episodes that are open.

    Attributes:
        goes_on: the span's episode was open before the chunk.
        uid: its episode.
        offset: steps of that episode before the span.
        before: what the table knows of it.
        next_uid: the first uid that was not given out.
    """

    goes_on: np.ndarray
    uid: np.ndarray
    offset: np.ndarray
    before: Columns
    next_uid: int


@dataclass
class Arrivals:
    """What came of the spans' rows, an array a column, all as long as the spans.

    Attributes:
        recorded: the lane is one whose steps cross.
        rows: steps of the episode that came with their rows, the span's included.
        held: bytes of the episode's rows that are in memory.
        lost: why nothing of the episode's steps is stored; 0 while they are.
    """

    recorded: np.ndarray
    rows: np.ndarray
    held: np.ndarray
    lost: np.ndarray

    def lose(self) -> None:
        """Give up the steps of every span whose rows were to be had: they can't be read."""
        unreadable = self.recorded & (self.lost == 0)
        self.lost[unreadable] = LOST
        self.held[unreadable] = 0


@dataclass
class LaneTable:
    """The open episodes of one stream, as columns over its lanes.

    A lane's index is ``member * num_envs + env_id``; the table grows when a program brings more of either.
    ``steps_before`` are the environment steps that every member took before the first chunk came.
    """

    names: ScalarNames
    num_members: int = 0
    num_envs: int = 0
    steps_before: int = 0
    columns: Columns = field(default_factory=lambda: Columns.blank(ScalarNames({}, {}), 0))
    env_steps: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    def fit(self, num_members: int, num_envs: int) -> None:
        """Make room for this many members and environments."""
        members, envs = max(self.num_members, num_members), max(self.num_envs, num_envs)
        if (members, envs) == (self.num_members, self.num_envs):
            return
        old = np.arange(self.num_members * self.num_envs)
        new = old // max(self.num_envs, 1) * envs + old % max(self.num_envs, 1)
        columns = Columns.blank(self.names, members * envs)
        if len(old):
            columns.whole[:, new] = self.columns.whole
            columns.real[:, new] = self.columns.real
        self.columns = columns
        new_members = np.full(members - self.num_members, self.steps_before, np.int64)
        self.env_steps = np.append(self.env_steps, new_members)
        self.num_members, self.num_envs = members, envs

    def take_names(self, names: ScalarNames) -> None:
        """Make columns for metrics and labels that are new; episodes that are open lack them."""
        names = names.within(self.names)
        more_labels = len(names.labels) - len(self.names.labels)
        more_metrics = len(names.metrics) - len(self.names.metrics)
        self.names = names
        if more_labels or more_metrics:
            columns, blank = self.columns, Columns.blank(names, len(self.columns))
            blank.whole[: len(columns.whole)] = columns.whole
            blank.real[: len(_REAL)] = columns.real[: len(_REAL)]
            blank.values[:, : len(names.metrics) - more_metrics] = columns.values
            self.columns = blank

    @property
    def open_lanes(self) -> np.ndarray:
        """Lanes in which an episode is open."""
        return self.columns["open"].nonzero()[0]

    def as_cut(self, lanes: np.ndarray) -> ClosedEpisodes:
        """Return the open episodes of these lanes as if they ended here; they go on."""
        lanes = lanes[self.columns["open"][lanes] != 0]
        return ClosedEpisodes(lanes, np.full(len(lanes), CUT), self.columns.take(lanes))

    def cut(self, lanes: np.ndarray) -> ClosedEpisodes:
        """Close the open episodes of these lanes as ``cut``."""
        closed = self.as_cut(lanes)
        self.columns["open"][closed.lane] = 0
        return closed

    def join(self, spans: Spans, lane: np.ndarray, next_uid: int) -> Joined:
        """Find the episode of every span; call ``cut`` first for lanes whose open episode does not go on.

        Args:
            spans: what ``find_spans`` found.
            lane: table lane of each span.
            next_uid: the first uid to give out.
        """
        before = self.columns.take(lane)
        goes_on = spans.leads & (before["open"] != 0)
        fresh = (~goes_on).nonzero()[0]
        before.whole[: len(_WHOLE), fresh] = 0
        uid = before["uid"].copy()
        order = fresh[np.lexsort((lane[fresh], spans.steps[spans.first[fresh]]))]
        uid[order] = np.arange(next_uid, next_uid + len(order))
        return Joined(goes_on, uid, before["count"], before, next_uid + len(order))

    def merge(
        self,
        spans: Spans,
        lane: np.ndarray,
        joined: Joined,
        arrivals: Arrivals,
        started: float,
        received: float,
    ) -> ClosedEpisodes:
        """Add spans to the episodes that they go on with; keep what stays open, return what ended.

        Args:
            spans: what ``find_spans`` found.
            lane: table lane of each span.
            joined: what ``join`` said of them.
            arrivals: what came of their rows.
            started, received: when the chunk's first step was played, as far as that is known, and when it
                arrived.
        """
        before, goes_on = joined.before, joined.goes_on
        whole: dict[str, np.ndarray] = {
            "open": np.ones(len(spans), np.int64),
            "uid": joined.uid,
            "count": joined.offset + spans.count,
            "success": before["success"] | spans.success,
            "update": spans.update,
            "start_step": np.where(goes_on, before["start_step"], spans.start_step),
            "end_step": spans.end_step,
            "recorded": before["recorded"] | arrivals.recorded,
            "rows": arrivals.rows,
            "held": arrivals.held,
            "spilled": before["spilled"],
            "lost": arrivals.lost,
            "marked": before["marked"] | spans.marked,
        }
        real: dict[str, np.ndarray] = {
            "reward": np.where(goes_on, before["reward"], 0.0) + spans.reward,
            "start_time": np.where(goes_on, before["start_time"], started),
            "end_time": np.full(len(spans), received),
        }
        earlier = before.values
        values = [
            np.where(goes_on, earlier[0], spans.first_values),
            spans.last_values,
            np.where(goes_on, np.fmin(earlier[2], spans.min_values), spans.min_values),
            np.where(goes_on, np.fmax(earlier[3], spans.max_values), spans.max_values),
        ]
        now = Columns(
            np.array([*(whole[name] for name in _WHOLE), *spans.labels], np.int64),
            np.concatenate([np.array([real[name] for name in _REAL]), *values]),
        )
        self.columns["open"][lane] = 0
        staying = (~spans.closed).nonzero()[0]
        self.columns.whole[:, lane[staying]] = now.whole[:, staying]
        self.columns.real[:, lane[staying]] = now.real[:, staying]
        closed = spans.closed.nonzero()[0]
        closed = closed[np.lexsort((lane[closed], spans.steps[spans.last[closed]]))]
        return ClosedEpisodes(lane[closed], spans.ended[closed], now.take(closed))
