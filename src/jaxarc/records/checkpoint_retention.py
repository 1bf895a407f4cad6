"""Which checkpoints a run keeps: the last ones, and the best by a metric whose direction was declared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxarc.errors import TrackingError
from jaxarc.records.artifacts import DERIVED_ALIASES, ArtifactVersion, best_of
from jaxarc.records.experiment_events import DIRECTIONS

__all__ = ["CheckpointRetention"]


@dataclass(frozen=True, kw_only=True)
class CheckpointRetention:
    """Say how many checkpoints stay: a checkpoint goes when no clause keeps it.

    One with an alias that somebody gave it stays in any case.

    Attributes:
        last: how many of the newest stay; at least 1.
        best: how many of the best by ``metric`` stay.
        metric: the metric, as checkpoints carry it.
        direction: which way it gets better.

    Raises:
        TrackingError: a number is out of range, or ``best`` comes without a metric and its direction.
    """

    last: int = 1
    best: int = 0
    metric: str | None = None
    direction: str | None = None

    def __post_init__(self):
        for name, least in (("last", 1), ("best", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise TrackingError(f"{name} must be a whole number of at least {least}, got {value!r}")
        if self.direction is not None and self.direction not in DIRECTIONS:
            raise TrackingError(f"direction must be {' or '.join(DIRECTIONS)}, got {self.direction!r}")
        if self.best and (not self.metric or self.direction is None):
            raise TrackingError(
                f"to keep the best {self.best}, say by which metric and which way it gets better: "
                f"metric='eval/return', direction='maximize'; got {self.metric!r}, {self.direction!r}"
            )

    @property
    def words(self) -> str:
        """What is kept, in words."""
        by = f" and the best {self.best} by {self.metric} ({self.direction})" if self.best else ""
        return f"keeps the last {self.last}{by}"

    def dropped(self, checkpoints: Sequence[ArtifactVersion]) -> list[ArtifactVersion]:
        """Return the checkpoints that go, of those of one id in the order in which they were logged."""
        there = [each for each in checkpoints if not each.removed]
        kept = there[-self.last :]
        if self.best and self.metric and self.direction:
            kept = kept + best_of(there, self.metric, self.direction, self.best)
        numbers = {each.number for each in kept}
        numbers |= {each.number for each in there if set(each.aliases) - set(DERIVED_ALIASES)}
        return [each for each in there if each.number not in numbers]
