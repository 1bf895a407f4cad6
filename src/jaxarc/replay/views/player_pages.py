"""From recorded episodes to the page that plays them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from jaxarc.errors import NotRecordedError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.layout import numpy_dtype
from jaxarc.records.player import PlayerEpisode, PlayerMoment
from jaxarc.rendering.player import player_page
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import number
from jaxarc.replay.views.pictures import PART_BYTES, operation_words

__all__ = ["PAGE_BYTES", "episode_page", "player_episode"]

PAGE_BYTES = 24_000_000
"""Bytes of observations that a page holds at most, before they are packed, shared evenly by its episodes."""

_BOARD_SHARE = 8
_MOMENTS = 24
_NOTABLE = 0.25
_ACTION_ENTRIES = 8


def _leaves(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], np.ndarray]]:
    if isinstance(tree, Mapping):
        children = list(tree.items())
    elif isinstance(tree, (tuple, list)):
        children = list(enumerate(tree))
    else:
        yield path, np.asarray(tree)
        return
    for key, child in children:
        yield from _leaves(child, (*path, str(key)))


def _kept(episode: EpisodeData, budget: float) -> int:
    """Return of how many stored steps one is kept, so that the observations stay within a number of bytes.

    A board that is small counts an eighth: of it only the cells that change are packed.
    """
    count = len(episode.step)
    if not count or not episode.has("observation"):
        return 1
    size = 0.0
    for field in episode.fields("observation"):
        cells = int(np.prod(field.shape))
        small = len(field.shape) == 2 and cells <= 4096 and field.dtype.startswith(("int", "uint", "bool"))
        size += cells / _BOARD_SHARE if small else cells * (4 if len(field.shape) < 2 else 1)
    if count * size <= budget:
        return 1
    # Of neighbours each frame is held once, but of steps that are apart both, before and after.
    return max(2, int(np.ceil(2 * count * size / max(budget, 1.0))))


def _table(tree: Any, more: Any) -> Any:
    """Return two trees of [n, …] as one of [2 n, …] in which their entries take turns."""
    if isinstance(tree, Mapping):
        return {key: _table(child, more[key]) for key, child in tree.items()}
    if isinstance(tree, tuple):
        return tuple(_table(child, other) for child, other in zip(tree, more, strict=True))
    return np.stack((tree, more), axis=1).reshape(-1, *tree.shape[1:])


def _observed(episode: EpisodeData, positions: np.ndarray) -> tuple[Any, np.ndarray, np.ndarray]:
    """Return the frames around some of the stored steps, and their rows before and after each step."""
    count, rows = len(episode.step), np.arange(len(positions))
    if not len(positions) or not episode.has("observation"):
        return {}, rows, np.full(len(positions), -1)
    if not episode.row.last_observation_lost:
        if episode.contiguous and len(positions) == count:
            return episode.observation, rows, rows + 1
        view = episode.steps_at(positions)
        return _table(view.observation, view.next_observation), 2 * rows, 2 * rows + 1
    # Without next_observation, only the very next step shows what a step led to.
    followed = np.append(np.diff(episode.step) == 1, False)[positions]
    read = np.union1d(positions, positions[followed] + 1)
    before = np.searchsorted(read, positions)
    return episode.steps_at(read).observation, before, np.where(followed, before + 1, -1)


def _actions(episode: EpisodeData) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
    """Return what was done in words, and as curves where it is real numbers."""
    if not len(episode.step) or not episode.has("action"):
        return (), {}
    tree = episode.action
    if isinstance(tree, Mapping) and {"operation", "selection"} <= set(tree):
        operations = np.asarray(tree["operation"]).tolist()
        words = {code: operation_words({"operation": code, "selection": 0}) for code in set(operations)}
        return tuple(words[code] for code in operations), {}
    said: list[list[str]] = []
    curves: dict[str, np.ndarray] = {}
    for path, values in _leaves(tree):
        name = ".".join(("action", *path))
        if values.ndim == 1 and values.dtype.kind in "biu":
            said.append([f"{name.removeprefix('action.')} {value}" for value in values.tolist()])
        elif values.ndim <= 2 and values.dtype.kind == "f" and values[0].size <= _ACTION_ENTRIES:
            entries = values.reshape(len(values), -1)
            for entry in range(entries.shape[1]):
                curves[f"{name} {entry}" if entries.shape[1] > 1 else name] = entries[:, entry]
    return tuple(", ".join(words) for words in zip(*said, strict=True)), curves


def _info_scalars(episode: EpisodeData) -> dict[tuple[str, ...], np.ndarray]:
    """Return the real scalars of ``info`` by path; what else it holds is read in parts, and let go."""
    fields = episode.fields("info") if episode.has("info") else ()
    if not any(field.shape == () for field in fields):
        return {}
    size = sum(field.size * numpy_dtype(field.dtype).itemsize for field in fields)
    count, room = len(episode.step), max(1, PART_BYTES // size)
    parts: dict[tuple[str, ...], list[np.ndarray]] = {}
    for start in range(0, count, room):
        view = episode if room >= count else episode.steps_at(np.arange(start, min(start + room, count)))
        for path, values in _leaves(view.info):
            if values.ndim == 1 and values.dtype.kind in "biuf":
                parts.setdefault(path, []).append(values)
    return {path: np.concatenate(values) for path, values in parts.items()}


def _series(episode: EpisodeData) -> dict[str, np.ndarray]:
    """Return the numbers of every step: reward, then similarity, metrics and the scalars of info."""
    if not len(episode.step):
        return {}
    found = {"reward": episode.reward}
    metrics = episode.metrics
    found |= {name: metrics[name] for name in sorted(metrics, key=lambda name: (name != "similarity", name))}
    for path, values in _info_scalars(episode).items():
        name = ".".join(path)
        found[name if name and name not in found else ".".join(("info", *path))] = values
    return {name: np.asarray(values, np.float64) for name, values in found.items()}


def _moments(episode: EpisodeData, series: Mapping[str, np.ndarray]) -> tuple[PlayerMoment, ...]:
    """Return the steps worth jumping to: rewards, the best similarity, marks, the solution, the end."""
    count = len(episode.step)
    if not count:
        return ()
    said: dict[int, list[str]] = {}
    weight: dict[int, float] = {}

    def note(position: int, words: str, matters: float) -> None:
        said.setdefault(position, []).append(words)
        weight[position] = max(weight.get(position, 0.0), matters)

    note(0, "first step", 1e300)
    reward = np.nan_to_num(series["reward"], nan=0.0)
    values, counts = np.unique(reward, return_counts=True)
    usual = values[counts.argmax()]  # what nearly every step brings is no event
    away = np.where(reward == 0, 0.0, np.abs(reward - usual))
    for position in np.flatnonzero(away > _NOTABLE * away.max()).tolist():
        note(position, f"reward {number(reward[position], signed=True)}", float(away[position]))
    similarity = series.get("similarity")
    if similarity is not None and np.isfinite(similarity).any():
        best = int(np.nanargmax(similarity))
        note(best, f"best similarity {number(similarity[best])}", 1e200)
    for position in np.flatnonzero(episode.mark).tolist():
        note(position, "marked", 1e100)
    for position in np.flatnonzero(episode.step_success)[:1].tolist():
        note(position, "solved", 1e250)
    if int(episode.step[-1]) == int(episode.row.total_steps) - 1 and episode.row.ended in (
        "terminated",
        "truncated",
    ):
        note(count - 1, str(episode.row.ended), 1e299)
    # Of many that matter alike some come from everywhere: multiples of the golden ratio spread evenly.
    ranked = sorted(said, key=lambda position: (-weight[position], position * 0.618033988749895 % 1))
    chosen = sorted(ranked[:_MOMENTS])
    return tuple(PlayerMoment(position, " · ".join(said[position])) for position in chosen)


def _notes(episode: EpisodeData, every: int) -> tuple[str, ...]:
    """Return what is missing of an episode, in sentences."""
    row, count = episode.row, len(episode.step)
    total = int(row.total_steps)
    notes = []
    if row.ended == "running":
        so_far = f"; what is here are its first {total:,} steps" if count else ""
        notes.append(f"This episode is still running{so_far}.")
    elif row.ended == "cut":
        notes.append("The recording ended before this episode did.")
    if not count:
        try:
            _ = episode.reward
        except NotRecordedError as error:
            notes.append(f"Only its row is stored: {error}.")
        return tuple(notes)
    if not episode.has("observation"):
        notes.append("Its observations were not recorded.")
    elif row.last_observation_lost and int(episode.step[-1]) == total - 1:
        notes.append("What its last step led to was not recorded.")
    if count < total:
        notes.append(f"Of its {total:,} steps {count:,} are stored; the others are passed over.")
    if every > 1:
        each = f"every {every:,}{_ordinal(every)}"
        words = f"{each} step" if count == total else f"{each} of the stored ones"
        notes.append(f"To keep the page small it shows {words}, and the key moments.")
    return tuple(notes)


def _ordinal(count: int) -> str:
    if 10 < count % 100 < 14:
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")


def _number_or_none(row: Any, name: str) -> int | None:
    value = row.get(name)
    return None if value is None or int(value) < 0 else int(value)


def player_episode(
    episode: EpisodeData, *, max_bytes: float = PAGE_BYTES, by_writer: bool = False
) -> PlayerEpisode:
    """Return what the player needs to know of an episode.

    Of an episode whose observations are larger than ``max_bytes`` every k-th stored step is taken, k as small
    as can be, and besides them the key moments and the last step; observations of the others are not read.

    Args:
        episode: the episode.
        max_bytes: bytes of observations that it may have.
        by_writer: whether its name says which process recorded it (``p001-7``).
    """
    row = episode.row
    every = _kept(episode, max_bytes)
    notes = _notes(episode, every)
    series = _series(episode)
    moments = _moments(episode, series)
    positions = np.arange(len(episode.step))
    if every > 1:
        wanted = [moment.position for moment in moments]
        positions = np.union1d(positions[::every], np.array([*wanted, len(positions) - 1]))
    observation, before, after = _observed(episode, positions)
    if every > 1:
        episode = episode.steps_at(positions)
        series = {name: values[positions] for name, values in series.items()}
        moments = tuple(
            PlayerMoment(int(np.searchsorted(positions, moment.position)), moment.words) for moment in moments
        )
    words, curves = _actions(episode)
    constants = episode.constants if len(episode.step) and episode.has("episode") else {}
    target = constants.get("target") if isinstance(constants, Mapping) else None
    action = episode.action if len(episode.step) and episode.has("action") else {}
    selection = action.get("selection") if isinstance(action, Mapping) else None
    is_mask = isinstance(selection, np.ndarray) and selection.ndim == 3 and selection.dtype == np.bool_
    number_ = int(row.episode)
    return PlayerEpisode(
        number=number_,
        name=f"p{int(row.get('writer', 0)):03d}-{number_}" if by_writer else str(number_),
        total_steps=int(row.total_steps),
        total_reward=float(row.total_reward),
        task_id=str(row.task_id),
        stream=str(row.stream),
        member=_number_or_none(row, "member"),
        env_id=_number_or_none(row, "env_id"),
        update=_number_or_none(row, "update"),
        success=True if row.success else False if episode.success_known else None,
        ended=str(row.ended),
        step=episode.step,
        observation=observation,
        before=before,
        after=after,
        actions=words,
        selection=selection if is_mask else None,
        target=np.asarray(target) if target is not None and np.ndim(target) == 2 else None,
        series=series | {name: np.asarray(values, np.float64) for name, values in curves.items()},
        moments=moments,
        notes=notes,
        every=every,
    )


def episode_page(
    episodes: Sequence[EpisodeData],
    style: Style | None = None,
    title: str = "",
    *,
    max_bytes: float = PAGE_BYTES,
    embedded: bool = False,
    link: str = "",
) -> str:
    """Return one HTML file that plays episodes, for ``replay.html`` and ``jaxarc replay --html``.

    Args:
        episodes: what is played, in the order of the page's list.
        style: the look at the start.
        title: what the page is called; the first episode's name when left off.
        max_bytes: bytes of observations of all of them; of episodes that have more than their even share
            every k-th step is played, and the page says so.
        embedded: whether it lies in a notebook's cell or another document: compact, its address left alone.
        link: what is shown at first where the page's address says nothing (``episode=7&step=12``).

    Raises:
        RenderError: no episode.
    """
    by_writer = len({int(episode.row.get("writer", 0)) for episode in episodes}) > 1
    share = max_bytes / max(len(episodes), 1)
    players = [player_episode(episode, max_bytes=share, by_writer=by_writer) for episode in episodes]
    title = title or (f"Episode {players[0].name}" if players else "")
    return player_page(players, style, title, embedded=embedded, link=link)
