"""A segment as an HDF5 file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import h5py
import numpy as np

from jaxarc.records.layout import Field
from jaxarc.storage.columns import write_column, write_rows, write_scalar
from jaxarc.storage.datasets import file_image, set_attribute
from jaxarc.storage.segment_sink import SegmentSink

__all__ = ["Hdf5Sink", "hdf5_segment"]


class Hdf5Sink:
    """Put the parts of a segment into an HDF5 file.

    Args:
        file: an empty file.
        compression: ``zstd``, ``gzip``, ``lzf`` or ``none``.
    """

    def __init__(self, file: h5py.File, compression: str):
        self._file = file
        self._compression = compression
        self._groups = {"/": file["/"]}

    def group(self, name: str) -> None:
        """Make a group."""
        if name not in self._groups:
            self._groups[name] = self._file.require_group(name)

    def attribute(self, group: str, name: str, value: str | int) -> None:
        """Write an attribute of a group, which is made where it is missing."""
        self.group(group)
        set_attribute(self._groups[group].id, name, value)

    def column(self, name: str, values: np.ndarray) -> None:
        """Write a dataset."""
        write_column(self._file, name, values, self._compression)

    def scalar(self, name: str, field: Field, values: np.ndarray) -> None:
        """Write a dataset that says which dtype its values had."""
        write_scalar(self._file, name, field, values, self._compression)

    def rows(self, name: str, field: Field, packed: Sequence[np.ndarray]) -> None:
        """Write a dataset that says which dtype and shape its values had."""
        write_rows(self._file, name, field, packed, self._compression)


def hdf5_segment(path: Path, compression: str, fill: Callable[[SegmentSink], None]) -> bytes:
    """Return the bytes of a segment as an HDF5 file.

    Args:
        path: where the file is going to lie.
        compression: ``zstd``, ``gzip``, ``lzf`` or ``none``.
        fill: gives the sink the parts of the segment.
    """
    return file_image(path, lambda file: fill(Hdf5Sink(file, compression)))
