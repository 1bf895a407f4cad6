"""An episode as one compressed stream, and a page's worth of them as text.

A stream is the length of a JSON header (4 bytes, little endian), the header in UTF-8, and after it the bytes
of the parts that the header names with ``at: [first byte, count]``; the whole is deflated without a wrapper
(RFC 1951), which every browser undoes by itself. The first stream of a page lists its episodes; the others
are unpacked when they are shown.
"""

from __future__ import annotations

import base64
import json
import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxarc.records.player import PlayerEpisode
from jaxarc.rendering.board import extent_of
from jaxarc.rendering.colormap import sequential
from jaxarc.rendering.kinds import is_cells
from jaxarc.rendering.palette import PALETTES
from jaxarc.rendering.player.codecs import encode_boards, encode_floats, encode_masks, encode_varints
from jaxarc.rendering.player.leaves import Packed, leaves_of, pack_images, pack_leaf
from jaxarc.rendering.style import Style
from jaxarc.rendering.text import clean

__all__ = ["pack_episode", "pack_list", "packed_text", "read_stream"]


def _number(value: float) -> float | str | None:
    """Return a number as JSON can hold it."""
    value = float(value)
    return value if math.isfinite(value) else "NaN" if math.isnan(value) else "inf" if value > 0 else "-inf"


def _stream(header: Mapping[str, Any], parts: Sequence[Packed] = ()) -> bytes:
    said: dict[str, Any] = {**header}
    at = 0
    for spec, data in parts:
        said.setdefault("parts", []).append({**spec, "at": [at, len(data)]})
        at += len(data)
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = b"".join((struct.pack("<I", len(text)), text, *(data for _, data in parts)))
    return packer.compress(body) + packer.flush()


def read_stream(stream: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the header of a stream and the bytes after it."""
    body = zlib.decompress(stream, -15)
    (length,) = struct.unpack_from("<I", body)
    return json.loads(body[4 : 4 + length]), body[4 + length :]


def _marks(episode: PlayerEpisode) -> list[Packed]:
    """Pack what is marked on boards: what the steps selected, and the target."""
    parts: list[Packed] = []
    if episode.selection is not None and episode.selection.any():
        masks = np.asarray(episode.selection, bool)
        used = np.asarray(masks.any(axis=0))
        rows, columns = (int(place.max()) + 1 for place in np.nonzero(used))
        shape = {"rows": rows, "columns": columns, "whole": list(masks.shape[1:])}
        parts.append(({"part": "selection", **shape}, encode_masks(masks[:, :rows, :columns])))
    target = None if episode.target is None else np.asarray(episode.target)
    if target is not None and is_cells(target):
        rows, columns = extent_of([target])
        board = target[None, :rows, :columns].astype(np.int32)
        parts.append(({"part": "target", "rows": rows, "columns": columns}, encode_boards(board)))
    return parts


def _words(words: Sequence[str]) -> Packed:
    known = {text: index for index, text in enumerate(dict.fromkeys(clean(text) for text in words))}
    codes = encode_varints(np.array([known[clean(text)] for text in words], np.int64))
    return {"part": "actions", "words": list(known)}, codes


def _places(before: np.ndarray, after: np.ndarray) -> tuple[bytes, bytes]:
    return encode_varints(before), encode_varints(np.where(after < 0, 0, after + 1))


def _drawn(episode: PlayerEpisode) -> list[Packed]:
    """Pack what a drawing function made: the places that its leaves go by, and the leaves."""
    drawing = episode.drawing
    if drawing is None:
        return []
    before, after = _places(drawing.before, drawing.after)
    parts: list[Packed] = [({"part": "drawn before"}, before), ({"part": "drawn after"}, after)]
    if isinstance(drawing.frames, tuple) and all(isinstance(frame, bytes) for frame in drawing.frames):
        spec, data = pack_images(drawing.name, drawing.frames)
        return [*parts, ({"part": "leaf", "drawn": True, **spec}, data)]
    for name, frames in leaves_of(drawing.frames, drawing.name):
        spec, data = pack_leaf(name, frames, arc=False)
        parts.append(({"part": "leaf", "drawn": True, **spec}, data))
    return parts


def pack_episode(episode: PlayerEpisode) -> bytes:
    """Return an episode as one compressed stream."""
    count = len(episode.step)
    before, after = _places(episode.before, episode.after)
    parts: list[Packed] = [
        ({"part": "step"}, encode_varints(np.diff(episode.step, prepend=0))),
        ({"part": "before"}, before),
        ({"part": "after"}, after),
    ]
    if episode.actions:
        parts.append(_words(episode.actions))
    for name, values in episode.series.items():
        width, data = encode_floats(values)
        parts.append(({"part": "series", "name": clean(name), "float": width}, data))
    parts += _marks(episode)
    parts += _drawn(episode)
    for name, frames in leaves_of(episode.observation, "observation"):
        spec, data = pack_leaf(name, frames, arc=episode.target is not None)
        parts.append(({"part": "leaf", **spec}, data))
    header = {
        "steps": count,
        "every": episode.every,
        "moments": [[moment.position, clean(moment.words)] for moment in episode.moments],
        "facts": [[clean(name), clean(value)] for name, value in episode.facts.items()],
        "notes": [clean(note) for note in episode.notes],
        "remarks": [[remark.position, clean(remark.words)] for remark in episode.remarks],
    }
    return _stream(header, parts)


def pack_list(episodes: Sequence[PlayerEpisode], style: Style, title: str) -> bytes:
    """Return the stream that lists the episodes of a page and says how it looks."""
    rows = [
        {
            "number": episode.number,
            "name": clean(episode.name),
            "task": clean(episode.task_id),
            "stream": clean(episode.stream),
            "member": episode.member,
            "env": episode.env_id,
            "update": episode.update,
            "steps": episode.total_steps,
            "reward": _number(episode.total_reward),
            "success": episode.success,
            "ended": clean(episode.ended),
            "pinned": episode.pinned,
        }
        for episode in episodes
    ]
    palettes = {
        name: [*palette.colours, palette.outside, palette.outside_mark] for name, palette in PALETTES.items()
    }
    look = {
        "palette": style.palette,
        "digits": style.show_digits,
        "coordinates": style.show_coordinates,
        "changes": style.highlight_changes,
        "operations": style.show_operation_names,
        "metrics": style.include_metrics,
    }
    heat = ["#" + bytes(colour).hex() for colour in sequential().tolist()]
    return _stream(
        {"title": clean(title), "look": look, "palettes": palettes, "heat": heat, "episodes": rows}
    )


def packed_text(streams: Sequence[bytes]) -> str:
    """Return streams as text that is safe in any markup: base64, one a line."""
    return "\n".join(base64.b64encode(stream).decode("ascii") for stream in streams)
