"""The player as one HTML file that asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files

from jaxarc.errors import RenderError
from jaxarc.records.player import PlayerEpisode
from jaxarc.rendering.palette import THEMES
from jaxarc.rendering.player.packing import pack_episode, pack_list, packed_text
from jaxarc.rendering.player.still import still_picture
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import escape

__all__ = ["player_page"]

_SCRIPTS = (
    *("unpack.js", "elements.js", "cells.js", "pixels.js", "images.js", "bars.js", "leaf.js", "curve.js"),
    *("curves.js", "chooser.js", "parting.js", "pane.js", "track.js", "address.js", "player.js", "list.js"),
    *("controls.js", "begin.js"),
)
_COLOURS = ("background", "ink", "muted", "line", "grid", "accent", "good", "bad", "wrong")


@lru_cache(maxsize=1)
def _sources() -> tuple[str, str, str]:
    """Return the markup, the style sheet and the script of the page."""
    folder = files("jaxarc.rendering.player") / "web"

    def read(name: str) -> str:
        return (folder / name).read_text(encoding="utf-8")

    script = "\n".join(read(name) for name in _SCRIPTS)
    style = read("player.css").replace("/* themes */", _themes())
    return read("player.html"), style, f'"use strict";\n(() => {{\n{script}}})();\n'


def _themes() -> str:
    """Return the colours of both themes: the dark one where the system or the reader wants it."""

    def variables(name: str) -> str:
        theme = THEMES[name]
        own = "".join(f"--{colour}: {getattr(theme, colour)}; " for colour in _COLOURS)
        return f"{own}--second: {theme.series[1]}; color-scheme: {name};"

    dark = variables("dark")
    return (
        f":root {{ {variables('light')} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root[data-theme=auto] {{ {dark} }} }}\n"
        f":root[data-theme=dark] {{ {dark} }}"
    )


def _hash(text: str) -> str:
    """Return what a Content-Security-Policy calls an inline script or style sheet."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii") + "'"


def player_page(
    episodes: Sequence[PlayerEpisode],
    style: Style | None = None,
    title: str = "",
    *,
    embedded: bool = False,
    link: str = "",
) -> str:
    """Return a page that plays episodes: one HTML file, without network, frameworks or ``eval``.

    Its Content-Security-Policy allows the page's own script and style sheet, by their hashes, and pictures
    that are in the page itself; data is never markup. The browser unpacks an episode when it is shown.
    Where no script runs, a picture of the first episode is there instead.

    Args:
        episodes: what is played, in the order of the list; the first is shown unless the link says otherwise.
        style: the look at the start; the page can change palette, theme and digits. ``theme="dark"`` is dark,
            ``light`` follows the reader's system.
        title: what the page is called; plain text.
        embedded: whether it lies inside another document, a notebook's cell some 700 pixels wide and 480 to
            620 high: the layout is compact, and the page leaves its address alone.
        link: what is shown at first, in the words of the page's links (``episode=7&step=12``), where its
            address says nothing.

    Returns:
        HTML text; the same for the same episodes.

    Raises:
        RenderError: no episode.
    """
    style = style or Style()
    if not episodes:
        raise RenderError("a player's page needs an episode, got none; name one that the run has")
    markup, css, script = _sources()
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(css)}; img-src data:; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
    )
    streams = [pack_list(episodes, style, title), *(pack_episode(episode) for episode in episodes)]
    values = {
        "policy": policy,
        "theme": "dark" if style.theme == "dark" else "auto",
        "layout": "embedded" if embedded else "page",
        "link": escape(link),
        "title": escape(title) or "Episodes",
        "css": css,
        "still": still_picture(episodes[0], style),
        "data": packed_text(streams),
        "script": script,
    }
    parts = []
    for part in markup.split("{{"):  # the template is split before anything is put in, so no value is one
        name, closed, rest = part.partition("}}")
        parts.append(values[name] + rest if closed else part)
    return "".join(parts)
