"""What a drawing function of the user's makes of an episode, as frames that the player's page can hold."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from PIL import Image

from jaxarc.records.episode_data import EpisodeData
from jaxarc.records.player import PlayerDrawing
from jaxarc.rendering.document import document
from jaxarc.rendering.embedded import SvgImage
from jaxarc.rendering.frame import as_pixels
from jaxarc.rendering.image import png_bytes
from jaxarc.rendering.kinds import kind_of
from jaxarc.rendering.leaves import is_tree, leaves_of
from jaxarc.rendering.picture import picture_of
from jaxarc.rendering.plugin import Render, draw_with, name_of, takes_state
from jaxarc.rendering.raster import svg_to_png
from jaxarc.rendering.style import Style
from jaxarc.replay.views.pictures import PART_BYTES, bytes_of_a_step, each_step_picture

__all__ = ["bytes_of_a_drawing", "player_drawing"]

_SIDE = 512
_PICTURE = 264
_PNG_AT_MOST = 48_000
_JPEG_QUALITY = 88
_TRIED = 4


def _role(episode: EpisodeData, render: Render) -> str:
    return "state" if takes_state(render) and episode.has("state") else "observation"


def _at(tree: Any, index: int) -> Any:
    if isinstance(tree, Mapping):
        return {key: _at(child, index) for key, child in tree.items()}
    if isinstance(tree, tuple):
        return tuple(_at(child, index) for child in tree)
    return np.asarray(tree[index])


def _document(drawn: Any) -> str:
    picture = picture_of(drawn, size=_SIDE if isinstance(drawn, SvgImage) else _PICTURE)
    return document(picture.width, picture.height, picture.body, Style(), "")


def _pixels_file(pixels: np.ndarray) -> bytes:
    """Return pixels as a PNG file, or as a JPEG where that is large and JPEG smaller."""
    shown = as_pixels(pixels)
    png = png_bytes(shown)
    if len(png) <= _PNG_AT_MOST or (shown.ndim == 3 and shown.shape[2] == 4):
        return png
    out = io.BytesIO()
    Image.fromarray(shown).save(out, "JPEG", quality=_JPEG_QUALITY)
    return min(png, out.getvalue(), key=len)


def _image(drawn: Any) -> bytes | None:
    """Return what was drawn as a file of pixels where it is an SVG or a frame, else None."""
    if isinstance(drawn, SvgImage):
        return svg_to_png(_document(drawn))
    if is_tree(drawn):
        return None
    value = np.asarray(drawn)
    return _pixels_file(value) if value.ndim >= 2 and kind_of([value]) == "frame" else None


def bytes_of_a_drawing(episode: EpisodeData, render: Render) -> int:
    """Return about how many bytes of a page one drawn frame takes, from a few that are drawn for it."""
    count = len(episode.step)
    if not count or not episode.has(_role(episode, render)):
        return 0
    tried = sorted(set(np.linspace(0, count - 1, _TRIED).round().astype(int).tolist()))
    sizes = []
    for step in each_step_picture(episode, tried, render=render):
        image = _image(step.before_grid)
        leaves = leaves_of(step.before_grid).values() if image is None else ()
        sizes.append(len(image) if image is not None else sum(leaf.nbytes for leaf in leaves))
    return max(1, sum(sizes) // len(sizes))


def _values(episode: EpisodeData, role: str, read: np.ndarray, observed: Any) -> Iterator[tuple[Any, int]]:
    """Yield what is drawn, row by row, each with the number of its step."""
    if role == "observation":
        for row in range(len(read)):
            yield _at(observed, row), int(read[row])
        return
    room = max(1, int(PART_BYTES // max(1, bytes_of_a_step(episode, role))))
    for first in range(0, len(read), room):
        part = read[first : first + room]
        states = episode.steps_at(part).state
        for row, position in enumerate(part.tolist()):
            yield _at(states, row), int(episode.step[position])


def _steps_of_rows(episode: EpisodeData, positions: np.ndarray, before: np.ndarray, after: np.ndarray) -> Any:
    """Return the number of the step of every row of the observations, for messages."""
    steps = np.zeros(max(int(before.max()), int(after.max())) + 1, np.int64)
    steps[after[after >= 0]] = episode.step[positions][after >= 0] + 1
    steps[before] = episode.step[positions]
    return steps


def player_drawing(
    episode: EpisodeData, positions: np.ndarray, observed: tuple[Any, np.ndarray, np.ndarray], render: Render
) -> PlayerDrawing | None:
    """Return what a drawing function makes of some stored steps of an episode, each frame drawn once.

    Args:
        episode: the episode.
        positions: which of its stored steps, ascending.
        observed: the observations around these steps, and their rows before and after each.
        render: the function; where its parameter is called ``state`` and states were recorded, those are
            drawn in place of the observations.

    Raises:
        RenderError: the function raised, or returned what cannot be drawn; function and step are named.
    """
    role = _role(episode, render)
    if not len(positions) or not episode.has(role):
        return None
    tree, before, after = observed
    if role == "observation":
        read = _steps_of_rows(episode, positions, before, after)
    else:
        # A state is that before its step, so only the very next step shows what a step led to.
        followed = np.append(np.diff(episode.step) == 1, False)[positions]
        read = np.union1d(positions, positions[followed] + 1)
        before = np.searchsorted(read, positions)
        after = np.where(followed, before + 1, -1)
    frames: list[Any] = [draw_with(render, value, step) for value, step in _values(episode, role, read, tree)]
    images = [_image(frame) for frame in frames]
    if any(image is not None for image in images):
        shown = [
            _as_file(frame) if image is None else image for frame, image in zip(frames, images, strict=True)
        ]
        return PlayerDrawing(name_of(render), tuple(shown), before, after)
    leaves = [leaves_of(frame) for frame in frames]
    shapes = [{path: (leaf.shape, leaf.dtype) for path, leaf in found.items()} for found in leaves]
    if any(shape != shapes[0] for shape in shapes):
        return PlayerDrawing(name_of(render), tuple(_as_file(frame) for frame in frames), before, after)
    stacked = {path: np.stack([found[path] for found in leaves]) for path in leaves[0]}
    joined = {".".join(path): frames for path, frames in stacked.items()}
    return PlayerDrawing(name_of(render), joined.get("", joined), before, after)


def _as_file(drawn: Any) -> bytes:
    """Return whatever was drawn as the PNG file of its picture."""
    return svg_to_png(_document(drawn))
