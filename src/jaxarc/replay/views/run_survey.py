"""What a run holds, and the curves of its streams: two passes over the rows, a slab of them at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from jaxarc.records.run_pictures import HeatStrip, StreamPicture
from jaxarc.records.table import EpisodeTable
from jaxarc.replay.row_slabs import Slab, distinct, has_ended, row_slabs
from jaxarc.replay.task_counts import TaskCounter
from jaxarc.replay.views.remarkable import Remarkable, StoredPositions
from jaxarc.replay.views.slot_sums import SlotSums, slot_width

__all__ = ["RunSurvey", "StreamSurvey", "stream_pictures"]

_STRIP_ROWS = 16
_MAX_DOTS = 400
_PICTURED = ("stream", "member", "writer", "attempt", "env_id", "end_step", "total_steps")
_PICTURED += ("total_reward", "success", "task_id", "ended")
_SURVEYED = (*_PICTURED, "start_time", "end_time", "stored_steps")
_OTHERS = "other tasks"


def _lane(slab: Slab, rows: np.ndarray, ranks: Mapping[int, int]) -> np.ndarray:
    """Return which member on which writer each row is of: int64, the writers of an attempt counted from 0."""
    writers, place = np.unique(slab["writer"][rows], return_inverse=True)
    rank = np.array([ranks.get(writer, 0) for writer in writers.tolist()], np.int64)
    return (rank[place.reshape(-1)] << 32) | slab["member"][rows].astype(np.int64)


class StreamSurvey:
    """What is known of a stream after the first pass.

    Attributes:
        name: the stream's name.
        num_episodes, num_cut, num_running: its episodes, those that the end cut, and those that are running.
        num_solved, num_ended_solved: those that succeeded, and those of them that came to their end.
        last_step: its last environment step.
        tasks: its tasks.
        last_env: its highest ``env_id``.
        example: position of an episode whose steps are stored, or None.
    """

    def __init__(self, name: str):
        self.name = name
        self.num_episodes = self.num_cut = self.num_running = self.num_solved = 0
        self.num_ended_solved = self.last_step = self.last_env = 0
        self.tasks = TaskCounter()
        self.example: int | None = None
        self._last_steps: dict[tuple[int, int], int] = {}

    @property
    def num_ended(self) -> int:
        """Episodes that came to their end."""
        return self.num_episodes - self.num_cut - self.num_running

    def add(self, slab: Slab, rows: np.ndarray) -> None:
        """Look at the rows of this stream, bool[n]."""
        ended = rows & has_ended(slab)
        self.num_episodes += int(rows.sum())
        self.num_cut += int((rows & (slab["ended"] == b"cut")).sum())
        self.num_running += int((rows & (slab["ended"] == b"running")).sum())
        self.num_solved += int(slab["success"][rows].sum())
        self.num_ended_solved += int(slab["success"][ended].sum())
        self.last_step = max(self.last_step, int(slab["end_step"][rows].max(initial=0)))
        self.last_env = max(self.last_env, int(slab["env_id"][rows].max(initial=0)))
        self.tasks.add(slab, ended)
        if self.example is None:
            stored = np.flatnonzero(rows & (slab["stored_steps"] > 0))
            self.example = int(slab["position"][stored[0]]) if len(stored) else None
        pairs = (slab["writer"][rows].astype(np.int64) << 32) | slab["member"][rows].astype(np.int64)
        lanes, place = np.unique(pairs, return_inverse=True)
        last = np.zeros(len(lanes), np.int64)
        np.maximum.at(last, place.reshape(-1), slab["end_step"][rows])
        for lane, step in zip(lanes.tolist(), last.tolist(), strict=True):
            key = (lane >> 32, lane & 0xFFFFFFFF)
            self._last_steps[key] = max(step, self._last_steps.get(key, 0))

    def lanes(self, ranks: Mapping[int, int]) -> np.ndarray:
        """Return the members on each writer of an attempt, ascending, as the second pass counts them."""
        found = {(ranks.get(writer, 0) << 32) | member for writer, member in self._last_steps}
        return np.array(sorted(found), np.int64)

    def env_steps(self, ranks: Mapping[int, int]) -> int:
        """Return the environment steps of all members; attempts that went on count on, not again."""
        last: dict[tuple[int, int], int] = {}
        for (writer, member), step in self._last_steps.items():
            key = (ranks.get(writer, 0), member)
            last[key] = max(step, last.get(key, 0))
        return sum(last.values())


class RunSurvey:
    """The first pass over the rows of a run.

    Attributes:
        streams: by name as the rows have it.
        remarkable: the best, worst, longest and first solved episode.
        stored: episodes whose steps are stored.
        first_time, last_time: when the first episode began and the last one ended, seconds since the epoch.
        num_stored_steps: steps that are stored.
    """

    def __init__(self, table: EpisodeTable):
        self.table = table
        self.streams: dict[bytes, StreamSurvey] = {}
        self.remarkable = Remarkable()
        self.stored = StoredPositions()
        self.first_time, self.last_time = np.inf, -np.inf
        self.num_stored_steps = 0
        self._means = {"total_reward": (0, 0.0), "total_steps": (0, 0.0)}
        attempts: dict[int, int] = {}
        for slab in row_slabs(table, _SURVEYED):
            for name, rows in _by_stream(slab):
                survey = self.streams.setdefault(name, StreamSurvey(name.decode("utf-8", "replace")))
                survey.add(slab, rows)
            self.remarkable.add(slab)
            self.stored.add(slab)
            self.first_time = float(np.fmin.reduce(slab["start_time"], initial=self.first_time))
            self.last_time = float(np.fmax.reduce(slab["end_time"], initial=self.last_time))
            self.num_stored_steps += int(slab["stored_steps"].sum())
            for name, (count, mean) in self._means.items():
                values = slab[name][has_ended(slab) & np.isfinite(slab[name])]
                total = count + len(values)
                if len(values):
                    self._means[name] = total, mean + (float(values.mean()) - mean) * len(values) / total
            writers, first = np.unique(slab["writer"], return_index=True)
            attempts.update(zip(writers.tolist(), slab["attempt"][first].tolist(), strict=True))
        self.ranks = _ranks(attempts)

    @property
    def env_steps(self) -> int:
        """Environment steps of all streams and members."""
        return sum(stream.env_steps(self.ranks) for stream in self.streams.values())

    @property
    def success_rate(self) -> float:
        """Share of the episodes that ended which succeeded; NaN without any."""
        ended = sum(stream.num_ended for stream in self.streams.values())
        return sum(stream.num_ended_solved for stream in self.streams.values()) / ended if ended else np.nan

    @property
    def mean_return(self) -> float:
        """Mean return of the episodes that ended, those that are not finite left out; NaN without any."""
        count, mean = self._means["total_reward"]
        return mean if count else float("nan")

    @property
    def mean_length(self) -> float:
        """Mean steps of the episodes that ended; NaN without any."""
        count, mean = self._means["total_steps"]
        return mean if count else float("nan")

    @property
    def tasks(self) -> TaskCounter:
        """The tasks of all streams."""
        if len(self.streams) == 1:
            return next(iter(self.streams.values())).tasks
        merged = TaskCounter()
        for stream in self.streams.values():
            merged.merge(stream.tasks)
        return merged


def _by_stream(slab: Slab) -> list[tuple[bytes, np.ndarray]]:
    names, place = distinct(slab["stream"])
    return [(name, place == index) for index, name in enumerate(names.tolist())]


def _ranks(attempts: Mapping[int, int]) -> dict[int, int]:
    """Return for each writer how many others of its attempt come before it."""
    seen: dict[int, int] = {}
    ranks = {}
    for writer in sorted(attempts):
        ranks[writer] = seen.get(attempts[writer], 0)
        seen[attempts[writer]] = ranks[writer] + 1
    return ranks


class _Strip:
    """Sums of what the cells of a heat strip show."""

    def __init__(self, survey: StreamSurvey, num_slots: int, *, is_success: bool):
        self.is_success = is_success
        tasks = survey.tasks
        num_ended = survey.num_ended
        few = 2 <= len(tasks) <= _STRIP_ROWS
        often = len(tasks) > _STRIP_ROWS and num_ended >= 8 * len(tasks)
        self.rows_are = "task" if few or often else "env"
        if self.rows_are == "task":
            chosen = tasks.most_tried(_STRIP_ROWS if few else _STRIP_ROWS - 1)
            self.names = [count.task_id for count in chosen] + ([] if few else [_OTHERS])
            order = np.lexsort((tasks.names, -tasks.columns["ended"]))[: len(chosen)]
            self._known = tasks.names[order]
        else:
            self._each = -(-(survey.last_env + 1) // _STRIP_ROWS)
            starts = range(0, survey.last_env + 1, self._each)
            ends = [min(start + self._each, survey.last_env + 1) - 1 for start in starts]
            self.names = [
                f"env {a}" if a == b else f"env {a}\N{EN DASH}{b}" for a, b in zip(starts, ends, strict=True)
            ]
        self._slots = num_slots
        self._count = np.zeros(len(self.names) * num_slots)
        self._sum = np.zeros(len(self.names) * num_slots)

    def add(self, slab: Slab, rows: np.ndarray, slots: np.ndarray) -> None:
        values = slab["success" if self.is_success else "total_reward"][rows].astype(float)
        if self.rows_are == "env":
            row = slab["env_id"][rows].astype(np.int64) // self._each
        else:
            found, place = distinct(slab["task_id"][rows])
            where = {name: index for index, name in enumerate(self._known.tolist())}
            row = np.array([where.get(name, len(self._known)) for name in found.tolist()], np.int64)[place]
        kept = np.isfinite(values) & (row < len(self.names)) & (row >= 0)
        cell = (row * self._slots + slots)[kept]
        self._count += np.bincount(cell, minlength=len(self._count))
        self._sum += np.bincount(cell, values[kept], minlength=len(self._count))

    def made(self) -> HeatStrip | None:
        if not self._count.any():
            return None
        mean = np.full(len(self._count), np.nan)
        np.divide(self._sum, self._count, out=mean, where=self._count > 0)
        words = "success rate" if self.is_success else "return"
        return HeatStrip(self.names, self.rows_are, mean.reshape(len(self.names), self._slots), words)


def stream_pictures(
    survey: RunSurvey,
    streams: Sequence[bytes],
    says_success: Callable[[StreamSurvey], bool],
    resumed_at: Mapping[str, Sequence[int]],
) -> list[StreamPicture]:
    """Return the curves and strips of some streams: the second pass.

    Episodes that are running, or that the end of the recording cut, are left out.

    Args:
        survey: the first pass.
        streams: their names.
        says_success: whether the program says which episodes of a stream succeed.
        resumed_at: environment steps at which later attempts went on, by stream.
    """
    parts = {name: _StreamParts(survey, survey.streams[name], says_success) for name in streams}
    for slab in row_slabs(survey.table, _PICTURED):
        ended = has_ended(slab)
        for name, rows in _by_stream(slab):
            if name in parts:
                parts[name].add(slab, rows & ended)
    return [part.made(resumed_at.get(part.survey.name, ())) for part in parts.values()]


class _StreamParts:
    """The sums of one stream."""

    def __init__(self, run: RunSurvey, survey: StreamSurvey, says_success: Callable[[StreamSurvey], bool]):
        self.survey = survey
        self._ranks = run.ranks
        self._lanes = survey.lanes(run.ranks)
        self._says_success = says_success(survey)
        num_ended = survey.num_ended
        width = slot_width(survey.last_step, num_ended, len(self._lanes))
        self._sums = SlotSums(width, survey.last_step, len(self._lanes))
        self._strip = _Strip(survey, self._sums.num_slots, is_success=self._says_success)
        self._has_dots = num_ended <= _MAX_DOTS
        self._dots = [np.zeros((0, 2))]

    def add(self, slab: Slab, rows: np.ndarray) -> None:
        if not rows.any():
            return
        members = np.searchsorted(self._lanes, _lane(slab, rows, self._ranks))
        self._sums.add(slab, rows, members)
        self._strip.add(slab, rows, self._sums.slots_of(slab["end_step"][rows]))
        if self._has_dots:
            self._dots.append(
                np.stack([slab["end_step"][rows].astype(float), slab["total_reward"][rows].astype(float)], 1)
            )

    def made(self, resumed_at: Sequence[int]) -> StreamPicture:
        sums, one = self._sums, len(self._lanes) <= 1
        dots = np.concatenate(self._dots)
        return StreamPicture(
            stream=self.survey.name,
            slot_steps=sums.slot_steps,
            episodes=sums.episodes,
            at=sums.at,
            returns=sums.curve("return"),
            lengths=sums.curve("length"),
            success=sums.curve("success") if self._says_success else None,
            band="range" if not one else "error" if (sums.episodes > 1).any() else "none",
            num_members=max(len(self._lanes), 1),
            num_without_return=sums.without("return"),
            num_cut=self.survey.num_cut,
            num_running=self.survey.num_running,
            resumed_at=tuple(resumed_at),
            dots=dots[np.isfinite(dots[:, 1]) & (np.abs(dots[:, 1]) < 1e100)],
            strip=self._strip.made(),
        )
