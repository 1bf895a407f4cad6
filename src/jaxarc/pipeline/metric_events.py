"""From a call of ``recorder.log`` to events: a series a member, and their mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from jaxarc.records.chunk import Chunk
from jaxarc.records.events import Event
from jaxarc.records.experiment_events import MetricBatch

__all__ = ["metric_events"]


def metric_events(chunk: Chunk, env_step_of: Callable[[str, int], int | None]) -> Iterator[Event]:
    """Yield a ``metric_batch`` for every member of a call, and one of their mean where there are several.

    Besides what was logged each has ``members``, how many took part in the call, and ``env_step``, the
    environment steps of the stream and member that had come before it; the mean has those of the member that
    is ahead. Both are absent where they are not known.

    Args:
        chunk: the call.
        env_step_of: ``(stream, member) -> environment steps`` so far; None for a stream without any.
    """
    layout = chunk.layout
    columns = {
        str(field.path[0]): layout.decode_scalar(index, chunk.scalars)[:, 0, 0]
        for index, field in enumerate(layout.scalars)
    }
    numbers = [chunk.device * chunk.num_members + member for member in range(chunk.num_members)]
    env_steps = [env_step_of(layout.stream, number) for number in numbers]
    steps = [int(step) for step in chunk.updates[:, 0]]
    for member, number in enumerate(numbers):
        metrics = {name: values[member] for name, values in columns.items()}
        ctx = {"stream": layout.stream, "member": number}
        yield _event(metrics, steps[member], ctx, chunk.num_members, env_steps[member])
    if chunk.num_members > 1:
        with np.errstate(all="ignore"):
            means = {name: float(values.astype(np.float64).mean()) for name, values in columns.items()}
        ctx: dict[str, Any] = {"stream": layout.stream, "agg": "mean"}
        if chunk.device:
            ctx["device"] = chunk.device
        ahead = max((step for step in env_steps if step is not None), default=None)
        yield _event(means, max(steps), ctx, chunk.num_members, ahead)


def _event(
    metrics: dict[str, Any], step: int, ctx: dict[str, Any], members: int, env_step: int | None
) -> Event:
    more = {"members": members, **({} if env_step is None else {"env_step": env_step})}
    return MetricBatch(metrics=metrics, step=None if step < 0 else step, ctx=ctx, more=more).event()
