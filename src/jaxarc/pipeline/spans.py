"""Episodes inside one chunk: where each begins and ends, and what its steps add up to.

All of it is array arithmetic over the steps of every environment at once; nothing loops over environments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jaxarc.records.chunk import Chunk
from jaxarc.records.layout import (
    FLAG_ACTIVE,
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
        success: some step says success.
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


def find_spans(chunk: Chunk, names: ScalarNames, env_steps: np.ndarray) -> Spans | None:
    """Cut a chunk into spans; None when none of its steps is active.

    Args:
        chunk: steps as they crossed.
        names: which scalar fields are metrics and labels.
        env_steps: environment steps that each member took before, int64[M]; advanced in place.
    """
    layout = chunk.layout
    members, num_envs, num_steps = chunk.num_members, chunk.num_envs, chunk.num_steps
    flags = chunk.scalars[..., 0]
    active = (flags & FLAG_ACTIVE) != 0
    per_step = active.sum(axis=1, dtype=np.int64)
    after = env_steps[:, None] + np.cumsum(per_step, axis=1)
    before = after - per_step
    env_steps += per_step.sum(axis=1)
    position = np.flatnonzero(active)
    if not len(position):
        return None
    lane, step = np.divmod(position, num_steps)
    flat_flags = flags.reshape(-1)[position]
    done = (flat_flags & (FLAG_TERMINATED | FLAG_TRUNCATED)) != 0

    leads = np.ones(len(position), bool)
    leads[1:] = lane[1:] != lane[:-1]
    afresh = np.broadcast_to(chunk.starts_afresh, (members, num_envs)).reshape(-1)
    starts_episode = ((flat_flags & FLAG_START) != 0) | (leads & afresh[lane])
    begin = leads | starts_episode
    begin[1:] |= done[:-1]
    first = np.flatnonzero(begin)
    last = np.append(first[1:], len(position)) - 1
    span_lane = lane[first]
    followed = np.zeros(len(first), bool)
    followed[:-1] = span_lane[1:] == span_lane[:-1]
    last_flags = flat_flags[last]
    ended = np.where(last_flags & FLAG_TERMINATED, 0, np.where(last_flags & FLAG_TRUNCATED, 1, 2))

    def column(index: int) -> np.ndarray:
        return layout.decode_scalar(index, chunk.scalars).reshape(-1)[position].astype(np.float64)

    values = [column(index) for index in names.metrics.values()]
    labels = [
        layout.decode_scalar(i, chunk.scalars).reshape(-1)[position[last]] for i in names.labels.values()
    ]
    member = span_lane // num_envs
    updates = np.broadcast_to(chunk.updates, (members, num_envs)).reshape(-1)

    def stack(arrays: list[np.ndarray], dtype: type) -> np.ndarray:
        return np.array(arrays, dtype).reshape(len(arrays), len(first))

    return Spans(
        lane=span_lane,
        first=first,
        last=last,
        steps=step,
        leads=leads[first],
        begins=starts_episode[first] | ~leads[first],
        closed=done[last] | followed,
        ended=ended,
        count=last - first + 1,
        reward=np.add.reduceat(column(0), first),
        success=np.logical_or.reduceat((flat_flags & FLAG_SUCCESS) != 0, first),
        update=updates[span_lane].astype(np.int64),
        start_step=before[member, step[first]],
        end_step=after[member, step[last]],
        first_values=stack([value[first] for value in values], float),
        last_values=stack([value[last] for value in values], float),
        min_values=stack([np.fmin.reduceat(value, first) for value in values], float),
        max_values=stack([np.fmax.reduceat(value, first) for value in values], float),
        labels=stack(labels, np.int64),
    )
