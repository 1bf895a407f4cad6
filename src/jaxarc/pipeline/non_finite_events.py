"""What ``recorder.watch`` found, as events: the first place of each member, and how many numbers it was."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np

from jaxarc.records.chunk import Chunk
from jaxarc.records.events import Event
from jaxarc.records.experiment_events import MetricBatch
from jaxarc.records.layout import FLAG_ACTIVE, WATCH_SCALARS
from jaxarc.records.non_finite import DIAGNOSTICS_LOGGER, KINDS, NonFinite

__all__ = ["NonFiniteEvents"]

logger = logging.getLogger(DIAGNOSTICS_LOGGER)

_TOLD = 10
"""Members of a stream that the console hears of; the run's log has them all."""


class NonFiniteEvents:
    """Make events of what was found. Used by the writer thread alone."""

    def __init__(self) -> None:
        self._found: dict[str, set[int]] = {}

    def of(self, chunk: Chunk) -> Iterator[Event]:
        """Yield the events of one call of ``recorder.watch``."""
        layout = chunk.layout
        active = (chunk.scalars[:, 0, 0, 0] & FLAG_ACTIVE) != 0
        columns = {
            name: layout.decode_scalar(i, chunk.scalars)[:, 0, 0] for i, name in enumerate(WATCH_SCALARS)
        }
        for row in np.flatnonzero(active).tolist():
            member = chunk.device * chunk.num_members + row
            values = {name: int(column[row]) for name, column in columns.items()}
            update = int(chunk.updates[row, 0])
            at = {} if update < 0 else {"update": update}
            if values["has_step"]:
                at["step"] = (values["step_high"] << 32) | (values["step_low"] & 0xFFFFFFFF)
            count = at.get("step", at.get("update"))
            context = {"stream": layout.stream, "member": member}
            yield MetricBatch(
                metrics={"nonfinite": values["total"]},
                step=count,
                ctx=context,
                more={"members": chunk.num_members},
            ).event()
            found = self._found.setdefault(layout.stream, set())
            if member not in found:
                found.add(member)
                place = _place(chunk, values, {"member": member, **at})
                if len(found) <= _TOLD:
                    logger.error("%s: first number that is not finite: %s", layout.stream, place)
                yield place.log(step=count).event()


def _place(chunk: Chunk, values: dict[str, int], where: dict[str, int]) -> NonFinite:
    watched = chunk.layout.watched[values["leaf"]]
    index = [int(i) for i in np.unravel_index(values["position"], watched.shape)]
    return NonFinite(
        leaf=watched.name,
        kind=KINDS[values["kind"]],
        where={**where, **dict(zip(watched.axes, index, strict=False))},
        index=index[len(watched.axes) :],
        count=values["total"],
        leaves=values["leaves"],
        stream=chunk.layout.stream,
    )
