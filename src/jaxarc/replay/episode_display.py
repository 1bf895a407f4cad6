"""An episode as a notebook shows it: played in its cell, as a picture, or in words."""

from __future__ import annotations

import base64
from collections.abc import Container
from typing import TYPE_CHECKING

from jaxarc.errors import JaxArcError
from jaxarc.rendering import render_episode_summary, svg_to_png
from jaxarc.rendering.notebook_player import framed_page
from jaxarc.rendering.notebook_style import notebook_cell
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import clean, escape, number
from jaxarc.replay.addresses import shown_address
from jaxarc.replay.annotated import page_annotations
from jaxarc.replay.episode_pages import chosen_style
from jaxarc.replay.views.episode_summaries import episode_summary
from jaxarc.replay.views.player_pages import episode_page
from jaxarc.storage import keep_segments_open

if TYPE_CHECKING:
    from jaxarc.replay.episode import ReplayEpisode

__all__ = ["CELL_BYTES", "episode_mimebundle"]

CELL_BYTES = 240_000
"""Bytes of a page in a cell at most: a notebook with five episodes stays well under two megabytes."""

_MOST_BYTES = 1_500_000
"""Bytes of observations, before they are packed, that are tried first."""

_KINDS = ("text/plain", "text/html", "image/png")
_WITHOUT_SCRIPTS = "A picture of the episode: here no scripts run. Where they do, it plays."


def episode_mimebundle(episode: ReplayEpisode, kinds: Container[str] = _KINDS) -> dict[str, str]:
    """Return an episode as what notebooks show, by MIME type.

    ``text/html`` plays it, and has a picture of it for where scripts do not run; ``image/png`` is that
    picture, for who shows no HTML (an untrusted folder in VS Code, export to PDF).

    Args:
        episode: the episode.
        kinds: the MIME types that are wanted.
    """
    bundle = {"text/plain": repr(episode)}
    if "text/html" in kinds or "image/png" in kinds:
        with keep_segments_open():
            bundle |= _shown(episode, "text/html" in kinds)
    return {kind: content for kind, content in bundle.items() if kind in kinds}


def _shown(episode: ReplayEpisode, with_page: bool) -> dict[str, str]:
    try:
        if not len(episode.step):
            return {"text/html": _in_words(episode, episode.missing)}
        style = chosen_style(episode.run_dir)
        picture = _picture(episode, style)
        shown = {"image/png": base64.b64encode(picture).decode("ascii")}
        if with_page:
            page = _fitted_page(episode, style)
            title = f"Episode {_name(episode)} of run {episode.run_dir.name}"
            if page:
                words = " ".join((*episode.missing, _WITHOUT_SCRIPTS))
                shown["text/html"] = framed_page(page, title, picture, words)
            else:
                shown["text/html"] = _still(title, shown["image/png"], episode.missing)
        return shown
    except JaxArcError as error:  # a notebook would show where it was raised instead of what is wrong
        return {"text/html": _in_words(episode, (f"It cannot be shown: {error}",))}


def _picture(episode: ReplayEpisode, style: Style) -> bytes:
    return svg_to_png(render_episode_summary(episode_summary(episode, run_dir=episode.run_dir), style))


def _fitted_page(episode: ReplayEpisode, style: Style) -> str:
    """Return the page with as many steps as there is room for; empty where even few are too large."""
    room = float(_MOST_BYTES)
    for _ in range(4):
        said = page_annotations([episode.run_dir])
        page = episode_page([episode], style, episode.run_dir.name, max_bytes=room, embedded=True, **said)
        if len(page) <= CELL_BYTES:
            return page
        room *= min(0.8 * CELL_BYTES / len(page), 0.5)
    return ""


def _still(title: str, picture: str, missing: tuple[str, ...]) -> str:
    words = "It is too large to be played in a notebook; episode.save_html('episode.html') writes a page."
    look = "max-width:100%;height:auto"
    image = f'<img style="{look}" alt="{escape(title)}" src="data:image/png;base64,{picture}">'
    said = "".join(f'<p class="note">{escape(each)}</p>' for each in (*missing, words))
    return notebook_cell(image + said)


def _name(episode: ReplayEpisode) -> str:
    return shown_address(int(episode.row.get("writer", 0)), int(episode.row.episode))


def _in_words(episode: ReplayEpisode, notes: tuple[str, ...]) -> str:
    """Return what the row says, and what is missing, as HTML."""
    row = episode.row
    task = f' <span class="muted">task {escape(_shortened(row.task_id))}</span>' if row.task_id else ""
    ended = "solved" if row.success else str(row.ended)
    look = "good" if row.success else "muted"
    facts = {
        "Steps": f"{int(row.total_steps):,}",
        "Total reward": number(float(row.total_reward), signed=True),
        "Stored steps": f"{int(row.stored_steps):,}",
        "Stream": escape(_shortened(row.stream)),
        "Environment": f"{int(row.env_id):,}",
    }
    heads = "".join(f"<th>{name}</th>" for name in facts)
    values = "".join(f"<td>{value}</td>" for value in facts.values())
    said = "".join(f"<p>{escape(note)}</p>" for note in notes)
    return notebook_cell(
        f'<h4>Episode {_name(episode)}{task} <span class="badge {look}">{escape(ended)}</span></h4>'
        f"<table><thead><tr>{heads}</tr></thead><tbody><tr>{values}</tr></tbody></table>{said}"
    )


def _shortened(name: object) -> str:
    text = clean(name)
    return text if len(text) <= 60 else f"{text[:59]}…"
