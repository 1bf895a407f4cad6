"""Which episodes a command line means: numbers, ranges, names, and conditions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jaxarc.cli.wording import counted
from jaxarc.errors import EpisodeNotFoundError
from jaxarc.replay import ReplaySystem

__all__ = ["Chosen", "chosen_episodes", "words_of"]

_EPISODES = re.compile(r"(?:p([0-9]{3,9})-)?(?:episode_)?([0-9]{1,18})(?:-([0-9]{1,18}))?")


@dataclass(frozen=True)
class Chosen:
    """The episodes that are meant and have steps.

    Attributes:
        episodes: writer and number of each.
        only_rows: those that were named, or how many there are, of which only the row is stored; in words.
    """

    episodes: list[tuple[int, int]]
    only_rows: str = ""


def words_of(list_of_words: str) -> list[str]:
    """Return the words of a list with commas between them, each once."""
    return list(dict.fromkeys(word for word in list_of_words.replace(" ", "").split(",") if word))


def chosen_episodes(
    run: ReplaySystem,
    names: Sequence[str] = (),
    *,
    where: str | None = None,
    sort: str | None = None,
    limit: int | None = None,
) -> Chosen:
    """Return the episodes of a run that are meant; of some that are named, those with steps.

    Args:
        run: the run.
        names: numbers (``7``), ranges (``3-9``), names (``p001-7``, ``p001-3-9``); none for all that have
            stored steps.
        where, sort, limit: which of them, as ``ReplaySystem.episodes`` takes them.

    Raises:
        EpisodeNotFoundError: a name that names nothing, or nothing is left.
    """
    meant = run.episodes(where=where, sort=sort)
    table = meant.take(np.flatnonzero(meant["stored_steps"] > 0))
    writers, numbers = np.asarray(table["writer"], np.int64), np.asarray(table["episode"], np.int64)
    only_rows = len(meant) - len(table)
    said = f"{counted(only_rows, 'episode')} without stored steps" if only_rows else ""
    if names:
        wanted = np.zeros(len(numbers), bool)
        without: dict[str, str] = {}
        for name in (word for words in names for word in words_of(words)):
            writer, first, last = _parsed(name)
            named = (writers == writer) & (numbers >= first) & (numbers <= last)
            if not named.any():
                if first == last:
                    run.load_episode(first, writer=writer)  # says where there is none
                among = " among those asked for" if where is not None else ""
                without[name] = f"run {run.name} has no stored steps of episode {name}{among}"
            wanted |= named
        if without and not wanted.any():
            raise EpisodeNotFoundError(next(iter(without.values())))
        writers, numbers = writers[wanted], numbers[wanted]
        said = f"{', '.join(without)}: no stored steps" if without else ""
    found = list(zip(writers.tolist(), numbers.tolist(), strict=True))[:limit]
    if not found:
        kind = f" where {where}" if where is not None else ""
        raise EpisodeNotFoundError(
            f"run {run.name} has no episode with stored steps{kind}; jaxarc ls {run.name} lists what it has"
        )
    return Chosen(found, said)


def _parsed(name: str) -> tuple[int, int, int]:
    """Return the writer, the first and the last number that a name stands for."""
    match = _EPISODES.fullmatch(name)
    if match is None:
        raise EpisodeNotFoundError(
            f"{name!r} names no episode; give a number (7), a range (3-9) or a name (p001-7)"
        )
    first, last = int(match[2]), int(match[3] or match[2])
    if last < first:
        raise EpisodeNotFoundError(f"{name!r} ends before it begins; did you mean {last}-{first}?")
    return int(match[1] or 0), first, last
