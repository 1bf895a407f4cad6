"""What the player needs to know of an episode: the seam between replay and the player's page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["PlayerDrawing", "PlayerEpisode", "PlayerMoment", "PlayerRemark"]


@dataclass(frozen=True)
class PlayerMoment:
    """A step worth jumping to.

    Attributes:
        position: its position among the steps of the PlayerEpisode.
        words: what happened there ("reward +0.5").
    """

    position: int
    words: str


@dataclass(frozen=True)
class PlayerRemark:
    """What somebody noted on an episode.

    Attributes:
        words: the note.
        position: the step that it is about, as its position among the steps of the PlayerEpisode; None where
            it is about the whole episode.
    """

    words: str
    position: int | None = None


@dataclass(frozen=True)
class PlayerDrawing:
    """What a drawing function of the user's made of an episode.

    Attributes:
        name: what it is called (``my_env.pictures:render``).
        frames: m pictures, each a PNG or JPEG file; or a tree of [m, …].
        before, after: row of the frame before and after each step, int64[n]; -1 where there is none.
    """

    name: str
    frames: Any
    before: np.ndarray
    after: np.ndarray


def _no_rows() -> np.ndarray:
    return np.zeros(0, np.int64)


@dataclass(frozen=True)
class PlayerEpisode:
    """One episode, ready to be played.

    Observations are a table of frames, each held once, and for every step the row of the frame before and of
    the one after it. So it does not matter whether the steps are all there, some of them, or only the key
    steps.

    Attributes:
        number: the episode's number in its run.
        name: what lists and links call it: ``7``, or ``p001-7`` where several processes wrote the run.
        task_id: name of the task, empty when unknown.
        stream: name of the stream, empty when unknown.
        member, env_id, update: as in the episode's row; None where it has none.
        total_steps: length of the episode, of which the steps here may be a part.
        total_reward: sum of all its rewards.
        success: whether it was solved, or None when unknown.
        ended: ``terminated``, ``truncated``, ``cut`` or ``running``.
        step: step numbers, ascending, int64[n].
        observation: a tree (dicts and tuples) of [m, …], m frames; an empty dict when none was recorded.
        before: row of the observation before each step, int64[n].
        after: row of the observation after each step, int64[n]; -1 where it was not recorded.
        actions: what was done at each step in words, n strings; empty when there is nothing to say.
        selection: cells that each step selected, bool[n height width], or None.
        target: the board to reach, int[height width], or None.
        series: numbers of every step by name, [n] each, in the order in which they are shown.
        moments: steps worth jumping to, ascending.
        facts: more to say about the episode, by name: its labels, last metrics where no curve shows them.
        notes: what is missing, in whole sentences.
        remarks: what people noted on it.
        pinned: whether it is pinned in its run.
        drawing: what a drawing function of the user's made of it, or None.
        every: of so many stored steps one is here.
    """

    number: int
    name: str
    total_steps: int
    total_reward: float
    task_id: str = ""
    stream: str = ""
    member: int | None = None
    env_id: int | None = None
    update: int | None = None
    success: bool | None = None
    ended: str = ""
    step: np.ndarray = field(default_factory=_no_rows)
    observation: Any = field(default_factory=dict)
    before: np.ndarray = field(default_factory=_no_rows)
    after: np.ndarray = field(default_factory=_no_rows)
    actions: tuple[str, ...] = ()
    selection: np.ndarray | None = None
    target: np.ndarray | None = None
    series: Mapping[str, np.ndarray] = field(default_factory=dict)
    moments: tuple[PlayerMoment, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    remarks: tuple[PlayerRemark, ...] = ()
    pinned: bool = False
    drawing: PlayerDrawing | None = None
    every: int = 1
