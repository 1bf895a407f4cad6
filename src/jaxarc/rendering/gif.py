"""Frames to an animated GIF, one at a time: an exact global palette, and of each frame only what changed.

The format is CompuServe's "Graphics Interchange Format, Version 89a": a header with the global palette, then
a frame after the other, each a rectangle whose transparent pixels leave the last frame as it is. Pillow packs
the pixels (LZW); everything else is a few bytes written here, so that no more than two frames are ever held.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable

import numpy as np
from PIL import Image

from jaxarc.errors import RenderError

__all__ = ["gif_of"]

_TRANSPARENT = 255
_COLOURS = 255
_FIRST_COLOURS = 224
_HEADER = 13
_LONGEST = 65535


def _packed(frame: np.ndarray) -> np.ndarray:
    """Return the colours of a frame as one number each, uint32[height width]."""
    frame = frame.astype(np.uint32)
    return (frame[..., 0] << 16) | (frame[..., 1] << 8) | frame[..., 2]


class _Palette:
    """Up to 255 colours, each taken as it comes; later ones are drawn as the nearest."""

    def __init__(self, first: np.ndarray) -> None:
        self._index: dict[int, int] = {}
        self._colours: list[int] = []
        if len(np.unique(_packed(first))) > _COLOURS:
            image = Image.fromarray(first).quantize(_FIRST_COLOURS, Image.Quantize.MEDIANCUT)
            table = np.array(image.getpalette(), np.uint8).reshape(-1, 3)[:_FIRST_COLOURS]
            self._colours = list(dict.fromkeys(_packed(table[None])[0].tolist()))
            self._index = {colour: index for index, colour in enumerate(self._colours)}

    def indices(self, packed: np.ndarray) -> np.ndarray:
        """Return the palette's index of every colour, uint8 of the same shape."""
        found, inverse = np.unique(packed, return_inverse=True)
        known = [self._index_of(colour) for colour in found.tolist()]
        return np.array(known, np.uint8)[inverse].reshape(packed.shape)

    def _index_of(self, colour: int) -> int:
        index = self._index.get(colour)
        if index is None:
            if len(self._colours) < _COLOURS:
                index = len(self._colours)
                self._colours.append(colour)
            else:
                table = np.array(self._colours)
                parts = [((table >> shift) & 255) - ((colour >> shift) & 255) for shift in (16, 8, 0)]
                index = int(np.square(parts).sum(axis=0).argmin())
            self._index[colour] = index
            if len(self._index) > 1 << 20:  # a film of noise: forget what can be found again
                self._index = {known: index for index, known in enumerate(self._colours)}
        return index

    def table(self) -> bytes:
        """Return 256 colours as the file holds them."""
        return b"".join(colour.to_bytes(3, "big") for colour in self._colours).ljust(768, b"\0")


def _frame(indices: np.ndarray, left: int, top: int, hundredths: int) -> bytes:
    """Return one frame: how long it is shown, where it lies, and its packed pixels."""
    height, width = indices.shape
    control = struct.pack("<BBBBHBB", 0x21, 0xF9, 4, 1 << 2 | 1, hundredths, _TRANSPARENT, 0)
    place = struct.pack("<BHHHHB", 0x2C, left, top, width, height, 0)
    return control + place + b"\x08" + Image.fromarray(indices).tobytes("gif", "L", 8, 0) + b"\0"


def gif_of(
    frames: Iterable[np.ndarray], *, frame_s: int | float, last_frame_s: int | float, loops: int
) -> bytes:
    """Return frames as the bytes of an animated GIF.

    Frames that equal the one before lengthen it. Colours are exact until there are more than 255 of them.

    Args:
        frames: uint8[height width 3], all of one shape.
        frame_s: seconds that a frame is shown, in steps of 0.01.
        last_frame_s: seconds of the last one.
        loops: how often it is played; 0 for ever.

    Raises:
        RenderError: no frame.
    """
    stream = io.BytesIO()
    pending: tuple[np.ndarray, int, int] | None = None
    waited = 0.0
    palette: _Palette | None = None
    before = np.zeros((0, 0), np.uint32)

    def put(seconds: float) -> None:
        if pending is not None:
            stream.write(_frame(*pending, min(max(round(seconds * 100), 2), _LONGEST)))

    for frame in frames:
        packed = _packed(frame)
        if palette is None:
            palette = _Palette(frame)
            height, width = packed.shape
            stream.write(b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF7, 0, 0) + bytes(768))
            if loops != 1:
                again = 0 if loops == 0 else loops - 1
                stream.write(b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<HB", again, 0))
            pending = (palette.indices(packed), 0, 0)
        else:
            changed = packed != before
            rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
            if rows.size:
                put(waited)
                waited = 0.0
                inside = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
                part = np.full(packed[inside].shape, _TRANSPARENT, np.uint8)
                part[changed[inside]] = palette.indices(packed[changed])
                pending = (part, int(columns[0]), int(rows[0]))
        waited += frame_s
        before = packed
    if palette is None:
        raise RenderError("an animation needs at least one frame")
    put(waited - frame_s + last_frame_s)
    stream.write(b"\x3b")
    stream.seek(_HEADER)
    stream.write(palette.table())
    return stream.getvalue()
