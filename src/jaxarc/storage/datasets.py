"""Making HDF5 datasets cheaply: a segment has dozens of small ones.

h5py's own calls make a type, property lists and dataspaces anew for every dataset and attribute, which costs
several times as much as HDF5 takes itself. Here they are made once for all that are alike.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np

__all__ = ["create_dataset", "file_image", "set_attribute"]

_GROWTH_BYTES = 1 << 20
"""By how much the image of a file in memory grows when it is full: HDF5 copies it each time."""

_CHUNK_BYTES = 256 * 1024

_COMPRESSED_FROM_BYTES = 1024
"""A smaller dataset takes more time to compress than it could give back in bytes."""

_ZSTD_LEVEL = 1
_ADD_FILTER: Mapping[str, Callable[[h5py.h5p.PropDCID], Any]] = {
    "zstd": lambda options: options.set_filter(hdf5plugin.Zstd.filter_id, 0, (_ZSTD_LEVEL,)),
    "gzip": lambda options: options.set_deflate(4),
    "lzf": lambda options: options.set_filter(h5py.h5z.FILTER_LZF, h5py.h5z.FLAG_OPTIONAL),
    "none": lambda options: None,
}
"""How a dataset is compressed, for each ``storage.compression``."""

_TEXT = h5py.string_dtype()


def file_image(path: Path, write: Callable[[h5py.File], None]) -> bytes:
    """Return the bytes of an HDF5 file that is made in memory.

    HDF5 cannot close a file whose disk is full: it keeps half of it open, complains for ever after and ends
    in a crash. So it never meets the disk when it writes; whole files are written as bytes.

    Args:
        path: where the file is going to lie, which tells it from others that are made at the same time.
        write: fills the file.
    """
    with h5py.File(h5py.h5f.create(os.fsencode(path), h5py.h5f.ACC_TRUNC, fapl=_in_memory())) as file:
        write(file)
        file.flush()
        return file.id.get_file_image()


def create_dataset(
    group: h5py.h5g.GroupID, name: str, shape: tuple[int, ...], dtype: np.dtype, compression: str
) -> h5py.h5d.DatasetID:
    """Make a dataset in chunks along its first axis, each with a checksum.

    Args:
        group: where; groups that the name asks for are made.
        name: its path from there.
        shape: of the whole dataset.
        dtype: one that HDF5 knows.
        compression: ``zstd``, ``gzip``, ``lzf`` or ``none``.
    """
    options = _options((0,), False, "") if 0 in shape else _options_for(shape, dtype, compression)
    return h5py.h5d.create(
        group, name.encode(), _type(dtype), h5py.h5s.create_simple(shape), options, _making_groups()
    )


def set_attribute(target: h5py.h5g.GroupID | h5py.h5d.DatasetID, name: str, value: Any) -> None:
    """Give a new attribute to a group or dataset: text, an integer or an array."""
    text = isinstance(value, str)
    array = np.array(value, _TEXT) if text else np.asarray(value)
    space = _scalar_space() if array.ndim == 0 else h5py.h5s.create_simple(array.shape)
    kind = _text_type() if text else _type(array.dtype)
    h5py.h5a.create(target, name.encode(), kind, space).write(array)


def _options_for(shape: tuple[int, ...], dtype: np.dtype, compression: str) -> h5py.h5p.PropDCID:
    row_bytes = max(1, dtype.itemsize * prod(shape[1:]))
    rows = min(shape[0], max(1, _CHUNK_BYTES // row_bytes))
    if shape[0] * row_bytes < _COMPRESSED_FROM_BYTES:
        compression = "none"
    shuffled = compression != "none" and dtype.itemsize > 1 and dtype.kind in "iuf"
    return _options((rows, *shape[1:]), shuffled, compression)


@lru_cache(1)
def _in_memory() -> h5py.h5p.PropFAID:
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_fapl_core(_GROWTH_BYTES, False)
    access.set_libver_bounds(h5py.h5f.LIBVER_V110, h5py.h5f.LIBVER_LATEST)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    return access


@lru_cache(256)
def _options(chunk: tuple[int, ...], shuffled: bool, compression: str) -> h5py.h5p.PropDCID:
    """Return how a dataset is stored; without chunks where it is empty."""
    options = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    options.set_obj_track_times(False)
    if compression:
        options.set_chunk(chunk)
        if shuffled:
            options.set_shuffle()
        _ADD_FILTER[compression](options)
        options.set_fletcher32()
    return options


@lru_cache(64)
def _type(dtype: np.dtype) -> h5py.h5t.TypeID:
    return h5py.h5t.py_create(dtype, logical=True)


@lru_cache(1)
def _text_type() -> h5py.h5t.TypeID:
    return h5py.h5t.py_create(_TEXT, logical=True)


@lru_cache(1)
def _scalar_space() -> h5py.h5s.SpaceID:
    return h5py.h5s.create(h5py.h5s.SCALAR)


@lru_cache(1)
def _making_groups() -> h5py.h5p.PropLCID:
    parents = h5py.h5p.create(h5py.h5p.LINK_CREATE)
    parents.set_create_intermediate_group(True)
    parents.set_char_encoding(h5py.h5t.CSET_UTF8)
    return parents
