"""Episodes by number, by name, by row or as they were loaded: one way to say which is meant."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from jaxarc.errors import EpisodeNotFoundError, ReplayError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.table import EpisodeRow
from jaxarc.storage import writer_name

__all__ = ["EpisodeAddress", "address_of", "row_of", "shown_address", "shown_argument", "step_in"]

EpisodeAddress: TypeAlias = int | str | EpisodeRow | EpisodeData | tuple[int, int]
"""A number, a name (``"p001-7"``, ``"episode_0007"``), a row, a loaded episode, or writer and number."""

_NAME = re.compile(r"(?:p([0-9]{3,9})-)?(?:episode_)?([0-9]{1,18})")


def address_of(episode: Any, writer: int = 0, run_dir: Path | None = None) -> tuple[int, int]:
    """Return writer and number of the episode that is meant; whether it exists is not asked.

    Args:
        episode: an `EpisodeAddress`.
        writer: the process that recorded it, where the address says none.
        run_dir: the run, of which a loaded episode has to be; None takes those of any run.

    Raises:
        EpisodeNotFoundError: it is no address of an episode, or an episode of another run.
    """
    if isinstance(episode, str):
        found = _NAME.fullmatch(episode.strip())
        if found is None:
            raise EpisodeNotFoundError(
                f"{episode!r} names no episode; give a number, or a name such as p001-episode_0007"
            )
        return int(found[1] if found[1] is not None else writer), int(found[2])
    if isinstance(episode, EpisodeData):
        origin = getattr(episode, "run_dir", None)
        if run_dir is not None and origin is not None and origin.resolve() != run_dir.resolve():
            raise EpisodeNotFoundError(
                f"episode {episode.row.episode} was loaded from run {origin.name}, this is run "
                f"{run_dir.name}; give its number here"
            )
        episode = episode.row
    given, row = episode, row_of(episode)
    if row is not None:
        recorded_in = row.get("run")
        if run_dir is not None and isinstance(recorded_in, str) and Path(recorded_in).name != run_dir.name:
            raise EpisodeNotFoundError(
                f"this is a row of run {recorded_in}, not of run {run_dir.name}; give the number here"
            )
        episode = (_whole(row.get("writer", writer)), _whole(row["episode"]))
    pair: Any = episode if isinstance(episode, tuple) and len(episode) == 2 else (writer, episode)
    try:
        if isinstance(pair[1], bool):
            raise TypeError
        return operator.index(pair[0]), operator.index(pair[1])
    except TypeError:
        raise EpisodeNotFoundError(
            f"{shown_argument(given)} names no episode; give a number (7), a name ('p001-7'), a row "
            "of episodes(), or a loaded episode"
        ) from None


def row_of(episode: Any) -> Mapping[str, Any] | None:
    """Return a row as a mapping: one of `episodes`, or of a pandas or Arrow table made of it."""
    if isinstance(episode, Mapping):
        return episode if "episode" in episode else None
    as_dict = getattr(episode, "_asdict", None) or getattr(episode, "to_dict", None)
    if not callable(as_dict) or not hasattr(episode, "episode"):
        return None
    found = as_dict()
    return found if isinstance(found, Mapping) else None


def shown_argument(value: Any, limit: int = 120) -> str:
    """Return the beginning of what was given, on one line: it may be a table."""
    text = " ".join(repr(value).split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _whole(value: Any) -> Any:
    """Return a whole number where a row holds floats: pandas makes them of a row that holds some."""
    return int(value) if isinstance(value, (float, np.floating)) and float(value).is_integer() else value


def shown_address(writer: int, episode: int) -> str:
    """Return the shortest name of an episode: ``7``, or ``p001-7`` where it is not the first writer's."""
    return f"{writer_name(writer)}-{episode}" if writer else str(episode)


def step_in(row: EpisodeRow, step: int, *, last: int | None = None) -> int:
    """Return a step of an episode, or say which it has.

    Args:
        row: the episode.
        step: the step's number in it.
        last: the highest that is taken; that of its last step without.

    Raises:
        ReplayError: it is none of its steps.
    """
    highest = int(row.total_steps) - 1 if last is None else last
    try:
        number = operator.index(step)
    except TypeError:
        number = -1
    if isinstance(step, bool) or not 0 <= number <= highest:
        raise ReplayError(
            f"episode {shown_address(int(row.get('writer', 0)), int(row.episode))} has steps 0 to {highest}, "
            f"got {step!r}"
        )
    return number
