"""The arguments of ``jaxarc replay``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jaxarc.cli.arguments import Digits, Episodes, Limit, Palette, Root, Run, Sort, Theme, Where

__all__ = ["replay"]


def replay(
    run: Run,
    episodes: Episodes = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write one page that plays them, and play nothing here."),
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    where: Where = None,
    sort: Sort = None,
    limit: Limit = None,
    palette: Palette = None,
    theme: Theme = None,
    digits: Digits = None,
    fps: Annotated[
        float, typer.Option(metavar="N", min=0.1, max=60, help="Steps a second, in the terminal.")
    ] = 4.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Say what was written as one JSON document; with --html.")
    ] = False,
    root: Root = None,
) -> None:
    """Play episodes: in one HTML page, offline, or in the terminal.

    The page holds everything it shows: it can be mailed, and asks nobody
    for anything. Without EPISODES it has the first 100 that have steps.

    In the terminal the last one is played without EPISODES. Keys: space
    pauses, left and right go a step, up and down an episode, + and - make
    it faster and slower, q ends it. What is no terminal gets every step as
    lines.

    Examples:

    jaxarc replay latest 3

    jaxarc replay latest 0-9 --fps 8

    jaxarc replay latest --html replay.html --open

    jaxarc replay latest --where 'not success' --limit 20 --html failed.html
    """
    from jaxarc.cli.render import Looks
    from jaxarc.cli.replay import play_in_terminal, write_page

    chosen = {"where": where, "sort": sort, "limit": limit, "root": root}
    looks = Looks(palette=palette, theme=theme, digits=digits)
    if html is None and as_json:
        raise typer.BadParameter("--json says what was written: give --html FILE, or use jaxarc show --json")
    if html is None and not open_page:
        play_in_terminal(run, episodes or [], fps=fps, looks=looks, **chosen)
    else:
        write_page(run, episodes or [], html, looks=looks, open_page=open_page, as_json=as_json, **chosen)
