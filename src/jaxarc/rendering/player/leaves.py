"""The leaves of an observation over an episode, each as one of the five things that the page can draw.

- ``cells``: boards, grids, and planes of 0 and 1 as the grid that they make, as the cells that changed.
- ``pixels``: frames, stacks of them and heat maps, as tiles of bytes; numbers that are no pixels are the
  indices of colours.
- ``bars``: vectors.
- ``images``: what a drawing function of the user's drew, as PNG and JPEG files.
- ``text``: everything else.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from jaxarc.rendering.categories import category_colours
from jaxarc.rendering.field import heat_scale
from jaxarc.rendering.grid import composited
from jaxarc.rendering.kinds import channel_axis, family_of, kind_of
from jaxarc.rendering.leaf import as_leaf
from jaxarc.rendering.palette import PALETTES
from jaxarc.rendering.player.codecs import encode_boards, encode_floats, encode_varints
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import clean
from jaxarc.rendering.text_box import text_lines

__all__ = ["Packed", "leaves_of", "pack_images", "pack_leaf"]

Packed = tuple[dict[str, Any], bytes]
"""What the page has to know of a leaf, ready for JSON, and its bytes."""

_ENTRIES_AT_MOST = 4096
_TEXTS_AT_MOST = 2048
_TRIED = 24
_LEGEND_AT_MOST = 12
_INT32 = np.iinfo(np.int32)


def leaves_of(tree: Any, *path: str) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the arrays of a tree with what they are called: ``observation.board``."""
    if isinstance(tree, Mapping):
        children = list(tree.items())
    elif isinstance(tree, (tuple, list)):
        children = list(enumerate(tree))
    else:
        yield clean(".".join(path)), as_leaf(tree)
        return
    for key, child in children:
        yield from leaves_of(child, *path, str(key))


def pack_images(name: str, files: Sequence[bytes]) -> Packed:
    """Pack pictures that are PNG or JPEG files; of those alike one.

    Args:
        name: what they are called.
        files: the file of every frame.
    """
    numbers: dict[bytes, int] = {}
    order = encode_varints(np.array([numbers.setdefault(file, len(numbers)) for file in files]))
    lengths = encode_varints(np.array([len(file) for file in numbers]))
    sizes = []
    for file in numbers:
        with Image.open(io.BytesIO(file)) as image:
            sizes.append(image.size)
    columns, rows = (max(sides) for sides in zip(*sizes, strict=True))
    spec = {"name": clean(name), "kind": "images", "frames": len(files), "rows": rows, "columns": columns}
    return {**spec, "order": len(order), "lengths": len(lengths)}, b"".join((order, lengths, *numbers))


def pack_leaf(name: str, frames: np.ndarray, *, arc: bool) -> Packed:
    """Pack one leaf of an observation.

    Args:
        name: what it is called.
        frames: [m, …], a leaf of m observations.
        arc: whether integers [h w] are ARC's colours, whatever their values.

    Returns:
        What the page has to know of it, and its bytes.
    """
    spec: dict[str, Any] = {"name": name, "frames": len(frames), "dtype": frames.dtype.name}
    spec["shape"] = list(frames.shape[1:])
    while frames.ndim > 4 and frames.shape[1] == 1:
        frames = frames[:, 0]
    values = [np.asarray(frame) for frame in frames]
    kind = "text" if not values or family_of(values[0])[0] == "text" else kind_of(values, arc=arc)
    if kind == "planes":
        frames = np.stack([composited(value) for value in values])
    if kind in ("board", "grid", "planes"):
        return _cells(spec, frames, kind)
    if kind == "vector" and frames[0].size <= _ENTRIES_AT_MOST:
        width, data = encode_floats(frames.reshape(len(frames), -1).T)
        return {**spec, "kind": "bars", "entries": int(frames[0].size), "float": width}, data
    if kind in ("field", "frame", "stack", "channels"):
        return _pixels(spec, frames, kind)
    return _text(spec, frames)


