"""What can be read of a damaged segment, column by column and chunk by chunk."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path

import h5py
import numpy as np

from jaxarc.errors import DamagedFileError
from jaxarc.storage.columns import read_column
from jaxarc.storage.json_segments import open_json_remains
from jaxarc.storage.limits import checked_dataset, read_limit
from jaxarc.storage.segment_check import pieces_of
from jaxarc.storage.segments import UNREADABLE

__all__ = ["open_remains", "readable_entries"]

_LEAST_LIMIT = 256 << 20
_MOST_CHUNKS = 100_000


@contextmanager
def open_remains(path: Path) -> Iterator[h5py.File]:
    """Open a damaged segment as far as it goes: a file that was cut is read as if its end were zeros.

    Raises:
        DamagedFileError: nothing of it can be found.
    """
    try:
        if path.suffix == ".json":
            file = open_json_remains(path)
        else:
            try:
                file = h5py.File(path, "r", locking=False)
            except OSError:
                file = h5py.File(h5py.h5f.open_file_image(_padded(path)))
    except UNREADABLE as error:
        raise DamagedFileError(path, f"nothing of it can be found ({error})") from error
    try:
        yield file
    finally:
        file.close()


def _padded(path: Path) -> bytes:
    """Return the bytes of an HDF5 file, zeros in the place of an end that is missing.

    Raises:
        ValueError: it has no superblock, or one that states an absurd size.
    """
    content = path.read_bytes()
    if (
        content[:8] != b"\x89HDF\r\n\x1a\n"
        or len(content) < 48
        or content[8] not in (2, 3)
        or content[9] != 8
    ):
        raise ValueError("its first bytes are not those of a segment")
    size = int.from_bytes(content[28:36], "little")
    if size > max(_LEAST_LIMIT, 64 * len(content)):
        raise ValueError(f"it has {len(content):,} bytes and states {size:,}")
    return content.ljust(size, b"\0")


def readable_entries(group: h5py.Group, name: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Return a column and which of its entries could be read; None where nothing of it is left."""
    try:
        dataset = checked_dataset(group, name, slice(0, 0))
        shape: tuple[int, ...] = dataset.shape or (1,)
        if prod(shape) * dataset.dtype.itemsize > read_limit(group):
            return None
        step = dataset.chunks[0] if dataset.chunks else max(1, shape[0])
        values = np.zeros((0, *shape[1:]), dataset.dtype)
        try:
            parts = [piece for _, piece in pieces_of(group, name)]
            values = np.concatenate([values, *parts])
            return values, np.ones(len(values), bool)
        except UNREADABLE:
            pass
        if shape[0] > step * _MOST_CHUNKS:
            return None
        found: dict[int, np.ndarray] = {}
        for start in range(0, shape[0], step):
            with contextlib.suppress(*UNREADABLE):
                found[start] = read_column(group, name, slice(start, start + step))
    except UNREADABLE:
        return None
    if not found:
        return None
    length = min(shape[0], max(start + len(piece) for start, piece in found.items()))
    values, mask = np.zeros((length, *shape[1:]), dataset.dtype), np.zeros(length, bool)
    for start, piece in found.items():
        values[start : start + len(piece)] = piece
        mask[start : start + len(piece)] = True
    return values, mask
