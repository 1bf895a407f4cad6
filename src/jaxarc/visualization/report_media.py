"""What a run drew or logged to be looked at, as a report shows it: a picture, and where the rest is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from jaxarc.records.experiment_events import Media, read_experiment_event
from jaxarc.replay import ReplaySystem
from jaxarc.visualization.builder_group import BUILDER_LOGGER
from jaxarc.visualization.report_pictures import PicturePair, picture_uri

__all__ = ["BuilderCost", "MediaCard", "MediaLink", "builder_cost", "is_too_large", "media_cards"]

_MOST_CARDS = 24
_MOST_STEPS = 12
_MOST_BYTES = 4_000_000
_MOST_EVENT_BYTES = 500_000_000
_KINDS = {".png": "png", ".svg": "svg+xml", ".jpg": "jpeg", ".jpeg": "jpeg", ".gif": "gif", ".webp": "webp"}
_WORDS = {"html": "interactive page", "plotly": "interactive page", "video": "film", "text": "text"}


@dataclass(frozen=True)
class MediaLink:
    """A link to a file of the run, relative to the page."""

    words: str
    href: str


@dataclass(frozen=True)
class MediaCard:
    """What goes by one name in the report.

    Attributes:
        name: the name.
        words: what is said beneath: the step of the picture, its caption.
        picture: the last picture, or None.
        links: pages, films and texts of it.
        steps: pictures of earlier steps.
        num_steps: how many pictures there are.
    """

    name: str
    words: str
    picture: PicturePair | None
    links: Sequence[MediaLink]
    steps: Sequence[MediaLink]
    num_steps: int


def media_cards(run: ReplaySystem, folder: Path) -> tuple[list[MediaCard], int]:
    """Return the first cards, and how many names there are.

    Pictures of episodes are not among them, nor what lies outside of the run or is gone.

    Args:
        run: the run.
        folder: where the page lies, from which links are relative.
    """
    named = _by_name(run)
    left, cards = _MOST_BYTES, []
    for name, said in list(named.items())[:_MOST_CARDS]:
        card, size = _card(name, said, run.run_dir, folder, left)
        left -= size
        cards.append(card)
    return cards, len(named)


@dataclass(frozen=True)
class BuilderCost:
    """What builders took of a loop, as the run said at its end."""

    seconds: float
    files: int
    errors: int


def builder_cost(run: ReplaySystem) -> BuilderCost | None:
    """Return what builders took of the loop; None where there were none, or the run does not say."""
    if is_too_large(run):
        return None
    found = None
    for event in run.events("log"):
        said = event.payload.get("fields")
        if event.payload.get("logger") == BUILDER_LOGGER and isinstance(said, dict) and "seconds" in said:
            numbers = [said.get(name, 0) for name in ("seconds", "files", "errors")]
            if all(isinstance(each, (int, float)) for each in numbers):
                found = BuilderCost(float(numbers[0]), int(numbers[1]), int(numbers[2]))
    return found


def is_too_large(run: ReplaySystem) -> bool:
    """Return whether a run said so much that it is not looked through for a page."""
    files = (run.run_dir / "events").glob("*.jsonl")
    return sum(path.stat().st_size for path in files) > _MOST_EVENT_BYTES


def _by_name(run: ReplaySystem) -> dict[str, list[Media]]:
    """Return what was drawn by name; a page over a picture (``meta["of"]``) goes with the picture."""
    if is_too_large(run):
        return {}
    named: dict[str, list[Media]] = {}
    for event in run.events("media"):
        try:
            said = read_experiment_event(event)
        except (ValueError, TypeError):
            continue
        if not isinstance(said, Media) or not isinstance(said.path, str):
            continue
        meta = said.meta if isinstance(said.meta, dict) else {}
        if "episode" not in meta and _inside(run.run_dir, said.path):
            named.setdefault(str(meta.get("of", said.key)), []).append(said)
    return named


def _inside(run_dir: Path, path: str) -> bool:
    try:
        whole = (run_dir / path).resolve()
        return whole.is_relative_to(run_dir.resolve()) and whole.is_file()
    except (OSError, ValueError):
        return False


def _card(name: str, said: list[Media], run_dir: Path, folder: Path, room: int) -> tuple[MediaCard, int]:
    pictures = {each.path: each for each in said if each.kind == "image"}
    others = {each.path: each for each in said if each.kind != "image"}
    shown = next((each for each in reversed(pictures.values()) if _kind(each.path)), None)
    picture, words, size = None, "", 0
    if shown is not None:
        path = run_dir / shown.path
        size = 4 * path.stat().st_size // 3
        if size <= room:
            uri = picture_uri(path.read_bytes(), _kind(shown.path))
            picture = PicturePair(uri, uri)
        size = size if picture else 0
        words = " · ".join(filter(None, (_step(shown), str(shown.caption))))
    links = [
        MediaLink(_WORDS.get(each.kind, str(each.kind)), _href(run_dir / path, folder))
        for path, each in others.items()
    ]
    earlier = [each for each in pictures.values() if each is not shown or picture is None]
    spread = earlier[:: -(-len(earlier) // _MOST_STEPS) or 1]
    steps = [
        MediaLink(_step(each) or Path(each.path).name, _href(run_dir / each.path, folder)) for each in spread
    ]
    return MediaCard(name, words, picture, links[-_MOST_STEPS:], steps, len(pictures)), size


def _kind(path: str) -> str:
    return _KINDS.get(Path(path).suffix.lower(), "")


def _step(said: Media) -> str:
    return f"step {said.step:,}" if isinstance(said.step, int) else ""


def _href(path: Path, folder: Path) -> str:
    return quote(Path(os.path.relpath(path, folder)).as_posix())
