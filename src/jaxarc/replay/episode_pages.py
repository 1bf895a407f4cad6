"""Episodes as a page in a file: which of a run are on it, how it looks, and that it is written whole."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxarc.errors import EpisodeNotFoundError, RenderError, StorageError
from jaxarc.rendering.plugin import Render
from jaxarc.rendering.style import Style
from jaxarc.replay.annotated import page_annotations
from jaxarc.replay.arguments import checked_limit
from jaxarc.replay.episode import ReplayEpisode
from jaxarc.replay.views.player_pages import episode_page
from jaxarc.replay.views.run_looks import chosen_style
from jaxarc.storage import atomic_write_bytes, keep_segments_open
from jaxarc.storage.atomic import storage_errors

if TYPE_CHECKING:
    from jaxarc.replay.run_reader import RunReader

__all__ = ["chosen_style", "save_page", "save_run_page"]


def save_page(
    path: str | os.PathLike[str],
    episodes: Sequence[ReplayEpisode],
    style: Style,
    title: str,
    render: str | Render | None = None,
) -> Path:
    """Write one HTML file that plays episodes, whole or not at all, and return its path.

    Folders are made, and a file that is there is replaced.

    Raises:
        StorageError: the path is a folder, or cannot be written.
    """
    file = Path(path).expanduser()
    if file.is_dir():
        raise StorageError(f"{file} is a folder; give the file: {file / 'episode.html'}")
    with storage_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    said = page_annotations(episode.run_dir for episode in episodes)
    with keep_segments_open():
        page = episode_page(episodes, style, title, render=render, **said)
    atomic_write_bytes(file, page.encode(), durable=False)
    return file


def save_run_page(
    run: RunReader,
    path: str | os.PathLike[str],
    *,
    where: str | None,
    sort: str | None,
    limit: int | None,
    title: str,
    render: str | Render | None,
    **look: Any,
) -> Path:
    """Write one HTML file that plays the episodes of a run that have stored steps, and return its path.

    Raises:
        EpisodeNotFoundError: there is none.
        RenderError: ``limit`` is below 1.
    """
    limit = checked_limit(limit, least=1, error=RenderError)
    style = chosen_style(run.run_dir, **look)
    table = run.episodes(where=where, sort=sort)
    table = table.take(np.flatnonzero(table["stored_steps"] > 0)[:limit])
    if not len(table):
        asked = f" where {where}" if where is not None else ""
        raise EpisodeNotFoundError(
            f"run {run.name} has no episode with stored steps{asked}; run.episodes() lists what it has"
        )
    pairs = zip(table["writer"].tolist(), table["episode"].tolist(), strict=True)
    episodes = [run.load_episode(episode, writer=writer) for writer, episode in pairs]
    return save_page(path, episodes, style, title or run.name, render)
