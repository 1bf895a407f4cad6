"""From recorded episodes to the page that plays them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.player import PlayerEpisode, PlayerMoment
from jaxarc.rendering.player import player_page
from jaxarc.rendering.plugin import Render, resolve_render
from jaxarc.rendering.style import Style
from jaxarc.replay.views.player_drawings import bytes_of_a_drawing, player_drawing
from jaxarc.replay.views.player_numbers import player_actions, player_series
from jaxarc.replay.views.player_words import player_facts, player_moments, player_notes, player_remarks

__all__ = ["PAGE_BYTES", "Remarks", "episode_page", "player_episode"]

PAGE_BYTES = 24_000_000
"""Bytes of observations that a page holds at most, before they are packed, shared evenly by its episodes.

Frames of a drawing function of the user's, packed as PNG or JPEG files, have as much room again.
"""

Remarks = Sequence[tuple[int | None, str]]
"""What people noted on an episode: the step, or None where a note is about all of it, and the note."""

_BOARD_SHARE = 8
_DRAWN_AT_MOST = 2_000


def _kept(episode: EpisodeData, budget: float, render: Render | None) -> int:
    """Return of how many stored steps one is kept, so that what is shown stays within a number of bytes.

    A board that is small counts an eighth: of it only the cells that change are packed. Frames of a drawing
    function have the same number of bytes for themselves.
    """
    count = len(episode.step)
    if not count:
        return 1
    drawn = bytes_of_a_drawing(episode, render) if render is not None else 0
    observed = _observed_bytes(episode) if episode.has("observation") else 0
    share = max(count * max(drawn, observed) / max(budget, 1.0), (count if drawn else 0) / _DRAWN_AT_MOST)
    # Of neighbours each frame is held once, but of steps that are apart both, before and after.
    return 1 if share <= 1 else max(2, int(np.ceil(2 * share)))


def _observed_bytes(episode: EpisodeData) -> float:
    size = 0.0
    for field in episode.fields("observation"):
        cells = int(np.prod(field.shape))
        small = len(field.shape) == 2 and cells <= 4096 and field.dtype.startswith(("int", "uint", "bool"))
        size += cells / _BOARD_SHARE if small else cells * (4 if len(field.shape) < 2 else 1)
    return size


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


def _number_or_none(row: Any, name: str) -> int | None:
    value = row.get(name)
    return None if value is None or int(value) < 0 else int(value)


def player_episode(
    episode: EpisodeData,
    *,
    max_bytes: float = PAGE_BYTES,
    by_writer: bool = False,
    run_name: str = "",
    render: str | Render | None = None,
    remarks: Remarks = (),
    pinned: bool = False,
) -> PlayerEpisode:
    """Return what the player needs to know of an episode.

    Of an episode whose observations are larger than ``max_bytes`` every k-th stored step is taken, k as small
    as can be, and besides them the key moments and the last step; observations of the others are not read.

    Args:
        episode: the episode.
        max_bytes: bytes of observations that it may have.
        by_writer: whether its name says which process recorded it (``p001-7``).
        run_name: the run's, where its name says that as well (``demo:7``).
        render: a drawing function of the user's, or ``module:function``; its frames are shown first.
        remarks: what people noted on it.
        pinned: whether it is pinned in its run.

    Raises:
        RenderError: the drawing function cannot be imported, raised, or returned what cannot be drawn.
    """
    row = episode.row
    function = resolve_render(render)
    every = _kept(episode, max_bytes, function)
    notes = player_notes(episode, every)
    series = player_series(episode)
    moments = player_moments(episode, series)
    positions = np.arange(len(episode.step))
    if every > 1:
        noted = np.isin(episode.step, [step for step, _ in remarks if step is not None])
        wanted = [*(moment.position for moment in moments), *np.flatnonzero(noted).tolist()]
        positions = np.union1d(positions[::every], np.array([*wanted, len(positions) - 1]))
    observed = observation, before, after = _observed(episode, positions)
    drawing = None if function is None else player_drawing(episode, positions, observed, function)
    said = player_remarks(episode, positions, remarks)
    if every > 1:
        episode = episode.steps_at(positions)
        series = {name: values[positions] for name, values in series.items()}
        moments = tuple(
            PlayerMoment(int(np.searchsorted(positions, moment.position)), moment.words) for moment in moments
        )
    words, curves = player_actions(episode)
    constants = episode.constants if len(episode.step) and episode.has("episode") else {}
    target = constants.get("target") if isinstance(constants, Mapping) else None
    action = episode.action if len(episode.step) and episode.has("action") else {}
    selection = action.get("selection") if isinstance(action, Mapping) else None
    is_mask = isinstance(selection, np.ndarray) and selection.ndim == 3 and selection.dtype == np.bool_
    number_ = int(row.episode)
    of_run = f"{run_name}:" if run_name else ""
    return PlayerEpisode(
        number=number_,
        name=f"{of_run}p{int(row.get('writer', 0)):03d}-{number_}" if by_writer else f"{of_run}{number_}",
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
        facts=player_facts(episode),
        notes=notes,
        remarks=said,
        pinned=pinned,
        drawing=drawing,
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
    render: str | Render | None = None,
    remarks: Mapping[tuple[Path | None, int, int], Remarks] | None = None,
    pinned: Collection[tuple[Path | None, int, int]] = (),
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
        render: a drawing function of the user's, or ``module:function``; its frames are shown beside what
            was observed.
        remarks: what people noted, by run directory (None: of none), writer and episode.
        pinned: the pinned episodes, in the same way.

    Raises:
        RenderError: no episode, or the drawing function fails.
    """
    by_writer = len({int(episode.row.get("writer", 0)) for episode in episodes}) > 1
    share = max_bytes / max(len(episodes), 1)
    runs: list[Path | None] = [getattr(episode, "run_dir", None) for episode in episodes]
    is_several = len(set(runs)) > 1
    noted, players = remarks or {}, []
    for episode, run_dir in zip(episodes, runs, strict=True):
        key = run_dir, int(episode.row.get("writer", 0)), int(episode.row.episode)
        run_name = run_dir.name if is_several and run_dir is not None else ""
        said = {"remarks": noted.get(key, ()), "pinned": key in pinned, "run_name": run_name}
        players.append(player_episode(episode, max_bytes=share, by_writer=by_writer, render=render, **said))
    title = title or (f"Episode {players[0].name}" if players else "")
    return player_page(players, style, title, embedded=embedded, link=link)
