"""A board straight to PNG bytes: an indexed image, written without an imaging library.

The format is that of the W3C recommendation "Portable Network Graphics (PNG) Specification (Third Edition)":
a signature, then chunks of length, type, data and CRC. Rows that repeat the row above are stored as the
difference to it (filter type 2), which is all zeros and packs to almost nothing.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

from jaxarc.errors import RenderError
from jaxarc.rendering.board import as_board, extent_of
from jaxarc.rendering.palette import OUTSIDE, Palette, get_palette

__all__ = ["board_to_png"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CLEAR = 11
_LINE = 12
_LINE_COLOUR = "#7D8590"
_LINES_FROM = 5
_SIDE_AT_MOST = 16384


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def board_to_png(board: np.ndarray, palette: Palette | str = "default", cell_px: int = 16) -> bytes:
    """Return a board as the bytes of a PNG file.

    Cells are exact squares; from 5 pixels a cell on, a line of one pixel parts them, also around the board.
    Padding is transparent, padding below and to the right is cut off, and values that are no colour have the
    palette's colour for them.

    Args:
        board: integers, [height width]; -1 is padding.
        palette: a palette or its name.
        cell_px: side of a cell, in pixels.

    Raises:
        RenderError: the array is no board, the palette is unknown, or the image is over 16384 pixels a side.
    """
    palette = get_palette(palette) if isinstance(palette, str) else palette
    cells = as_board(board)
    rows, columns = extent_of([cells])
    cells = cells[:rows, :columns]
    if cell_px < 1 or max(rows, columns) * cell_px > _SIDE_AT_MOST:
        limit = _SIDE_AT_MOST // max(rows, columns)
        raise RenderError(f"cell_px must be 1 to {limit} for a board of {rows}x{columns}, got {cell_px}")
    codes = np.where((cells >= 0) & (cells <= 9), cells, np.where(cells == -1, _CLEAR, OUTSIDE)).astype(
        np.uint8
    )
    edge = 1 if cell_px >= _LINES_FROM else 0
    width, height = columns * cell_px + edge, rows * cell_px + edge

    lines = np.empty((rows, width), dtype=np.uint8)
    lines[:, : columns * cell_px] = np.repeat(codes, cell_px, axis=1)
    image = np.zeros((height, width + 1), dtype=np.uint8)
    image[:, 0] = 2
    if edge:
        lines[:, ::cell_px] = _LINE
        image[::cell_px, 0] = 0
        image[::cell_px, 1:] = _LINE
        image[1::cell_px, 0][:rows] = 0
        image[1::cell_px, 1:][:rows] = lines
    else:
        image[::cell_px, 0] = 0
        image[::cell_px, 1:] = lines
    colours = (*palette.colours, palette.outside, "#000000", _LINE_COLOUR)
    return b"".join(
        (
            _SIGNATURE,
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", b"".join(bytes.fromhex(colour[1:]) for colour in colours)),
            _chunk(b"tRNS", b"\xff" * _CLEAR + b"\x00"),
            _chunk(b"IDAT", zlib.compress(image.tobytes(), 6)),
            _chunk(b"IEND", b""),
        )
    )
