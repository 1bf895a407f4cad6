"""What a picture of a whole run needs to know: episodes in slots of environment steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

__all__ = ["HeatStrip", "RunPictureData", "SlotCurve", "StreamPicture"]


@dataclass(frozen=True)
class SlotCurve:
    """A number of the episodes that ended in each slot; float64[slots], NaN where there is none.

    Attributes:
        mean: mean over the members of each member's mean over its episodes of the slot.
        low, high: the band, as ``StreamPicture.band`` says.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class HeatStrip:
    """Episodes as coloured cells: a column a slot, a row a task or some environments.

    Attributes:
        rows: what each row is called.
        rows_are: ``task`` or ``env``.
        values: float64[rows slots], NaN where no episode ended.
        values_are: ``success rate`` or ``return``.
    """

    rows: Sequence[str]
    rows_are: str
    values: np.ndarray
    values_are: str


@dataclass(frozen=True)
class StreamPicture:
    """The episodes of one stream over its environment steps.

    An episode belongs to the slot in which it ended: slot ``k`` holds the environment steps after
    ``k * slot_steps`` up to ``(k + 1) * slot_steps``.

    Attributes:
        stream: its name.
        slot_steps: environment steps of a slot.
        episodes: episodes that ended in each slot, int64[slots].
        at: mean environment step at which they ended, float64[slots], NaN where none did.
        returns, lengths: sum of the rewards and number of steps of an episode.
        success: share of episodes that succeeded, or None where nobody says which do.
        band: ``range`` (lowest to highest member), ``error`` (one standard error about the mean, where there
            is one member) or ``none``.
        num_members: members whose mean the curves are; one that several processes played counts once for
            each of them.
        num_without_return: episodes left out of the returns because theirs is not finite.
        num_cut: episodes left out of everything because the recording ended before they did.
        num_running: those left out because they still go on.
        resumed_at: environment steps at which a later attempt went on.
        dots: environment step and return of every episode where there are few, float64[episodes 2].
        strip: the heat strip, or None.
    """

    stream: str
    slot_steps: int
    episodes: np.ndarray
    at: np.ndarray
    returns: SlotCurve
    lengths: SlotCurve
    success: SlotCurve | None = None
    band: str = "none"
    num_members: int = 1
    num_without_return: int = 0
    num_cut: int = 0
    num_running: int = 0
    resumed_at: Sequence[int] = ()
    dots: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    strip: HeatStrip | None = None

    @property
    def num_slots(self) -> int:
        """How many slots there are."""
        return len(self.episodes)

    @property
    def num_episodes(self) -> int:
        """Episodes of the stream."""
        return int(self.episodes.sum())


@dataclass(frozen=True)
class RunPictureData:
    """A whole run, ready to be drawn.

    Attributes:
        name: the run's name, plain text.
        status: RUNNING, FINISHED, FAILED, KILLED or LOST.
        streams: its streams, the one with the most episodes first.
        num_episodes: episodes of all streams.
        env_steps: environment steps of all streams and members.
        num_solved: episodes that succeeded, or None where nobody says which do.
        num_streams_left_out: streams that are not among ``streams``.
    """

    name: str
    status: str
    streams: Sequence[StreamPicture] = ()
    num_episodes: int = 0
    env_steps: int = 0
    num_solved: int | None = None
    num_streams_left_out: int = 0
