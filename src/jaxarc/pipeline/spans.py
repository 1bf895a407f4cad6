"""Episodes inside one chunk: where each begins and ends, and what its steps add up to.

All of it is array arithmetic over the steps of every environment at once; nothing loops over environments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxarc.records.chunk import Chunk
from jaxarc.records.layout import (
    FLAG_ACTIVE,
    FLAG_MARK,
    FLAG_START,
    FLAG_SUCCESS,
    FLAG_TERMINATED,
    FLAG_TRUNCATED,
    Layout,
)

__all__ = ["ScalarNames", "Spans", "find_spans"]


@dataclass(frozen=True)
class ScalarNames:
    """The metrics and labels of a layout, by name, with their scalar field index."""

    metrics: dict[str, int]
    labels: dict[str, int]

    @classmethod
    def of(cls, layout: Layout) -> ScalarNames:
        """Read the names off a layout."""

        def named(role: str) -> dict[str, int]:
            return {str(f.path[0]): i for i, f in enumerate(layout.scalars) if f.role == role}

        return cls(named("metrics"), named("labels"))

    def within(self, others: ScalarNames) -> ScalarNames:
        """Return all names of both, those of ``others`` first; a name that is not here has the index -1."""

        def merged(mine: dict[str, int], all_others: dict[str, int]) -> dict[str, int]:
            return {**dict.fromkeys(all_others, -1), **mine}

        return ScalarNames(merged(self.metrics, others.metrics), merged(self.labels, others.labels))


@dataclass
class Spans:
    """Runs of steps that belong to one episode within a chunk, lane after lane.

    A lane is one environment of one member. ``n`` spans; all arrays have that length except where said.

    Attributes:
        lane: lane of each span, ascending, int64.
        first: position of the span's first active step in ``steps``.
        last: position of its last.
        steps: for every active step, its index in the chunk's K steps, int64[active].
        leads: the span is its lane's first in this chunk.
        begins: the span's first step is known to start an episode (its flag, or a lane that starts afresh).
        closed: the span ends its episode in this chunk.
        ended: 0 terminated, 1 truncated, 2 cut; only where ``closed``.
        count: steps.
        reward: sum of rewards, float64.
        success, marked: some step says so.
        update: the chunk's update count, -1 when not given.
        start_step, end_step: environment steps of the member before the first and after the last step.
        first_values, last_values, min_values, max_values: float64[metrics n].
        labels: int64[labels n].
    """

    lane: np.ndarray
    first: np.ndarray
    last: np.ndarray
    steps: np.ndarray
    leads: np.ndarray
    begins: np.ndarray
    closed: np.ndarray
    ended: np.ndarray
    count: np.ndarray
    reward: np.ndarray
    success: np.ndarray
    marked: np.ndarray
    update: np.ndarray
    start_step: np.ndarray
    end_step: np.ndarray
    first_values: np.ndarray
    last_values: np.ndarray
    min_values: np.ndarray
    max_values: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.lane)

    def runs(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Cut spans into runs of steps that follow each other without a gap of inactive ones.

        Args:
            chosen: positions of the spans, ascending.

        Returns:
            For every run its span's place in ``chosen``, the position of its first step in ``steps``, and
            how many steps it has.
        """
        first, last, count = self.first[chosen], self.last[chosen], self.count[chosen]
        gapless = self.steps[last] - self.steps[first] + 1 == count
        if gapless.all():
            return np.arange(len(chosen)), first, count
        span = np.repeat(np.arange(len(chosen)), count)
        position = np.arange(len(span)) + np.repeat(first - (np.cumsum(count) - count), count)
        step = self.steps[position]
        begins = np.ones(len(span), bool)
        begins[1:] = (span[1:] != span[:-1]) | (step[1:] != step[:-1] + 1)
        starts = np.flatnonzero(begins)
        return span[starts], position[starts], np.diff(np.append(starts, len(span)))


