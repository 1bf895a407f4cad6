"""The pictures of a report: each within the page, light and dark, and all within a number of bytes."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import numpy as np

from jaxarc.errors import DamagedFileError, NotRecordedError, RenderError
from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.table import EpisodeRow
from jaxarc.rendering import Style, board_to_png, render_episode_summary
from jaxarc.rendering.board import extent_of
from jaxarc.rendering.document import document, place
from jaxarc.rendering.leaves import main_leaf
from jaxarc.rendering.picture import kinds_of, pictures_of
from jaxarc.rendering.step import is_arc
from jaxarc.replay import ReplaySystem
from jaxarc.replay.views.episode_summaries import episode_summary
from jaxarc.replay.views.pictures import step_pictures
from jaxarc.storage import EpisodeManager, writer_name

__all__ = ["EpisodeCard", "PicturePair", "ReportPictures", "picture_uri"]

_THUMB = 96
_SUMMARIES = ("summary.svg", "summary.png", "summary.pdf")
_TITLES = {
    "first_solved": "first solved",
    "best": "best return",
    "longest": "longest",
    "worst": "worst return",
}


@dataclass(frozen=True)
class PicturePair:
    """A picture as data URIs, for a light and for a dark page; the same where it looks the same on both."""

    light: str
    dark: str


@dataclass(frozen=True)
class EpisodeCard:
    """An episode in the report.

    Attributes:
        row: its row.
        name: what it is called.
        titles: why it is shown.
        picture: its picture, or None.
        why_not: why there is none.
        link, replay: relative links to its drawn summary and its player page, empty where there is no file.
        kind: ``board`` where the picture is one pixel image of cells.
    """

    row: EpisodeRow
    name: str
    titles: Sequence[str] = ()
    picture: PicturePair | None = None
    why_not: str = ""
    link: str = ""
    replay: str = ""
    kind: str = ""


def picture_uri(content: bytes, kind: str) -> str:
    """Return a picture as a data URI."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


class ReportPictures:
    """Draw the pictures of one report.

    Args:
        run: the run.
        style: the look; its theme does not matter, for each picture is drawn in both.
        folder: the folder of the page, from which links are relative.
        manager: knows where drawn files lie.
        max_bytes: of all pictures together; one that does not fit is left out.
    """

    def __init__(
        self, run: ReplaySystem, style: Style, folder: Path, manager: EpisodeManager, max_bytes: int
    ):
        self._run = run
        self._styles = tuple(replace(style, theme=theme) for theme in ("light", "dark"))
        self._folder = folder
        self._manager = manager
        self._bytes_left = max_bytes
        self._several = len(np.unique(run.episodes()["writer"])) > 1 if len(run) else False

    def pair(self, draw: Callable[[Style], str]) -> PicturePair | None:
        """Draw an SVG in both themes; None where there is no room left for it."""
        return self._room_for(*(picture_uri(draw(style).encode(), "svg+xml") for style in self._styles))

    def _room_for(self, light: str, dark: str) -> PicturePair | None:
        size = len(light) + (len(dark) if dark != light else 0)
        if size > self._bytes_left:
            return None
        self._bytes_left -= size
        return PicturePair(light, dark)

    def cards(self, remarkable: Mapping[str, EpisodeRow]) -> list[EpisodeCard]:
        """Return the remarkable episodes with their summaries, each once."""
        chosen: dict[tuple[int, int], list[str]] = {}
        rows: dict[tuple[int, int], EpisodeRow] = {}
        for rule, title in _TITLES.items():
            if rule in remarkable:
                row = remarkable[rule]
                key = int(row.writer), int(row.episode)
                rows[key] = row
                chosen.setdefault(key, []).append(title)
        return [self._card(rows[key], titles) for key, titles in chosen.items()]

    def _card(self, row: EpisodeRow, titles: list[str]) -> EpisodeCard:
        card = self._linked(row, titles)
        if not row.stored_steps:
            return replace(card, why_not="Its steps were not kept, only its row.")
        try:
            summary = episode_summary(self._load(row))
            found = self.pair(lambda style: render_episode_summary(summary, style))
        except (NotRecordedError, RenderError, DamagedFileError) as error:
            return replace(card, why_not=f"It has no picture: {error}")
        return replace(
            card, picture=found, why_not="" if found else "Its picture is too large for this page."
        )

    def thumbs(self, rows: Sequence[EpisodeRow]) -> list[EpisodeCard]:
        """Return episodes with a small picture of what each ended with; those that have none are left out."""
        found = []
        for row in rows:
            try:
                picture, kind = self._thumb(self._load(row))
            except (NotRecordedError, RenderError, DamagedFileError):
                continue
            if picture is not None:
                found.append(replace(self._linked(row, ()), picture=picture, kind=kind))
        return found

    def _thumb(self, episode: EpisodeData) -> tuple[PicturePair | None, str]:
        last = step_pictures(episode, [len(episode.step) - 1])[0]
        value = main_leaf(last.before_grid if last.after_grid is None else last.after_grid)
        arc = is_arc(last)
        if kinds_of([value], arc=arc)[0] == "board" and np.ndim(value) == 2:
            cell = max(1, _THUMB // max(extent_of([value])))
            uri = picture_uri(board_to_png(value, self._styles[0].palette, cell), "png")
            return self._room_for(uri, uri), "board"

        def draw(style: Style) -> str:
            (drawn,) = pictures_of([value], style, _THUMB, arc=arc)
            body = place(1, 1, drawn.body)
            return document(drawn.width + 2, drawn.height + 2, body, style, "the last state")

        return self.pair(draw), ""

    def _load(self, row: EpisodeRow) -> EpisodeData:
        return self._run.load_episode(int(row.episode), writer=int(row.writer))

    def _linked(self, row: EpisodeRow, titles: Sequence[str]) -> EpisodeCard:
        folder = self._manager.episode_dir(int(row.episode), int(row.writer))
        summary = next((folder / name for name in _SUMMARIES if (folder / name).is_file()), None)
        replay = folder / "replay.html"
        writer = f"{writer_name(int(row.writer))}-" if self._several else ""
        return EpisodeCard(
            row,
            f"episode {writer}{row.episode}",
            titles,
            link=self._link(summary) if summary else "",
            replay=self._link(replay) if replay.is_file() else "",
        )

    def _link(self, path: Path) -> str:
        return quote(Path(os.path.relpath(path, self._folder)).as_posix())
