"""``jaxarc replay``: episodes played in a page, or in the terminal."""

from __future__ import annotations

import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from jaxarc.cli.chosen_episodes import chosen_episodes
from jaxarc.cli.json_output import print_json
from jaxarc.cli.render import Looks
from jaxarc.cli.terminal import terminal
from jaxarc.cli.terminal_player import play_episodes, print_episodes
from jaxarc.cli.wording import counted, size
from jaxarc.errors import RenderError, StorageError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.rendering import Style
from jaxarc.replay import ReplaySystem, open_run
from jaxarc.replay.addresses import shown_address
from jaxarc.replay.annotated import page_annotations
from jaxarc.replay.views import style_of
from jaxarc.replay.views.player_pages import episode_page
from jaxarc.replay.views.run_looks import run_visualization_config
from jaxarc.storage import atomic_write_bytes, keep_segments_open
from jaxarc.storage.atomic import storage_errors

__all__ = ["play_in_terminal", "write_page"]

EPISODES_AT_MOST = 100
"""Episodes of a page for which nobody named any."""


def _style(run: ReplaySystem, looks: Looks) -> Style:
    return style_of(looks.on(run_visualization_config(run.run_dir)))


def write_page(
    run_name: str,
    names: Sequence[str],
    html: Path | None,
    *,
    looks: Looks,
    open_page: bool,
    as_json: bool,
    root: str | None,
    **chosen: Any,
) -> None:
    """Write the page and say where it is.

    Args:
        run_name: what ``jaxarc.open`` takes.
        names: episodes, as ``chosen_episodes`` takes them; without any, and without a limit, the first 100.
        html: the file.
        looks: how it looks at the start; what it does not say is as the run was told.
        open_page: whether to open it in a browser.
        as_json: print one JSON document, and words on stderr.
        root: where runs are looked for.
        **chosen: ``where, sort, limit``, as for ``chosen_episodes``.

    Raises:
        EpisodeNotFoundError: there is no such episode, or none with steps.
        RenderError: no file was named, or a look that does not exist.
        StorageError: the file is a folder, or cannot be written.
    """
    if html is None:
        raise RenderError("--open needs a page to open: --html FILE names it")
    if html.is_dir():
        raise StorageError(f"{html} is a folder; give the file: --html {html / 'replay.html'}")
    run = open_run(run_name, root)
    found = chosen_episodes(run, names, **chosen)
    episodes, left_out = found.episodes, 0
    if not names and chosen.get("limit") is None:
        left_out = max(0, len(episodes) - EPISODES_AT_MOST)
        episodes = episodes[:EPISODES_AT_MOST]
    status = terminal(stderr=True).status(f"packing {counted(len(episodes), 'episode')}")
    with status, keep_segments_open():
        loaded = [run.load_episode(number, writer=writer) for writer, number in episodes]
        page, undrawn = _page(run, loaded, looks)
    with storage_errors(html):
        html.parent.mkdir(parents=True, exist_ok=True)
    atomic_write_bytes(html, page)
    if as_json:
        written = {"run": run.name, "page": html, "bytes": len(page), "left_out": left_out}
        listed = [shown_address(writer, number) for writer, number in episodes]
        print_json({**written, "only_rows": found.only_rows, "undrawn": undrawn, "episodes": listed})
    console = terminal(stderr=as_json)
    console.print(Text(f"{html}: {counted(len(episodes), 'episode')}, {size(len(page))}"), soft_wrap=True)
    if left_out:
        words = f"{counted(left_out, 'more episode')} left out; name them, or say --limit"
        console.print(Text(words, "yellow"), soft_wrap=True)
    if found.only_rows:
        console.print(Text(f"left out {found.only_rows}", "yellow"), soft_wrap=True)
    if run.status == "RUNNING":
        console.print(Text("the run is being written: this is what it had by now", "cyan"), soft_wrap=True)
    if undrawn:
        console.print(Text(f"without the run's own drawing: {undrawn}", "yellow"), soft_wrap=True)
    if open_page and not webbrowser.open(html.resolve().as_uri()):
        console.print(Text(f"no browser could be opened; open {html} yourself", "yellow"), soft_wrap=True)


def _page(run: ReplaySystem, episodes: Sequence[EpisodeData], looks: Looks) -> tuple[bytes, str]:
    """Return the page, and why the drawing function that the run names is not in it; empty where it is."""
    config = looks.on(run_visualization_config(run.run_dir))
    said = page_annotations([run.run_dir])
    try:
        page = episode_page(episodes, style_of(config), run.name, render=config.render, **said)
        return page.encode(), ""
    except RenderError as error:
        if config.render is None:
            raise
        return episode_page(episodes, style_of(config), run.name, **said).encode(), str(error)


def play_in_terminal(
    run_name: str, names: Sequence[str], *, fps: float, looks: Looks, root: str | None, **chosen: Any
) -> None:
    """Show the stored steps of episodes in place, one after the other; where there is no terminal, as lines.

    Args:
        run_name: what ``jaxarc.open`` takes.
        names: episodes, as ``chosen_episodes`` takes them; without any, the last one with steps.
        fps: steps a second.
        looks: palette and marks; what it does not say is as the run was told.
        root: where runs are looked for.
        **chosen: ``where, sort, limit``, as for ``chosen_episodes``.

    Raises:
        EpisodeNotFoundError: there is no such episode, or none with steps.
        NotRecordedError: an episode has no observations.
    """
    run = open_run(run_name, root)
    found = chosen_episodes(run, names, **chosen)
    episodes = found.episodes
    if not names and all(value is None for value in chosen.values()):
        episodes = episodes[-1:]
    elif names and found.only_rows:
        terminal(stderr=True).print(Text(f"left out {found.only_rows}", "yellow"), soft_wrap=True)
    style, console = _style(run, looks), terminal()
    loaded = [run.load_episode(number, writer=writer) for writer, number in episodes]
    if console.is_terminal:
        play_episodes(console, loaded, style, fps)
    else:
        print_episodes(console, loaded, style)
