"""Arrays as few bytes: each encoder has its decoder in ``unpack.js``, and one beside it that tests compare.

Nothing here compresses. The encodings leave a stream that deflate packs well: equal things beside each other,
and zeros where nothing happened.
"""

from __future__ import annotations

import math

import numpy as np

__all__ = [
    "decode_boards",
    "decode_floats",
    "decode_masks",
    "decode_varints",
    "encode_boards",
    "encode_floats",
    "encode_masks",
    "encode_varints",
]

_PADDING = -1
_BITS = 7
_MAX_VARINT = 10


def encode_varints(values: np.ndarray) -> bytes:
    """Return unsigned numbers as LEB128: seven bits a byte, the lowest first, the top bit says "goes on"."""
    values = np.asarray(values, np.uint64).ravel()
    if not values.size:
        return b""
    lengths = np.ones(len(values), np.int64)
    for count in range(1, _MAX_VARINT):
        longer = values >= np.uint64(1 << (_BITS * count))
        if not longer.any():
            break
        lengths += longer
    ends = np.cumsum(lengths)
    out = np.empty(int(ends[-1]), np.uint8)
    starts = ends - lengths
    for count in range(int(lengths.max())):
        reached = lengths > count
        part = (values[reached] >> np.uint64(_BITS * count)) & np.uint64(127)
        out[starts[reached] + count] = part | np.where(lengths[reached] > count + 1, 128, 0).astype(np.uint64)
    return out.tobytes()


def decode_varints(data: bytes) -> np.ndarray:
    """Return the numbers that ``encode_varints`` wrote, uint64."""
    raw = np.frombuffer(data, np.uint8)
    if not raw.size:
        return np.zeros(0, np.uint64)
    ends = np.flatnonzero(raw < 128)
    starts = np.append(0, ends[:-1] + 1)
    values = np.zeros(len(ends), np.uint64)
    for count in range(int((ends - starts).max()) + 1):
        reached = starts + count <= ends
        part = (raw[starts[reached] + count] & 127).astype(np.uint64)
        values[reached] |= part << np.uint64(_BITS * count)
    return values


def _zigzag(values: np.ndarray) -> np.ndarray:
    values = values.astype(np.int64)
    return ((values << 1) ^ (values >> 63)).astype(np.uint64)


def _unzigzag(values: np.ndarray) -> np.ndarray:
    return (values >> np.uint64(1)).astype(np.int64) ^ -(values & np.uint64(1)).astype(np.int64)


def encode_boards(boards: np.ndarray) -> bytes:
    """Return boards as the cells that changed from one to the next; the first follows a board of padding.

    Args:
        boards: integers, [frames height width].

    Returns:
        Varints: how many cells changed in each frame, then their places (how many cells were passed over
        since the last one), then their values (zigzag).
    """
    flat = boards.reshape(len(boards), math.prod(boards.shape[1:])).astype(np.int64)
    previous = np.concatenate([np.full((1, flat.shape[1]), _PADDING), flat[:-1]]) if len(flat) else flat
    frames, places = np.nonzero(flat != previous)
    counts = np.bincount(frames, minlength=len(flat))
    last = np.append(-1, places[:-1])
    last[np.append(True, np.diff(frames) != 0)[: len(last)]] = -1
    gaps = places - last[: len(places)] - 1
    return b"".join(
        (encode_varints(counts), encode_varints(gaps), encode_varints(_zigzag(flat[frames, places])))
    )


def decode_boards(data: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    """Return the boards that ``encode_boards`` wrote, int64[frames height width]."""
    frames, height, width = shape
    numbers = decode_varints(data)
    counts = numbers[:frames].astype(np.int64)
    total = int(counts.sum())
    gaps = numbers[frames : frames + total].astype(np.int64)
    values = _unzigzag(numbers[frames + total : frames + 2 * total])
    board = np.full(height * width, _PADDING, np.int64)
    boards, start = [], 0
    for count in counts.tolist():
        board[np.cumsum(gaps[start : start + count] + 1) - 1] = values[start : start + count]
        boards.append(board.copy())
        start += count
    return np.array(boards, np.int64).reshape(shape)


def encode_masks(masks: np.ndarray) -> bytes:
    """Return masks as the lengths of their runs, False first, over all frames in one go.

    Args:
        masks: bool, [frames height width].
    """
    flat = masks.ravel().astype(np.int8)
    edges = np.flatnonzero(np.diff(flat, prepend=np.int8(0)))
    return encode_varints(np.diff(edges, prepend=0))


def decode_masks(data: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """Return the masks that ``encode_masks`` wrote."""
    flips = np.zeros(int(np.prod(shape)), np.int8)
    flips[np.cumsum(decode_varints(data).astype(np.int64))] = 1
    return (np.cumsum(flips) % 2).astype(bool).reshape(shape)


def encode_floats(values: np.ndarray) -> tuple[str, bytes]:
    """Return numbers as floats in the order of their bytes: all lowest bytes first, and so on.

    Args:
        values: real numbers of any shape; written in C order.

    Returns:
        ``f4``, or ``f8`` where 32 bits would lose what people can see, and the bytes.
    """
    wide = np.asarray(values, np.float64).ravel()
    finite = np.abs(wide[np.isfinite(wide)])
    counts = finite[finite >= 2.0**24]
    kind = "f8" if (counts == np.floor(counts)).any() and counts.size else "f4"
    packed = np.ascontiguousarray(wide, f"<{kind}")
    return kind, packed.view(np.uint8).reshape(-1, packed.itemsize).T.tobytes()


def decode_floats(data: bytes, kind: str) -> np.ndarray:
    """Return the numbers that ``encode_floats`` wrote, in their width."""
    size = int(kind[1])
    raw = np.frombuffer(data, np.uint8).reshape(size, -1).T
    return np.ascontiguousarray(raw).view(f"<{kind}").ravel()