def find_spans(chunk: Chunk, names: ScalarNames, env_steps: np.ndarray) -> Spans | None:
    """Cut a chunk into spans; None when none of its steps is active.

    Args:
        chunk: steps as they crossed.
        names: which scalar fields are metrics and labels; -1 for one that this layout lacks.
        env_steps: environment steps that each member took before, int64[M]; advanced in place.
    """
    layout = chunk.layout
    num_envs, num_steps = chunk.num_envs, chunk.num_steps
    scalars = chunk.scalars
    flags = scalars[..., 0]
    active = (flags & FLAG_ACTIVE) != 0
    per_step = active.sum(axis=1, dtype=np.int64)
    after = env_steps[:, None] + per_step.cumsum(axis=1)
    before = after - per_step
    env_steps[:] = after[:, -1]
    position = active.reshape(-1).nonzero()[0]
    size = len(position)
    if not size:
        return None
    everything = size == active.size
    lane, step = np.divmod(position, num_steps)

    def picked(values: np.ndarray) -> np.ndarray:
        return values.reshape(-1) if everything else values.reshape(-1)[position]

    flat_flags = picked(flags)
    done = (flat_flags & (FLAG_TERMINATED | FLAG_TRUNCATED)) != 0
    leads = np.ones(size, bool)
    np.not_equal(lane[1:], lane[:-1], out=leads[1:])
    starts_episode = (flat_flags & FLAG_START) != 0
    if chunk.starts_afresh.any():
        afresh = np.broadcast_to(chunk.starts_afresh, (chunk.num_members, num_envs)).reshape(-1)
        starts_episode |= leads & afresh[lane]
    begin = leads | starts_episode
    begin[1:] |= done[:-1]
    first = begin.nonzero()[0]
    last = np.append(first[1:], size) - 1
    span_lane = lane[first]
    closed = done[last]
    closed[:-1] |= span_lane[1:] == span_lane[:-1]
    last_flags = flat_flags[last]
    some_flags = np.bitwise_or.reduceat(flat_flags, first)
    first_step, last_step = step[first], step[last]
    member = span_lane // num_envs
    updates = chunk.updates
    per_lane = updates.shape[1] > 1

    values = np.empty((4, len(names.metrics), len(first)))
    for number, index in enumerate(names.metrics.values()):
        if index < 0:
            values[:, number] = np.nan
            continue
        value = picked(layout.decode_scalar(index, scalars)).astype(np.float64)
        values[0, number], values[1, number] = value[first], value[last]
        np.fmin.reduceat(value, first, out=values[2, number])
        np.fmax.reduceat(value, first, out=values[3, number])
    labels = np.empty((len(names.labels), len(first)), np.int64)
    for number, index in enumerate(names.labels.values()):
        if index < 0:
            labels[number] = -1
            continue
        labels[number] = picked(layout.decode_scalar(index, scalars))[last]
    start_step, end_step = before[member, first_step], after[member, last_step]
    if chunk.env_steps is not None:
        start_step[:], end_step[:] = chunk.env_steps
    return Spans(
        lane=span_lane,
        first=first,
        last=last,
        steps=step,
        leads=leads[first],
        begins=starts_episode[first] | ~leads[first],
        closed=closed,
        ended=np.where(last_flags & FLAG_TERMINATED, 0, np.where(last_flags & FLAG_TRUNCATED, 1, 2)),
        count=last - first + 1,
        reward=np.add.reduceat(picked(layout.decode_scalar(0, scalars)).astype(np.float64), first),
        success=(some_flags & FLAG_SUCCESS) != 0,
        marked=(some_flags & FLAG_MARK) != 0,
        update=updates[member, span_lane % num_envs if per_lane else 0],
        start_step=start_step,
        end_step=end_step,
        first_values=values[0],
        last_values=values[1],
        min_values=values[2],
        max_values=values[3],
        labels=labels,
    )
