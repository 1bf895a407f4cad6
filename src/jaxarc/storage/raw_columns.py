"""Datasets of many small files, read with as few calls as there are.

h5py's own way to a dataset costs more than the reading where a file has dozens of them and each is small.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import h5py
import numpy as np
from h5py import h5o  # pyright: ignore[reportAttributeAccessIssue]

from jaxarc.storage.columns import read_table
from jaxarc.storage.limits import checked_dataset

__all__ = ["RawColumn", "dataset_paths", "raw_table"]


class RawColumn:
    """One dataset of an open file.

    Args:
        group: what holds it.
        name: its path below ``group``.
        is_ours: this process wrote the file; others are looked at before they are believed.

    Raises:
        KeyError: there is no such dataset.
        ValueError: it states sizes that the file does not bear out.
    """

    def __init__(self, group: h5py.Group, name: str, *, is_ours: bool):
        if not is_ours:
            checked_dataset(group, name, slice(0, 0))
        self._id = h5py.h5d.open(group.id, name.encode())
        self.shape: tuple[int, ...] = self._id.shape
        self.dtype: np.dtype = self._id.dtype

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Return the rows from ``start`` to ``stop``; None for the end."""
        count = (self.shape[0] if stop is None else stop) - start
        values = np.empty((count, *self.shape[1:]), self.dtype)
        if values.size:
            if count == self.shape[0]:
                self._id.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
            else:
                place = self._id.get_space()
                place.select_hyperslab((start, *(0 for _ in self.shape[1:])), values.shape)
                self._id.read(h5py.h5s.create_simple(values.shape), place, values)
        return values

    @property
    def attributes(self) -> dict[str, Any]:
        """Attributes of the dataset."""
        return dict(h5py.Dataset(self._id).attrs.items())


def raw_table(file: h5py.Group, name: str, *, is_ours: bool) -> dict[str, np.ndarray]:
    """Return the columns of a table, as ``read_table`` does; a file that is ours is believed."""
    group = h5py.Group(h5py.h5g.open(file.id, name.encode()))
    if not is_ours:
        return read_table(group)
    return {unquote("" if n == "%" else n): RawColumn(group, n, is_ours=True).read() for n in map(str, group)}


def dataset_paths(group: h5py.Group) -> list[str]:
    """Return the paths of everything below a group, groups included."""
    found: list[str] = []
    h5o.visit(group.id, lambda name: found.append(name.decode()))
    return [name for name in found if name != "."]
