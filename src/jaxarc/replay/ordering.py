"""The order of rows by columns: stable, what is not known last, and in little more time than the sort."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

__all__ = ["first_in_order", "order_of", "sort_keys"]

_SIGN = np.uint64(1 << 63)
_LAST = np.uint64(2**64 - 1)
_AT_ONCE = 1 << 15
"""Entries whose keys are made at once, so that they stay in the processor's cache."""

_LONG = 1 << 20


def sort_keys(column: np.ndarray, *, descends: bool) -> list[np.ndarray]:
    """Return numbers that ascend as a column does, or as it descends: uint64[n] each, the weightiest first.

    Args:
        column: numbers, booleans or text of fixed width. NaN comes last in both directions.
        descends: whether the largest come first.
    """
    if column.dtype.kind == "S":
        width = -(-max(column.dtype.itemsize, 1) // 8)
        words = np.ascontiguousarray(column.astype(f"S{8 * width}", copy=False)).view(">u8")
        keys = [part.astype(np.uint64) for part in words.reshape(len(column), width).T]
        return [~key for key in keys] if descends else keys
    if column.dtype.kind == "f":
        key = np.empty(len(column), np.uint64)
        for start in range(0, len(column), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            _real_keys(column[part].astype(np.float64), key[part], descends=descends)
        return [key]
    if column.dtype.kind == "i":
        key = column.astype(np.int64, copy=False).view(np.uint64) ^ _SIGN
    else:
        key = column.astype(np.uint64)
    return [~key if descends else key]


def _real_keys(values: np.ndarray, key: np.ndarray, *, descends: bool) -> None:
    """Fill in the keys of real numbers: those of their bits, of which the negative ones run backwards."""
    values += 0.0  # -0.0 equals 0.0
    bits = values.view(np.int64)
    flipped = bits >> 63
    flipped |= np.int64(-(1 << 63))
    if descends:
        np.invert(flipped, out=flipped)
    np.bitwise_xor(bits, flipped, out=key.view(np.int64))
    unknown = np.isnan(values)
    if unknown.any():
        key[unknown] = _LAST


def _order_by(key: np.ndarray) -> np.ndarray:
    """Return the stable order of one key, int64[n].

    A plain sort of whole numbers is several times as fast as a sort of positions. So the position is put into
    the low bits of the key; where the key needs these too, the few neighbours that differ in them alone are
    sorted again.
    """
    count = len(key)
    if count < 2:
        return np.arange(count)
    least = key.min()
    spread = int(key.max() - least)
    bits = (count - 1).bit_length()
    dropped = max(0, spread.bit_length() + bits - 64)
    packed = np.empty(count, np.uint64)

    def pack_and_sort(first: int, end: int) -> None:
        for start in range(first, end, _AT_ONCE):
            part = packed[start : min(start + _AT_ONCE, end)]
            np.subtract(key[start : start + len(part)], least, out=part)
            part >>= np.uint64(dropped)
            part <<= np.uint64(bits)
            part |= np.arange(start, start + len(part), dtype=np.uint64)
        packed[first:end].sort()

    if count < _LONG:
        pack_and_sort(0, count)
    else:
        # NumPy sorts without the interpreter, and merges what is sorted already in a moment.
        half = count // 2
        other = threading.Thread(target=pack_and_sort, args=(half, count))
        other.start()
        pack_and_sort(0, half)
        other.join()
        packed.sort(kind="stable")
    again = _alike(packed, bits) if dropped else np.zeros(0, np.int64)
    packed &= np.uint64((1 << bits) - 1)
    order = packed.view(np.int64)
    if len(again):
        rows = order[again]
        order[again] = rows[np.argsort(key[rows], kind="stable")]
    return order


def _alike(packed: np.ndarray, bits: int) -> np.ndarray:
    """Return the positions of ascending numbers that equal a neighbour but for their low bits."""
    found = [np.zeros(0, np.int64)]
    for start in range(0, len(packed) - 1, _AT_ONCE):
        group = packed[start : start + _AT_ONCE + 1] >> np.uint64(bits)
        same = np.flatnonzero(group[1:] == group[:-1])
        found += [start + same, start + same + 1]
    return np.unique(np.concatenate(found))


def order_of(keys: Sequence[np.ndarray]) -> np.ndarray:
    """Return the order of rows by several keys, the weightiest first; rows that are equal stay in order."""
    order = None
    for key in reversed(keys):
        order = _order_by(key) if order is None else order[_order_by(key[order])]
    return np.zeros(0, np.int64) if order is None else order


def first_in_order(keys: Sequence[np.ndarray], limit: int) -> np.ndarray:
    """Return the first rows of ``order_of(keys)``, without sorting the others."""
    weightiest = keys[0]
    if limit <= 0:
        return np.zeros(0, np.int64)
    if limit >= len(weightiest):
        return order_of(keys)
    border = np.partition(weightiest, limit - 1)[limit - 1]
    before, at_border = np.flatnonzero(weightiest < border), np.flatnonzero(weightiest == border)
    if len(keys) == 1:
        at_border = at_border[: limit - len(before)]
    candidates = np.sort(np.concatenate([before, at_border]))
    return candidates[order_of([key[candidates] for key in keys])][:limit]