def _cells(spec: dict[str, Any], frames: np.ndarray, kind: str) -> Packed:
    boards = np.clip(frames, _INT32.min, _INT32.max).astype(np.int32)
    filled = np.asarray((boards != -1).any(axis=0))
    if filled.any():  # padding that no board fills is left off
        rows, columns = (int(place.max()) + 1 for place in np.nonzero(filled))
        boards = boards[:, :rows, :columns]
    spec = {**spec, "kind": "cells", "rows": boards.shape[1], "columns": boards.shape[2]}
    if kind != "board":
        # The first colour of planes is null: where nothing is, the page has a quiet one of its theme.
        base, quiet = (0, []) if kind == "grid" else (1, [None])
        count = max(int(boards.max()) + 1, base + 1)
        spec["colours"] = {name: [*quiet, *category_colours(name, count)[base:]] for name in PALETTES}
        found = [value for value in np.unique(boards).tolist() if value >= base]
        if 0 < len(found) <= _LEGEND_AT_MOST:
            what = "" if kind == "grid" else "channel "
            spec["legend"] = [[value, f"{what}{value - base}"] for value in found]
    return spec, encode_boards(boards)


def _tiles(frames: np.ndarray, kind: str) -> np.ndarray:
    """Return the pictures that a frame consists of: [m tiles h w], or [m tiles h w 3] where they are RGB."""
    if frames.ndim == 3:
        return frames[:, None]
    if frames.ndim == 5:
        return frames
    axis = channel_axis(frames.shape[1:]) + 1
    channels_last = np.moveaxis(frames, axis, -1)
    if kind == "frame":
        return channels_last[:, None, :, :, :3]
    return np.moveaxis(channels_last, -1, 1)


def _pixels(spec: dict[str, Any], frames: np.ndarray, kind: str) -> Packed:
    spec = {**spec, "kind": "pixels", "of": kind}
    tiles = _tiles(frames, kind)
    if kind in ("field", "channels"):
        scale = heat_scale(list(tiles))
        colours = scale.colours(Style())
        spec |= {"low": scale.low, "high": scale.high, "special": list(scale.special)}
        spec["colours"] = ["#" + bytes(colour).hex() for colour in colours.tolist()]
        tiles = scale.levels(tiles)
    elif tiles.dtype.kind == "f":
        tiles = np.nan_to_num(np.clip(tiles, 0, 1) * 255).round().astype(np.uint8)
    else:
        tiles = tiles.astype(np.uint8)
    count, of_each, rows, columns = tiles.shape[:4]
    spec |= {"tiles": of_each, "rows": rows, "columns": columns, "channels": 3 if tiles.ndim == 5 else 1}
    planes, numbers = _each_once(tiles.reshape(count * of_each, -1))
    spec |= {"planes": len(planes), "differences": _differences_pack_better(planes)}
    if spec["differences"]:
        planes = np.concatenate((planes[:1], planes[1:] - planes[:-1]))
    order = encode_varints(numbers)
    return {**spec, "order": len(order)}, order + planes.tobytes()


def _each_once(planes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the different rows in the order in which they appear, and for every row which of them it is.

    In a stack of the last k frames each frame is there k times.
    """
    known: dict[bytes, int] = {}
    numbers = np.array([known.setdefault(plane.tobytes(), len(known)) for plane in planes], np.int64)
    first = np.unique(numbers, return_index=True)[1]
    return planes[first], numbers


def _differences_pack_better(planes: np.ndarray) -> bool:
    """Return whether the change from one plane to the next is less to say than the plane; a few are tried."""
    tried = planes[:_TRIED]
    changed = np.concatenate((tried[:1], tried[1:] - tried[:-1]))
    plain, differences = (len(zlib.compress(way.tobytes(), 1)) for way in (tried, changed))
    return differences < plain


def _text(spec: dict[str, Any], frames: np.ndarray) -> Packed:
    shown = frames if 0 < len(frames) <= _TEXTS_AT_MOST else frames[:1]
    lines = ["\n".join(clean(line) for line in text_lines(np.asarray(frame))) for frame in shown]
    known = {text: index for index, text in enumerate(dict.fromkeys(lines))}
    return {**spec, "kind": "text", "texts": list(known)}, encode_varints(np.array([known[t] for t in lines]))
