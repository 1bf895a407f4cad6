"""Pixels inside an SVG: an ``<image>`` that carries its own PNG, the same bytes for the same pixels.

The PNG is written without an imaging library, after the W3C recommendation "Portable Network Graphics (PNG)
Specification (Third Edition)".
"""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np

__all__ = ["SIGNATURE", "chunk", "image", "png_bytes"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
"""The first bytes of a PNG file."""

_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a part of a PNG file: length, type, data and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _packed(rows: np.ndarray, step: int) -> bytes:
    """Return rows of bytes compressed: as they are, or as differences, whichever is shorter."""
    plain = np.zeros((rows.shape[0], rows.shape[1] + 1), np.uint8)
    plain[:, 1:] = rows
    above = plain.copy()
    above[:, 0] = 2
    above[1:, 1:] -= rows[:-1]
    left = plain.copy()
    left[:, 0] = 1
    left[:, 1 + step :] -= rows[:, :-step]
    return min((zlib.compress(way.tobytes(), 9) for way in (plain, above, left)), key=len)


def png_bytes(pixels: np.ndarray, colours: np.ndarray | None = None) -> bytes:
    """Return pixels as the bytes of a PNG file.

    Args:
        pixels: uint8 [height width], [height width 3] or [height width 4].
        colours: what the numbers of [height width] stand for, uint8[count 3] or [count 4]; greys when None.
    """
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    kind = 3 if colours is not None else _COLOUR_TYPES[channels]
    parts = [SIGNATURE, chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))]
    if colours is not None:
        parts.append(chunk(b"PLTE", colours[:, :3].tobytes()))
        if colours.shape[1] == 4:
            parts.append(chunk(b"tRNS", colours[:, 3].tobytes()))
    rows = np.ascontiguousarray(pixels).reshape(height, width * channels)
    parts += [chunk(b"IDAT", _packed(rows, channels)), chunk(b"IEND", b"")]
    return b"".join(parts)


def _few_colours(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the pixels of an RGB(A) image as numbers of at most 256 colours; None where it has more."""
    flat = pixels.reshape(-1, pixels.shape[2]).astype(np.uint32)
    keys = flat[:, 0] << 24 | flat[:, 1] << 16 | flat[:, 2] << 8
    keys |= flat[:, 3] if flat.shape[1] == 4 else 255
    found, numbers = np.unique(keys, return_inverse=True)
    if len(found) > 256:
        return None
    colours = np.stack([found >> shift & 255 for shift in (24, 16, 8, 0)], axis=-1).astype(np.uint8)
    if (colours[:, 3] == 255).all():
        colours = colours[:, :3]
    return numbers.astype(np.uint8).reshape(pixels.shape[:2]), np.ascontiguousarray(colours)


def image(
    pixels: np.ndarray,
    x: int | float,
    y: int | float,
    width: int | float,
    height: int | float,
    colours: np.ndarray | None = None,
) -> str:
    """Return an ``<image>`` element that shows pixels as squares where they are drawn larger than they are.

    Args:
        pixels: uint8 [height width], [height width 3] or [height width 4].
        x, y, width, height: where it lies, in pixels of the drawing.
        colours: what the numbers of [height width] stand for, uint8[count 3]; greys when None.
    """
    if colours is None and pixels.ndim == 3:
        few = _few_colours(pixels)
        if few is not None:
            pixels, colours = few
    data = base64.b64encode(png_bytes(pixels, colours)).decode("ascii")
    # As a style, because resvg knows this value of the property only there.
    sharp = ' style="image-rendering:pixelated"' if width >= pixels.shape[1] else ""
    at = f'x="{x:g}" y="{y:g}" ' if x or y else ""
    box = f'{at}width="{width:g}" height="{height:g}" preserveAspectRatio="none"'
    return f'<image {box}{sharp} href="data:image/png;base64,{data}"/>'
