"""Curves of a run without user code: its episode rows folded into points over environment steps.

A point depends on the committed rows and their order alone: it does not matter when they are looked at, or
how many at a time. So the curves that are seen while a run goes on are those that are read afterwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jaxarc.records.experiment_events import MetricBatch
from jaxarc.records.table import EpisodeTable
from jaxarc.records.tracked_record import TrackedRecord
from jaxarc.replay.curve_bins import Closed, bins_of, bins_of_updates, mean_of, ordered_bins, return_numbers
from jaxarc.replay.mean_curve import MeanCurve
from jaxarc.replay.row_slabs import Slab, distinct, has_ended, row_slabs
from jaxarc.storage import writer_name

__all__ = ["CurveFolder", "process_name"]

_COLUMNS = ("stream", "member", "update", "end_step", "start_step", "start_time", "end_time", "ended")
_COLUMNS += ("total_steps", "total_reward", "success")
_NUMBERS = ("total_reward", "total_steps", "success", "end_step", "end_time", "start_step", "start_time")
_FEW = 64
"""Episodes up to which a bin is summed up in Python, which is quicker there."""


def process_name(writer: int) -> str | None:
    """Return what the points of a writer have as ``process``: nothing for p000."""
    return writer_name(writer) if writer else None


class CurveFolder:
    """Fold the rows of a run into the points of its curves, as they come.

    Episodes count that ended by themselves; those that were cut, or are running, do not. Those of one stream
    and member that follow each other are put together: by ``update`` where they have one, else by windows of
    environment steps (`curve_bins`). A bin is closed by the first episode of a later one; an episode that
    comes late counts in the bin that is open, so that the axis never goes back; a program that is called
    again, and counts its updates from the beginning, goes on behind. Of several members there is their mean
    besides (`MeanCurve`).

    Each point is a MetricBatch with ``<stream>/episode_return_mean``, ``_std``, ``_min`` and ``_max``,
    ``<stream>/episode_length_mean``, ``<stream>/success_rate``, ``<stream>/episodes`` (in this point) and
    ``<stream>/env_steps_per_s`` (since the point before; absent where no time passed), at the step of its
    last episode. Its ``ctx`` has ``stream``, ``member`` or ``agg="mean"``, and ``process`` where
    ``process_of`` names one; ``more`` has ``members``, as many as were seen so far, and ``update``, where the
    bin is one update.

    Args:
        writer: the process whose rows come, where tables have no column ``writer``.
        process_of: what the ``ctx`` of a writer's points has as ``process``; None for nothing.
    """

    def __init__(self, writer: int = 0, *, process_of: Callable[[int], str | None] = process_name):
        self._writer = writer
        self._process_of = process_of
        self._streams: dict[tuple[int, bytes], _StreamCurves] = {}

    def add(self, table: EpisodeTable) -> list[TrackedRecord]:
        """Take rows, each writer's in the order of their numbers; return the points that they completed.

        Rows that came before must not come again.
        """
        found = []
        names = (*_COLUMNS, "writer") if "writer" in table else _COLUMNS
        for slab in row_slabs(table, names):
            ended = has_ended(slab)
            rows = {name: column[ended] for name, column in slab.items()}
            writers = rows.get("writer", np.full(len(rows["ended"]), self._writer))
            streams, place = distinct(rows["stream"])
            for writer in np.unique(writers).tolist():
                for index, stream in enumerate(streams.tolist()):
                    chosen = np.flatnonzero((writers == writer) & (place == index))
                    if len(chosen):
                        curves = self._of(writer, stream)
                        found += curves.add({name: column[chosen] for name, column in rows.items()})
        return found

    def finish(self, writer: int | None = None) -> list[TrackedRecord]:
        """Return the points of the bins that are open: nobody records any more, or this writer does not."""
        chosen = [curves for (each, _), curves in self._streams.items() if writer in (None, each)]
        return [point for curves in chosen for point in curves.finish()]

    def _of(self, writer: int, stream: bytes) -> _StreamCurves:
        if (writer, stream) not in self._streams:
            name = stream.decode("utf-8", "replace")
            made = _StreamCurves(writer_name(writer), name, self._process_of(writer))
            self._streams[writer, stream] = made
        return self._streams[writer, stream]


@dataclass
class _Lane:
    """One member of a stream.

    Attributes:
        key: what its open bin goes by; -1 before the first.
        rows: the episodes of that bin, ``_NUMBERS`` by episode, in slices as they came.
        step: environment step of the last point; the axis does not go back behind it.
        since: environment step and time from which the next throughput counts.
    """

    key: int = -1
    rows: list[np.ndarray] = field(default_factory=list)
    step: int = 0
    since: tuple[int, float] | None = None

    def close(self) -> Closed:
        """Return what the open bin comes to."""
        rows = self.rows[0] if len(self.rows) == 1 else np.concatenate(self.rows, axis=1)
        self.rows = []
        returns, lengths, successes, ends, times = rows[:5].tolist() if rows.shape[1] <= _FEW else rows[:5]
        self.step = max(self.step, int(max(ends)))
        ended = max(times)
        if self.since is None:
            self.since = int(rows[5].min()), float(rows[6].min())
        numbers = {
            **return_numbers(returns),
            "episode_length_mean": mean_of(lengths),
            "success_rate": mean_of(successes),
            "episodes": len(returns),
        }
        took = ended - self.since[1]
        if took > 0:
            numbers["env_steps_per_s"] = (self.step - self.since[0]) / took
            self.since = self.step, ended
        return Closed(self.key, self.step, float(ended), numbers)


class _StreamCurves:
    """The curves of one stream of one writer."""

    def __init__(self, writer: str, stream: str, process: str | None):
        self._stream = stream
        self._source = f"curves/{writer}/{stream}"
        self._ctx = {"stream": stream, **({} if process is None else {"process": process})}
        self._lanes: dict[int, _Lane] = {}
        self._last_ends: dict[int, int] = {}
        self._mean = MeanCurve()
        self._next_seq: dict[str, int] = {}
        self._has_updates = False

    def add(self, rows: Slab) -> list[TrackedRecord]:
        """Take rows that ended; return the points that they completed, in the order in which they did."""
        keys = self._keys(rows)
        members, place = np.unique(rows["member"], return_inverse=True)
        order = np.argsort(place.reshape(-1), kind="stable")
        edges = np.searchsorted(place.reshape(-1)[order], np.arange(len(members) + 1)).tolist()
        numbers = np.stack([rows[name][order].astype(np.float64) for name in _NUMBERS])
        # What the mean knows of its members changes with each row, so bins are closed in the rows' order.
        turns: list[tuple[int, int, int, np.ndarray]] = []
        for member, begin, end in zip(members.tolist(), edges, edges[1:], strict=False):
            mine = order[begin:end]
            begins, ends = rows["start_step"][mine], rows["end_step"][mine]
            before = self._lanes[member].key if member in self._lanes else -1
            last = self._last_ends.get(member, -1)
            lane_keys = ordered_bins(keys[mine], begins, ends, before, last)
            self._last_ends[member] = max(last, int(ends.max()))
            starts = np.flatnonzero(np.diff(lane_keys, prepend=-1))
            cuts = [*(begin + starts).tolist(), end]
            for at, key, first, last in zip(
                order[begin + starts].tolist(), lane_keys[starts].tolist(), cuts, cuts[1:], strict=False
            ):
                turns.append((at, member, key, numbers[:, first:last]))
        found = []
        for _, member, key, chosen in sorted(turns, key=lambda turn: turn[0]):
            found += self._turn(member, key, chosen)
        return found

    def finish(self) -> list[TrackedRecord]:
        """Return the points of the bins that are open."""
        found = [self._close(member) for member in sorted(self._lanes) if self._lanes[member].rows]
        found += [self._mean_point(each) for each in self._mean.finish()]
        return found

    def _keys(self, rows: Slab) -> np.ndarray:
        """Return the bin of each row; updates come behind all windows, once a row has one."""
        by_update = rows["update"] >= 0
        if not by_update.any() and not self._has_updates:
            return bins_of(rows["end_step"])
        keys = bins_of_updates(rows["update"])
        first = 0 if self._has_updates else int(np.argmax(by_update))
        self._has_updates = True
        keys[~by_update] = 0  # the bin that is open
        keys[:first] = bins_of(rows["end_step"][:first])
        return keys

    def _turn(self, member: int, key: int, rows: np.ndarray) -> list[TrackedRecord]:
        """Let a member's rows of one bin come; what was open before is closed where it is another bin."""
        found = []
        lane = self._lanes.setdefault(member, _Lane())
        if key != lane.key:
            if lane.rows:
                found.append(self._close(member))
            lane.key = key
            self._mean.moves(member, key)
            found += [self._mean_point(each) for each in self._mean.take()]
        lane.rows.append(rows)
        return found

    def _close(self, member: int) -> TrackedRecord:
        closed = self._lanes[member].close()
        self._mean.add(member, closed)
        return self._point(str(member), {"member": member}, closed)

    def _mean_point(self, closed: Closed) -> TrackedRecord:
        return self._point("mean", {"agg": "mean"}, closed)

    def _point(self, name: str, ctx: dict[str, Any], closed: Closed) -> TrackedRecord:
        seq = self._next_seq.get(name, 0)
        self._next_seq[name] = seq + 1
        more: dict[str, Any] = {"members": len(self._lanes)}
        if closed.update is not None:
            more["update"] = closed.update
        said = MetricBatch(
            metrics={f"{self._stream}/{key}": value for key, value in closed.numbers.items()},
            step=closed.step,
            ctx={**self._ctx, **ctx},
            more=more,
        )
        stamp = round(closed.ended * 1e6) if np.isfinite(closed.ended) else 0
        return TrackedRecord(source=f"{self._source}/{name}", seq=seq, timestamp_us=stamp, said=said)
